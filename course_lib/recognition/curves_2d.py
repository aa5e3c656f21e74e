"""The margin figures: target-logit curves with their slopes, and classes on a circle. Pure functions that export to ONNX.

Every number a reader can move is a float or a 0-d tensor.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.recognition.angles import cos_plus, cos_times_capped, psi_real
from course_lib.recognition.slider_values import Number, number_like

Target = Callable[[Tensor], Tensor]

CURVES = ("softmax", "sphereface", "sphereface_r", "cosface", "arcface", "combined")


def curve_angles() -> Float[Tensor, "l"]:
    """Return the angles of the curves, 1° to 179° in steps of 1°, radians (the ends are left out: slopes are infinite).

    Returns:
        (179,) float32.

    Source: [deng2019]
    """
    return torch.deg2rad(torch.arange(1, 180, dtype=torch.float32))


def target_logit_curves(m1: Number, m2: Number, m3: Number, scale: Number, lam: Number) -> Float[Tensor, "6 179"]:
    """Return the target logit of each margin against the angle: what is left of s cos θ.

    In the order of `CURVES`: s cos θ; s (λ cos θ + ψ(m₁θ))/(1 + λ); s cos(min(m₁θ, π)); s (cos θ - m₃);
    s cos(θ + m₂), linear past π; s (ψ(m₁θ + m₂) - m₃). L-Softmax and SphereFace share a curve: they differ in the
    lengths that multiply it.

    Args:
        m1: m₁ ≥ 1, multiplies the angle.
        m2: m₂ in [0, π], radians, is added to it.
        m3: m₃ ≥ 0, is taken from the cosine.
        scale: s > 0.
        lam: λ ≥ 0.

    Returns:
        (6, 179) over `curve_angles()`.

    Source: [deng2019], [wang2018cosface], [liu2017]
    """
    c = curve_angles().cos()
    a, b, d, lam = (number_like(v, c) for v in (m1, m2, m3, lam))
    rows = [
        c,
        (lam * c + psi_real(c, a)) / (1 + lam),
        cos_times_capped(c, a),
        c - d,
        cos_plus(c, b),
        psi_real(c, a, b) - d,
    ]
    return number_like(scale, c) * torch.stack(rows)


def target_slope_curves(m1: Number, m2: Number, m3: Number, scale: Number, lam: Number) -> Float[Tensor, "6 179"]:
    """Return d(target logit)/d(s cos θ) of each margin against the angle: how much the gradient is multiplied.

    For φ = m₁θ + m₂ the slope is (-1)^k m₁ sin φ / sin θ; for ArcFace sin(θ + m)/sin θ, 3.6 at 10° and 0.88 at 90°
    with m = 0.5, where the detached form has 1 everywhere. The scale and m₃ leave the slope as it is.

    Args:
        m1: m₁ ≥ 1.
        m2: m₂ in [0, π], radians.
        m3: unused, so that both figures share their sliders.
        scale: unused likewise.
        lam: λ ≥ 0.

    Returns:
        (6, 179) over `curve_angles()`, ≥ 0.

    Source: [deng2019], [liu2017]
    """
    theta = curve_angles()
    a, b, lam = (number_like(v, theta) for v in (m1, m2, lam))
    one = torch.ones_like(theta) + 0 * (number_like(m3, theta) + number_like(scale, theta))

    def continued(angle: Tensor) -> Tensor:
        sign = 1 - 2 * torch.remainder(torch.floor(angle / math.pi), 2)
        return sign * angle.sin() / theta.sin()

    rows = [
        one,
        (lam + a * continued(a * theta)) / (1 + lam),
        torch.where(a * theta < math.pi, a * (a * theta).sin() / theta.sin(), 0 * one),
        one,
        torch.where(theta + b < math.pi, (theta + b).sin() / theta.sin(), one),
        a * continued(a * theta + b),
    ]
    return torch.stack(rows)


def combined_target(m1: Number, m2: Number, m3: Number, lam: Number = 0.0) -> Target:
    """Return the combined margin, annealed by λ, as a function of the cosine, for parameters that sliders move.

    Args:
        m1: m₁ > 0.
        m2: m₂ ≥ 0, radians.
        m3: m₃.
        lam: λ ≥ 0, the share of the plain cosine.

    Returns:
        A function from cosines to (λ cos θ + ψ(m₁θ + m₂) - m₃)/(1 + λ), any shape.

    Source: [deng2019]
    """

    def target(c: Tensor) -> Tensor:
        share = number_like(lam, c)
        return (share * c + psi_real(c, number_like(m1, c), number_like(m2, c)) - number_like(m3, c)) / (1 + share)

    return target


def wedge_half_width(gap: Float[Tensor, "n"], target: Target) -> Float[Tensor, "n"]:
    """Return how far from its centre a class still wins against a neighbour when the margin is taken off its own score.

    Solves f(cos θ) = cos(gap - θ) on a grid, then on a finer one. Between this angle and the bisector gap/2 lies the margin: features
    there are classified right and still punished.

    Args:
        gap: angle between two neighbouring centres, (0, π].
        target: f, falling in θ.

    Returns:
        Angles in [0, gap], same shape; 0 where the class loses even at its own centre.

    Source: [deng2019], [wang2018cosface]
    """
    step = torch.arange(512, dtype=gap.dtype, device=gap.device) / 512
    low, width = torch.zeros_like(gap), gap
    for _ in range(2):  # gap/512 first, then gap/512²: under 2e-5 radians without a long chain of halvings
        theta = low[:, None] + width[:, None] * step
        wins = target(theta.cos()) > (gap[:, None] - theta).cos()
        width = width / 512
        low = low + width * (wins.to(gap.dtype).sum(1) - 1).clamp_min(0)
    return low


def neighbour_gaps(centres: Float[Tensor, "c"]) -> tuple[Float[Tensor, "c"], Float[Tensor, "c"]]:
    """Return for each centre on the circle the angle to the next one anticlockwise and clockwise.

    Args:
        centres: (C,) angles in radians, any order, C ≥ 2.

    Returns:
        Gaps (C,) to the left (anticlockwise) and to the right, in (0, 2π]; equal centres count as a full turn.

    Source: [wang2018cosface]
    """
    turn = torch.remainder(centres[None] - centres[:, None], 2 * math.pi)
    count = centres.shape[0]
    off = 2 * math.pi * torch.eye(count, dtype=centres.dtype, device=centres.device)
    left = turn + torch.where(turn <= 1e-6, 2 * math.pi, 0.0) + off
    back = 2 * math.pi - turn
    return left.amin(1), (back + off).amin(1)


def circle_wedges(
    centres: Float[Tensor, "c"], m1: Number, m2: Number, m3: Number, lam: Number = 0.0
) -> tuple[Float[Tensor, "c 2"], Float[Tensor, "c 2"]]:
    """Return, for classes on a circle, where each one's region ends, without and with the margin.

    Args:
        centres: (C,) angles of the class weights, radians.
        m1: m₁.
        m2: m₂, radians.
        m3: m₃.
        lam: λ.

    Returns:
        (C, 2) angles of the decision boundaries on the right and left of each centre, and (C, 2) of the margin wedge
        inside them. The wedge closes on the centre where the margin is more than the gap allows.

    Source: [wang2018cosface], [deng2019]
    """
    left, right = (gap.clamp_max(math.pi) for gap in neighbour_gaps(centres))
    f = combined_target(m1, m2, m3, lam)
    boundaries = torch.stack([centres - right / 2, centres + left / 2], 1)
    width_right, width_left = wedge_half_width(torch.cat([right, left]), f).chunk(2)
    wedges = torch.stack([centres - width_right, centres + width_left], 1)
    return boundaries, wedges


def circle_sample(
    centres: Float[Tensor, "c"],
    label: Number,
    angle: Number,
    length: Number,
    m1: Number,
    m2: Number,
    m3: Number,
    scale: Number,
    detached: Number = 0.0,
    lam: Number = 0.0,
) -> tuple[Float[Tensor, "c"], Float[Tensor, ""], Float[Tensor, "2"]]:
    """Return what the margin softmax makes of one feature on the plane: probabilities, loss and the step against it.

    With q = softmax(z) - onehot the loss changes with the feature's direction α by
    dL/dα = s Σ_j q_j f'_j d cos(α - c_j)/dα, and normalising makes the gradient tangential: -dL/dx = -(dL/dα)/|x| · t.

    Args:
        centres: (C,) angles of the class weights, radians.
        label: index of the feature's class, 0 to C-1.
        angle: α, direction of the feature, radians.
        length: |x| > 0.
        m1: m₁.
        m2: m₂, radians.
        m3: m₃.
        scale: s.
        detached: 1 takes the margin's slope as 1, 0 takes the exact one.
        lam: λ.

    Returns:
        Probabilities (C,), the loss (nats), and -dL/dx (2,): the way the feature is pushed.

    Source: [deng2019]
    """
    alpha, size, s = (number_like(v, centres) for v in (angle, length, scale))
    a, b, plain, share = (number_like(v, centres) for v in (m1, m2, detached, lam))
    number = torch.arange(centres.shape[0], dtype=centres.dtype, device=centres.device)
    hot = (number - number_like(label, centres)).abs() < 0.5
    turn = alpha - centres
    cosine = turn.cos()
    logits = s * torch.where(hot, combined_target(m1, m2, m3, lam)(cosine), cosine)
    probabilities = logits.softmax(0)
    loss = torch.logsumexp(logits, 0) - torch.where(hot, logits, torch.zeros_like(logits)).sum()
    theta = torch.acos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))
    sign = 1 - 2 * torch.remainder(torch.floor((a * theta + b) / math.pi), 2)
    slope = (share + a * sign * (a * theta + b).sin() / theta.sin()) / (1 + share)
    slope = torch.where(hot, plain + (1 - plain) * slope, torch.ones_like(slope))
    change = -(s * (probabilities - hot.to(s.dtype)) * slope * turn.sin()).sum()
    tangent = torch.stack([-alpha.sin(), alpha.cos()])
    return probabilities, loss, -change / size * tangent


def circle_wire(
    centres: Float[Tensor, "c"],
    boundaries: Float[Tensor, "c 2"],
    wedges: Float[Tensor, "c 2"],
    sample: Float[Tensor, "2"],
    arrow: Float[Tensor, "2"],
    size: int = 320,
) -> Float[Tensor, "k 2"]:
    """Return the points of the circle figure in pixels, for the edges that `circle_edges` names.

    72 points of the circle, the centre, then for each class its weight, its two boundaries and 9 points along the arc
    of its wedge, then the sample and the tip of the arrow (shortened to a third of the radius at most).

    Args:
        centres: (C,) angles, radians.
        boundaries: (C, 2) angles.
        wedges: (C, 2) angles.
        sample: (2,) position, in radii.
        arrow: (2,) direction of the step.
        size: side of the figure, pixels.

    Returns:
        (75 + 12 C, 2) xy in pixels, y downwards.

    Source: [deng2019]
    """
    round_ = torch.arange(72, dtype=centres.dtype, device=centres.device) * (2 * math.pi / 72)
    share = torch.linspace(0, 1, 9, dtype=centres.dtype, device=centres.device)
    arcs = wedges[:, :1] + (wedges[:, 1:] - wedges[:, :1]) * share
    angles = torch.cat([round_, torch.cat([centres[:, None], boundaries, arcs], 1).flatten()])
    circle = torch.stack([angles.cos(), angles.sin()], 1)
    longest = arrow.square().sum().add(1e-12).sqrt()
    tip = sample + arrow / longest * longest.clamp_max(1 / 3)
    points = torch.cat([circle[:72], torch.zeros_like(sample)[None], circle[72:], sample[None], tip[None]])
    flip = torch.tensor([1.0, -1.0], dtype=centres.dtype, device=centres.device)
    return size * (0.5 + 0.42 * points * flip)


def circle_edges(classes: int) -> list[tuple[int, int]]:
    """Return which points of `circle_wire` are joined: circle, weights, boundaries, wedge arcs, arrow, in that order.

    Args:
        classes: C ≥ 2.

    Returns:
        72 + C + 2 C + 8 C + 1 pairs of point indices.

    Raises:
        ValueError: for fewer than two classes.

    Source: [deng2019]
    """
    if classes < 2:
        raise ValueError(f"classes must be at least 2, got {classes}")
    first = [73 + 12 * c for c in range(classes)]
    edges = [(i, (i + 1) % 72) for i in range(72)]
    edges += [(72, f) for f in first]
    edges += [(72, f + k) for f in first for k in (1, 2)]
    edges += [(f + 3 + k, f + 4 + k) for f in first for k in range(8)]
    return [*edges, (73 + 12 * classes, 74 + 12 * classes)]


def triplet_kind(
    positive: Float[Tensor, "*n"], negative: Float[Tensor, "*n"], margin: Number = 0.2
) -> Int[Tensor, "*n"]:
    """Return whether triplets are easy (0), semi-hard (1) or hard (2).

    Easy: d_an > d_ap + α, no loss. Semi-hard: d_ap < d_an ≤ d_ap + α. Hard: d_an ≤ d_ap.

    Args:
        positive: d_ap, any shape.
        negative: d_an, same shape.
        margin: α ≥ 0.

    Returns:
        Same shape, int64.

    Source: [schroff2015]
    """
    return (negative <= positive + margin).long() + (negative <= positive).long()
