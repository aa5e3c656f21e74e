"""How well embeddings tell people apart: EER and TAR with intervals over people, and by pose, light and occlusion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.recognition.angles import unit
from course_lib.recognition.curves import equal_error_rate
from course_lib.recognition.verification import tar_at_far

TARGETS = (1e-2, 1e-3)
BINS: dict[str, tuple[float, ...]] = {"yaw": (15.0, 30.0), "light": (30.0, 60.0), "occlusion": (0.02, 0.15)}
"""Borders of the bins. Of a pair count: the larger |yaw| in degrees, the angle between the two key lights in degrees,
the larger covered share of the face."""


@dataclass(frozen=True)
class Pairs:
    """All unordered pairs of N pictures. Source: [iso19795].

    Attributes:
        first, second: (P,) which pictures, first < second.
        same: (P,) whether of one identity.
        scores: (P,) cosines.
    """

    first: Tensor
    second: Tensor
    same: Tensor
    scores: Tensor


def all_pairs(embeddings: Float[Tensor, "n d"], identities: Int[Tensor, "n"]) -> Pairs:
    """Return every unordered pair of N embeddings with its cosine.

    Args:
        embeddings: (N, D), any length.
        identities: (N,).

    Returns:
        N (N - 1) / 2 pairs.

    Raises:
        ValueError: if there are fewer than two embeddings, or labels of another number.

    Source: [iso19795]
    """
    if len(embeddings) < 2 or len(identities) != len(embeddings):
        raise ValueError(f"embeddings: expected two or more, one an identity, got {len(embeddings)}, {len(identities)}")
    direction = unit(embeddings)[0]
    first, second = torch.triu_indices(len(embeddings), len(embeddings), 1, device=embeddings.device)
    return Pairs(first, second, identities[first] == identities[second], (direction @ direction.t())[first, second])


def face_report(
    embeddings: Float[Tensor, "n d"],
    identities: Int[Tensor, "n"],
    *,
    truth: Mapping[str, Tensor] | None = None,
    replicates: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Return EER, TAR at FAR 1e-2 and 1e-3, and the TAR by circumstances, over all pairs of the pictures.

    Pairs that share a person are not independent, so the intervals come from a bootstrap over people: each replicate
    draws the people anew with replacement, w_i times person i; a genuine pair then counts w_i times and an impostor
    pair w_i w_j times (a person drawn twice makes no impostor pairs with itself).

    The bins use the one threshold that all genuine and impostor pairs together give for FAR 1e-2, as a system in use
    has one threshold; the share of impostors that the bin's pairs accept at it is told next to it.

    Args:
        embeddings: (N, D), any length; pictures of the identities to be told apart, none of them seen in training.
        identities: (N,).
        truth: (N,) or (N, K) tensors under any of "day", "yaw", "light" (its first three numbers are a direction) and
            "occlusion"; what is missing is not binned.
        replicates: of the bootstrap; 0 leaves the intervals out.
        confidence: of the intervals (percentiles of the replicates).
        seed: of the bootstrap.

    Returns:
        {"people", "pictures", "genuine", "impostor", "eer", "tar_1e-2", "tar_1e-3", "bins"}: a rate is
        {"value", "low", "high"} (without limits where there are no replicates; value None where FAR · impostors < 1), and
        bins is {"day" | "yaw" | ...: [{"label", "genuine", "impostor", "tar", "far"}, ...]}.

    Raises:
        ValueError: if genuine or impostor pairs are missing.

    Source: [iso19795], [bolle2004]
    """
    embeddings, identities = embeddings.detach().cpu(), identities.cpu()
    people, person = identities.unique(return_inverse=True)
    pairs = all_pairs(embeddings, person)
    eer = float(equal_error_rate(pairs.scores, pairs.same)[0])
    found = tar_at_far(pairs.scores, pairs.same, torch.tensor(TARGETS))
    values = [eer, *(float(tar) if ok else None for tar, ok in zip(found.tar, found.defined, strict=True))]
    genuine = int(pairs.same.sum())
    report: dict[str, Any] = {"people": len(people), "pictures": len(person), "genuine": genuine}
    report["impostor"] = len(pairs.same) - genuine
    weights = _draw(len(people), replicates, seed)
    rates, thresholds = _replicates(pairs, person, weights)
    for name, value, column in zip(("eer", "tar_1e-2", "tar_1e-3"), values, rates, strict=True):
        report[name] = _rate(value, column, confidence)
    here = float(found.thresholds[0])
    report["bins"] = {
        name: _binned(pairs, person, bins, here, weights, thresholds, confidence)
        for name, bins in _bins(pairs, truth or {}).items()
    }
    return report


def _draw(people: int, replicates: int, seed: int) -> Float[Tensor, "r i"]:
    """How often each person is drawn in each replicate."""
    generator = torch.Generator().manual_seed(seed)
    picks = torch.randint(people, (replicates, people), generator=generator)
    return torch.zeros(replicates, people).scatter_add_(1, picks, torch.ones(replicates, people))


