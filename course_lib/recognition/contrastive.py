"""Contrastive loss: pull the pairs of one identity together, push the others beyond a margin."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from course_lib.recognition.distances import check_batch, squared_distances


def contrastive_distance_loss(
    distance: Float[Tensor, "*n"], same: Bool[Tensor, "*n"], margin: float = 1.0, *, squared: bool = True
) -> Float[Tensor, "*n"]:
    """Return the contrastive loss of pairs from their distances, elementwise.

    ½ d² for a pair of one identity, ½ [m - d]₊² otherwise; or d and [m - d]₊ unsquared.

    Args:
        distance: d, any shape, ≥ 0.
        same: whether the pair is of one identity.
        margin: m > 0.
        squared: the published squared form, or the unsquared hinge some libraries use.

    Returns:
        Same shape, ≥ 0.

    Source: [hadsell2006], [sun2014]
    """
    gap = torch.where(same, distance, (margin - distance).clamp_min(0))
    return 0.5 * gap * gap if squared else gap


def contrastive_loss(
    embeddings: Float[Tensor, "b d"],
    labels: Int[Tensor, "b"],
    margin: float = 1.0,
    *,
    squared: bool = True,
    normalise: bool = True,
    reduction: str = "balanced",
) -> Float[Tensor, ""]:
    """Return the contrastive loss over all pairs of the batch: pull one identity together, push others to a margin.

    Args:
        embeddings: (B, D).
        labels: (B,) identities.
        margin: m; distances on the unit sphere lie in [0, 2].
        squared: ½ d² and ½ [m - d]₊² (DeepID2), or d and [m - d]₊.
        normalise: put the embeddings on the unit sphere.
        reduction: "balanced" (mean over positive pairs plus mean over negative ones), "active" (the same over pairs
            with a loss above 0), "mean" (over all ordered pairs) or "sum".

    Returns:
        A scalar ≥ 0; a kind of pair that the batch lacks contributes 0.

    Raises:
        ValueError: for an empty batch, labels of another length, or another reduction.

    Source: [hadsell2006], [sun2014]
    """
    check_batch(embeddings, labels)
    if reduction not in ("balanced", "active", "mean", "sum"):
        raise ValueError(f"reduction must be 'balanced', 'active', 'mean' or 'sum', got {reduction!r}")
    squares = squared_distances(embeddings, normalise=normalise)
    return ContrastiveSum.apply(squares, labels, margin, squared, reduction)


class ContrastiveSum(torch.autograd.Function):
    """The weighted sum of contrastive losses over a (B, B) matrix of squared distances, with its slope in closed form.

    With d = sqrt(d²): d(½ d²)/dd² = ½ and d(½ [m - d]₊²)/dd² = -½ [m - d]₊ / d. Built step by step by autograd, the
    same takes a dozen (B, B) tensors. Source: [hadsell2006]
    """

    @staticmethod
    def forward(ctx, squares: Tensor, labels: Tensor, margin: float, squared: bool, reduction: str):
        """Return the loss and keep its slope with respect to each squared distance."""
        same = labels[:, None] == labels[None]
        distance = squares.clamp_min(1e-12).sqrt_()
        gap = torch.where(same, distance, (margin - distance).clamp_min_(0))
        share = _shares(same, gap, reduction)
        slope = torch.where(same, share, -share).mul_(0.5)
        if squared:
            loss = 0.5 * torch.dot(share.mul_(gap).flatten(), gap.flatten())
            slope.mul_(gap)
        else:
            loss = torch.dot(share.flatten(), gap.flatten())
            slope.mul_(gap > 1e-6)
        ctx.save_for_backward(slope.div_(distance))
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        """Return the gradient of the squared distances."""
        (slope,) = ctx.saved_tensors
        return slope * upstream, None, None, None, None


def _shares(same: Tensor, gap: Tensor, reduction: str) -> Tensor:
    """Return what each ordered pair weighs in the reduced loss; the diagonal weighs nothing."""
    size = len(same)
    total = size * (size - 1)
    if reduction in ("mean", "sum"):
        share = torch.full_like(gap, 1 / max(total, 1) if reduction == "mean" else 1.0)
        return share.fill_diagonal_(0)
    of_one = same.sum() - size
    of_two = total - of_one
    if reduction == "active":
        live = (gap > 1e-6).fill_diagonal_(False)
        of_one = (live & same).sum()
        of_two = live.sum() - of_one
    share = torch.where(same, 1 / of_one.clamp_min(1), 1 / of_two.clamp_min(1)).to(gap.dtype)
    return share.fill_diagonal_(0)
