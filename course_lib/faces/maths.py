"""Small maths of the face renderer: ramps and bells, table look-up, noise tiles, bilinear gathers."""

import functools
import math
from collections.abc import Sequence
from typing import no_type_check

import torch
import torch.nn.functional as F
from torch import Tensor

# The tests check the types of every call; the smallest helpers run thousands of times a picture and are left out of that.
Scalar = float | int | Tensor


@no_type_check
def ramp(x: Tensor, start: Scalar, end: Scalar) -> Tensor:
    """Smooth step: 0 at ``start``, 1 at ``end``, 3t²−2t³ between; ``start`` > ``end`` falls."""
    t = ((x - start) / (end - start)).clamp(0, 1)
    return t * t * (3 - 2 * t)


@no_type_check
def bell(x: Tensor, width: Scalar) -> Tensor:
    """Gaussian bump exp(−(x / width)²): 1 at 0, 1/e at ``width``."""
    t = x / width
    return torch.exp(-t * t)


@no_type_check
def mix(a: Scalar, b: Scalar, weight: Tensor) -> Tensor:
    """Linear blend: ``a`` at weight 0, ``b`` at weight 1."""
    return a + (b - a) * weight


@no_type_check
def smooth_max(a: Tensor, b: Tensor, softness: float | int) -> Tensor:
    """Maximum whose crease is rounded over about ``softness``; exactly max(a, b) far from the crease."""
    return 0.5 * (a + b + ((a - b) ** 2 + softness**2).sqrt() - softness)


@functools.lru_cache(4096)
def _constant(values: tuple, device: str) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)


def _as_tuple(values: Sequence) -> tuple:
    return tuple(_as_tuple(v) if isinstance(v, (list, tuple)) else v for v in values)


@no_type_check
def constant(values: Sequence, like: Tensor) -> Tensor:
    """A float32 constant on the device of ``like``, made once per device so that no call waits for a copy."""
    return _constant(_as_tuple(values), str(like.device))


@no_type_check
def linear(colour: Tensor) -> Tensor:
    """Display colour to linear light with the plain 2.2 power that the renderer uses throughout."""
    return colour.clamp(min=0) ** 2.2


def pchip(knots: Sequence[float | int], values: Sequence[float | int], x: Tensor) -> Tensor:
    """Monotone cubic through a table (Fritsch–Carlson slopes), constant beyond its ends.

    Args:
        knots: positions in any order, distinct.
        values: value at each knot.
        x: where to look up, any shape.

    Returns:
        Interpolated values, shape of ``x``.
    """
    pairs = sorted(zip(knots, values, strict=True))
    xk = torch.tensor([p[0] for p in pairs], dtype=torch.float32, device=x.device)
    yk = torch.tensor([p[1] for p in pairs], dtype=torch.float32, device=x.device)
    h = xk[1:] - xk[:-1]
    d = (yk[1:] - yk[:-1]) / h
    slope = torch.zeros_like(yk)
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    safe = torch.where(d == 0, torch.ones_like(d), d)
    harmonic = (w1 + w2) / (w1 / safe[:-1] + w2 / safe[1:])
    slope[1:-1] = torch.where(d[1:] * d[:-1] > 0, harmonic, torch.zeros_like(harmonic))
    slope[0], slope[-1] = d[0], d[-1]
    x = x.clamp(xk[0], xk[-1])
    i = torch.bucketize(x, xk).clamp(1, len(xk) - 1) - 1
    t = (x - xk[i]) / h[i]
    left = (2 * t**3 - 3 * t**2 + 1) * yk[i] + (t**3 - 2 * t**2 + t) * h[i] * slope[i]
    return left + (-2 * t**3 + 3 * t**2) * yk[i + 1] + (t**3 - t**2) * h[i] * slope[i + 1]


def hann_blur(image: Tensor, size: int) -> Tensor:
    """Separable Hann blur of the last two axes with an odd window of ``size`` samples and repeated borders."""
    if size < 3:
        return image
    shape = image.shape
    flat = image.reshape(-1, 1, *shape[-2:])
    window = torch.hann_window(size + 2, periodic=False, device=image.device)[1:-1]
    window = window / window.sum()
    half = size // 2
    flat = F.conv2d(F.pad(flat, (half, half, 0, 0), mode="replicate"), window.view(1, 1, 1, -1))
    flat = F.conv2d(F.pad(flat, (0, 0, half, half), mode="replicate"), window.view(1, 1, -1, 1))
    return flat.view(shape)


def _noise_tile(size: int, lowest: float | int, stretch: float | int, generator: torch.Generator) -> Tensor:
    # Value noise shows its lattice as a cross-hatch on shiny skin; a filtered spectrum has no lattice.
    frequency = torch.fft.fftfreq(size) * size
    radius = ((frequency[:, None] * stretch) ** 2 + frequency[None] ** 2).sqrt()
    gain = torch.where(radius < lowest * 0.7, torch.zeros(()), (radius + lowest * 0.5) ** -1.75)
    tile = torch.fft.ifft2(torch.fft.fft2(torch.randn(size, size, generator=generator)) * gain).real
    return ((tile - tile.mean()) / tile.std())[None, None]


ISOTROPIC, STRANDS = 0, 1
"""Channels of the noise tile: even in all directions; fine in x and long in y."""


@functools.lru_cache(4)
def _noise_tiles(device: str) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    tiles = [_noise_tile(512, 6, 1, generator), _noise_tile(512, 56, 8, generator)]
    return torch.cat(tiles, 1).to(device)


