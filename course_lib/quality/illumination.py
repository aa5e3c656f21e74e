"""Illumination: how much light the face sends into the camera, and how it is spread."""

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.quality.chunks import in_chunks
from course_lib.quality.maps import Images, Map, Maps, Region, ratio
from course_lib.quality.record import Measure

BLOCKS = 4


@in_chunks
def luminance_mean(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Mean relative luminance, in linear light.

    Formula: (1/N) Σ Y, Y = 0.2126 R + 0.7152 G + 0.0722 B of linear R, G, B. Mid-grey (half of white as coded) has
    Y = 0.21: a well lit face lies at 0.2 to 0.3, not at 0.5. A photograph gives Y relative to white, not in cd/m².

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 1].

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [iso2025], without its rounding to 8 bits.
    """
    return Maps.of(image, mask).luminance_mean


@in_chunks
def luminance_variance(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Variance of relative luminance, in linear light.

    Formula: (1/N) Σ (Y − mean Y)².

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 0.25]; ISO/IEC 29794-5 holds 1/60 for best.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [iso2025], without its rounding to 8 bits.
    """
    maps = Maps.of(image, mask)
    return Map(maps.luminance.values - maps.luminance_mean[:, None, None], maps.mask).mean_square()


@in_chunks
def weighted_block_illumination(image: Images, spread: float = 1.0, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Weighted mean of the grey level over 4 × 4 blocks, the centre of the face counting most.

    Formula: Σ w_i mean_i / Σ w_i over the blocks, w_i = exp(−d² / (2 s²)) with d the distance of the block's centre
    from the image's centre in blocks. The source gives no weights; this Gaussian with s = 1 block is our choice.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``; sides at least 4.
        spread: s, in blocks, above 0.
        mask: (B, 1, H, W) of 0 and 1; blocks without a pixel in it get no weight. 0 if it is empty.

    Returns:
        (B,) in [0, 1]; on 0..255 images 255 times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none, the image has a side below 4, or spread is not above 0.

    Source: [abdelmottaleb2007], as used in [abaza2014].
    """
    maps = Maps.of(image, mask)
    grey = maps.grey.values
    if min(grey.shape[1:]) < BLOCKS:
        raise ValueError(f"image: expected sides of at least {BLOCKS} pixels, got {tuple(grey.shape[1:])}")
    if spread <= 0:
        raise ValueError(f"spread: expected a number of blocks above 0, got {spread}")
    distance = torch.arange(BLOCKS, dtype=grey.dtype, device=grey.device) - (BLOCKS - 1) / 2
    weights = torch.exp(-distance.square() / (2 * spread**2))
    weights = weights[:, None] * weights
    if maps.mask is None:
        rows, columns = (grey.new_tensor(_block_sides(size)) for size in grey.shape[1:])
        return (weights / (rows[:, None] * columns) * _block_sums(grey)).sum((1, 2)) / weights.sum()
    pixels = _block_sums(maps.mask)
    used = weights * (pixels > 0)
    return ratio((used * ratio(_block_sums(grey * maps.mask), pixels)).sum((1, 2)), used.sum((1, 2)))


def _block_sides(size: int) -> list[float]:
    return [float(size // BLOCKS + (block < size % BLOCKS)) for block in range(BLOCKS)]  # as tensor_split has them


def _block_sums(values: Float[Tensor, "b h w"]) -> Float[Tensor, "b 4 4"]:
    rows = torch.stack([strip.sum(1) for strip in values.tensor_split(BLOCKS, 1)], 1)
    return torch.stack([block.sum(2) for block in rows.tensor_split(BLOCKS, 2)], 2)


MEASURES: tuple[Measure, ...] = (
    Measure("luminance_mean", luminance_mean, "illumination", (0, 1), "", "target", "iso2025"),
    Measure("luminance_variance", luminance_variance, "illumination", (0, 0.25), "", "target", "iso2025"),
    Measure(
        "weighted_block_illumination",
        weighted_block_illumination,
        "illumination",
        (0, 1),
        "I",
        "target",
        "abdelmottaleb2007",
        power=1,
    ),
)
