"""The pair and triplet figures: losses and their slopes over a distance, the regions around an anchor. They export to ONNX.

Every number a reader can move is a float or a 0-d tensor. Slopes are written in closed form; the tests compare them
with autograd on the losses of `course_lib.recognition.pairs`.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.recognition.slider_values import Number, number_like

NEGATIVE_LOSSES = ("contrastive", "triplet_squared", "triplet_plain", "triplet_soft")
PAIR_TERMS = ("same_squared", "different_squared", "same_plain", "different_plain")
SIMILARITY_LOSSES = ("triplet", "n_pair", "multi_similarity", "circle")

EASY, SEMI_HARD, HARD = (0.85, 0.94, 0.88), (0.99, 0.91, 0.72), (0.98, 0.80, 0.78)
"""Colours of the regions around an anchor, RGB."""


def distance_grid() -> Float[Tensor, "l"]:
    """Return the distances of the curves: 0.01 to 2 in steps of 0.01, as far as two points of the unit sphere can be apart.

    Returns:
        (200,) float32.

    Source: [schroff2015]
    """
    return torch.arange(1, 201, dtype=torch.float32) / 100


def pair_curves(margin: Number) -> tuple[Float[Tensor, "4 l"], Float[Tensor, "4 l"]]:
    """Return the contrastive loss of one pair against its distance, and the loss's slope.

    In the order of `PAIR_TERMS`: ½ d², ½ [m - d]₊², and the unsquared d and [m - d]₊.

    Args:
        margin: m > 0.

    Returns:
        (4, 200) losses over `distance_grid()`, and (4, 200) of dL/dd: positive pulls together, negative pushes apart.

    Source: [hadsell2006], [sun2014]
    """
    d = distance_grid()
    gap = (number_like(margin, d) - d).clamp_min(0)
    live = (gap > 0).to(d.dtype)
    losses = torch.stack([0.5 * d * d, 0.5 * gap * gap, d, gap])
    return losses, torch.stack([d, -gap, torch.ones_like(d), -live])


def negative_loss(
    positive: Number, negative: Float[Tensor, "*n"], alpha: Number, margin: Number
) -> tuple[Float[Tensor, "4 *n"], Float[Tensor, "4 *n"]]:
    """Return what four losses charge for a negative at some distance, and how hard they push it away.

    In the order of `NEGATIVE_LOSSES`: ½ [m - d_an]₊²; [d²_ap - d²_an + α]₊; [d_ap - d_an + α]₊; ln(1 + e^{d_ap - d_an}).

    Args:
        positive: d_ap ≥ 0.
        negative: d_an, any shape, ≥ 0.
        alpha: α of the two hinges.
        margin: m of the contrastive loss, which does not look at d_ap.

    Returns:
        Losses (4, ...), and the pushes |dL/dd_an| (4, ...).

    Source: [schroff2015], [hermans2017], [sun2014]
    """
    p, a, m = (number_like(v, negative) for v in (positive, alpha, margin))
    gap = (m - negative).clamp_min(0)
    squared = (p * p - negative * negative + a).clamp_min(0)
    plain = (p - negative + a).clamp_min(0)
    difference = p - negative
    soft = difference.clamp_min(0) + torch.log1p(torch.exp(-difference.abs()))
    live = [(value > 0).to(negative.dtype) for value in (squared, plain)]
    pushes = [gap, 2 * negative * live[0], live[1], torch.sigmoid(difference)]
    return torch.stack([0.5 * gap * gap, squared, plain, soft]), torch.stack(pushes)


def positive_pull(positive: Number, negative: Number, alpha: Number) -> Float[Tensor, "4"]:
    """Return how hard the same four losses pull the positive: |dL/dd_ap|.

    Args:
        positive: d_ap ≥ 0.
        negative: d_an ≥ 0.
        alpha: α.

    Returns:
        (4,), in the order of `NEGATIVE_LOSSES`; the contrastive loss pulls with d_ap whatever the negative does.

    Source: [schroff2015], [hermans2017], [sun2014]
    """
    p = torch.as_tensor(positive, dtype=torch.float32)
    n, a = number_like(negative, p), number_like(alpha, p)
    squared = 2 * p * (p * p - n * n + a > 0).to(p.dtype)
    return torch.stack([p, squared, (p - n + a > 0).to(p.dtype), torch.sigmoid(p - n)])


def region_radii(positive: Number, alpha: Number, squared: Number) -> tuple[Tensor, Tensor]:
    """Return the two circles around an anchor: negatives inside the first are hard, between them semi-hard, outside easy.

    d_ap, and d_ap + α, or sqrt(d²_ap + α) where the loss takes squares.

    Args:
        positive: d_ap ≥ 0.
        alpha: α ≥ 0.
        squared: 1 for squared distances, 0 for plain ones.

    Returns:
        Two scalars.

    Source: [schroff2015]
    """
    p = torch.as_tensor(positive, dtype=torch.float32)
    a, s = number_like(alpha, p), number_like(squared, p)
    return p, torch.where(s > 0.5, (p * p + a).sqrt(), p + a)


def region_picture(positive: Number, alpha: Number, squared: Number, side: int = 240) -> Float[Tensor, "1 3 s s"]:
    """Return a picture of the plane around an anchor, coloured by what a negative would be there.

    The anchor is the middle and the nearest border is at distance 1.6.

    Args:
        positive: d_ap ≥ 0.
        alpha: α ≥ 0.
        squared: 1 for squared distances, 0 for plain ones.
        side: of the picture, pixels.

    Returns:
        (1, 3, side, side) in [0, 1].

    Source: [schroff2015]
    """
    inner, outer = region_radii(positive, alpha, squared)
    step = (torch.arange(side, dtype=torch.float32) - (side - 1) / 2) * (3.2 / side)
    radius = (step[:, None] ** 2 + step[None] ** 2).sqrt()
    # one pixel of blending keeps the circles smooth
    beyond = [((radius - r) * (side / 3.2) + 0.5).clamp(0.0, 1.0) for r in (inner, outer)]
    easy, between, hard = (torch.tensor(c)[:, None, None] for c in (EASY, SEMI_HARD, HARD))
    return (hard + (between - hard) * beyond[0] + (easy - between) * beyond[1])[None]


def triplet_wire(
    positive: Number, negative: Number, pull: Number, push: Number, side: int = 240
) -> Float[Tensor, "13 2"]:
    """Return the points of the triplet figure in pixels, for the edges (0, 1), (0, 2), (3, 4), (5, 6), ... (11, 12).

    Anchor, positive, negative; the arrow on the positive (towards the anchor) and on the negative (away from it), each
    as long as 0.3 times the gradient; then the ends of a speck at each of the three, to draw dots by.

    Args:
        positive: d_ap.
        negative: d_an.
        pull: |dL/dd_ap|.
        push: |dL/dd_an|.
        side: of the figure, pixels.

    Returns:
        (13, 2) xy in pixels, y downwards, where `region_picture` has the anchor in the middle.

    Source: [schroff2015]
    """
    p = torch.as_tensor(positive, dtype=torch.float32)
    n, force_p, force_n = (number_like(v, p) for v in (negative, pull, push))
    left = torch.tensor([math.cos(2.6), -math.sin(2.6)])
    right = torch.tensor([math.cos(0.45), -math.sin(0.45)])
    a = torch.zeros(2)
    speck = torch.tensor([0.004, 0.0])
    points = [a, p * left, n * right, p * left, (p - 0.3 * force_p) * left, n * right, (n + 0.3 * force_n) * right]
    return (side - 1) / 2 + torch.stack([*points, *(q + s for q in points[:3] for s in (-speck, speck))]) * (side / 3.2)


def triplet_figure(
    positive: Number, negative: Number, alpha: Number, form: Number, side: int = 240
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return everything that the triplet figure shows, for the triplet loss with squared (0), plain (1) or soft (2) distance.

    Args:
        positive: d_ap.
        negative: d_an.
        alpha: α.
        form: 0, 1 or 2.
        side: of the picture, pixels.

    Returns:
        The picture (1, 3, side, side) and the wire (13, 2) over it; the losses and pushes of `NEGATIVE_LOSSES` against
        d_an, (4, 200) each, m = 1; and (3,): loss, pull on the positive, push on the negative, of the chosen form.

    Source: [schroff2015]
    """
    losses, pushes = negative_loss(positive, distance_grid(), alpha, 1.0)
    n = torch.as_tensor(negative, dtype=torch.float32)
    here = torch.stack([*negative_loss(positive, n, alpha, 1.0), positive_pull(positive, n, alpha)])
    chosen = (torch.arange(4) == number_like(form, n) + 1).to(n.dtype)
    loss, push, pull = (here * chosen).sum(1)
    picture = region_picture(positive, alpha, 1 - number_like(form, n), side)
    return picture, triplet_wire(positive, n, pull, push, side), losses, pushes, torch.stack([loss, pull, push])


