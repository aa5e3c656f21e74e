"""Hard samples in classification: focal weights and the hardest share of a batch."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def focal_cross_entropy(
    logits: Float[Tensor, "b c"], labels: Int[Tensor, "b"], gamma: float = 2.0, reduction: str = "mean"
) -> Float[Tensor, "..."]:
    """Return cross-entropy in which well-classified samples fade: -(1 - p_y)^γ log p_y.

    Args:
        logits: (B, C), for instance of `margins.margin_logits`.
        labels: (B,) in [0, C).
        gamma: γ ≥ 0; 0 gives cross-entropy.
        reduction: "mean", "sum" or "none".

    Returns:
        A scalar, or (B,) for "none", ≥ 0.

    Raises:
        ValueError: for a negative γ or another reduction.

    Source: [lin2017]
    """
    if gamma < 0:
        raise ValueError(f"gamma must not be negative, got {gamma}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    plain = F.cross_entropy(logits, labels, reduction="none")
    # 1 - p = -expm1(-loss) keeps its digits when p is nearly 1; the floor keeps the power's slope finite at 0
    losses = (-torch.expm1(-plain)).clamp_min(1e-12) ** gamma * plain
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def hardest_mean(losses: Float[Tensor, "b"], share: float = 0.25) -> Float[Tensor, ""]:
    """Return the mean of the largest losses of a batch: online hard example mining.

    Args:
        losses: (B,) losses of the samples, B ≥ 1.
        share: the part of the batch that counts, in (0, 1]; at least one sample does.

    Returns:
        A scalar; the other samples get no gradient.

    Raises:
        ValueError: for a share outside (0, 1] or no losses.

    Source: [shrivastava2016]
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    if len(losses) == 0:
        raise ValueError("losses must hold at least one entry, got none")
    return losses.topk(max(1, round(share * len(losses)))).values.mean()