def _replicates(pairs: Pairs, person: Tensor, weights: Tensor) -> tuple[list[Tensor], Tensor]:
    """EER and TARs of every replicate, and its threshold for the first target; sorted once for all of them."""
    order = pairs.scores.argsort(descending=True)
    scores, same = pairs.scores[order].double(), pairs.same[order]
    one, two = person[pairs.first[order]], person[pairs.second[order]]
    genuine, impostor = same.nonzero().squeeze(1), (~same).nonzero().squeeze(1)
    rates: list[list[Tensor]] = [[], [], []]
    thresholds = [scores.new_zeros(0)]
    for w in weights.split(8):
        tar = (w[:, one[genuine]]).cumsum(1, dtype=torch.float64)
        far = (w[:, one[impostor]] * w[:, two[impostor]]).cumsum(1, dtype=torch.float64)
        tar, far = tar / tar[:, -1:].clamp_min(1), far / far[:, -1:].clamp_min(1)
        # TAR when everything down to each impostor, itself not included, is accepted
        above = torch.searchsorted(genuine, impostor)
        reached = torch.cat([tar.new_zeros(len(w), 1), tar], 1)[:, above]
        rates[0].append(_crossing(far, 1 - reached))
        for column, target in zip(rates[1:], TARGETS, strict=True):
            place = (far <= target + 1e-12).sum(1).clamp_max(len(impostor) - 1)
            column.append(reached.gather(1, place[:, None]).squeeze(1))
            if target == TARGETS[0]:
                thresholds.append(scores[impostor][place])
    return [torch.cat([scores.new_zeros(0), *column]) for column in rates], torch.cat(thresholds)


def _crossing(far: Tensor, frr: Tensor) -> Tensor:
    """Where the rising FAR and the falling FRR meet, half-way between the two at the first crossing."""
    place = (far >= frr).double().argmax(1, keepdim=True)
    return 0.5 * (far.gather(1, place) + frr.gather(1, place)).squeeze(1)


def _rate(value: float | None, replicates: Tensor, confidence: float) -> dict[str, float | None]:
    if value is None or len(replicates) == 0:
        return {"value": None if value is None else round(value, 5)}
    low, high = replicates.quantile(torch.tensor([(1 - confidence) / 2, (1 + confidence) / 2], dtype=replicates.dtype))
    # a percentile interval of few people may miss the value itself by a hair; it is widened to hold it
    return {
        "value": round(value, 5),
        "low": round(min(float(low), value), 5),
        "high": round(max(float(high), value), 5),
    }


def _bins(pairs: Pairs, truth: Mapping[str, Tensor]) -> dict[str, list[tuple[str, Tensor]]]:
    """Which pairs belong to each bin."""
    a, b = pairs.first, pairs.second
    found: dict[str, list[tuple[str, Tensor]]] = {}
    if "day" in truth:
        kept = truth["day"].cpu()[a] == truth["day"].cpu()[b]
        found["day"] = [("same look", kept), ("another day", ~kept)]
    values: dict[str, Tensor] = {}
    if "yaw" in truth:
        yaw = truth["yaw"].cpu().abs()
        values["yaw"] = torch.maximum(yaw[a], yaw[b])
    if "light" in truth:
        light = unit(truth["light"].cpu()[:, :3])[0]
        values["light"] = (light[a] * light[b]).sum(1).clamp(-1, 1).acos().rad2deg()
    if "occlusion" in truth:
        covered = truth["occlusion"].cpu()
        values["occlusion"] = torch.maximum(covered[a], covered[b])
    for name, value in values.items():
        low, high = BINS[name]
        rules = [(f"< {low:g}", value < low), (f"{low:g}–{high:g}", (value >= low) & (value < high))]
        found[name] = [*rules, (f"≥ {high:g}", value >= high)]
    return found


def _binned(
    pairs: Pairs,
    person: Tensor,
    bins: list[tuple[str, Tensor]],
    threshold: float,
    weights: Tensor,
    thresholds: Tensor,
    confidence: float,
) -> list[dict[str, Any]]:
    """The TAR of each bin with its interval, and the FAR that its impostors meet."""
    rows = []
    for name, members in bins:
        genuine, impostor = members & pairs.same, members & ~pairs.same
        scores = pairs.scores[genuine].double()
        row: dict[str, Any] = {"label": name, "genuine": len(scores), "impostor": int(impostor.sum())}
        if len(scores):
            drawn = weights[:, person[pairs.first[genuine]]].double()
            accepted = (drawn * (scores > thresholds[:, None])).sum(1) / drawn.sum(1).clamp_min(1)
            row["tar"] = _rate(float((scores > threshold).double().mean()), accepted, confidence)
        if row["impostor"]:
            row["far"] = round(float((pairs.scores[impostor] > threshold).double().mean()), 5)
        rows.append(row)
    return rows
