"""Which places are shaded: one per pixel where the sheet is smooth, one per supersample at edges, eyes, mouth and hair."""

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.faces.raster import Hits

_FAR = 2.5  # grid cells: farther apart than this, the supersamples of a pixel see different things


@dataclass
class Samples:
    """Flat list of N places to shade.

    Attributes:
        batch: (N,) picture.
        index: (N,) place on the layers.
        row, column: (N,) fractional place on the first layer (0 for the others).
        depth: (N,) cm.
        u, v: (N,) place in the image, in image sides.
        share: (N,) 1 for a whole pixel, 1/supersample² for one supersample.
        target: (N,) pixel of the picture (B·S·S), or supersample (B·SR·SR), that it fills.
        whole: (N,) which of the two.
    """

    batch: Tensor
    index: Tensor
    row: Tensor
    column: Tensor
    depth: Tensor
    u: Tensor
    v: Tensor
    share: Tensor
    target: Tensor
    whole: Tensor


def choose_samples(hits: Hits, batch: int, size: int, supersample: int, detail: Tensor) -> Samples:
    """Chooses the places.

    Args:
        hits: at ``size · supersample``.
        batch: pictures.
        size: side of the picture in pixels.
        supersample: per side.
        detail: (V, U) bool, cells of the sheet that always need every supersample.

    Returns:
        Samples; whole pixels first.
    """
    side = size * supersample
    device = hits.index.device
    fine = _Fine(hits, side)
    if supersample == 1:
        pixel = (hits.index >= 0).nonzero()[:, 0]
        return fine.take(pixel, 1.0, torch.ones(len(pixel), dtype=torch.bool, device=device))

    def blocks(t: Tensor) -> Tensor:
        return t.view(batch, size, supersample, size, supersample).transpose(2, 3).reshape(batch * size * size, -1)

    index = blocks(hits.index)
    on_sheet = ((index >= 0) & (index < hits.starts[1])).all(1)
    candidates = on_sheet.nonzero()[:, 0]
    row, column = hits.place(0, index[candidates])
    depth = blocks(hits.depth)[candidates]
    flat = (
        (row.amax(1) - row.amin(1) < _FAR)
        & (column.amax(1) - column.amin(1) < _FAR)
        & (depth.amax(1) - depth.amin(1) < 0.9)
    )
    r, c = row.mean(1), column.mean(1)
    flat &= ~detail[r.long(), c.long()]
    keep = flat.nonzero()[:, 0]
    pixel = candidates[keep]
    is_whole = torch.zeros(batch * size * size, dtype=torch.bool, device=device)
    is_whole[pixel] = True
    b = torch.div(pixel, size * size, rounding_mode="floor")
    rest = pixel - b * size * size
    py = torch.div(rest, size, rounding_mode="floor")
    whole = Samples(
        batch=b, index=index[pixel, 0], row=r[keep], column=c[keep], depth=depth[keep].mean(1), u=(rest - py * size + 0.5) / size,
        v=(py + 0.5) / size, share=torch.ones(len(pixel), device=device), target=pixel, whole=torch.ones_like(pixel, dtype=torch.bool),
    )  # fmt: skip
    spread = is_whole.view(batch, size, 1, size, 1).expand(-1, -1, supersample, -1, supersample).reshape(-1)
    left = ((hits.index >= 0) & ~spread).nonzero()[:, 0]
    single = fine.take(left, 1.0 / supersample**2, torch.zeros(len(left), dtype=torch.bool, device=device))
    return Samples(*(torch.cat([getattr(whole, k), getattr(single, k)]) for k in Samples.__dataclass_fields__))


class _Fine:
    def __init__(self, hits: Hits, side: int):
        self.hits, self.side = hits, side

    def take(self, place: Tensor, share: float | int, whole: Tensor) -> Samples:
        hits, side = self.hits, self.side
        index = hits.index[place]
        b = torch.div(place, side * side, rounding_mode="floor")
        rest = place - b * side * side
        py = torch.div(rest, side, rounding_mode="floor")
        row, column = hits.place(0, torch.where(index < hits.starts[1], index, torch.zeros_like(index)))
        return Samples(
            batch=b, index=index, row=row, column=column, depth=hits.depth[place], u=(rest - py * side + 0.5) / side,
            v=(py + 0.5) / side, share=torch.full((len(place),), share, device=place.device), target=place, whole=whole,
        )  # fmt: skip
