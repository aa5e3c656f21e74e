"""From a measure of maps to a function of images: checked once, worked through in chunks that a CPU's cache holds."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.images import check_images, values_checked
from course_lib.quality.maps import Maps

# Chunks of this many pixels keep a batch's intermediate maps in the cache of a CPU: several times faster.
CHUNK_PIXELS = 2**18


def check_mask(mask: Tensor | None, image: Tensor) -> None:
    """Raises unless the mask is None or (B, 1, H, W) of the image's size, of zeros and ones.

    Raises:
        TypeError: if the mask is neither boolean nor floating point.
        ValueError: if its shape is not the image's or it has other values than 0 and 1.
    """
    if mask is None:
        return
    wanted = (image.shape[0], 1, *image.shape[2:])
    if tuple(mask.shape) != wanted:
        raise ValueError(
            f"mask: expected shape {wanted} as the image has {tuple(image.shape)}, got {tuple(mask.shape)}"
        )
    if not (mask.dtype == torch.bool or mask.is_floating_point()):
        raise TypeError(f"mask: expected bool or floating point with the values 0 and 1, got {mask.dtype}")
    if mask.dtype == torch.bool or torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return
    if not bool(((mask == 0) | (mask == 1)).all()):
        raise ValueError("mask: expected only the values 0 and 1, got others (threshold a soft mask first)")


def in_chunks(measure: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a measure of ``Maps`` take images: checks them once, then works through the batch in cache-sized chunks.

    Tensors of B values among the other arguments go along with their images.
    """

    @functools.wraps(measure)
    def wrapper(image: Tensor | Maps, *args: Any, mask: Tensor | None = None, **options: Any) -> Any:
        if isinstance(image, Maps):
            return measure(image, *args, **options)
        check_images(image)
        check_mask(mask, image)
        whole = (image, mask, args, options)
        if torch.compiler.is_compiling() or torch.compiler.is_exporting():
            return _of_chunk(measure, whole, slice(None))
        size = (
            image.shape[0] if image.device.type != "cpu" else max(1, CHUNK_PIXELS // (image.shape[2] * image.shape[3]))
        )
        with values_checked():
            parts = [_of_chunk(measure, whole, slice(i, i + size)) for i in range(0, image.shape[0], size)]
        return _joined(parts)

    return wrapper


def _of_chunk(measure: Callable[..., Any], whole: tuple[Tensor, Tensor | None, tuple, dict], part: slice) -> Any:
    image, mask, args, options = whole
    batch = image.shape[0]

    def own(value: Any) -> Any:
        return value[part] if isinstance(value, Tensor) and value.ndim == 1 and len(value) == batch else value

    maps = Maps(image[part], None if mask is None else mask[part])
    result = measure(maps, *map(own, args), **{key: own(value) for key, value in options.items()})
    if isinstance(result, dict):
        return {key: value.to(image.dtype) for key, value in result.items()}
    return result.to(image.dtype)


def _joined(parts: list[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], dict):
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
    return torch.cat(parts)
