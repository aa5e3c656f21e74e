"""Histograms of 256 levels, and what is read off them: entropy, shares, percentiles."""

import torch
from jaxtyping import Float
from torch import Tensor

LEVELS = 256


def levels(values: Float[Tensor, "b h w"], dtype: torch.dtype = torch.int64) -> Tensor:
    """The level floor(255 v + 1/2) of each value in [0, 1]: 8-bit images give back their bytes."""
    # Adding 255 v to 1/2 is one pass over the values, and truncation is floor, since nothing is below 0.
    scaled = torch.add(values.new_full((), 0.5), values.detach(), alpha=255)
    return scaled.to(torch.int32).to(dtype)


def histogram(values: Float[Tensor, "b h w"], inside: Float[Tensor, "b h w"] | None = None) -> Float[Tensor, "b 256"]:
    """How many pixels of each image have each level.

    Args:
        values: (B, h, w) in [0, 1].
        inside: 1 where a pixel counts, 0 elsewhere; all count when it is left out.

    Returns:
        (B, 256) counts, exact up to 2^24 pixels an image (float32); without gradient.
    """
    traced = torch.compiler.is_compiling() or torch.compiler.is_exporting()
    if values.device.type == "cpu" and not traced:
        # bincount counts bytes faster than anything else on a CPU, but it does not export.
        rows = levels(values, torch.uint8).flatten(1)
        if inside is None:
            counts = [torch.bincount(row, minlength=LEVELS) for row in rows]
        else:
            counts = [
                torch.bincount(row[kept], minlength=LEVELS)
                for row, kept in zip(rows, inside.flatten(1) > 0, strict=True)
            ]
        return torch.stack(counts).to(values.dtype)
    index = levels(values).flatten(1)
    weights = torch.ones_like(values) if inside is None else inside
    return values.new_zeros(values.shape[0], LEVELS).scatter_add(1, index, weights.flatten(1))


def shares(counts: Float[Tensor, "b 256"]) -> Float[Tensor, "b 256"]:
    """Share of the pixels at each level; zeros for an image without pixels."""
    return counts / counts.sum(1, keepdim=True).clamp_min(1)


def entropy(counts: Float[Tensor, "b 256"]) -> Float[Tensor, " b"]:
    """Shannon entropy −Σ p log2 p of the levels, in bits, in [0, 8]."""
    share = shares(counts)
    # 0 − Σ, not −Σ: the entropy of one level shall read 0, not −0.
    return 0 - (share * torch.log2(share.clamp_min(torch.finfo(share.dtype).tiny))).sum(1)


def percentile(
    values: Float[Tensor, "b h w"],
    counts: Float[Tensor, "b 256"],
    share: float,
    inside: Float[Tensor, "b h w"] | None = None,
) -> Float[Tensor, " b"]:
    """The level below which a share of the pixels lies, interpolated between ranks as ``numpy.percentile`` does.

    Read off the histogram, which is exact for 8-bit images and otherwise within half a level. Its gradient is that of
    the value at this rank, spread evenly over the pixels of its level.

    Args:
        values: (B, h, w) in [0, 1].
        counts: their histogram.
        share: from 0 (minimum) to 1 (maximum).
        inside: the region that the histogram was counted in.

    Returns:
        (B,) in [0, 1]; 0 for an image without pixels.
    """
    cumulative = counts.double().cumsum(1)
    last = (cumulative[:, -1:] - 1).clamp_min(0)
    rank = torch.floor(share * last)
    weight = (share * last - rank).to(values.dtype)[:, 0]
    low = (cumulative <= rank).sum(1)
    high = (cumulative <= torch.minimum(rank + 1, last)).sum(1)
    filled = cumulative[:, -1] > 0
    level = torch.where(filled, low + weight * (high - low), 0).to(values.dtype) / (LEVELS - 1)
    if not (values.requires_grad and torch.is_grad_enabled()):
        return level
    smooth = torch.lerp(_tied(values, low, inside), _tied(values, high, inside), weight)
    smooth = torch.where(filled, smooth, 0)
    return level + (smooth - smooth.detach())


def _tied(values: Tensor, level: Tensor, inside: Tensor | None) -> Tensor:
    equal = (levels(values) == level[:, None, None]).to(values.dtype)
    equal = equal if inside is None else equal * inside
    return (values * equal).sum((1, 2)) / equal.sum((1, 2)).clamp_min(1)
