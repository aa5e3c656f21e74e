"""JPEG, as a function with gradients."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from course_lib import images
from course_lib.degrade.common import Severity, degradation, per_image

# Annex K of the standard, in rows of vertical frequency, as libjpeg uses them at quality 50.
LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA_TABLE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)

Rounding = Literal["straight_through", "cubic"]


@degradation
def jpeg(
    image: Float[Tensor, "b c h w"], quality: Severity, *, rounding: Rounding = "straight_through"
) -> Float[Tensor, "b c h w"]:
    """JPEG compression: what a file of this quality would show, without writing it.

    Y'CbCr; chroma at half size in both directions (4:2:0); the cosine transform of 8 × 8 blocks; each coefficient rounded to a
    multiple of its entry in the quantisation table; and back. The entropy coding, which loses nothing, is left out.
    libjpeg's tables: ⌊(base · s + 50) / 100⌋ in [1, 255], with s = ⌊5000 / quality⌋ below 50 and ⌊200 − 2 · quality⌋ above.

    Rounding has gradient 0 almost everywhere, so two others are offered: "straight_through" rounds and passes the gradient as if it had
    not; "cubic" computes round(x) + (x − round(x))³, a smooth curve near the steps, and is not exactly
    JPEG. Even at quality 100 the result differs from the image: coefficients are whole numbers, chroma has half the size.

    Args:
        image: (B, 1 or 3, H, W) in [0, 1].
        quality: libjpeg's, from 1 (worst) to 100; fractions lie between the whole numbers.
        rounding: "straight_through" or "cubic".

    Returns:
        (B, C, H, W) in [0, 1], not rounded to 8 bits.

    Raises:
        ValueError: if ``quality`` leaves [1, 100] or ``rounding`` is another word; see also ``check_images``.
        TypeError: see ``check_images``.

    Source:
        [wallace1992]; the smooth rounding [shin2017]
    """
    if rounding not in ("straight_through", "cubic"):
        raise ValueError(f'rounding: expected "straight_through" or "cubic", got {rounding!r}')
    scale = _table_scale(per_image(quality, image, "quality", 1, 100).reshape(-1, 1, 1))
    height, width = image.shape[-2:]
    planes = (image if image.shape[1] == 1 else images.ycbcr_from_rgb(image)) * 255
    # Files hold whole levels; without this step the result is further from libjpeg's.
    planes = _straight(_nearest, planes)
    grey = _quantised(planes[:, :1] - 128, LUMA_TABLE, scale, rounding) + 128
    if image.shape[1] == 1:
        return (grey / 255).clamp(0, 1)
    colour = _quantised(_halved(planes[:, 1:]), CHROMA_TABLE, scale, rounding)
    # The decoder's triangle filter: weights 3/4 and 1/4, the edge repeated.
    colour = functional.interpolate(colour, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]
    return images.rgb_from_ycbcr(torch.cat((grey, colour), 1) / 255).clamp(0, 1)


def _table_scale(quality: Tensor) -> Tensor:
    return _straight(torch.floor, torch.where(quality < 50, 5000 / quality, 200 - 2 * quality))


def _table(base: tuple[tuple[int, ...], ...], scale: Tensor) -> Tensor:
    """(1 or B, 1, 64): the steps of the coefficients, row by row."""
    entries = scale.new_tensor(base).reshape(1, 1, 64) * scale
    return _straight(torch.floor, (entries + 50) / 100).clamp(1, 255)


def _halved(colour: Tensor) -> Tensor:
    """Means over 2 × 2 pixels; an odd edge is repeated first."""
    height, width = colour.shape[-2:]
    even = functional.pad(colour, (0, width % 2, 0, height % 2), mode="replicate")
    return functional.avg_pool2d(even, 2)


def _quantised(plane: Tensor, base: tuple[tuple[int, ...], ...], scale: Tensor, rounding: Rounding) -> Tensor:
    """(B, C, H, W) in levels around 0, through the rounded cosine coefficients of its 8 × 8 blocks and back."""
    batch, channels, height, width = plane.shape
    down, across = -(-height // 8), -(-width // 8)
    padded = functional.pad(plane, (0, across * 8 - width, 0, down * 8 - height), mode="replicate")
    blocks = padded.reshape(batch, channels, down, 8, across, 8).permute(0, 1, 2, 4, 3, 5).reshape(batch, -1, 64)
    table = _table(base, scale)
    basis = _cosines(plane)
    coefficients = (blocks @ basis.mT) / table
    coefficients = _straight(_nearest, coefficients) if rounding == "straight_through" else _cubic(coefficients)
    blocks = (coefficients * table) @ basis
    restored = blocks.reshape(batch, channels, down, across, 8, 8).permute(0, 1, 2, 4, 3, 5)
    return restored.reshape(batch, channels, down * 8, across * 8)[..., :height, :width]


def _cosines(like: Tensor) -> Tensor:
    """(64, 64), orthogonal: the two-dimensional cosine transform of a flattened 8 × 8 block."""
    frequency = torch.arange(8, dtype=like.dtype, device=like.device)[:, None]
    place = torch.arange(8, dtype=like.dtype, device=like.device)
    line = torch.cos((2 * place + 1) * frequency * (math.pi / 16)) * 0.5
    line = torch.where(frequency == 0, math.sqrt(1 / 8), line)
    return torch.kron(line, line)


def _straight(step: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    return values + (step(values) - values).detach()


def _nearest(values: Tensor) -> Tensor:
    """The nearest whole number, halves away from zero as in libjpeg.

    Halves are common here: the mean of a block is a whole number of 64ths. The small shift keeps them together whatever the
    rounding of the sum before, so that every computer and browser gets the same picture.
    """
    return torch.sign(values) * torch.floor(values.abs() + (0.5 + 1e-4))


def _cubic(values: Tensor) -> Tensor:
    whole = _nearest(values).detach()
    return whole + (values - whole) ** 3
