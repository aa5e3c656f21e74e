"""Rasteriser: every visible quad is diced to samples of at most a pixel, and one minimum per pixel decides who is seen.

The 64-bit key of a sample is depth in the high bits and "where on which layer" in the low 26, so that one scattered
minimum gives depth and surface point together, whatever order the samples come in.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

SUBDIVISION = 16
"""A winning sample is known to 1/16 of its quad."""

_LOW_BITS = 26
_EMPTY = 1 << 60
_STEPS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_SAMPLES = (1, 2, 4, 8, 16, 32, 64)


@dataclass
class Layer:
    """A batch of grids of points in the image.

    Attributes:
        x, y: (B, H, W) pixel-edge coordinates (0 is the left edge of the first pixel).
        depth: (B, H, W) distance to the camera's plane in cm.
        cull: whether quads that face away are dropped.
        quads: (B or 1, H − 1, W − 1) which quads exist, all when None.
    """

    x: Tensor
    y: Tensor
    depth: Tensor
    cull: bool
    quads: Tensor | None = None


@dataclass
class Hits:
    """What each pixel sees.

    Attributes:
        index: (B·S·S,) place on the layers, −1 for nothing.
        depth: (B·S·S,) cm.
        starts: first index of each layer, and the end.
        widths: columns of each layer's grid.
    """

    index: Tensor
    depth: Tensor
    starts: list[int]
    widths: list[int]

    def layer(self, k: int, index: Tensor) -> Tensor:
        """Which of the given hits lie on layer k."""
        return (index >= self.starts[k]) & (index < self.starts[k + 1])

    def place(self, k: int, index: Tensor) -> tuple[Tensor, Tensor]:
        """Fractional row and column on layer k of hits that lie on it."""
        v = index - self.starts[k]
        wide = self.widths[k] * SUBDIVISION
        row = torch.div(v, wide, rounding_mode="floor")
        return (row.float() + 0.5) / SUBDIVISION, ((v - row * wide).float() + 0.5) / SUBDIVISION


def rasterise(layers: list[Layer], size: int) -> Hits:
    """Finds the nearest surface in every pixel.

    Args:
        layers: surfaces of the same batch.
        size: side of the square image in pixels.

    Returns:
        Hits; the same layers give the same hits on every run.
    """
    batch, device = len(layers[0].x), layers[0].x.device
    best = torch.full((batch * size * size + 1,), _EMPTY, dtype=torch.long, device=device)
    starts = [0]
    for layer in layers:
        height, width = layer.x.shape[1:]
        if device.type == "cpu":
            _dice_by_size(layer, size, starts[-1], best)
        else:
            _dice_fixed(layer, size, starts[-1], best)
        starts.append(starts[-1] + height * SUBDIVISION * width * SUBDIVISION)
    if starts[-1] >= 1 << _LOW_BITS:
        raise ValueError(f"the layers hold {starts[-1]} places; at most {(1 << _LOW_BITS) - 1} fit in a key")
    best = _close_holes(best[:-1].view(batch, 1, size, size)).view(-1)
    index = torch.where(best >= _EMPTY, torch.full_like(best, -1), best & ((1 << _LOW_BITS) - 1))
    return Hits(index, (best >> _LOW_BITS).float() / 1000, starts, [layer.x.shape[2] for layer in layers])


def _close_holes(best: Tensor) -> Tensor:
    # A pixel that both its neighbours, left and right or above and below, hide by more than 0.6 cm is a crack between quads.
    padded = F.pad(best, (1, 1, 1, 1), value=_EMPTY)
    inner = slice(1, -1)
    across = torch.maximum(padded[:, :, inner, :-2], padded[:, :, inner, 2:])
    along = torch.maximum(padded[:, :, :-2, inner], padded[:, :, 2:, inner])
    nearer = torch.minimum(across, along)
    return torch.where((best >> _LOW_BITS) > (nearer >> _LOW_BITS) + 600, nearer, best)


def _visible(layer: Layer, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Which quads may be seen (B, H−1, W−1), and their extents in pixels across and along."""
    x, y = layer.x, layer.y
    dux, duy, dvx, dvy = (
        x[:, :, 1:] - x[:, :, :-1],
        y[:, :, 1:] - y[:, :, :-1],
        x[:, 1:] - x[:, :-1],
        y[:, 1:] - y[:, :-1],
    )
    across, along = torch.maximum(dux.abs(), duy.abs()), torch.maximum(dvx.abs(), dvy.abs())
    across, along = torch.maximum(across[:, :-1], across[:, 1:]), torch.maximum(along[:, :, :-1], along[:, :, 1:])
    x0, y0 = x[:, :-1, :-1], y[:, :-1, :-1]
    # Grazing quads are long; a margin keeps those that begin outside the image.
    margin = 12.0
    visible = (x0 > -margin) & (x0 < size + margin) & (y0 > -margin) & (y0 < size + margin)
    if layer.quads is not None:
        visible &= layer.quads
    if layer.cull:
        a, b = x[:, 1:, 1:] - x0, y[:, 1:, 1:] - y0
        c, d = x[:, :-1, 1:] - x[:, 1:, :-1], y[:, :-1, 1:] - y[:, 1:, :-1]
        visible &= (a * d - b * c) < 0.02
    return visible, across, along


