"""From a measure of maps to a function of images: checked once, worked through in chunks that a CPU's cache holds."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.images import check_images, values_checked
from course_lib.quality.maps import Maps

# Chunks of this many numbers keep a batch's intermediate maps in the cache of a CPU: several times faster.
CHUNK = 2**19


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
    if mask.dtype == torch.bool or _traced():
        return
    if not bool(((mask == 0) | (mask == 1)).all()):
        raise ValueError("mask: expected only the values 0 and 1, got others (threshold a soft mask first)")


def in_chunks(measure: Callable[..., Any], times: int = 1) -> Callable[..., Any]:
    """Lets a measure of ``Maps`` take images: checks them once, then works through the batch in cache-sized chunks.

    Tensors of B values among the other arguments go along with their images.

    Args:
        measure: takes ``Maps``, then anything.
        times: how many chunks to take at a time.
    """

    @functools.wraps(measure)
    def wrapper(image: Tensor | Maps, *args: Any, mask: Tensor | None = None, **options: Any) -> Any:
        if isinstance(image, Maps):
            return measure(image, *args, **options)
        with values_checked() if not _traced() else contextlib.nullcontext():
            check_images(image)
        check_mask(mask, image)
        whole = (image, mask, args, options)
        size = len(image) if _traced() or image.device.type != "cpu" else max(1, times * CHUNK // image[0].numel())
        return _joined([_of_chunk(measure, whole, slice(start, start + size)) for start in range(0, len(image), size)])

    return wrapper


def _traced() -> bool:
    return torch.compiler.is_compiling() or torch.compiler.is_exporting()


def _of_chunk(measure: Callable[..., Any], whole: tuple[Tensor, Tensor | None, tuple, dict], part: slice) -> Any:
    image, mask, args, options = whole
    batch = image.shape[0]

    def own(value: Any) -> Any:
        return value[part] if isinstance(value, Tensor) and value.ndim == 1 and len(value) == batch else value

    check_images(image[part])  # here, so that the numbers are read from memory once and then lie in the cache
    maps = Maps(image[part], None if mask is None else mask[part])
    with values_checked() if not _traced() else contextlib.nullcontext():
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
