"""The sampling figures: distances on the sphere, what each strategy draws from them, and the underflow. They export to ONNX."""

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.recognition.miners import log_sphere_density
from course_lib.recognition.slider_values import Number

STRATEGIES = ("uniform", "semi_hard", "hard", "distance_weighted")
ROWS, MOST, LEVELS, BINS = 512, 64, 4096, 80
"""Simulated anchors, negatives of each, levels of the inverse distribution, bins of a histogram over (0, 2)."""

# Drawn once, so that a slider moves the figure and nothing else does; the exporter cannot follow a generator.
_DRAWS = torch.randint(LEVELS, (ROWS, MOST), generator=torch.Generator().manual_seed(0), dtype=torch.int16)
_NORMAL = torch.randn(65, 512, generator=torch.Generator().manual_seed(0))


def sphere_grid() -> Float[Tensor, "l"]:
    """Return distances in the middle of 400 equal steps over (0, 2).

    Returns:
        (400,) float32.

    Source: [wu2017]
    """
    return (torch.arange(400, dtype=torch.float32) + 0.5) / 200


def sphere_density(dimension: Number) -> Float[Tensor, "l"]:
    """Return the density of the distance between two random points of the unit sphere.

    q(d) ∝ d^{n-2} (1 - d²/4)^{(n-3)/2}, scaled to integrate to 1.

    Args:
        dimension: n ≥ 2.

    Returns:
        (400,) over `sphere_grid()`.

    Source: [wu2017]
    """
    log_q = log_sphere_density(sphere_grid(), torch.as_tensor(dimension, dtype=torch.float32))
    q = (log_q - log_q.amax(0)).exp()
    return 200 * q / q.sum()


def sampling_weight(dimension: Number, cutoff: Number = 0.5, farthest: Number = 1.4) -> Float[Tensor, "l"]:
    """Return how often a negative of each distance is drawn by distance-weighted sampling, the most likely being 1.

    1/q(max(d, cutoff)) below `farthest`, 0 beyond.

    Args:
        dimension: n ≥ 2.
        cutoff: distances below it count as it.
        farthest: negatives from here on are left out.

    Returns:
        (400,) over `sphere_grid()`, in [0, 1].

    Source: [wu2017]
    """
    d = sphere_grid()
    log_weight = _log_weight(d, dimension, cutoff, farthest)
    return (log_weight - log_weight.amax(0)).exp()


def _log_weight(distance: Tensor, dimension: Number, cutoff: Number = 0.5, farthest: Number = 1.4) -> Tensor:
    """Return -log q of the clipped distance; -1e4 where the negative is too far."""
    n, low, high = (torch.as_tensor(v, dtype=torch.float32) for v in (dimension, cutoff, farthest))
    weight = -log_sphere_density(torch.maximum(distance, low), n)
    return torch.where(distance < high, weight, torch.full_like(weight, -1e4))


def simulated_distances(dimension: Number) -> Float[Tensor, "r m"]:
    """Return the distances of 512 anchors to 64 negatives each, all random points of the sphere; always the same draws.

    Args:
        dimension: n ≥ 2.

    Returns:
        (512, 64).

    Source: [wu2017]
    """
    cumulative = sphere_density(dimension).cumsum(0) / 200
    level = (torch.arange(LEVELS, dtype=torch.float32) + 0.5) / LEVELS
    inverse = ((cumulative[None] < level[:, None]).to(torch.float32).sum(1) + 0.5) / 200
    return inverse.clamp_max(1.999)[_DRAWS.to(torch.int64)]


def drawn_shares(distance: Float[Tensor, "r m"], dimension: Number, positive: Number) -> Float[Tensor, "4 r m"]:
    """Return how likely each strategy of `STRATEGIES` is to draw each negative of each anchor.

    Uniform; the nearest beyond the positive, else the farthest; the nearest; distance-weighted, else uniform.

    Args:
        distance: (R, M) to the negatives.
        dimension: n, of the distance weights.
        positive: d_ap.

    Returns:
        (4, R, M); each row sums to 1.

    Source: [schroff2015], [hermans2017], [wu2017]
    """
    p = torch.as_tensor(positive, dtype=torch.float32)
    even = torch.ones_like(distance)
    beyond = torch.where(distance > p, distance, torch.full_like(distance, 9.0)).amin(1, keepdim=True)
    semi = torch.where(beyond < 9, beyond, distance.amax(1, keepdim=True))
    log_weight = _log_weight(distance, dimension)
    best = log_weight.amax(1, keepdim=True)
    weighted = torch.where(best > -9e3, (log_weight - best).exp(), even)
    rows = [even, (distance == semi).float(), (distance == distance.amin(1, keepdim=True)).float(), weighted]
    shares = torch.stack(rows)
    return shares / shares.sum(2, keepdim=True)