@no_type_check
def noise(channel: int, x: Tensor, y: Tensor) -> Tensor:
    """Band-limited 1/f noise of zero mean and unit variance, the same in every run.

    Args:
        channel: ISOTROPIC or STRANDS.
        x, y: coordinates that broadcast; one tile spans [−1, 1] and is mirrored outside.

    Returns:
        Noise, in the shape of both.
    """
    tile = _noise_tiles(str(x.device))[:, channel : channel + 1]
    x, y = torch.broadcast_tensors(x, y)
    grid = torch.stack([x, y], -1).reshape(1, -1, 1, 2)
    return F.grid_sample(tile, grid, mode="bilinear", padding_mode="reflection", align_corners=True).view(x.shape)


@no_type_check
def take(table: Tensor, index: Tensor) -> Tensor:
    """Rows of a tensor by a flat list of numbers: ``table[index]``, several times faster on a CPU."""
    return table.index_select(0, index)


@no_type_check
def greatest_of_nine(image: Tensor) -> Tensor:
    """Largest value of each pixel and its eight neighbours, (B, H, W): max pooling, several times faster on a CPU."""
    wide = image.clone()
    torch.maximum(wide[..., 1:], image[..., :-1], out=wide[..., 1:])
    torch.maximum(wide[..., :-1], image[..., 1:], out=wide[..., :-1])
    tall = wide.clone()
    torch.maximum(tall[..., 1:, :], wide[..., :-1, :], out=tall[..., 1:, :])
    torch.maximum(tall[..., :-1, :], wide[..., 1:, :], out=tall[..., :-1, :])
    return tall


@no_type_check
def gather_bilinear(table: Tensor, batch: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Bilinear look-up in a batch of tables.

    Args:
        table: (B, H, W, C).
        batch: (N,) which table.
        row, column: (N,) fractional indices, clamped into the table.

    Returns:
        (N, C).
    """
    _, height, width, channels = table.shape
    row, column = row.clamp(0, height - 1.001), column.clamp(0, width - 1.001)
    r, c = row.long(), column.long()
    wr, wc = (row - r)[:, None], (column - c)[:, None]
    index = (batch * height + r) * width + c
    flat = table.reshape(-1, channels)
    pick = flat.index_select  # several times faster than indexing
    top = torch.lerp(pick(0, index), pick(0, index + 1), wc)
    return torch.lerp(top, torch.lerp(pick(0, index + width), pick(0, index + width + 1), wc), wr)


@no_type_check
def gather_rows(table: Tensor, batch: Tensor, row: Tensor) -> Tensor:
    """Linear look-up along the rows of (B, H) tables at fractional ``row`` (N,): returns (N,)."""
    height = table.shape[1]
    r = row.clamp(0, height - 1.001).long()
    flat = table.reshape(-1)
    index = batch * height + r
    return torch.lerp(flat.index_select(0, index), flat.index_select(0, index + 1), (row - r).clamp(0, 1))


def surface_normals(points: Tensor, wrap: bool = True) -> Tensor:
    """Unit normals of grids of points by central differences.

    Args:
        points: (B, V, U, 3), rows downwards, columns from the viewer's left to right.
        wrap: whether the first and last columns are the same seam.

    Returns:
        (B, V, U, 3), towards the outside of the sheet.
    """
    du, dv = torch.zeros_like(points), torch.zeros_like(points)
    du[:, :, 1:-1] = points[:, :, 2:] - points[:, :, :-2]
    dv[:, 1:-1] = points[:, 2:] - points[:, :-2]
    if wrap:
        du[:, :, 0] = points[:, :, 1] - points[:, :, -2]
        du[:, :, -1] = du[:, :, 0]
    else:
        du[:, :, 0] = points[:, :, 1] - points[:, :, 0]
        du[:, :, -1] = points[:, :, -1] - points[:, :, -2]
    dv[:, 0] = points[:, 1] - points[:, 0]
    dv[:, -1] = points[:, -1] - points[:, -2]
    return F.normalize(torch.cross(dv, du, dim=-1), dim=-1)


@no_type_check
def degrees_to_radians(angle: Tensor) -> Tensor:
    """Degrees to radians."""
    return angle * (math.pi / 180)


class Columns:
    """Parameters by name, shaped to broadcast: trailing axes added, or one value per row of a flat list.

    Args:
        values: named tensors (n,) or (n, k).
        dims: number of axes of the tensors they meet; 0 leaves them as they are.
        rows: (N,) which of the n each element of a flat list belongs to.
    """

    def __init__(self, values: dict[str, Tensor], dims: int = 0, rows: Tensor | None = None):
        self._values, self._dims, self._rows = values, dims, rows
        self._kept: dict[str, Tensor] = {}

    @no_type_check
    def __getitem__(self, name: str) -> Tensor:
        if name not in self._kept:
            value = self._values[name]
            if self._rows is not None:
                value = value.index_select(0, self._rows)
            if self._dims and value.dim() == 1:
                value = value.view((-1,) + (1,) * (self._dims - 1))
            self._kept[name] = value
        return self._kept[name]

    @no_type_check
    def at(self, rows: Tensor) -> "Columns":
        """The same parameters for a subset of a flat list."""
        return Columns(self._values, self._dims, rows if self._rows is None else self._rows.index_select(0, rows))

    def override(self, **changes: Tensor) -> "Columns":
        """The same parameters with some values, already shaped, replaced."""
        other = Columns(self._values, self._dims, self._rows)
        other._kept = {**self._kept, **changes}
        return other
