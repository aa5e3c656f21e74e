"""The one place that says what an image is, and what to do when it is none."""

import contextlib
import contextvars
from collections.abc import Iterator

import torch
from torch import Tensor

_CHECKED = contextvars.ContextVar("values of images are checked already", default=False)


@contextlib.contextmanager
def values_checked() -> Iterator[None]:
    """Inside it ``check_images`` looks at shape and dtype only.

    For functions that have checked their images and then call others that would read all values again.
    """
    token = _CHECKED.set(True)
    try:
        yield
    finally:
        _CHECKED.reset(token)


def check_images(image: Tensor, name: str = "image", channels: tuple[int, ...] = (1, 3)) -> None:
    """Raises unless ``image`` is a batch of images: (B, C, H, W), floating point, not empty, finite, in [0, 1].

    Values may leave [0, 1] by 1e-5 (float16 and bfloat16: by 8 units of their precision), the rounding of a few
    operations. The values are read once (on a GPU that waits for the work before it); while torch exports or
    compiles there are no values, and only shape and dtype are checked.

    Args:
        image: what should be (B, C, H, W).
        name: the argument's name, for the message.
        channels: numbers of channels that are allowed.

    Raises:
        TypeError: if ``image`` is no tensor or not floating point.
        ValueError: if its shape, an empty dimension, NaN, infinity or its range is wrong.
    """
    if not isinstance(image, Tensor):
        raise TypeError(f"{name}: expected a torch.Tensor (B, C, H, W), got {type(image).__name__}")
    wanted = " or ".join(str(count) for count in channels)
    if image.ndim != 4 or image.shape[1] not in channels:
        raise ValueError(f"{name}: expected shape (B, C, H, W) with C = {wanted}, got {tuple(image.shape)}")
    if not image.is_floating_point():
        raise TypeError(
            f"{name}: expected a floating-point image in [0, 1], got {image.dtype} (images.from_array converts uint8)"
        )
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return
    if image.numel() == 0:
        raise ValueError(f"{name}: expected at least one image and one pixel, got shape {tuple(image.shape)}")
    if not _CHECKED.get():
        _check_range(image, name)


def _check_range(image: Tensor, name: str) -> None:
    # NaN wins in aminmax, and infinity is out of range: one pass over the pixels checks everything.
    low, high = (bound.item() for bound in torch.aminmax(image.detach()))
    slack = max(1e-5, 8 * torch.finfo(image.dtype).eps if image.dtype in (torch.float16, torch.bfloat16) else 0.0)
    if low >= -slack and high <= 1 + slack:
        return
    if low != low or high != high:
        raise ValueError(f"{name}: expected finite values in [0, 1], got NaN")
    hint = " (divide 8-bit values by 255)" if 1.5 < high <= 255 and low >= 0 else ""
    raise ValueError(f"{name}: expected values in [0, 1], got values from {low:.6g} to {high:.6g}{hint}")
