"""1:1 evaluation: the ten-fold protocol of LFW, TAR at a FAR, and thresholds carried from one data set to another."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_lib.recognition.curves import roc, split
from course_lib.recognition.intervals import clopper_pearson

MODES = ("conservative", "nearest", "interpolated")


@dataclass(frozen=True)
class FoldedAccuracy:
    """What the ten-fold protocol reports. Source: [huang2007].

    Attributes:
        mean: (...,), mean accuracy over the folds.
        standard_error: (...,), standard deviation over the folds (n - 1) divided by √folds.
        accuracy: (..., F), accuracy on each held-out fold.
        thresholds: (..., F), chosen on the other folds.
    """

    mean: Tensor
    standard_error: Tensor
    accuracy: Tensor
    thresholds: Tensor


@dataclass(frozen=True)
class TarAtFar:
    """True accepts at a tolerated rate of false accepts. Source: [iso19795].

    Attributes:
        tar: (..., T), NaN where undefined.
        thresholds: (..., T); accept above it ("conservative") or from it on.
        realised_far: (..., T), the FAR that the threshold really has on these scores.
        low: (..., T), lower Clopper–Pearson limit of the TAR.
        high: (..., T), upper limit.
        defined: (T,), false where FAR · impostors < 1: no threshold can show so small a rate.
    """

    tar: Tensor
    thresholds: Tensor
    realised_far: Tensor
    low: Tensor
    high: Tensor
    defined: Tensor


def best_thresholds(
    scores: Float[Tensor, "*m n"], same: Bool[Tensor, "n"], member: Int[Tensor, "n"], folds: int
) -> Float[Tensor, "*m f"]:
    """Return, for each fold, the threshold with the highest accuracy on all pairs outside it: exact, one sort in all.

    Going down the sorted scores, each genuine pair gains one right decision and each impostor loses one; the running
    sum of +1 and -1 over the pairs outside the fold is largest at the best cut. The threshold is the middle of the gap
    below the cut; of equally good cuts the strictest is taken.

    Args:
        scores: (..., N), higher is more alike.
        same: (N,).
        member: (N,), the fold of each pair, in [0, F).
        folds: F.

    Returns:
        (..., F); accept a score that reaches it.

    Source: [huang2007]
    """
    ordered, order = scores.sort(-1, descending=True)
    # The smallest integers that hold the counts: the (F, N) tensors are most of the work.
    size = torch.int16 if max(scores.shape[-1], folds) < 2**15 else torch.int32
    step = (2 * same.to(torch.int8) - 1)[order].unsqueeze(-2)  # (..., 1, N)
    counts = member.to(size)[order].unsqueeze(-2) != torch.arange(folds, dtype=size, device=scores.device)[:, None]
    right = (step * counts).cumsum(-1, dtype=size)
    tied = ordered[..., 1:] == ordered[..., :-1]  # a cut inside a tie can't be made
    right[..., :-1].masked_fill_(tied.unsqueeze(-2), torch.iinfo(size).min)
    most, cut = right.max(-1)
    below = torch.cat([ordered[..., 1:], ordered[..., -1:] - 1], -1)
    middle = 0.5 * (ordered + below)
    # a rounded middle may fall onto the score below it, which must stay rejected
    middle = torch.where(middle > below, middle, ordered)
    return torch.where(most >= 0, middle.gather(-1, cut), ordered[..., :1] + 1)


def ten_fold_accuracy(
    scores: Float[Tensor, "*m n"],
    same: Bool[Tensor, "n"],
    folds: int | Int[Tensor, "n"] = 10,
) -> FoldedAccuracy:
    """Return LFW's accuracy: the threshold is chosen on nine folds and tried on the tenth, ten times.

    Args:
        scores: (..., N), higher is more alike.
        same: (N,).
        folds: the number of equal runs of consecutive pairs (LFW's own order), or each pair's fold (N,) from 0.

    Returns:
        Mean accuracy with its standard error, and both per fold.

    Raises:
        ValueError: if there are fewer than two folds or a fold would be empty.

    Source: [huang2007]
    """
    count = scores.shape[-1]
    if isinstance(folds, int):
        if not 2 <= folds <= count:
            raise ValueError(f"folds must lie in [2, {count}], got {folds}")
        # the first N mod F folds have one pair more, as in scikit-learn's KFold
        small, extra = divmod(count, folds)
        place = torch.arange(count, device=scores.device)
        member = place // small
        if extra:
            member = torch.where(place < extra * (small + 1), place // (small + 1), (place - extra) // small)
        number = folds
    else:
        member, number = folds, int(folds.max()) + 1
    sizes = member.bincount(minlength=number)
    if number < 2 or int(sizes.min()) == 0:
        raise ValueError(f"folds must name at least two folds and leave none empty, got {number} folds")
    thresholds = best_thresholds(scores, same, member, number)
    right = (scores >= thresholds[..., member]) == same  # each pair meets the threshold of its own fold
    accuracy = torch.zeros_like(thresholds, dtype=torch.float64).index_add_(-1, member, right.double()) / sizes
    return FoldedAccuracy(accuracy.mean(-1), accuracy.std(-1) / number**0.5, accuracy, thresholds)


def tar_at_far(
    scores: Float[Tensor, "*m n"],
    same: Bool[Tensor, "n"],
    far: float | Float[Tensor, "t"] = 1e-3,
    *,
    mode: str = "conservative",
    confidence: float = 0.95,
) -> TarAtFar:
    """Return the share of genuine pairs accepted at a tolerated false accept rate, with its exact interval.

    "conservative": the largest set of accepted impostors that does not exceed the target; strict on ties.
    "nearest": the point of the ROC with the nearest FAR, which may exceed the target (InsightFace's way).
    "interpolated": straight lines between the points of the ROC.
    The three differ visibly when FAR · impostors is small; below 1 the answer is undefined and NaN is returned.

    Args:
        scores: (..., N), higher is more alike.
        same: (N,).
        far: the target, or T of them, in (0, 1].
        mode: one of the three.
        confidence: of the interval.

    Returns:
        TAR with thresholds, realised FAR, interval and whether it is defined; last dimension T (1 for one number).

    Raises:
        ValueError: for another mode, a target outside (0, 1], or a missing kind of pair.

    Source: [iso19795]
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {MODES}, got {mode!r}")
    target = torch.as_tensor(far, dtype=torch.float64, device=scores.device).reshape(-1)
    if not bool(((target > 0) & (target <= 1)).all()):
        raise ValueError(f"far must lie in (0, 1], got {target.tolist()}")
    genuine, impostor = split(scores, same)
    if mode == "conservative":
        thresholds, tar, realised = _conservative(genuine, impostor, target)
    else:
        thresholds, tar, realised = _from_curve(scores, same, target, mode == "nearest")
    defined = count_allowed(target, impostor.shape[-1]) >= 1
    size = genuine.shape[-1]
    low, high = clopper_pearson((tar * size).round().long(), size, confidence)
    hide = (~defined).expand_as(tar)
    nan = torch.nan
    return TarAtFar(
        tar.masked_fill(hide, nan),
        thresholds,
        realised,
        low.masked_fill(hide, nan),
        high.masked_fill(hide, nan),
        defined,
    )


def count_allowed(target: Float[Tensor, "t"], size: int) -> Int[Tensor, "t"]:
    """Return how many of so many trials a rate allows, ⌊target · size⌋, whatever precision the rate was written in.

    The float32 next to 0.01 times 300 is 2.9999999, and means 3: up to one part in ten million is forgiven.

    Args:
        target: (T,) rates, float64.
        size: trials.

    Returns:
        (T,).

    Source: [iso19795]
    """
    return (target * size * (1 + 1e-7) + 1e-9).floor().long()


def _conservative(genuine: Tensor, impostor: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Accept what is strictly above the (k+1)-th highest impostor, k = floor(FAR · I)."""
    size = impostor.shape[-1]
    allowed = count_allowed(target, size)
    index = (size - 1 - allowed).clamp_min(0).expand(*impostor.shape[:-1], -1)
    thresholds = impostor.gather(-1, index)
    thresholds = torch.where(allowed >= size, torch.full_like(thresholds, -torch.inf), thresholds).contiguous()
    above = [
        part.shape[-1] - torch.searchsorted(part.contiguous(), thresholds, right=True) for part in (genuine, impostor)
    ]
    return thresholds, above[0].double() / genuine.shape[-1], above[1].double() / size


def _from_curve(scores: Tensor, same: Tensor, target: Tensor, nearest: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Read the ROC at its nearest point, or between its points; at equal FAR the highest TAR counts."""
    curve = roc(scores, same)
    goal = target.expand(*curve.far.shape[:-1], -1).contiguous()
    last = torch.searchsorted(curve.far, goal, right=True) - 1  # the last point with FAR ≤ target
    after = (last + 1).clamp_max(curve.far.shape[-1] - 1)
    far0, far1 = curve.far.gather(-1, last), curve.far.gather(-1, after)
    tar0, tar1 = curve.tar.gather(-1, last), curve.tar.gather(-1, after)
    t0, t1 = curve.thresholds.gather(-1, last), curve.thresholds.gather(-1, after)
    if nearest:
        # the next FAR may be shared by several points; its last one has the highest TAR
        end = torch.searchsorted(curve.far, far1.contiguous(), right=True) - 1
        pick = torch.where(goal - far0 < far1 - goal, last, end)
        return curve.thresholds.gather(-1, pick), curve.tar.gather(-1, pick), curve.far.gather(-1, pick)
    share = torch.where(far1 > far0, (goal - far0) / (far1 - far0).clamp_min(1e-300), torch.zeros_like(goal))
    t0 = torch.where(t0.isinf(), t1, t0)
    return t0 + (share * (t1 - t0)).to(t0.dtype), tar0 + share * (tar1 - tar0), far0 + share * (far1 - far0)


@dataclass(frozen=True)
class Transferred:
    """A threshold chosen on a development split, and what it does on the test split. Source: [phillips2011].

    Attributes:
        threshold: accept above it.
        tar: share of genuine test pairs accepted.
        far: share of impostor test pairs accepted: the realised rate, seldom the one asked for.
        tar_interval: Clopper–Pearson limits of the TAR.
        far_interval: limits of the FAR.
    """

    threshold: float
    tar: float
    far: float
    tar_interval: tuple[float, float]
    far_interval: tuple[float, float]


def transfer_threshold(
    development_scores: Float[Tensor, "n"],
    development_same: Bool[Tensor, "n"],
    test_scores: Float[Tensor, "t"],
    test_same: Bool[Tensor, "t"],
    far: float = 1e-2,
    confidence: float = 0.95,
) -> Transferred:
    """Choose a threshold by FAR on one split and report both error rates on another: the only honest single number.

    Args:
        development_scores: (N,), of identities that the test split doesn't hold.
        development_same: (N,).
        test_scores: (T,).
        test_same: (T,).
        far: tolerated on the development split, by the conservative rule.
        confidence: of the intervals.

    Returns:
        The threshold, TAR and realised FAR on the test split, with intervals.

    Raises:
        ValueError: if the development split has too few impostors for the rate, or a kind of pair is missing.

    Source: [phillips2011]
    """
    chosen = tar_at_far(development_scores, development_same, far)
    if not bool(chosen.defined):
        raise ValueError(
            f"far must be at least 1/{int((~development_same).sum())}, the development impostors, got {far}"
        )
    threshold = chosen.thresholds[0]
    genuine, impostor = split(test_scores, test_same)
    rates, limits = [], []
    for part in (genuine, impostor):
        accepted = (part > threshold).sum()
        low, high = clopper_pearson(accepted, len(part), confidence)
        rates.append(float(accepted) / len(part))
        limits.append((float(low), float(high)))
    return Transferred(float(threshold), rates[0], rates[1], limits[0], limits[1])
