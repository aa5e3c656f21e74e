"""The threshold figures: two populations of scores, their errors and curves, one to one and one to many.

Impostor scores are normal with mean 0 and deviation 1, genuine ones normal with mean `gap` and deviation `spread`. What
is expected has a closed form; what is measured counts fixed draws. Pure functions that export to ONNX: no binary
search, no inverse error function, and samples of any size by weights instead of shapes.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.recognition.slider_values import Number

# Acklam's rational approximation of the normal quantile; relative error below 1.2e-9 before rounding.
_A = (
    -3.969683028665376e1,
    2.209460984245205e2,
    -2.759285104469687e2,
    1.383577518672690e2,
    -3.066479806614716e1,
    2.506628277459239,
)
_B = (-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1, 1.0)
_C = (
    -7.784894002430293e-3,
    -3.223964580411365e-1,
    -2.400758277161838,
    -2.549732539343734,
    4.374664141464968,
    2.938163982698783,
)
_D = (7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0)


def _polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """Horner's rule, highest power first."""
    value = torch.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def normal_cdf(x: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Return Φ(x), the share of a standard normal below x.

    Args:
        x: any shape.

    Returns:
        Same shape, in [0, 1].

    Source: [green1966]
    """
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def normal_quantile(share: Float[Tensor, "*n"], floor: float = 1e-5) -> Float[Tensor, "*n"]:
    """Return Φ⁻¹(p) by a rational approximation, since ONNX has no inverse error function.

    Args:
        share: p, any shape.
        floor: p is kept in [floor, 1 - floor].

    Returns:
        Same shape.

    Source: [acklam2003]
    """
    p = share.clamp(floor, 1.0 - floor)
    tail = torch.minimum(p, 1 - p)
    q = torch.sqrt(-2 * torch.log(tail))
    low = _polynomial(q, _C) / _polynomial(q, _D)
    middle = p - 0.5
    r = middle * middle
    centre = middle * _polynomial(r, _A) / _polynomial(r, _B)
    return torch.where(tail < 0.02425, torch.where(p < 0.5, low, -low), centre)


def fixed_normals(count: int, seed: int = 0) -> Float[Tensor, "n"]:
    """Return draws of a standard normal, the same every time; a figure holds them as constants.

    Args:
        count: N ≥ 1.
        seed: another seed gives other draws.

    Returns:
        (N,) float32.

    Source: [green1966]
    """
    return torch.randn(count, generator=torch.Generator().manual_seed(seed))


def first_of(count: int, used: Number) -> Float[Tensor, "n"]:
    """Return weights that keep the first `used` of `count` scores: 1, then 0.

    Args:
        count: N.
        used: how many count, in [1, N].

    Returns:
        (N,) of 0 and 1.

    Source: [iso19795]
    """
    return (torch.arange(count, dtype=torch.float32) < used).float()


def histogram_density(
    scores: Float[Tensor, "n"], weights: Float[Tensor, "n"], low: float, width: float, bins: int
) -> Float[Tensor, "b"]:
    """Return the histogram of weighted scores as a density: its area is the share that lies inside the range.

    Args:
        scores: (N,).
        weights: (N,), 0 leaves a score out.
        low: left edge of the first bin.
        width: of a bin.
        bins: B.

    Returns:
        (B,) ≥ 0.

    Source: [iso19795]
    """
    place = torch.floor((scores - low) / width)
    hit = (place[None, :] == torch.arange(bins, dtype=scores.dtype)[:, None]).to(scores.dtype)
    return (hit * weights).sum(1) / (weights.sum() * width)


def shares_reaching(
    genuine: Float[Tensor, "g"],
    impostor: Float[Tensor, "i"],
    weights: Float[Tensor, "i"],
    threshold: Number,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return FAR and FRR of a threshold: the impostors that reach it, the genuine pairs that don't.

    Args:
        genuine: (G,) scores.
        impostor: (I,) scores.
        weights: (I,), 0 leaves an impostor out.
        threshold: accept from it on.

    Returns:
        FAR and FRR, 0-d, in [0, 1].

    Source: [iso19795]
    """
    far = ((impostor >= threshold).float() * weights).sum() / weights.sum()
    return far, (genuine < threshold).float().mean()


def _ranked(genuine: Tensor, impostor: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """FAR and TAR just after each score, scores falling, and which of the scores are genuine."""
    kind = torch.cat([torch.ones_like(genuine), torch.zeros_like(impostor)])
    scores = torch.cat([genuine, torch.where(weights > 0, impostor, torch.full_like(impostor, -1e4))])
    order = torch.argsort(scores, descending=True)
    ordered = kind[order]
    counted = torch.cat([torch.zeros_like(genuine), weights])[order]
    return counted.cumsum(0) / weights.sum(), ordered.cumsum(0) / genuine.shape[0], ordered


def measured_tar(
    genuine: Float[Tensor, "g"],
    impostor: Float[Tensor, "i"],
    weights: Float[Tensor, "i"],
    far: Float[Tensor, "f"],
) -> Float[Tensor, "f"]:
    """Return TAR@FAR by the conservative rule, NaN where FAR · impostors < 1: no threshold can show so small a rate.

    A genuine pair is accepted at a tolerated FAR if no more than that share of the impostors scores above it.

    Args:
        genuine: (G,) scores, no two equal.
        impostor: (I,) scores.
        weights: (I,), 0 leaves an impostor out.
        far: (F,) tolerated rates.

    Returns:
        (F,) in [0, 1] or NaN.

    Source: [iso19795]
    """
    passed, _, is_genuine = _ranked(genuine, impostor, weights)
    size = weights.sum()
    allowed = torch.floor(far * size + 1e-3)  # 1e-3 of a pair: 0.001 · 1000 is 0.99999994 in float32
    below = (torch.round(passed * size)[None, :] <= allowed[:, None]).float()
    tar = (below * is_genuine).sum(1) / genuine.shape[0]
    return torch.where(allowed >= 1, tar, torch.full_like(tar, torch.nan))


def measured_eer(
    genuine: Float[Tensor, "g"], impostor: Float[Tensor, "i"], weights: Float[Tensor, "i"]
) -> Float[Tensor, ""]:
    """Return the equal error rate on straight lines between the points of the ROC, as `curves.equal_error_rate`.

    Args:
        genuine: (G,) scores, no two equal.
        impostor: (I,) scores.
        weights: (I,), 0 leaves an impostor out.

    Returns:
        0-d, in [0, 1].

    Source: [iso19795]
    """
    far, tar, _ = _ranked(genuine, impostor, weights)
    zero = torch.zeros_like(far[:1])
    far, frr = torch.cat([zero, far]), 1 - torch.cat([zero, tar])
    gap = far - frr
    reached = (gap >= 0).float()
    first = reached * (1 - torch.cat([zero, reached[:-1]]))  # 1 at the first point past the crossing
    ahead = torch.cat([first[1:], zero])
    g0, g1 = (gap * ahead).sum(), (gap * first).sum()
    far0, far1 = (far * ahead).sum(), (far * first).sum()
    return far0 + (-g0 / (g1 - g0)) * (far1 - far0)


def expected_tar(gap: Number, spread: Number, probits: Float[Tensor, "f"]) -> Float[Tensor, "f"]:
    """Return TAR = Φ((gap - t)/spread) at the threshold t = -Φ⁻¹(FAR): a straight line on a DET plot.

    Args:
        gap: distance of the means.
        spread: deviation of the genuine scores, > 0.
        probits: (F,) Φ⁻¹(FAR).

    Returns:
        (F,) in [0, 1].

    Source: [green1966]
    """
    return normal_cdf((gap + probits) / spread)


def expected_eer(gap: Number, spread: Number) -> Float[Tensor, ""]:
    """Return the equal error rate of two normals, Φ(-gap/(1 + spread)); Φ(-d′/2) where both spread alike.

    Args:
        gap: distance of the means.
        spread: deviation of the genuine scores.

    Returns:
        0-d, in [0, 1].

    Source: [green1966]
    """
    return normal_cdf(-torch.as_tensor(gap) / (1 + torch.as_tensor(spread)))


def expected_d_prime(gap: Number, spread: Number) -> Float[Tensor, ""]:
    """Return d′ = gap / sqrt((1 + spread²)/2).

    Args:
        gap: distance of the means.
        spread: deviation of the genuine scores.

    Returns:
        0-d.

    Source: [green1966]
    """
    return torch.as_tensor(gap) / torch.sqrt((1 + torch.as_tensor(spread) ** 2) / 2)


def expected_search(
    gap: Number, spread: Number, threshold: Number, log_sizes: Float[Tensor, "n"]
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"], Float[Tensor, "n"]]:
    """Return what a search in galleries of N people does if all comparisons are independent.

    FPIR = 1 - (1 - FAR)^N. A mate is found at rank 1 if it beats N - 1 others: ∫ φ(z) Φ(gap + spread z)^(N-1) dz, from
    the threshold on for TPIR, without it for the closed set. The integral is a sum of 801 points from -8 to 8; powers go
    through the logarithm of 1 - x, since 1 - 10⁻⁹ is 1 in float32.

    Args:
        gap: distance of the means.
        spread: deviation of the genuine scores.
        threshold: accept from it on.
        log_sizes: (L,) log10 of N.

    Returns:
        FPIR, TPIR at rank 1 and the closed-set rank-1 rate, (L,) each, in [0, 1].

    Source: [phillips2011]
    """
    sizes = torch.pow(10.0, log_sizes)
    bar = torch.as_tensor(threshold, dtype=torch.float32)
    fpir = 1 - torch.exp(sizes * _log_without(_upper_tail(bar)))
    z = torch.arange(801, dtype=torch.float32) / 50 - 8
    scores = gap + spread * z
    weight = torch.exp(-0.5 * z * z) / (50 * math.sqrt(2 * math.pi))
    wins = torch.exp((sizes - 1)[:, None] * _log_without(_upper_tail(scores))[None, :])
    above = (50 * (scores - bar) / spread + 0.5).clamp(0.0, 1.0)  # a share of the slice that the threshold cuts
    return fpir, (wins * weight * above).sum(1), (wins * weight).sum(1)


def _log_without(x: Tensor) -> Tensor:
    """Return log(1 - x) for x in [0, 1), by its series where x is small: ONNX has no log1p."""
    small = x.clamp(0.0, 0.02)
    series = -small * (1 + small * (1 / 2 + small * (1 / 3 + small * (1 / 4 + small / 5))))
    return torch.where(x < 0.02, series, torch.log(1 - x))


def _upper_tail(x: Tensor) -> Tensor:
    """Return 1 - Φ(x), with a small relative error in the far tail, which 1 - erf loses beyond 4.

    Beyond 2 the continued fraction φ(x)/(x + 1/(x + 2/(x + 3/(x + …)))), cut off after twelve levels.
    """
    y = x.clamp(2.0, 12.0)
    fraction = y
    for level in range(12, 0, -1):
        fraction = y + level / fraction
    tail = torch.exp(-0.5 * y * y) / (math.sqrt(2 * math.pi) * fraction)
    return torch.where(x > 2, tail, 0.5 * (1 - torch.erf(x.clamp(-12.0, 2.0) / math.sqrt(2)))).clamp(0.0, 1 - 1e-7)
