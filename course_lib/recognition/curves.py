"""Curves of a verification system: ROC, DET, their area, equal error rate and d′; exact by sorting, many at a time.

A comparison is accepted when its score reaches the threshold. Scores may be any real numbers, higher meaning more alike;
leading dimensions are separate systems that compared the same pairs.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_lib.recognition.intervals import clopper_pearson


@dataclass(frozen=True)
class Curve:
    """An error curve, one point a distinct decision: thresholds fall, false accepts rise. Source: [iso19795].

    Attributes:
        thresholds: (..., N+1), from +∞ down to the lowest score.
        far: (..., N+1), share of impostor pairs accepted, from 0 to 1.
        tar: (..., N+1), share of genuine pairs accepted, from 0 to 1.
    """

    thresholds: Tensor
    far: Tensor
    tar: Tensor

    @property
    def frr(self) -> Tensor:
        """Share of genuine pairs rejected, 1 - TAR. Source: [iso19795]."""
        return 1 - self.tar


def split(
    scores: Float[Tensor, "*m n"], same: Bool[Tensor, "n"]
) -> tuple[Float[Tensor, "*m g"], Float[Tensor, "*m i"]]:
    """Return the genuine and the impostor scores, each sorted upwards.

    Args:
        scores: (..., N), finite.
        same: (N,), whether the pair is of one identity.

    Returns:
        (..., G) and (..., I), sorted.

    Raises:
        ValueError: if either kind is missing, or a score is not finite.

    Source: [iso19795]
    """
    if not bool(same.any()) or bool(same.all()):
        raise ValueError("same must hold at least one genuine and one impostor pair")
    if not bool(scores.isfinite().all()):
        raise ValueError("scores must be finite, got NaN or infinity")
    return scores[..., same].sort(-1).values, scores[..., ~same].sort(-1).values


def share_reaching(sorted_scores: Float[Tensor, "*m n"], thresholds: Float[Tensor, "*m t"]) -> Float[Tensor, "*m t"]:
    """Return the share of scores that are at or above each threshold, by binary search.

    Args:
        sorted_scores: (..., N), rising.
        thresholds: (..., T).

    Returns:
        (..., T) in [0, 1], float64, so that a share of millions keeps its digits.

    Source: [iso19795]
    """
    below = torch.searchsorted(sorted_scores.contiguous(), thresholds.contiguous())
    size = sorted_scores.shape[-1]
    return (size - below).double() / size


def roc(scores: Float[Tensor, "*m n"], same: Bool[Tensor, "n"]) -> Curve:
    """Return the receiver operating characteristic: TAR against FAR at every score as threshold.

    Args:
        scores: (..., N) of N comparisons.
        same: (N,).

    Returns:
        The curve with N + 1 points; tied scores repeat a point.

    Raises:
        ValueError: if either kind of pair is missing, or a score is not finite.

    Source: [iso19795]
    """
    genuine, impostor = split(scores, same)
    top = torch.full_like(scores[..., :1], torch.inf)
    thresholds = torch.cat([top, scores.sort(-1, descending=True).values], -1)
    return Curve(thresholds, share_reaching(impostor, thresholds), share_reaching(genuine, thresholds))


def band(
    share: Float[Tensor, "*n"], trials: int, confidence: float = 0.95
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """Return the exact interval around every point of an error curve, for shading ROC and DET plots.

    Each point by itself is a binomial share of its trials; the band holds pointwise, not for the curve as a whole.

    Args:
        share: FAR, FRR or TAR at any points, in [0, 1].
        trials: how many comparisons stand behind it: impostors for FAR, genuine pairs for FRR and TAR.
        confidence: of each point.

    Returns:
        Lower and upper limits, same shape, float64.

    Source: [clopper1934]
    """
    return clopper_pearson((share * trials).round().long(), trials, confidence)


def probit(share: Float[Tensor, "*n"], floor: float = 1e-6) -> Float[Tensor, "*n"]:
    """Return the normal quantile Φ⁻¹(p): the axis of a DET plot, on which normal scores give a straight line.

    Args:
        share: p, any shape, in [0, 1].
        floor: p is kept in [floor, 1 - floor], so that 0 and 1 stay on the page.

    Returns:
        Same shape, in standard deviations.

    Source: [martin1997]
    """
    return torch.special.ndtri(share.clamp(floor, 1 - floor))


def det(scores: Float[Tensor, "*m n"], same: Bool[Tensor, "n"]) -> tuple[Float[Tensor, "*m k"], Float[Tensor, "*m k"]]:
    """Return the detection error trade-off: FAR and FRR on normal-quantile axes.

    Args:
        scores: (..., N).
        same: (N,).

    Returns:
        probit(FAR) and probit(FRR), (..., N+1) each.

    Raises:
        ValueError: if either kind of pair is missing, or a score is not finite.

    Source: [martin1997]
    """
    curve = roc(scores, same)
    return probit(curve.far), probit(curve.frr)


def equal_error_rate(
    scores: Float[Tensor, "*m n"], same: Bool[Tensor, "n"]
) -> tuple[Float[Tensor, "*m"], Float[Tensor, "*m"]]:
    """Return the error rate where FAR and FRR meet, on straight lines between the curve's points, and its threshold.

    Args:
        scores: (..., N); any range, no sigmoid is ever applied.
        same: (N,).

    Returns:
        The rate (...,) in [0, 1], float64, and the threshold (...,) interpolated the same way.

    Raises:
        ValueError: if either kind of pair is missing, or a score is not finite.

    Source: [iso19795]
    """
    curve = roc(scores, same)
    gap = curve.far - curve.frr  # rises from -1 to 1
    after = (gap >= 0).double().argmax(-1, keepdim=True)
    before = after - 1
    g0, g1 = gap.gather(-1, before), gap.gather(-1, after)
    share = -g0 / (g1 - g0)
    far0, far1 = curve.far.gather(-1, before), curve.far.gather(-1, after)
    t1 = curve.thresholds.gather(-1, after)
    t0 = curve.thresholds.gather(-1, before)
    t0 = torch.where(t0.isinf(), t1, t0)
    rate = far0 + share * (far1 - far0)
    return rate.squeeze(-1), (t0 + share.to(t0.dtype) * (t1 - t0)).squeeze(-1)


def area_under_roc(scores: Float[Tensor, "*m n"], same: Bool[Tensor, "n"]) -> Float[Tensor, "*m"]:
    """Return the chance that a genuine pair scores above an impostor pair, ties counting half.

    Args:
        scores: (..., N).
        same: (N,).

    Returns:
        (...,) in [0, 1], float64; equal to the area under the ROC.

    Raises:
        ValueError: if either kind of pair is missing, or a score is not finite.

    Source: [green1966]
    """
    genuine, impostor = split(scores, same)
    impostor, genuine = impostor.contiguous(), genuine.contiguous()
    below = torch.searchsorted(impostor, genuine).double()
    reached = torch.searchsorted(impostor, genuine, right=True).double()
    return (below + reached).mean(-1) / (2 * impostor.shape[-1])


def d_prime(scores: Float[Tensor, "*m n"], same: Bool[Tensor, "n"]) -> Float[Tensor, "*m"]:
    """Return d′, how many standard deviations apart the genuine and impostor means are.

    d′ = (μ_g - μ_i) / sqrt((σ_g² + σ_i²)/2), sample variances.

    Args:
        scores: (..., N), at least two pairs of each kind.
        same: (N,).

    Returns:
        (...,), float64; infinite where both kinds have no spread.

    Raises:
        ValueError: if a kind has fewer than two pairs, or a score is not finite.

    Source: [green1966]
    """
    genuine, impostor = (part.double() for part in split(scores, same))
    if min(genuine.shape[-1], impostor.shape[-1]) < 2:
        raise ValueError("same must hold at least two genuine and two impostor pairs")
    return (genuine.mean(-1) - impostor.mean(-1)) / (0.5 * (genuine.var(-1) + impostor.var(-1))).sqrt()
