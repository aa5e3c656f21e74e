"""Contrast: how far light and dark lie apart, over the whole image, between face and background, or from place to place."""

import functools

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.quality.chunks import in_chunks
from course_lib.quality.histogram import percentile
from course_lib.quality.maps import Images, Map, Maps, Region, ratio, root, window_sum
from course_lib.quality.record import Measure

DARKEST = 1e-5


@in_chunks
def michelson_contrast(image: Images, tail: float = 0.01, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Michelson contrast between the bright and the dark end of the grey levels.

    Formula: (high − low) / (high + low), high and low the levels at the shares 1 − tail and tail of the pixels; a tail
    of 0 is Michelson's own maximum and minimum, which one hot pixel decides. 0 for a black image.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        tail: share of the pixels to leave out at each end, in [0, 0.5).
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 1]. The same for images in [0, 255].

    Raises:
        TypeError, ValueError: if the image or the mask is none, or tail is out of range.

    Source: [michelson1927], robust as in [abaza2014].
    """
    if not 0 <= tail < 0.5:
        raise ValueError(f"tail: expected a share in [0, 0.5), got {tail}")
    maps = Maps.of(image, mask)
    low, high = (percentile(maps.grey.values, maps.grey_histogram, share, maps.mask) for share in (tail, 1 - tail))
    return ratio(high - low, high + low)


@in_chunks
def rms_contrast(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """RMS contrast: standard deviation of the grey levels.

    Formula: √((1/N) Σ (I − μ)²).

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 0.5]; on 0..255 images 255 times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [peli1990].
    """
    return root(Maps.of(image, mask).centred.mean_square())


@in_chunks
def contrast_range(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Range of the grey levels.

    Formula: max I − min I. One pixel decides each end.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 1]; on 0..255 images 255 times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [gonzalez2018].
    """
    maps = Maps.of(image, mask)
    grey = maps.grey.values
    if maps.mask is None:
        return grey.amax((1, 2)) - grey.amin((1, 2))
    inside = maps.mask > 0
    span = torch.where(inside, grey, -torch.inf).amax((1, 2)) - torch.where(inside, grey, torch.inf).amin((1, 2))
    return torch.where(inside.any(2).any(1), span, 0)


@in_chunks
def weber_contrast(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Weber contrast of the face against its background.

    Formula: (mean I of the object − mean I of the background) / mean I of the background.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W), 1 on the object and 0 on the background. Without it the object is the ellipse in the middle
            with half axes 0.3 W and 0.4 H, about where a portrait has its face.

    Returns:
        (B,) from −1 (black object), above 0 if the object is the brighter one, without upper limit. 0 where object or
        background is missing or the background is black. The same for images in [0, 255].

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [peli1990].
    """
    grey = (maps := Maps.of(image, mask)).grey.values
    face = _ellipse(grey.shape[1], grey.shape[2], grey.dtype, grey.device) if maps.mask is None else maps.mask
    pixels, face_pixels = grey[0].numel(), face.sum((1, 2))
    face_sum = (grey * face).sum((1, 2))
    background = (grey.sum((1, 2)) - face_sum) / (pixels - face_pixels).clamp_min(1)
    contrast = ratio(face_sum / face_pixels.clamp_min(1) - background, background)
    return torch.where((face_pixels > 0) & (face_pixels < pixels), contrast, 0)


@in_chunks
def local_weber_contrast(image: Images, size: int = 9, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Local Weber contrast: how far each pixel departs from the mean of its surroundings.

    Formula: (1/N) Σ |I − m| / m, m the mean over the size × size window around the pixel, but not below 1e-5 (a single
    pixel of level 1 in a black window has m = 5e-5), so that black gives 0.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``; sides at least ``size``.
        size: side of the window in pixels, odd.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if its window lies in it. 0 if none does.

    Returns:
        (B,) from 0 (flat); at most size² − 1. The same for images in [0, 255].

    Raises:
        TypeError, ValueError: if the image or the mask is none, or ``size`` is even or does not fit.

    Source: [peli1990].
    """
    maps = Maps.of(image, mask)
    grey = maps.grey.values
    if size % 2 == 0 or size < 3 or size > min(grey.shape[1:]):
        raise ValueError(
            f"size: expected an odd number from 3 to the image's shorter side {min(grey.shape[1:])}, got {size}"
        )
    reach = size // 2
    total = window_sum(window_sum(grey, size, 1), size, 2)  # size² m
    departure = torch.sub(total, grey[:, reach:-reach, reach:-reach], alpha=size**2).abs()
    return Map(departure / total.clamp_min(size**2 * DARKEST), maps.inside(size, size)).mean()


def _ellipse(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "1 h w"]:
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return _new_ellipse(height, width, dtype, device)
    with torch.inference_mode(False):  # what is kept must serve later calls with gradients too
        return _kept_ellipse(height, width, dtype, device)


def _new_ellipse(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "1 h w"]:
    rows, columns = (
        ((torch.arange(size, dtype=dtype, device=device) + 0.5) / size - 0.5).abs() for size in (height, width)
    )
    # Row by row, the half width of the ellipse; below 0 above and below it.
    half = torch.where(rows <= 0.4, 0.3 * (1 - (rows / 0.4).square()).clamp_min(0).sqrt(), -1)
    return (columns <= half[:, None]).to(dtype)[None]


_kept_ellipse = functools.lru_cache(maxsize=8)(_new_ellipse)


MEASURES: tuple[Measure, ...] = (
    Measure("michelson_contrast", michelson_contrast, "contrast", (0, 1), "", "higher", "michelson1927", power=0),
    Measure("rms_contrast", rms_contrast, "contrast", (0, 0.5), "I", "higher", "peli1990", power=1),
    Measure("contrast_range", contrast_range, "contrast", (0, 1), "I", "higher", "gonzalez2018", power=1),
    Measure("weber_contrast", weber_contrast, "contrast", (-1, float("inf")), "", "target", "peli1990", power=0),
    Measure("local_weber_contrast", local_weber_contrast, "contrast", (0, 80), "", "higher", "peli1990", power=0),
)
