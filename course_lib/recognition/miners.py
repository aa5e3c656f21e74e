"""Which triplets of a batch to learn from: all, hard, semi-hard, uniform, or weighted by distance."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_lib.recognition.distances import pair_masks, pairwise_distances
from course_lib.recognition.triplets import semi_hard_indices

Triplets = tuple[Int[Tensor, "t"], Int[Tensor, "t"], Int[Tensor, "t"]]
STRATEGIES = ("all", "hard", "semi-hard", "uniform", "distance-weighted")


def mine_triplets(
    embeddings: Float[Tensor, "b d"],
    labels: Int[Tensor, "b"],
    strategy: str = "semi-hard",
    *,
    generator: torch.Generator | None = None,
) -> Triplets:
    """Return triplets of a batch by one of the usual strategies, distances taken on the unit sphere.

    "all": every valid triplet. "hard": each anchor with its farthest positive and nearest negative. "semi-hard": each
    positive pair with the nearest negative beyond it. "uniform" and "distance-weighted": each positive pair with a
    drawn negative.

    Args:
        embeddings: (B, D).
        labels: (B,) identities.
        strategy: one of the five.
        generator: for the drawn ones.

    Returns:
        (anchor, positive, negative), (T,) each; T = 0 where the batch holds no triplet.

    Raises:
        ValueError: for another strategy.

    Source: [schroff2015], [hermans2017], [wu2017]
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {STRATEGIES}, got {strategy!r}")
    with torch.no_grad():
        distance = pairwise_distances(embeddings)
    if strategy == "all":
        positive, negative = pair_masks(labels)
        a, p, n = (positive[:, :, None] & negative[:, None, :]).nonzero(as_tuple=True)
        return a, p, n
    if strategy == "hard":
        return hard_indices(distance, labels)
    if strategy == "semi-hard":
        return semi_hard_indices(distance, labels)
    if strategy == "uniform":
        weights = pair_masks(labels)[1].to(distance.dtype)
    else:
        weights = distance_weights(distance, labels, embeddings.shape[1])
    return draw_negatives(weights, labels, generator)


@torch.no_grad()
def hard_indices(distance: Float[Tensor, "b b"], labels: Int[Tensor, "b"]) -> Triplets:
    """Return each anchor with its farthest positive and nearest negative; anchors that lack either are left out.

    Args:
        distance: (B, B).
        labels: (B,) identities.

    Returns:
        (anchor, positive, negative), (T,) each, T ≤ B.

    Source: [hermans2017]
    """
    positive, negative = pair_masks(labels)
    anchor = (positive.any(1) & negative.any(1)).nonzero().squeeze(1)
    farthest = distance.masked_fill(~positive, -torch.inf).argmax(1)
    nearest = distance.masked_fill(~negative, torch.inf).argmin(1)
    return anchor, farthest[anchor], nearest[anchor]


def log_sphere_density(distance: Float[Tensor, "*n"], dimension: int | Float[Tensor, ""]) -> Float[Tensor, "*n"]:
    """Return log q(d): how often two random points of the unit sphere lie at distance d, up to a constant.

    q(d) ∝ d^{n-2} (1 - d²/4)^{(n-3)/2}; for large n it is nearly normal with mean √2 and variance 1/(2n).

    Args:
        distance: d, any shape, in (0, 2).
        dimension: n ≥ 2 of the embedding.

    Returns:
        Same shape, in nats; spans hundreds of nats for n in the hundreds, so subtract a maximum before exp.

    Source: [wu2017]
    """
    d = distance.clamp(1e-6, 2 - 1e-6)
    return (dimension - 2) * d.log() + 0.5 * (dimension - 3) * torch.log1p(-0.25 * d * d)


@torch.no_grad()
def distance_weights(
    distance: Float[Tensor, "b b"],
    labels: Int[Tensor, "b"],
    dimension: int,
    cutoff: float = 0.5,
    farthest: float = 1.4,
) -> Float[Tensor, "b b"]:
    """Return for each anchor the chance of each negative under distance-weighted sampling.

    P(n | a) ∝ 1/q(max(D_an, cutoff)) over negatives with D_an < farthest. The largest log weight of each ROW is
    subtracted before exp: with one maximum for the whole batch a single close pair starves all other anchors, since
    log q spans 370 nats at n = 512 and float32 ends at 87. A row with no negative nearer than `farthest` falls back to
    all its negatives, uniformly.

    Args:
        distance: (B, B) on the unit sphere.
        labels: (B,) identities.
        dimension: n of the embedding.
        cutoff: distances below it count as it; 0.5 in the authors' code.
        farthest: negatives from here on are left out; 1.4 in the authors' code.

    Returns:
        (B, B); each row sums to 1, or to 0 where the anchor has no negative.

    Source: [wu2017]
    """
    negative = pair_masks(labels)[1]
    near = negative & (distance < farthest)
    log_weight = (-log_sphere_density(distance.clamp_min(cutoff), dimension)).masked_fill(~near, -torch.inf)
    highest = log_weight.amax(1, keepdim=True)
    weight = torch.where(near.any(1, keepdim=True), (log_weight - highest).exp(), negative.to(log_weight.dtype))
    return weight / weight.sum(1, keepdim=True).clamp_min(1e-30)


@torch.no_grad()
def draw_negatives(
    weights: Float[Tensor, "b b"], labels: Int[Tensor, "b"], generator: torch.Generator | None = None
) -> Triplets:
    """Return each ordered positive pair with one negative drawn by the anchor's row of weights.

    Args:
        weights: (B, B) ≥ 0, 0 where the pair isn't negative.
        labels: (B,) identities.
        generator: of the weights' device.

    Returns:
        (anchor, positive, negative), (T,) each; anchors whose weights are all 0 are left out.

    Source: [wu2017]
    """
    anchor, positive = (pair_masks(labels)[0] & (weights.sum(1) > 0)[:, None]).nonzero(as_tuple=True)
    if len(anchor) == 0:
        return anchor, positive, anchor
    return anchor, positive, torch.multinomial(weights[anchor], 1, generator=generator).squeeze(1)


@torch.no_grad()
def multi_similarity_masks(
    similarity: Float[Tensor, "b b"], labels: Int[Tensor, "b"], epsilon: float = 0.1
) -> tuple[Bool[Tensor, "b b"], Bool[Tensor, "b b"]]:
    """Return the pairs that the multi-similarity rule keeps.

    A negative is kept if S > min S_p - ε, a positive if S < max S_n + ε, per anchor.

    Args:
        similarity: (B, B) cosines.
        labels: (B,) identities.
        epsilon: ε; 0.1 in the authors' code.

    Returns:
        Kept positives and kept negatives, (B, B) each.

    Source: [wang2019]
    """
    positive, negative = pair_masks(labels)
    hardest_positive = similarity.masked_fill(~positive, torch.inf).amin(1, keepdim=True)
    hardest_negative = similarity.masked_fill(~negative, -torch.inf).amax(1, keepdim=True)
    return positive & (similarity < hardest_negative + epsilon), negative & (similarity > hardest_positive - epsilon)
