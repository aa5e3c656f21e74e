"""Turned in the plane, and too few pixels."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from course_lib.degrade.common import Severity, degradation, filter_separably, per_image


@degradation
def rotate(image: Float[Tensor, "b c h w"], degrees: Severity) -> Float[Tensor, "b c h w"]:
    """In-plane rotation about the centre of the image, with bilinear interpolation.

    What turns in from outside is the image mirrored at its outermost pixels (BORDER_REFLECT_101): black corners would count
    as edges and as darkness in every measure.

    Args:
        image: (B, 1 or 3, H, W) in [0, 1].
        degrees: counter-clockwise as seen, as in OpenCV and Pillow; 0 changes nothing, exactly.

    Returns:
        (B, C, H, W) in [0, 1].

    Raises:
        ValueError: if ``degrees`` is NaN or beyond a million; see also ``check_images``.
        TypeError: see ``check_images``.
    """
    turn = per_image(degrees, image, "degrees", -1e6, 1e6)
    radians = (turn * (math.pi / 180)).reshape(-1, 1, 1)
    batch, _, height, width = image.shape
    x = (torch.arange(width, dtype=image.dtype, device=image.device) - (width - 1) / 2).reshape(1, 1, -1)
    y = (torch.arange(height, dtype=image.dtype, device=image.device) - (height - 1) / 2).reshape(1, -1, 1)
    # Where each pixel comes from, in grid_sample's units: −1 and 1 are the centres of the first and the last pixel.
    source_x = (torch.cos(radians) * x - torch.sin(radians) * y) * (2 / max(width - 1, 1))
    source_y = (torch.sin(radians) * x + torch.cos(radians) * y) * (2 / max(height - 1, 1))
    grid = torch.stack((source_x, source_y), 3).expand(batch, -1, -1, -1)
    turned = functional.grid_sample(image, grid, mode="bilinear", padding_mode="reflection", align_corners=True)
    return torch.where(turn == 0, image, turned)


@degradation
def downsample(image: Float[Tensor, "b c h w"], factor: Severity) -> Float[Tensor, "b c h w"]:
    """Low resolution: means over blocks of factor × factor pixels, enlarged again by linear interpolation.

    A side of n pixels becomes round(n / factor), at least 1, and n again. Both steps are one matrix for each axis, so that
    ``factor`` may be a tensor: the result equals OpenCV's INTER_AREA followed by INTER_LINEAR.

    Args:
        image: (B, 1 or 3, H, W) in [0, 1].
        factor: ≥ 1; 1 changes nothing, exactly. Its gradient is 0: only whole numbers of pixels count.

    Returns:
        (B, C, H, W) in [0, 1].

    Raises:
        ValueError: if ``factor`` is below 1; see also ``check_images``.
        TypeError: see ``check_images``.
    """
    shrink = per_image(factor, image, "factor", 1, math.inf).reshape(-1, 1, 1)
    height, width = image.shape[-2:]
    return filter_separably(image, _there_and_back(height, shrink), _there_and_back(width, shrink))


def _there_and_back(size: int, shrink: Tensor) -> Tensor:
    """(b, size, size): means over the blocks of a shorter line, then linear interpolation between them."""
    pixel = torch.arange(size, dtype=shrink.dtype, device=shrink.device)
    count = torch.round(size / shrink).clamp(min=1)  # pixels of the shorter line
    block = size / count
    start = pixel[:, None] * block
    # Row a: how much of each pixel lies in block a. Blocks beyond the count lie outside and are never asked for.
    overlap = ((start + block).minimum(pixel + 1) - start.maximum(pixel)).clamp(min=0)
    place = ((pixel[:, None] + 0.5) * count / size - 0.5).clamp(min=0).minimum(count - 1)
    interpolation = (1 - (place - pixel).abs()).clamp(min=0)
    # Divided by its own sum, not by the block: rounding would let the weights add up to more than 1, and white to more.
    return interpolation @ (overlap / overlap.sum(2, keepdim=True).clamp_min(torch.finfo(overlap.dtype).tiny))
