"""Re-blur: blur the image once more and see how much changes. A blurred image has little left to lose."""

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.quality.chunks import in_chunks
from course_lib.quality.maps import Images, Map, Maps, Region, window_sum
from course_lib.quality.record import Measure


@in_chunks
def blur_effect(image: Images, size: int = 11, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Re-blur metric as scikit-image computes it, with Sobel edges: 0 sharp, 1 blurred.

    Formula: along each axis B is the running mean of I over ``size`` pixels, D_I and D_B are the Sobel edges |∂I| and
    |∂B|, V = max(0, D_I − D_B); b = (Σ D_I − Σ V) / Σ D_I, and the result is the larger b of the two axes. Beyond the
    border the image is mirrored; a flat image, which has no edges, is 1 (scikit-image floors both D at 2e-16 for that).

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``; sides at least max(4, size).
        size: pixels in the running mean.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if running mean and Sobel window lie in it. 0 if none does.

    Returns:
        (B,) in [0, 1], lower is sharper. The same for images in [0, 255].

    Raises:
        TypeError, ValueError: if the image or the mask is none, or ``size`` does not fit.

    Source: [crete2007], this variant [vanderwalt2014].
    """
    maps = Maps.of(image, mask)
    _check_size(size, maps.grey.values)
    return torch.maximum(*(_reblur(maps, size, axis, sobel=True) for axis in (1, 2)))


@in_chunks
def crete_blur(image: Images, size: int = 9, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Re-blur metric of Crété et al. with the differences of neighbours: 0 sharp, 1 blurred.

    Formula: as ``blur_effect``, with D_I = |I[x+1] − I[x]| and D_B = |B[x+1] − B[x]| along each axis.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``; sides at least max(4, size).
        size: pixels in the running mean; 9 in the paper.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if both running means lie in it. 0 if none does.

    Returns:
        (B,) in [0, 1], lower is sharper; 1 for a flat image. The same for images in [0, 255].

    Raises:
        TypeError, ValueError: if the image or the mask is none, or ``size`` does not fit.

    Source: [crete2007].
    """
    maps = Maps.of(image, mask)
    _check_size(size, maps.grey.values)
    return torch.maximum(*(_reblur(maps, size, axis, sobel=False) for axis in (1, 2)))


def _check_size(size: int, grey: Tensor) -> None:
    shortest = min(grey.shape[1:])
    if size < 2 or shortest < max(4, size):
        raise ValueError(
            f"size: expected from 2 up to the image's shorter side {shortest} (which must be at least 4), got {size}"
        )


def _reblur(maps: Maps, size: int, axis: int, *, sobel: bool) -> Tensor:
    before, after = size // 2, size - 1 - size // 2
    grey = _mirrored(maps.grey.values, before, after, axis)
    step = 2 if sobel else 1
    if sobel:
        grey = _smoothed(grey, 3 - axis)
    # Neighbouring running means share all but their ends, so the mean itself is never needed:
    # B[x+1] − B[x−1] is the two values that came in minus the two that went out, over the size.
    places = maps.grey.values.shape[axis] - step

    def at(offset: int) -> Tensor:
        return grey.narrow(axis, before + offset, places)

    # In place, for speed: each line writes one new map and reads it while the cache still has it.
    edge = (at(step) - at(0)).abs_()
    if sobel:
        blurred = (at(2 + after) + at(1 + after)).sub_(at(-before)).sub_(at(1 - before)).abs_().div_(size)
    else:
        blurred = (at(1 + after) - at(-before)).abs_().div_(size)
    if sobel:
        # scikit-image leaves out the first two and the last of the rows and columns; inner pixels start at 1 here.
        edge, blurred = edge[:, 1:, 1:], blurred[:, 1:, 1:]
    return _kept_share(edge, blurred, _inside(maps, size, axis, sobel))


def _kept_share(edge: Tensor, blurred: Tensor, inside: Tensor | None) -> Tensor:
    # D_I − V = D_I − max(0, D_I − D_B) is the smaller of the two.
    kept, total = Map(torch.minimum(edge, blurred), inside).mean(), Map(edge, inside).mean()
    flat = torch.ones_like(total) if inside is None else (inside.sum((1, 2)) > 0).to(total.dtype)
    return torch.where(total > 0, kept / torch.where(total > 0, total, 1), flat)


def _mirrored(values: Tensor, before: int, after: int, axis: int) -> Tensor:
    head, tail = values.narrow(axis, 0, before), values.narrow(axis, values.shape[axis] - after, after)
    return torch.cat((head.flip(axis), values, tail.flip(axis)), axis)


def _smoothed(values: Tensor, axis: int) -> Tensor:
    length = values.shape[axis] - 2
    return (values.narrow(axis, 0, length) + values.narrow(axis, 2, length)).add_(
        values.narrow(axis, 1, length), alpha=2
    )


def _inside(maps: Maps, size: int, axis: int, sobel: bool) -> Tensor | None:
    if maps.mask is None:
        return None
    before, after = size // 2, size - 1 - size // 2
    reach = size + (2 if sobel else 1)
    covered = window_sum(_mirrored(maps.mask, before, after, axis), reach, axis)
    if sobel:
        covered, reach = window_sum(covered, 3, 3 - axis)[:, 1:, 1:], 3 * reach
    return (covered > reach - 0.5).to(covered.dtype)


MEASURES: tuple[Measure, ...] = (
    Measure("blur_effect", blur_effect, "blur", (0, 1), "", "lower", "crete2007", power=0),
    Measure("crete_blur", crete_blur, "blur", (0, 1), "", "lower", "crete2007", power=0),
)
