"""Backgrounds behind single faces: small blurred rooms, outdoor scenes, studio sweeps and gradients, painted once."""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.faces.maths import ISOTROPIC, hann_blur, linear, mix, noise, ramp
from course_lib.faces.nuisance import BACKGROUNDS
from course_lib.faces.params import NuisanceParams

_SIDE = 72


class _Painter:
    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)
        self.y, self.x = torch.meshgrid(torch.linspace(0, 1, _SIDE), torch.linspace(0, 1, _SIDE), indexing="ij")

    def u(self, *shape: int) -> Tensor:
        return torch.rand(*(shape or (1,)), generator=self.generator)

    def colour(self, low: float | int, high: float | int, tint: float | int) -> Tensor:
        return linear((low + (high - low) * self.u() + tint * (self.u(3) - 0.5)).clamp(0.03, 1.0))

    def rectangle(self, x: Tensor, y: Tensor, w: Tensor, h: Tensor) -> Tensor:
        return ((self.x > x) & (self.x < x + w) & (self.y > y) & (self.y < y + h)).float()[..., None]

    def discs(self, image: Tensor, count: int, strength: float | int) -> Tensor:
        for _ in range(count):
            cx, cy, radius = self.u(), self.u() * 0.85, 0.02 + 0.06 * self.u()
            disc = ramp(((self.x - cx) ** 2 + (self.y - cy) ** 2).sqrt(), radius, radius * 0.8)[..., None]
            image = image + disc * self.colour(0.3, 0.9, 0.3) * strength * self.u()
        return image


def _outdoors(p: _Painter, i: int) -> Tensor:
    sky, green, ground = (
        p.colour(0.6, 0.85, 0.15),
        linear(torch.tensor([0.30, 0.38, 0.24]) + 0.2 * (p.u(3) - 0.5)),
        p.colour(0.3, 0.5, 0.1),
    )
    horizon = 0.2 + 0.4 * p.u()
    image = mix(
        sky, green, ramp(p.y + 0.06 * noise(ISOTROPIC, p.x * 0.4 + i, p.x * 0), horizon, horizon + 0.12)[..., None]
    )
    image = mix(image, ground, ramp(p.y, 0.70, 0.9)[..., None])
    leaves = 1 + 0.35 * noise(ISOTROPIC, p.x * 0.5 + i, p.y * 0.5) + 0.2 * noise(ISOTROPIC, p.x * 1.5, p.y * 1.5 + i)
    return p.discs(image * leaves[..., None].clamp(0.15), 24, 0.5)


def _street(p: _Painter, i: int) -> Tensor:
    image = p.colour(0.45, 0.8, 0.1).expand(_SIDE, _SIDE, 3).clone()
    for _ in range(6):
        left, top, wide = p.u() * 1.1 - 0.1, p.u() * 0.35, 0.12 + 0.25 * p.u()
        body = p.rectangle(left, top, wide, torch.ones(1))
        wall, glass = p.colour(0.15, 0.65, 0.12), p.colour(0.1, 0.8, 0.1)
        grid = ((torch.sin((p.x - left) * 90) > 0.2) & (torch.sin((p.y - top) * 70) > 0.1)).float()[..., None]
        image = mix(image, mix(wall, glass, 0.7 * grid), body)
    image = mix(image, p.colour(0.25, 0.45, 0.05), ramp(p.y, 0.75, 0.82)[..., None])
    return p.discs(image, 6, 0.4)


def _room(p: _Painter, i: int) -> Tensor:
    wall = p.colour(0.35, 0.85, 0.10)
    image = wall * (1 - 0.25 * p.y + 0.2 * (p.x - 0.5) * (p.u() * 2 - 1))[..., None]
    image = torch.where(p.y[..., None] > 0.75 + 0.1 * p.u(), wall**0.5 * 0.45 + 0.04, image)
    for _ in range(8):
        block = p.rectangle(p.u() * 0.95 - 0.1, p.u() * 0.7, 0.05 + 0.3 * p.u(), 0.1 + 0.4 * p.u())
        image = mix(image, p.colour(0.1, 0.9, 0.18), block * 0.8)
    if i % 2:
        left = p.u() * 0.7
        pane = p.rectangle(left, torch.full((1,), 0.05), torch.full((1,), 0.3), torch.full((1,), 0.5))
        bars = 1 - ((p.x - left - 0.15).abs() < 0.012).float()[..., None]
        image = mix(image, torch.tensor([0.95, 1.0, 1.1]), pane * bars)
    return p.discs(image, 3, 0.5)


def _shelves(p: _Painter, i: int) -> Tensor:
    image = p.colour(0.15, 0.45, 0.1).expand(_SIDE, _SIDE, 3).clone()
    for shelf in range(5):
        x = 0.0
        while x < 1:
            wide = float(0.02 + 0.05 * p.u())
            tall = 0.10 + 0.08 * p.u()
            bottom = 0.2 * (shelf + 1) - 0.015
            image = mix(
                image,
                p.colour(0.1, 0.8, 0.3),
                p.rectangle(torch.tensor([x]), bottom - tall, torch.tensor([wide]), tall),
            )
            x += wide + 0.004
    return image


def _studio(p: _Painter, i: int) -> Tensor:
    radius = ((p.x - 0.2 - 0.6 * p.u()) ** 2 + (p.y - 0.4) ** 2).sqrt()
    cloud = 1 + 0.12 * noise(ISOTROPIC, p.x * 0.25 + i, p.y * 0.25)
    return p.colour(0.12, 0.85, 0.14) * ((1.25 - 0.9 * radius) * cloud)[..., None]


def _gradient(p: _Painter, i: int) -> Tensor:
    along = p.x * (p.u() * 2 - 1) + p.y * (p.u() * 2 - 1)
    return mix(p.colour(0.1, 0.9, 0.3), p.colour(0.1, 0.9, 0.3), ((along + 1) / 2)[..., None])


_KINDS = (_outdoors, _street, _room, _shelves, _studio, _gradient, _room, _outdoors)


@functools.lru_cache(4)
def backgrounds(device: str) -> Tensor:
    """(BACKGROUNDS, 3, 72, 72) linear light, the same in every run."""
    painted = []
    for i in range(BACKGROUNDS):
        kind = _KINDS[i % len(_KINDS)]
        image = kind(_Painter(100 + i), i).permute(2, 0, 1)
        blur = 3 if kind in (_studio, _gradient) else (5, 9, 13)[(i // len(_KINDS)) % 3]
        painted.append(hann_blur(image, blur))
    return torch.stack(painted).clamp(0.004, 1.3).to(device)


def draw_background(q: NuisanceParams, size: int) -> Tensor:
    """(B, 3, size, size) linear background of each picture: a crop of one of the painted places, tinted, maybe mirrored."""
    chosen = backgrounds(str(q.device))[q["background"]]
    batch = len(chosen)
    zoom = 0.62 + 0.38 * q["background_place"][:, 0]
    flip = 1 - 2 * q["background_flip"]
    zero = torch.zeros_like(zoom)
    shift = (q["background_place"][:, 1] * 2 - 1) * (1 - zoom)
    matrix = torch.stack([torch.stack([zoom * flip, zero, shift], -1), torch.stack([zero, zoom, shift * 0.5], -1)], 1)
    grid = F.affine_grid(matrix, [batch, 3, size, size], align_corners=False)
    image = F.grid_sample(chosen, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return image * q["background_tint"].view(batch, 3, 1, 1)
