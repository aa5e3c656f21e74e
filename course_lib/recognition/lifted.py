"""Lifted structure: the max form, its smooth bound and the generalised form, all in O(B²)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.recognition.distances import check_batch, pair_masks, pairwise_distances


def lifted_structure_loss(
    embeddings: Float[Tensor, "b d"],
    labels: Int[Tensor, "b"],
    margin: float = 1.0,
    *,
    form: str = "smooth",
    normalise: bool = True,
) -> Float[Tensor, ""]:
    """Return the lifted structure loss: each positive pair against the hardest negatives of both of its ends.

    L = 1/(2|P|) Σ_{(i,j)∈P} [J_ij]₊², P the unordered positive pairs, D the Euclidean distance, and
    form "max": J_ij = D_ij + max(max_{k∈N(i)} α - D_ik, max_{l∈N(j)} α - D_jl);
    form "smooth": J_ij = D_ij + log(Σ_{k∈N(i)} e^{α - D_ik} + Σ_{l∈N(j)} e^{α - D_jl}), which bounds it from above.
    The double sum is logaddexp of two row sums, so nothing larger than (B, B) is made.

    Args:
        embeddings: (B, D).
        labels: (B,) identities.
        margin: α; 1 in the authors' configuration.
        form: "smooth" or "max".
        normalise: put the embeddings on the unit sphere (the paper did not).

    Returns:
        A scalar ≥ 0; 0 where the batch has no positive pair or no negative.

    Raises:
        ValueError: for another form, an empty batch, or labels of another length.

    Source: [song2016]
    """
    check_batch(embeddings, labels)
    if form not in ("smooth", "max"):
        raise ValueError(f"form must be 'smooth' or 'max', got {form!r}")
    distance = pairwise_distances(embeddings, normalise=normalise)
    positive, negative = pair_masks(labels)
    # -1e4 stands in for -inf, whose gradient through an empty log-sum-exp (a one-identity batch) would be NaN
    toward = (margin - distance).masked_fill(~negative, -1e4)
    if form == "smooth":
        row = toward.logsumexp(1)
        worst = torch.logaddexp(row[:, None], row[None])
    else:
        row = toward.amax(1)
        worst = torch.maximum(row[:, None], row[None])
    squares = F.relu(worst + distance).square()
    return (squares * positive).sum() / (2 * positive.sum()).clamp_min(1)


def generalised_lifted_loss(
    embeddings: Float[Tensor, "b d"],
    labels: Int[Tensor, "b"],
    margin: float = 1.0,
    *,
    normalise: bool = True,
) -> Float[Tensor, ""]:
    """Return the generalised lifted loss: all positives and all negatives of each anchor, by log-sum-exp.

    L = mean_a [ log Σ_p e^{D_ap} + log Σ_n e^{α - D_an} ]₊ over anchors that have both. An anchor without positives
    or negatives has an empty sum, log 0 = -∞, and so contributes 0 (in code
    -∞ is -1e4, whose gradient stays finite).

    Args:
        embeddings: (B, D).
        labels: (B,) identities.
        margin: α.
        normalise: put the embeddings on the unit sphere.

    Returns:
        A scalar ≥ 0; 0 where no anchor has both.

    Raises:
        ValueError: for an empty batch or labels of another length.

    Source: [hermans2017]
    """
    check_batch(embeddings, labels)
    distance = pairwise_distances(embeddings, normalise=normalise)
    positive, negative = pair_masks(labels)
    both = positive.any(1) & negative.any(1)
    pull = distance.masked_fill(~positive, -1e4).logsumexp(1)
    push = (margin - distance).masked_fill(~negative, -1e4).logsumexp(1)
    losses = F.relu(pull + push) * both
    return losses.sum() / both.sum().clamp_min(1)
