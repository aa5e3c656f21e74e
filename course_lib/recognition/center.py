"""Center loss: pulls each feature to its class centre; the centres move by a rule of their own."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


def center_loss(
    embeddings: Float[Tensor, "b d"], centres: Float[Tensor, "c d"], labels: Int[Tensor, "b"], reduction: str = "mean"
) -> Float[Tensor, ""]:
    """Return half the squared distance of each feature to the centre of its class; centres get no gradient.

    L_C = ½ Σ |x_i - c_{y_i}|² (or its mean over the batch). Only the B centres in question are read: O(B·D), where
    widely used code builds all B·C distances.

    Args:
        embeddings: x, (B, D), not normalised.
        centres: c, (C, D).
        labels: y, (B,) in [0, C).
        reduction: "sum" as in the paper, or "mean".

    Returns:
        A scalar ≥ 0.

    Raises:
        ValueError: for an empty batch or another reduction.

    Source: [wen2016]
    """
    if len(embeddings) == 0:
        raise ValueError("embeddings must hold at least one sample, got none")
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be 'mean' or 'sum', got {reduction!r}")
    total = 0.5 * (embeddings - centres.detach()[labels].to(embeddings.dtype)).square().sum()
    return total / len(embeddings) if reduction == "mean" else total


@torch.no_grad()
def update_centres(
    centres: Float[Tensor, "c d"], embeddings: Float[Tensor, "b d"], labels: Int[Tensor, "b"], rate: float = 0.5
) -> Float[Tensor, "c d"]:
    """Move the centres of the batch's classes towards their samples, in place, by the paper's rule.

    c_j ← c_j - α Σ_{y_i=j} (c_j - x_i) / (1 + n_j), n_j the class's samples in the batch: the 1 in the denominator
    damps classes seen once. This is not a gradient step of the loss, and needs no optimiser.

    Args:
        centres: c, (C, D), changed in place.
        embeddings: x, (B, D).
        labels: y, (B,) in [0, C).
        rate: α in [0, 1]; 0.5 in the paper.

    Returns:
        The same tensor `centres`.

    Raises:
        ValueError: for a rate outside [0, 1].

    Source: [wen2016]
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate must lie in [0, 1], got {rate}")
    classes, index, count = labels.unique(return_inverse=True, return_counts=True)
    gap = centres[labels] - embeddings.to(centres.dtype)
    summed = torch.zeros(len(classes), centres.shape[1], dtype=centres.dtype, device=centres.device)
    summed.index_add_(0, index, gap)
    centres.index_add_(0, classes, summed / (1 + count[:, None]), alpha=-rate)
    return centres


class Centres(nn.Module):
    """Class centres as a buffer: `forward` returns the loss and, in training mode, moves the centres afterwards.

    Args:
        classes: C.
        width: D.
        rate: α of the centres' rule.

    Source: [wen2016]
    """

    def __init__(self, classes: int, width: int, rate: float = 0.5):
        super().__init__()
        self.rate = rate
        self.centres: Tensor
        self.register_buffer("centres", torch.zeros(classes, width))

    def forward(self, embeddings: Float[Tensor, "b d"], labels: Int[Tensor, "b"]) -> Float[Tensor, ""]:
        """Return the mean center loss of the batch, ≥ 0; weigh it with about 0.003 beside softmax."""
        loss = center_loss(embeddings, self.centres, labels)
        if self.training:
            # a new tensor: the old centres may still be needed by the loss's backward pass
            self.centres = update_centres(self.centres.clone(), embeddings.detach(), labels, self.rate)
        return loss
