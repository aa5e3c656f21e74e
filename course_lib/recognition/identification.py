"""1:N evaluation: ranks and CMC for a closed set, TPIR at FPIR for an open one."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.recognition.intervals import clopper_pearson
from course_lib.recognition.verification import count_allowed


@dataclass(frozen=True)
class Search:
    """What a search of probes in a gallery found. Source: [phillips2011].

    Attributes:
        rank: (Q,), 1 + identities that beat the mate; 0 where the gallery holds no mate.
        mate_score: (Q,), highest score of the probe's own identity; -∞ without mate.
        best_score: (Q,), highest score in the whole gallery.
        best_label: (Q,), the identity that has it.
        mated: (Q,), whether the gallery holds the probe's identity.
    """

    rank: Tensor
    mate_score: Tensor
    best_score: Tensor
    best_label: Tensor
    mated: Tensor


@dataclass(frozen=True)
class OpenSet:
    """Open-set identification rates at targets of FPIR. Source: [phillips2011], [iso19795].

    Attributes:
        tpir: (T,), share of mated probes found above the threshold and within the rank; NaN where undefined.
        thresholds: (T,); a score must be above it.
        realised_fpir: (T,), share of non-mated probes with any score above it.
        low: (T,), lower Clopper–Pearson limit of TPIR.
        high: (T,), upper limit.
        defined: (T,), false where FPIR · non-mated probes < 1.
    """

    tpir: Tensor
    thresholds: Tensor
    realised_fpir: Tensor
    low: Tensor
    high: Tensor
    defined: Tensor


def search(
    similarity: Float[Tensor, "q g"], probe_labels: Int[Tensor, "q"], gallery_labels: Int[Tensor, "g"]
) -> Search:
    """Return for each probe the rank of its identity and the best match, with one maximum and a count; no sort.

    An identity's score is the highest of its gallery entries. rank = 1 + #(other identities with a higher score);
    ties go to the mate.

    Args:
        similarity: (Q, G), higher is more alike.
        probe_labels: (Q,) identities.
        gallery_labels: (G,) identities, several entries an identity allowed.

    Returns:
        Ranks, scores and labels, (Q,) each.

    Raises:
        ValueError: if the gallery is empty or a score is NaN.

    Source: [phillips2011]
    """
    if similarity.shape[1] == 0:
        raise ValueError("similarity must have at least one gallery column, got none")
    if bool(similarity.isnan().any()):
        raise ValueError("similarity must not hold NaN")
    identities, column = gallery_labels.unique(return_inverse=True)
    by_identity = torch.full((len(similarity), len(identities)), -torch.inf).to(similarity)
    by_identity.scatter_reduce_(1, column.expand_as(similarity), similarity, "amax")
    own = probe_labels[:, None] == identities
    mated = own.any(1)
    mate = by_identity.masked_fill(~own, -torch.inf).amax(1)
    rank = 1 + ((by_identity > mate[:, None]) & ~own).sum(1)
    best, where = by_identity.max(1)
    return Search(torch.where(mated, rank, 0), mate, best, identities[where], mated)


def cumulative_match(
    similarity: Float[Tensor, "q g"],
    probe_labels: Int[Tensor, "q"],
    gallery_labels: Int[Tensor, "g"],
    ranks: int = 20,
) -> Float[Tensor, "r"]:
    """Return the cumulative match characteristic: the share of probes whose identity is among the first r.

    Args:
        similarity: (Q, G).
        probe_labels: (Q,); a probe without mate is left out, as the set is closed.
        gallery_labels: (G,).
        ranks: R ≥ 1.

    Returns:
        (R,), float64, rising; entry 0 is the rank-1 rate.

    Raises:
        ValueError: if no probe has a mate, or R is below 1.

    Source: [phillips2011]
    """
    if ranks < 1:
        raise ValueError(f"ranks must be at least 1, got {ranks}")
    found = search(similarity, probe_labels, gallery_labels)
    rank = found.rank[found.mated]
    if len(rank) == 0:
        raise ValueError("probe_labels must hold at least one identity of the gallery, got none")
    return torch.stack([(rank <= r).double().mean() for r in range(1, ranks + 1)])


def open_set_rates(
    similarity: Float[Tensor, "q g"],
    probe_labels: Int[Tensor, "q"],
    gallery_labels: Int[Tensor, "g"],
    fpir: float | Float[Tensor, "t"] = 1e-2,
    *,
    rank: int = 1,
    confidence: float = 0.95,
) -> OpenSet:
    """Return TPIR at FPIR: how many enrolled people are found while few strangers raise an alarm.

    FPIR(t) = share of non-mated probes with any gallery score above t. TPIR(t, r) = share of mated probes whose mate
    is above t and within rank r; FNIR = 1 - TPIR. The threshold is the (k+1)-th highest of the strangers' best scores,
    k = floor(FPIR · strangers).

    Args:
        similarity: (Q, G).
        probe_labels: (Q,); identities that the gallery doesn't hold are the strangers.
        gallery_labels: (G,).
        fpir: the target, or T of them, in (0, 1].
        rank: r ≥ 1.
        confidence: of the interval.

    Returns:
        TPIR with thresholds, realised FPIR and interval, (T,) each (T = 1 for one number).

    Raises:
        ValueError: if mated or non-mated probes are missing, or a target or rank is outside its range.

    Source: [phillips2011]
    """
    target = torch.as_tensor(fpir, dtype=torch.float64, device=similarity.device).reshape(-1)
    if not bool(((target > 0) & (target <= 1)).all()):
        raise ValueError(f"fpir must lie in (0, 1], got {target.tolist()}")
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    found = search(similarity, probe_labels, gallery_labels)
    if not bool(found.mated.any()) or bool(found.mated.all()):
        raise ValueError("probe_labels must hold identities inside and outside the gallery")
    strangers = found.best_score[~found.mated].sort().values
    mates = found.mate_score[found.mated & (found.rank <= rank)].sort().values
    size, mated = len(strangers), int(found.mated.sum())
    allowed = count_allowed(target, size)
    thresholds = strangers[(size - 1 - allowed).clamp_min(0)]
    thresholds = torch.where(allowed >= size, torch.full_like(thresholds, -torch.inf), thresholds)
    found_count = len(mates) - torch.searchsorted(mates, thresholds, right=True)
    alarms = size - torch.searchsorted(strangers, thresholds, right=True)
    low, high = clopper_pearson(found_count, mated, confidence)
    defined = allowed >= 1
    nan = torch.nan
    return OpenSet(
        (found_count.double() / mated).masked_fill(~defined, nan),
        thresholds,
        alarms.double() / size,
        low.masked_fill(~defined, nan),
        high.masked_fill(~defined, nan),
        defined,
    )
