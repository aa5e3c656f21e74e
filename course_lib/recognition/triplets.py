"""Triplet losses: all triplets, semi-hard, batch-hard (TriHard) and its weighted form, each in O(B²) memory."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.recognition.distances import (
    check_batch,
    mean_of_active,
    pair_masks,
    pairwise_distances,
    squared_distances,
)


def triplet_distance_loss(
    positive: Float[Tensor, "*n"], negative: Float[Tensor, "*n"], margin: float | str = 0.2
) -> Float[Tensor, "*n"]:
    """Return the loss of triplets from their two distances, elementwise.

    [d_ap - d_an + margin]₊, or ln(1 + e^{d_ap - d_an}) for margin "soft".

    Args:
        positive: d_ap (or its square), any shape, ≥ 0.
        negative: d_an (or its square), same shape.
        margin: a number ≥ 0, or "soft".

    Returns:
        Same shape, ≥ 0.

    Raises:
        ValueError: if the margin is another string.

    Source: [schroff2015], [hermans2017]
    """
    if isinstance(margin, str):
        if margin != "soft":
            raise ValueError(f"margin must be a number or 'soft', got {margin!r}")
        return F.softplus(positive - negative)
    return F.relu(positive - negative + margin)


def triplet_loss(
    embeddings: Float[Tensor, "b d"],
    labels: Int[Tensor, "b"],
    margin: float = 0.2,
    *,
    squared: bool = True,
    normalise: bool = True,
    reduction: str = "active",
) -> Float[Tensor, ""]:
    """Return FaceNet's loss over all valid triplets of the batch, counted instead of listed.

    Σ_{a,p,n} [d²_ap - d²_an + α]₊ over the number of triplets above zero. The sum is linear in the distances once it
    is known which triplets are active, so it is Σ n_ap d²_ap - Σ n_an d²_an + α N with whole-number counts n, and the
    counts come from a search in sorted rows: O(B² log K) time and O(B²) memory, where listing takes O(B² K).

    Args:
        embeddings: (B, D).
        labels: (B,) identities.
        margin: α; 0.2 in the paper.
        squared: squared distances as in the paper, or plain ones.
        normalise: put the embeddings on the unit sphere.
        reduction: "active" (mean over triplets above 0), "mean" (over all valid triplets) or "sum".

    Returns:
        A scalar ≥ 0; 0 with zero gradient where no triplet is valid or active.

    Raises:
        ValueError: for an empty batch, labels of another length, or another reduction.

    Source: [schroff2015]
    """
    check_batch(embeddings, labels)
    if reduction not in ("active", "mean", "sum"):
        raise ValueError(f"reduction must be 'active', 'mean' or 'sum', got {reduction!r}")
    distance = (squared_distances if squared else pairwise_distances)(embeddings, normalise=normalise)
    counts, active, valid = _active_counts(distance.detach(), labels, margin)
    total = (counts * distance).sum() + margin * active
    if reduction == "sum":
        return total
    return total / (active if reduction == "active" else valid).clamp_min(1)


@torch.no_grad()
def _active_counts(distance: Tensor, labels: Tensor, margin: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return n (B, B): in how many active triplets a pair stands, + as positive, - as negative; and two totals."""
    positive, negative = pair_masks(labels)
    most = int(positive.sum(1).max())
    if most == 0:
        return torch.zeros_like(distance), distance.new_zeros(()), distance.new_zeros(())
    # Row a: the keys d_ap + margin in rising order. A negative is active with exactly the keys above its distance.
    keys, columns = distance.masked_fill(~positive, torch.inf).topk(most, largest=False)
    keys = (keys + margin).contiguous()
    below = torch.searchsorted(keys, distance.contiguous(), right=True)
    positives = positive.sum(1, keepdim=True)
    as_negative = (positives - below).clamp_min(0) * negative
    bins = distance.new_zeros(len(distance), most + 1)
    bins.scatter_add_(1, below, negative.to(bins.dtype))
    as_positive = bins.cumsum(1)[:, :most] * keys.isfinite()
    counts = -as_negative.to(distance.dtype)
    counts.scatter_add_(1, columns, as_positive)
    return counts, as_positive.sum(), (positives * negative.sum(1, keepdim=True)).sum()


def semi_hard_triplet_loss(
    embeddings: Float[Tensor, "b d"],
    labels: Int[Tensor, "b"],
    margin: float = 0.2,
    *,
    squared: bool = True,
    normalise: bool = True,
    reduction: str = "mean",
) -> Float[Tensor, ""]:
    """Return the triplet loss with one semi-hard negative for each anchor-positive pair.

    The negative is the nearest of those with d_an > d_ap; where there is none, the farthest of all. Found by sorting
    each row once and searching in it.

    Args:
        embeddings: (B, D).
        labels: (B,) identities.
        margin: α.
        squared: squared distances as in FaceNet, or plain ones.
        normalise: put the embeddings on the unit sphere.
        reduction: "mean" over anchor-positive pairs, "active" or "sum".

    Returns:
        A scalar ≥ 0; 0 where no triplet exists.

    Raises:
        ValueError: for an empty batch or labels of another length.

    Source: [schroff2015]
    """
    check_batch(embeddings, labels)
    distance = (squared_distances if squared else pairwise_distances)(embeddings, normalise=normalise)
    anchor, positive, negative = semi_hard_indices(distance.detach(), labels)
    if len(anchor) == 0:
        return distance.sum() * 0
    losses = triplet_distance_loss(distance[anchor, positive], distance[anchor, negative], margin)
    return mean_of_active(losses, reduction)