def _splat(
    corners: Tensor, quad: Tensor, shape: tuple[int, ...], across: int, along: int, size: int, start: int, best: Tensor,
    seen: Tensor | None = None,
) -> None:  # fmt: skip
    """Samples quads at ``across`` × ``along`` places and keeps the nearest key of each pixel in ``best``.

    With ``seen`` (one flag per quad) nothing is left out by indexing, so that no step waits for the device.
    """
    _, height, width = shape
    device = corners.device
    image = torch.div(quad, (height - 1) * (width - 1), rounding_mode="floor")
    rest = quad - image * ((height - 1) * (width - 1))
    row = torch.div(rest, width - 1, rounding_mode="floor")
    column = rest - row * (width - 1)
    first = image * (height * width) + row * width + column
    fv, fu = torch.meshgrid(
        (torch.arange(along, device=device) + 0.5) / along,
        (torch.arange(across, device=device) + 0.5) / across,
        indexing="ij",
    )
    # Samples on the first axis and quads on the last, so that the innermost loops are long.
    fu, fv = fu.reshape(-1, 1), fv.reshape(-1, 1)
    corner = lambda step: corners.index_select(1, first + step)[:, None]  # noqa: E731
    top = torch.lerp(corner(0), corner(1), fu)
    x, y, depth = torch.lerp(top, torch.lerp(corner(width), corner(width + 1), fu), fv)
    wide = width * SUBDIVISION
    place = (row * (SUBDIVISION * wide) + column * SUBDIVISION + start) + (
        (fv * SUBDIVISION).long() * wide + (fu * SUBDIVISION).long()
    )
    px, py = x.floor().long(), y.floor().long()
    inside = (px >= 0) & (px < size) & (py >= 0) & (py < size)
    key = ((depth * 1000).long() << _LOW_BITS) | place
    target = image * (size * size) + py * size + px
    if seen is not None:
        inside = inside & seen
    # Samples outside the picture go to a spare last place: cheaper than picking out the others, and nothing waits.
    target = torch.where(inside, target, len(best) - 1)
    best.scatter_reduce_(0, target.reshape(-1), key.reshape(-1), "amin")


def _dice_by_size(layer: Layer, size: int, start: int, best: Tensor) -> None:
    """Groups quads by their extent in powers of two, so that each group is diced as finely as it needs."""
    visible, across, along = _visible(layer, size)
    corners = torch.stack([layer.x, layer.y, layer.depth]).view(3, -1)
    quad = visible.view(-1).nonzero()[:, 0]
    steps = torch.tensor(_STEPS)
    group = torch.bucketize(across.reshape(-1)[quad] * 1.05, steps) * len(_SAMPLES) + torch.bucketize(
        along.reshape(-1)[quad] * 1.05, steps
    )
    order = quad[group.argsort(stable=True)]
    done = 0
    for k, count in enumerate(torch.bincount(group, minlength=len(_SAMPLES) ** 2).tolist()):
        if count:
            _splat(
                corners,
                order[done : done + count],
                tuple(layer.x.shape),
                _SAMPLES[k // len(_SAMPLES)],
                _SAMPLES[k % len(_SAMPLES)],
                size,
                start,
                best,
            )
        done += count


def _dice_fixed(layer: Layer, size: int, start: int, best: Tensor, fine: int = 1024) -> None:
    """Dices every quad 4 × 4 and the ``fine`` largest of each image 32 × 32: no shape depends on data, so nothing waits."""
    visible, across, along = _visible(layer, size)
    corners = torch.stack([layer.x, layer.y, layer.depth]).view(3, -1)
    batch, each = len(visible), visible[0].numel()
    extent = torch.where(visible, torch.maximum(across, along), torch.full_like(across, -1.0)).view(batch, each)
    offset = torch.arange(batch, device=visible.device)[:, None] * each
    largest = (extent.topk(min(fine, each), dim=1).indices + offset).reshape(-1)
    flags = visible.view(-1)
    for quads, steps in ((torch.arange(batch * each, device=visible.device), 4), (largest, 32)):
        chunk = (1 << 24) // (steps * steps)  # bounds the memory; the number of chunks depends on shapes only
        for part in quads.split(chunk):
            _splat(corners, part, tuple(layer.x.shape), steps, steps, size, start, best, flags[part])
