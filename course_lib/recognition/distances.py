"""Distances, similarities and masks of a batch with itself: what every pair loss starts from."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_lib.recognition.angles import unit


def pairwise_similarity(
    embeddings: Float[Tensor, "b d"], others: Float[Tensor, "m d"] | None = None
) -> Float[Tensor, "b m"]:
    """Return the cosine similarity of every row with every row.

    S_ij = x_i·y_j / (|x_i| |y_j|).

    Args:
        embeddings: x, (B, D).
        others: y, (M, D); the embeddings themselves if None.

    Returns:
        (B, M) in [-1, 1] up to rounding, float32 or float64.

    Source: [wang2017normface]
    """
    left = unit(embeddings)[0]
    return left @ (left if others is None else unit(others)[0]).t()


def squared_distances(
    embeddings: Float[Tensor, "b d"], others: Float[Tensor, "m d"] | None = None, *, normalise: bool = True
) -> Float[Tensor, "b m"]:
    """Return the squared Euclidean distance of every row to every row, by one matrix product.

    d²_ij = |x_i|² + |y_j|² - 2 x_i·y_j, never below 0. The product loses what is under 1e-6 |x|² in float32.

    Args:
        embeddings: x, (B, D).
        others: y, (M, D); the embeddings themselves if None.
        normalise: put the rows on the unit sphere first; then d² = 2 - 2 cos θ is in [0, 4].

    Returns:
        (B, M), float32 or float64, ≥ 0.

    Source: [schroff2015]
    """
    return _raw_squares(embeddings, others, normalise).clamp_min(0)


def _raw_squares(embeddings: Tensor, others: Tensor | None, normalise: bool) -> Tensor:
    """Return |x|² + |y|² - 2 x·y in one fused product; rounding can leave it slightly below 0."""
    if normalise:
        left = unit(embeddings)[0]
        right = left if others is None else unit(others)[0]
        return torch.addmm(left.new_full((1, 1), 2.0), left, right.t(), alpha=-2)
    left = embeddings.float() if embeddings.dtype in (torch.float16, torch.bfloat16) else embeddings
    right = left if others is None else others.to(left.dtype)
    squares = left.square().sum(1)[:, None] + right.square().sum(1)[None]
    return torch.addmm(squares, left, right.t(), alpha=-2)


def pairwise_distances(
    embeddings: Float[Tensor, "b d"], others: Float[Tensor, "m d"] | None = None, *, normalise: bool = True
) -> Float[Tensor, "b m"]:
    """Return the Euclidean distance of every row to every row, with gradient 0 where two rows coincide.

    d_ij = sqrt(max(d²_ij, 1e-12)). The floor comes before the root, whose slope at 0 is infinite.

    Args:
        embeddings: x, (B, D).
        others: y, (M, D); the embeddings themselves if None.
        normalise: put the rows on the unit sphere first; then d is in [0, 2].

    Returns:
        (B, M), float32 or float64, ≥ 1e-6.

    Source: [hadsell2006]
    """
    return _raw_squares(embeddings, others, normalise).clamp_min(1e-12).sqrt()


def pair_masks(labels: Int[Tensor, "b"]) -> tuple[Bool[Tensor, "b b"], Bool[Tensor, "b b"]]:
    """Return which ordered pairs are positive (same identity, different sample) and which are negative.

    Args:
        labels: (B,) identities.

    Returns:
        Two (B, B) masks that are disjoint and leave only the diagonal out.

    Source: [hermans2017]
    """
    same = labels[:, None] == labels[None]
    return same.clone().fill_diagonal_(False), ~same


def check_batch(embeddings: Float[Tensor, "b d"], labels: Int[Tensor, "b"]) -> None:
    """Raise ValueError unless there is one label an embedding and at least one sample.

    Args:
        embeddings: (B, D).
        labels: (B,).

    Raises:
        ValueError: for an empty batch or lengths that differ.

    Source: [hermans2017]
    """
    if len(embeddings) == 0:
        raise ValueError("embeddings must hold at least one sample, got none")
    if len(labels) != len(embeddings):
        raise ValueError(f"labels must hold {len(embeddings)} entries, one a sample, got {len(labels)}")


def mean_of_active(losses: Float[Tensor, "*n"], reduction: str = "active") -> Float[Tensor, ""]:
    """Reduce hinge losses to a scalar: by default their mean over those above zero.

    Args:
        losses: any shape, ≥ 0; entries that don't count must be 0.
        reduction: "active" (mean over the entries above 0; 0 if none is), "mean" or "sum".

    Returns:
        A scalar ≥ 0.

    Raises:
        ValueError: for another reduction.

    Source: [wu2017]
    """
    if reduction == "sum":
        return losses.sum()
    if reduction == "mean":
        return losses.mean()
    if reduction != "active":
        raise ValueError(f"reduction must be 'active', 'mean' or 'sum', got {reduction!r}")
    return losses.sum() / (losses.detach() > 0).sum().clamp_min(1)