@torch.no_grad()
def semi_hard_indices(
    distance: Float[Tensor, "b b"], labels: Int[Tensor, "b"]
) -> tuple[Int[Tensor, "t"], Int[Tensor, "t"], Int[Tensor, "t"]]:
    """Return (anchor, positive, negative) with the nearest negative beyond the positive, or the farthest of all.

    Args:
        distance: (B, B), plain or squared.
        labels: (B,) identities.

    Returns:
        Three (T,) index tensors, one entry an ordered positive pair whose anchor has any negative.

    Source: [schroff2015]
    """
    positive_mask, negative_mask = pair_masks(labels)
    anchor, positive = positive_mask.nonzero(as_tuple=True)
    negatives = negative_mask.sum(1)
    keep = negatives[anchor] > 0
    anchor, positive = anchor[keep], positive[keep]
    values, columns = distance.masked_fill(~negative_mask, torch.inf).sort(1)
    rank = torch.searchsorted(values[anchor], distance[anchor, positive][:, None], right=True).squeeze(1)
    rank = rank.clamp_max(negatives[anchor] - 1)
    return anchor, positive, columns[anchor, rank]


def batch_hard_triplet_loss(
    embeddings: Float[Tensor, "b d"],
    labels: Int[Tensor, "b"],
    margin: float | str = 0.2,
    *,
    squared: bool = False,
    normalise: bool = True,
    reduction: str = "mean",
) -> Float[Tensor, ""]:
    """Return TriHard, the batch-hard triplet loss: each anchor with its farthest positive and nearest negative.

    1/(PK) Σ_a [max_{p∈A} d_ap - min_{n∈B} d_an + α]₊, or softplus(max - min) with margin "soft". A network that has
    collapsed to one point shows a loss of exactly α, or ln 2 in the soft form.

    Args:
        embeddings: (B, D).
        labels: (B,) identities; A holds the anchor's own, B all others.
        margin: α, or "soft".
        squared: use squared distances; the paper recommends plain ones.
        normalise: put the embeddings on the unit sphere.
        reduction: "mean" over anchors that have both, "active" (mean over those above 0) or "sum".

    Returns:
        A scalar ≥ 0; 0 where no anchor has both a positive and a negative.

    Raises:
        ValueError: for an empty batch, labels of another length, or a margin that is another string.

    Source: [hermans2017]
    """
    check_batch(embeddings, labels)
    distance = (squared_distances if squared else pairwise_distances)(embeddings, normalise=normalise)
    positive, negative = pair_masks(labels)
    farthest = distance.masked_fill(~positive, -1).amax(1)
    nearest = distance.masked_fill(~negative, torch.inf).amin(1)
    both = (farthest.detach() >= 0) & nearest.detach().isfinite()
    # An infinite distance must not reach the loss: masking afterwards would leave inf · 0 in the gradient.
    losses = triplet_distance_loss(farthest, nearest.masked_fill(~both, 0), margin) * both
    if reduction == "mean":
        return losses.sum() / both.sum().clamp_min(1)
    return mean_of_active(losses, reduction)


def weighted_triplet_loss(
    embeddings: Float[Tensor, "b d"],
    labels: Int[Tensor, "b"],
    margin: float | str = "soft",
    *,
    normalise: bool = True,
) -> Float[Tensor, ""]:
    """Return the adaptively weighted triplet loss: every positive and negative counts, hard ones more.

    L = mean_a g(Σ_p w_p d_ap - Σ_n w_n d_an), w_p = softmax(d_ap), w_n = softmax(-d_an), g the hinge or softplus.
    It lies between the mean over all triplets and batch-hard; weights carry gradient as in the paper.

    Args:
        embeddings: (B, D).
        labels: (B,) identities.
        margin: a number for the hinge, or "soft".
        normalise: put the embeddings on the unit sphere.

    Returns:
        A scalar ≥ 0; 0 where no anchor has both a positive and a negative.

    Raises:
        ValueError: for an empty batch, labels of another length, or a margin that is another string.

    Source: [ristani2018]
    """
    check_batch(embeddings, labels)
    distance = pairwise_distances(embeddings, normalise=normalise)
    positive, negative = pair_masks(labels)
    both = positive.any(1) & negative.any(1)
    # A large finite number instead of inf: softmax over an all-infinite row is NaN even when it is masked later.
    weight_p = distance.masked_fill(~positive, -1e4).softmax(1)
    weight_n = (-distance).masked_fill(~negative, -1e4).softmax(1)
    losses = triplet_distance_loss((weight_p * distance).sum(1), (weight_n * distance).sum(1), margin)
    return (losses * both).sum() / both.sum().clamp_min(1)