def drawn_histograms(dimension: Number, negatives: Number, positive: Number) -> Float[Tensor, "4 b"]:
    """Return the distances of the negatives that each strategy draws, as densities.

    Args:
        dimension: n ≥ 2.
        negatives: how many of the 64 simulated negatives each anchor has, 2 to 64.
        positive: d_ap, for the semi-hard strategy.

    Returns:
        (4, 80) over 80 equal bins of (0, 2), each integrating to 1.

    Source: [wu2017]
    """
    distance = simulated_distances(dimension)
    count = torch.as_tensor(negatives, dtype=torch.float32)
    # those beyond the count repeat the first: they change no minimum and no maximum, and get no share of their own
    absent = torch.arange(MOST, dtype=torch.float32)[None] >= count
    distance = torch.where(absent, distance[:, :1], distance)
    shares = drawn_shares(distance, dimension, positive) * (~absent).float()
    shares = shares / shares.sum(2, keepdim=True)
    place = (distance * (BINS / 2)).clamp(0.0, float(BINS - 1)).floor().to(torch.int64).flatten()
    empty = torch.zeros(4, BINS)
    return empty.scatter_add(1, place[None].expand(4, -1), shares.flatten(1)) * (BINS / 2 / ROWS)


def histogram_grid() -> Float[Tensor, "b"]:
    """Return the middles of the bins of `drawn_histograms`.

    Returns:
        (80,).

    Source: [wu2017]
    """
    return (torch.arange(BINS, dtype=torch.float32) + 0.5) * (2 / BINS)


def starvation_batch(dimension: Number, closeness: Number) -> Float[Tensor, "64 64"]:
    """Return the distances of a batch in which two negatives are nearly one point and all others are spread as usual.

    64 random unit vectors with a common direction (so that distances fall below 1.4, as in a network that has begun to
    learn); the second is moved to a given distance from the first.

    Args:
        dimension: n, 4 to 512; the other coordinates are 0.
        closeness: distance of the close pair.

    Returns:
        (64, 64).

    Source: [wu2017]
    """
    n = torch.as_tensor(dimension, dtype=torch.float32)
    used = (torch.arange(512, dtype=torch.float32) < n).float()
    first = (torch.arange(512) == 0).float()
    x = _unit(_NORMAL[:64] * used + 0.6 * n.sqrt() * first)
    aside = _unit(_NORMAL[64:] * used)
    half = torch.as_tensor(closeness, dtype=torch.float32)
    # a chord of length c reaches a direction at angle 2 asin(c/2); a tangent of c is near enough below 1
    near = _unit(x[:1] + half * _unit(aside - (aside * x[:1]).sum() * x[:1]))
    x = torch.cat([x[:1], near, x[2:]])
    return (2 - 2 * x @ x.t()).clamp_min(1e-12).sqrt()


def _unit(x: Tensor) -> Tensor:
    """Return rows of length 1."""
    return x / x.square().sum(1, keepdim=True).clamp_min(1e-12).sqrt()


def starved_anchors(
    distance: Float[Tensor, "b b"], dimension: Number, whole_batch: Number
) -> tuple[Float[Tensor, "b"], Float[Tensor, ""]]:
    """Return each anchor's largest log weight over what is subtracted before exp, and how many anchors keep a negative.

    With one maximum for the whole batch, an anchor whose entry is below -87.3 has only weights that float32 takes for 0.
    All samples count as different identities.

    Args:
        distance: (B, B).
        dimension: n.
        whole_batch: 1 subtracts one maximum of the batch, 0 each row's own.

    Returns:
        (B,) in nats, from the largest down, ≤ 0; and the number of anchors with a weight above 0.

    Source: [wu2017]
    """
    count = distance.shape[0]
    own = torch.eye(count, dtype=torch.bool)
    log_weight = torch.where(own, torch.full_like(distance, -1e4), _log_weight(distance, dimension))
    highest = log_weight.amax(1)
    subtracted = torch.where(torch.as_tensor(whole_batch) > 0.5, highest.amax(0).expand_as(highest), highest)
    left = highest - subtracted
    kept = ((left > -87.3) & (highest > -9e3)).float().sum()
    return left.clamp_min(-500.0).sort(descending=True).values, kept