def hard_curves(alpha: Number) -> tuple[Float[Tensor, "2 l"], Float[Tensor, "2 l"]]:
    """Return the two forms of TriHard against x = max d_ap - min d_an, from -1 to 1: hinge and softplus.

    [x + α]₊ and ln(1 + e^x), with slopes 1 or 0, and 1/(1 + e^{-x}).

    Args:
        alpha: α of the hinge.

    Returns:
        (2, 201) losses and (2, 201) slopes.

    Source: [hermans2017]
    """
    x = torch.arange(-100, 101, dtype=torch.float32) / 100
    hinge = (x + number_like(alpha, x)).clamp_min(0)
    losses = torch.stack([hinge, torch.log1p(torch.exp(x))])
    return losses, torch.stack([(hinge > 0).to(x.dtype), torch.sigmoid(x)])


def lifted_curves(
    pair: Number, others: Number, elsewhere: Number, alpha: Number
) -> tuple[Float[Tensor, "3 l"], Float[Tensor, "2 l"]]:
    """Return J of the lifted loss for one positive pair while one negative moves and K others stay at a distance r.

    Max form D_ij + max(α - d, α - r); smooth form D_ij + ln(e^{α-d} + K e^{α-r}); and the bound max + ln(K + 1).

    Args:
        pair: D_ij of the positive pair.
        others: K ≥ 1, how many other negatives both ends have together.
        elsewhere: r, their distance.
        alpha: α.

    Returns:
        (3, 200) of J over `distance_grid()`: max, smooth, upper bound; and (2, 200), the moving negative's share of the
        push in the max and in the smooth form.

    Source: [song2016]
    """
    d = distance_grid()
    own, k, r, a = (number_like(v, d) for v in (pair, others, elsewhere, alpha))
    largest = own + torch.maximum(a - d, (a - r).expand_as(d))
    smooth = own + torch.logaddexp(a - d, (a - r + k.log()).expand_as(d))
    share = torch.stack([(d < r).to(d.dtype), torch.exp(a - d - (smooth - own))])
    return torch.stack([largest, smooth, largest + torch.log1p(k)]), share


