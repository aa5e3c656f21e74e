"""Blur of optics and of motion."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.degrade.common import Severity, degradation, filter_separably, per_image, values_are_known


@degradation
def gaussian_blur(
    image: Float[Tensor, "b c h w"], sigma: Severity, *, radius: int | None = None
) -> Float[Tensor, "b c h w"]:
    """Gaussian blur: convolution with g(d) ∝ exp(−d² / 2σ²) along rows and columns.

    The kernel is cut off beyond ``radius`` and its sum is 1; the image is mirrored at its outermost pixels (OpenCV's
    BORDER_REFLECT_101). The default radius round(4 σ) is found inside an exported graph too; 256 pixels, or four sides of the
    image, are the most. Below σ = 1/8 it is 0, and the image comes back exactly as it was.

    Args:
        image: (B, 1 or 3, H, W) in [0, 1].
        sigma: standard deviation σ in pixels, ≥ 0.
        radius: half width of the kernel in pixels; OpenCV's ksize is 2 · radius + 1.

    Returns:
        (B, C, H, W) in [0, 1].

    Raises:
        ValueError: if ``sigma`` or ``radius`` is negative; see also ``check_images``.
        TypeError: see ``check_images``.
    """
    if radius is not None and radius < 0:
        raise ValueError(f"radius: expected at least 0 pixels, got {radius}")
    deviation = per_image(sigma, image, "sigma", 0, math.inf).reshape(-1, 1)
    reach = torch.floor(4 * deviation + 0.5) if radius is None else torch.full_like(deviation, radius)
    height, width = image.shape[-2:]
    return filter_separably(
        image, _gaussian_matrix(height, deviation, reach), _gaussian_matrix(width, deviation, reach)
    )


def _gaussian_matrix(size: int, deviation: Tensor, reach: Tensor) -> Tensor:
    """(b, size, size): the blur of a line of ``size`` pixels that is mirrored at its ends."""
    period = max(2 * (size - 1), 1)  # a line mirrored at both ends repeats itself
    repeats = max(2, -(-256 // period))
    positions = torch.arange(period * (2 * repeats + 1), device=deviation.device, dtype=deviation.dtype)
    distance = positions - period * repeats
    # σ is kept off 0 to divide by it; the cut-off makes the kernel one pixel wide there.
    weight = torch.exp(-0.5 * (distance / deviation.clamp(min=0.05)) ** 2) * (distance.abs() <= reach)
    periodic = weight.reshape(-1, 2 * repeats + 1, period).sum(1)
    periodic = periodic / periodic.sum(1, keepdim=True)
    return periodic[:, :, None] if size == 1 else _mirrored_matrix(periodic, size)


def _mirrored_matrix(kernel: Tensor, size: int) -> Tensor:
    """M[i, j] = k(i − j) + k(i + j), the second where j is not an end: pixel j and its mirror image, for an even kernel.

    Args:
        kernel: (b, period): k(0), k(1), …, periodic and even, with period 2 (size − 1).
        size: number of pixels.
    """
    period = kernel.shape[1]
    # Rows one longer than the period start one further each: k(i + j) without any table of indices, which
    # would otherwise be stored in exported graphs.
    tiled = kernel[:, None].expand(-1, size + 1, -1).reshape(kernel.shape[0], -1)
    sums = tiled[:, : size * (period + 1)].reshape(-1, size, period + 1)
    differences = sums[:, :, period - size + 1 :].flip(2)  # k(i − j) = k(i + (period − j))
    inner = torch.arange(size, device=kernel.device, dtype=kernel.dtype)
    inner = ((inner > 0) & (inner < size - 1)).to(kernel.dtype)
    return differences + inner * sums[:, :, :size]


@degradation
def motion_blur(
    image: Float[Tensor, "b c h w"], length: Severity, angle: Severity = 0, *, radius: int | None = None
) -> Float[Tensor, "b c h w"]:
    """Motion blur: the mean along a straight line of ``length`` pixels through each pixel.

    Along its longer axis the line crosses whole pixels, the outermost by a part; across it, linear interpolation
    between two neighbours. Horizontally, 7 pixels give OpenCV's filter2D with seven weights of 1/7. The image is mirrored at
    its outermost pixels (BORDER_REFLECT_101). Up to length 1 it comes back exactly as it was.

    Args:
        image: (B, 1 or 3, H, W) in [0, 1].
        length: of the line, in pixels, ≥ 0.
        angle: of the line, in degrees, counter-clockwise as seen: 0 horizontal, 45 from bottom left to top right.
        radius: largest distance in pixels that the line may reach along its longer axis; longer lines are cut off.
            None takes what ``length`` needs. An exported graph needs it given: the number of its operations is fixed.

    Returns:
        (B, C, H, W) in [0, 1].

    Raises:
        ValueError: if ``length`` or ``radius`` is negative, or ``radius`` is missing in an export; see also ``check_images``.
        TypeError: see ``check_images``.
    """
    span = per_image(length, image, "length", 0, math.inf)
    radians = per_image(angle, image, "angle", -math.inf, math.inf) * (math.pi / 180)
    radius = _motion_radius(span, radius)
    across, down = torch.cos(radians), -torch.sin(radians)
    steep = down.abs() > across.abs()
    major, minor = torch.where(steep, down, across), torch.where(steep, across, down)
    height, width = image.shape[-2:]
    canvas = _mirrored_square(image, radius)
    canvas = torch.where(steep, canvas.mT, canvas)  # from here the line is nearer to the horizontal
    # Both limits at least a touch from 0, so that a line of no length is the pixel itself.
    half = (0.5 * span * major.abs()).clamp(1e-6, radius + 0.5)
    blurred = _mean_along(canvas, half, minor / major, radius)
    return torch.where(steep, blurred.mT, blurred)[..., :height, :width]


def _motion_radius(span: Tensor, limit: int | None) -> int:
    """What the longest line needs, at most ``limit``; the limit itself while the length is not known."""
    if limit is not None and limit < 0:
        raise ValueError(f"radius: expected at least 0 pixels, got {limit}")
    if not values_are_known():
        if limit is None:
            raise ValueError(
                "radius: expected a number of pixels, since the length of the motion is not known in an export"
            )
        return limit
    longest = span.detach().max().item()
    if limit is None and longest == math.inf:
        raise ValueError("length: expected a finite number of pixels, got inf")
    needed = max(longest - 1, 0) / 2
    return math.ceil(needed if limit is None else min(needed, limit))


def _mirrored_square(image: Tensor, radius: int) -> Tensor:
    """The image on a square with ``radius`` mirrored pixels around it; beyond them, right or below, anything."""
    side = max(image.shape[-2:]) + 2 * radius
    for axis in (-2, -1):
        size = image.shape[axis]
        period = max(2 * (size - 1), 1)
        place = torch.remainder(torch.arange(-radius, side - radius, device=image.device), period)
        image = image.index_select(axis, torch.minimum(place, (period - place) % period))
    return image


def _mean_along(canvas: Tensor, half: Tensor, slope: Tensor, radius: int) -> Tensor:
    """Mean of rows along a line with |slope| ≤ 1 that reaches ``half`` pixels to both sides."""
    batch, channels, side, _ = canvas.shape
    size = side - 2 * radius
    lines = torch.arange(size + 1, device=canvas.device)
    total = torch.zeros((batch, channels, size, size), dtype=canvas.dtype, device=canvas.device)
    for step in range(-radius, radius + 1):
        # How much of the line lies in this column of pixels, as a share of its length.
        share = ((half - abs(step) + 0.5).clamp(min=0).minimum(2 * half).clamp(max=1)) / (2 * half)
        height = step * slope
        floor = torch.floor(height)
        part = height - floor
        columns = canvas[..., step + radius : step + radius + size]
        rows = (lines + radius + floor.reshape(-1, 1).to(lines.dtype)).clamp(0, side - 1)
        taken = _take_rows(columns, rows)
        total.addcmul_(taken[..., :-1, :], share * (1 - part)).addcmul_(taken[..., 1:, :], share * part)
    return total


def _take_rows(image: Tensor, rows: Tensor) -> Tensor:
    """Rows of (B, C, H, W), the same for all images, rows (1, n), or others for each, rows (B, n); each a run of rows."""
    parts = [image] if rows.shape[0] == 1 else list(image.split(1))
    if image.device.type == "cpu" and values_are_known():
        # A run of rows is a view: nothing is copied. On a GPU asking where it starts would wait for it.
        taken = [_run(part, chosen) for part, chosen in zip(parts, rows, strict=True)]
    else:
        taken = [part.index_select(2, chosen) for part, chosen in zip(parts, rows, strict=True)]
    return taken[0] if len(taken) == 1 else torch.cat(taken)


def _run(image: Tensor, rows: Tensor) -> Tensor:
    start, count = int(rows[0]), len(rows)
    fits = int(rows[-1]) == start + count - 1
    return image.narrow(2, start, count) if fits else image.index_select(2, rows)
