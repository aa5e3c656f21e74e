"""What all degradations share: their checks, one severity for each image, separable filters as matrices."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.images import check_images

Severity = int | float | Float[Tensor, ""] | Float[Tensor, "b"]
"""How strongly to degrade: one number for all images (a 0-d tensor is what the browser sends), or one for each."""

Parameters = ParamSpec("Parameters")


def degradation(
    function: Callable[Concatenate[Tensor, Parameters], Tensor],
) -> Callable[Concatenate[Tensor, Parameters], Tensor]:
    """Checks the image, and computes float16 and bfloat16 in float32 (kernels and sums need the digits)."""

    @functools.wraps(function)
    def wrapper(image: Tensor, *args: Parameters.args, **options: Parameters.kwargs) -> Tensor:
        check_images(image)
        if image.dtype in (torch.float16, torch.bfloat16):
            return function(image.float(), *args, **options).to(image.dtype)
        return function(image, *args, **options)

    return wrapper


def values_are_known() -> bool:
    """False while torch exports or compiles: there are shapes then, but no numbers to check."""
    return not (torch.compiler.is_exporting() or torch.compiler.is_compiling())


def per_image(value: object, image: Tensor, name: str, low: int | float, high: int | float) -> Tensor:
    """A severity that multiplies images: (1, 1, 1, 1) or (B, 1, 1, 1), in the image's dtype and on its device.

    Raises:
        TypeError: if ``value`` is neither a number nor a floating-point tensor.
        ValueError: if it is no scalar and not one value for each image, NaN, or outside [low, high].
    """
    if isinstance(value, Tensor):
        if not value.is_floating_point():
            raise TypeError(f"{name}: expected a floating-point tensor, got {value.dtype}")
        if value.shape not in ((), (image.shape[0],)):
            raise ValueError(
                f"{name}: expected a number, a 0-d tensor or shape ({image.shape[0]},), got {tuple(value.shape)}"
            )
        if values_are_known():
            smallest, largest = (bound.item() for bound in torch.aminmax(value.detach()))
            _check_bounds(smallest, largest, name, low, high)
        return value.to(image).reshape(-1, 1, 1, 1)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: expected a number or a tensor, got {type(value).__name__}")
    _check_bounds(value, value, name, low, high)
    return torch.full((1, 1, 1, 1), float(value), dtype=image.dtype, device=image.device)


def _check_bounds(smallest: int | float, largest: int | float, name: str, low: int | float, high: int | float) -> None:
    if not (smallest >= low and largest <= high):  # also false for NaN
        got = (
            f"{smallest:g}"
            if smallest == largest or smallest != smallest
            else f"values from {smallest:g} to {largest:g}"
        )
        raise ValueError(f"{name}: expected values from {low:g} to {high:g}, got {got}")


def filter_separably(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """rows · image · columnsᵀ: a separable filter as two matrix products, the fastest form on CPU and in browsers.

    One-channel convolutions are slow on CPU and per-image kernels by grouped convolution slower still: for 256 images
    of 112 px with σ = 3, two ``conv2d`` took 580 ms, sums of shifted slices 150 ms, two products 45 ms; for one image of
    512 px 39, 3 and 9 ms. Only the products don't depend on the width of the kernel, which may thus be a tensor.

    Args:
        image: (B, C, H, W).
        rows: (1 or B, H, H), acts along the height.
        columns: (1 or B, W, W), acts along the width.

    Returns:
        (B, C, H, W).
    """
    batch, channels, height, width = image.shape
    if columns.shape[0] == 1:  # one plain product is faster than a batched one with an expanded matrix
        image = image @ columns[0].mT
    else:
        image = torch.bmm(image.reshape(batch, channels * height, width), columns.mT).reshape(image.shape)
    return torch.matmul(rows[0] if rows.shape[0] == 1 else rows[:, None], image)