def margin_based_curves(beta: Number, alpha: Number) -> tuple[Float[Tensor, "2 l"], Float[Tensor, "3 l"]]:
    """Return Wu's margin-based loss of one pair against its distance, and pushes beside that of squared distance.

    [α + D - β]₊ for a pair of one identity, [α + β - D]₊ otherwise.

    Args:
        beta: β, where a pair counts as hard.
        alpha: α.

    Returns:
        (2, 200) losses over `distance_grid()`, same and different; and (3, 200) of |dL/dD|: same, different, and for
        comparison that of different identities under [α + β² - D²]₊.

    Source: [wu2017]
    """
    d = distance_grid()
    b, a = number_like(beta, d), number_like(alpha, d)
    losses = torch.stack([a + d - b, a + b - d]).clamp_min(0)
    squared = 2 * d * (a + b * b - d * d > 0).to(d.dtype)
    return losses, torch.cat([(losses > 0).to(d.dtype), squared[None]])


def similarity_pushes(
    positive: Number, alpha: Number, steepness: Number, base: Number, margin: Number, scale: Number
) -> Float[Tensor, "4 l"]:
    """Return how hard four losses push a negative of cosine s_n, given one positive of cosine s_p.

    In the order of `SIMILARITY_LOSSES`, each over its own largest factor: FaceNet's triplet (1 where
    2(s_n - s_p) + α > 0); N-pair σ(s_n - s_p); multi-similarity σ(β(s_n - λ)); circle
    [s_n + m]₊ σ(γ([s_n + m]₊(s_n - m) - [1 + m - s_p]₊(s_p - 1 + m))).

    Args:
        positive: s_p in [-1, 1].
        alpha: α of the triplet.
        steepness: β of multi-similarity.
        base: λ of multi-similarity.
        margin: m of circle.
        scale: γ of circle.

    Returns:
        (4, 201), s_n from -1 to 1.

    Source: [schroff2015], [sohn2016], [wang2019], [sun2020]
    """
    s = torch.arange(-100, 101, dtype=torch.float32) / 100
    p, a, b, lam, m, g = (number_like(v, s) for v in (positive, alpha, steepness, base, margin, scale))
    weight_n, weight_p = (s + m).clamp_min(0), (1 + m - p).clamp_min(0)
    both = g * (weight_n * (s - m) - weight_p * (p - 1 + m))
    rows = [(2 * (s - p) + a > 0).to(s.dtype), torch.sigmoid(s - p), torch.sigmoid(b * (s - lam))]
    return torch.stack([*rows, weight_n * torch.sigmoid(both)])
