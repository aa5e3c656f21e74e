"""The rasteriser on planes and spheres, whose pixels are known."""

import torch

from course_lib.faces.raster import Layer, _dice_by_size, _dice_fixed, rasterise


def sphere(radius: float, size: int, n: int = 60):
    v, u = torch.meshgrid(torch.linspace(0.01, 3.13, n), torch.linspace(-3.1416, 3.1416, 2 * n), indexing="ij")
    x, y, z = radius * v.sin() * u.sin(), -radius * v.cos(), radius * v.sin() * u.cos()
    return Layer((size / 2 + x)[None], (size / 2 + y)[None], (100 - z)[None], True)


def test_sphere_covers_its_disc(record_check):
    size, radius = 96, 30.0
    hits = rasterise([sphere(radius, size)], size)
    covered = int((hits.index >= 0).sum())
    record_check("faces.raster.rasterise", "area of a disc, share", 1, abs(covered / (3.14159 * radius**2) - 1), 0.03)
    yy, xx = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    r2 = (xx - 48) ** 2 + (yy - 48) ** 2
    inside = r2 < (radius - 3) ** 2
    expected = 100 - (radius**2 - r2[inside]).sqrt()
    record_check(
        "faces.raster.rasterise",
        "depth of a sphere, px",
        int(inside.sum()),
        float((hits.depth.view(size, size)[inside] - expected).abs().max()),
        1.0,
    )


def test_nearer_plane_wins_and_its_place_is_known():
    size = 32
    v, u = torch.meshgrid(torch.linspace(0, size, 9), torch.linspace(0, size, 9), indexing="ij")
    far = Layer(u[None], v[None], torch.full((1, 9, 9), 50.0), False)
    near = Layer(u[None] / 2, v[None], torch.full((1, 9, 9), 40.0), False)
    hits = rasterise([far, near], size)
    index = hits.index.view(size, size)
    assert hits.layer(1, index[:, : size // 2]).all() and hits.layer(0, index[:, size // 2 :]).all()
    row, column = hits.place(0, index[:, size // 2 :])
    x = torch.arange(size // 2, size) + 0.5
    assert (column - x / 4).abs().max() < 0.25 and (row[:, 0] - (torch.arange(size) + 0.5) / 4).abs().max() < 0.25


def test_fixed_dicing_sees_what_dicing_by_size_sees():
    """The dicing for accelerators, run here on the CPU, gives the same cover."""
    size = 96
    layer = sphere(40.0, size)
    best = [torch.full((size * size + 1,), 1 << 60, dtype=torch.long) for _ in range(2)]
    _dice_by_size(layer, size, 0, best[0])
    _dice_fixed(layer, size, 0, best[1])
    best = [b[:-1] for b in best]
    seen = [b < (1 << 60) for b in best]
    assert (seen[0] == seen[1]).float().mean() > 0.995
    both = seen[0] & seen[1]
    assert ((best[0] >> 26) - (best[1] >> 26))[both].float().abs().div(1000).median() < 0.3
