"""Rendering: parameters in, pictures and their full truth out."""

from dataclasses import fields

import torch
from torch import Tensor

from course_lib.faces.params import FaceParams, NuisanceParams
from course_lib.faces.picture import Picture
from course_lib.faces.rendered import Rendered
from course_lib.faces.sheet import Grid
from course_lib.faces.surface import Detail, Surface, bake, detail_for

KEPT = 64
"""Identities whose baked surfaces stay with a FaceParams; beyond it they are baked when needed and let go."""


@torch.no_grad()
def render(
    identities: FaceParams,
    nuisance: NuisanceParams,
    *,
    index: Tensor | None = None,
    size: int = 112,
    supersample: int = 2,
    extent: float | int = 22.0,
    framing: str = "face",
    shadows: bool = True,
    detail: Detail | None = None,
    chunk: int | None = None,
) -> Rendered:
    """Renders faces.

    What an identity needs (mesh, texture, hair) is prepared once and kept with ``identities``. Not differentiable: which
    surface a pixel sees is decided once, so gradients with respect to pose or shape would be wrong even in sign.

    Args:
        identities: n identities.
        nuisance: B pictures.
        index: (B,) identity of each picture; picture i shows identity i when None.
        size: side of the square picture in pixels, 24 to 1024.
        supersample: samples per pixel and side, 1 to 3.
        extent: width in cm that the picture shows at the head.
        framing: "face" centres eyes and mouth, "portrait" shows head and shoulders.
        shadows: whether the key light casts them.
        detail: how finely identities are prepared; follows the size when None.
        chunk: pictures rendered at once, which bounds the memory; follows the size when None.

    Returns:
        Rendered, in the order of ``nuisance``; the same parameters give the same values on every run on one device.

    Raises:
        ValueError: if the index does not fit, or a setting lies outside its range.
    """
    count = len(nuisance)
    index = (
        torch.arange(count, device=nuisance.device)
        if index is None
        else torch.as_tensor(index, device=nuisance.device).long()
    )
    _check(identities, index, count, size, supersample, framing)
    detail = detail or detail_for(size, supersample, extent)
    chunk = chunk or max(2, min(64, 270_000 // (size * supersample) ** 2))
    order = index.argsort(stable=True)
    parts = []
    for rows in order.split(chunk):
        wanted, row = index[rows].unique(return_inverse=True)
        surface, grid = _prepared(identities, wanted, detail)
        scene = Picture(
            identities.index(index[rows]), nuisance.index(rows), surface, grid, row, size, supersample, extent, framing
        )
        parts.append(scene.render(shadows, index[rows]))
    joined = Rendered(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Rendered)))
    return joined.rows(order.argsort())


def _check(identities: FaceParams, index: Tensor, count: int, size: int, supersample: int, framing: str) -> None:
    if index.shape != (count,):
        raise ValueError(
            f"index has shape {tuple(index.shape)}; there are {count} pictures, so it should be ({count},)"
        )
    if count and (int(index.min()) < 0 or int(index.max()) >= len(identities)):
        raise ValueError(
            f"index runs from {int(index.min())} to {int(index.max())}; there are {len(identities)} identities"
        )
    if not 24 <= size <= 1024:
        raise ValueError(f"size is {size}; it should be 24 to 1024 pixels")
    if not 1 <= supersample <= 3:
        raise ValueError(f"supersample is {supersample}; it should be 1, 2 or 3")
    if framing not in ("face", "portrait"):
        raise ValueError(f"framing is {framing!r}; it should be 'face' or 'portrait'")


def _prepared(identities: FaceParams, wanted: Tensor, detail: Detail) -> tuple[Surface, Grid]:
    """Surfaces of the wanted identities, baked now or before."""
    kept: dict[int, Surface] = identities.baked.setdefault(detail, {})
    grid = identities.baked.get(("grid", detail))
    numbers = wanted.tolist()
    missing = [k for k in numbers if k not in kept]
    # Small meshes are baked many at a time, as every step costs a little whatever its size; large ones would leave the cache.
    together = 16 if detail.texture < 100 else 4
    for first in range(0, len(missing), together):
        part = missing[first : first + together]
        fresh, grid = bake(identities.index(torch.tensor(part, device=identities.device)), detail)
        identities.baked[("grid", detail)] = grid
        for j, k in enumerate(part):
            kept[k] = fresh.index(torch.tensor([j], device=identities.device))
    surface = Surface.join([kept[k] for k in numbers])
    if len(identities) > KEPT:
        for k in list(kept)[:-8]:
            del kept[k]
    assert grid is not None
    return surface, grid
