"""Light on the visible points: key with a soft shadow, sky and ground, fill, rim; skin that lets red through, hair that shines in bands."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.faces.camera import NECK_PIVOT
from course_lib.faces.maths import (
    Columns,
    constant,
    degrees_to_radians,
    gather_bilinear,
    greatest_of_nine,
    mix,
    ramp,
    take,
)


@dataclass
class Points:
    """Visible points of a batch as flat lists of N, in the axes of the head at rest (x right, y up, z to the viewer).

    Attributes:
        batch: which picture.
        position, normal, view: (N, 3), cm and unit vectors; ``view`` points to the camera.
        albedo: (N, 3) linear.
        occlusion: (N,) share of the surroundings that reaches the point.
        gloss: (N,) of the skin.
        skin, lip, mouth, eyeball, highlight: (N,) shares; ``mouth`` is the wet inside.
        hair: (N,) share; ``hair_colour`` (N, 3), ``tangent`` (N, 3), ``strand`` (N,) noise along the strands, ``curl`` (N,).
        smooth: (N,) share of lacquer or plastic: glasses, microphones.
    """

    batch: Tensor
    position: Tensor
    normal: Tensor
    view: Tensor
    albedo: Tensor
    occlusion: Tensor
    gloss: Tensor
    skin: Tensor
    lip: Tensor
    mouth: Tensor
    eyeball: Tensor
    highlight: Tensor
    hair: Tensor
    hair_colour: Tensor
    tangent: Tensor
    strand: Tensor
    curl: Tensor
    smooth: Tensor


def light_direction(e: Columns) -> Tensor:
    """(B, 3) unit vector towards the key light."""
    azimuth, elevation = degrees_to_radians(e["light_azimuth"]), degrees_to_radians(e["light_elevation"])
    return torch.stack([azimuth.sin() * elevation.cos(), elevation.sin(), azimuth.cos() * elevation.cos()], -1)


def cast_shadows(surface: Tensor, direction: Tensor, points: Tensor, batch: Tensor, side: int) -> Tensor:
    """Share of the key light that reaches points.

    Args:
        surface: (B, V, U, 3) what casts shadows.
        direction: (B, 3) towards the light.
        points: (N, 3) receivers, already moved off the surface along their normals.
        batch: (N,).
        side: of the depth map in pixels.

    Returns:
        (N,) in [0, 1].
    """
    count = len(surface)
    right = F.normalize(torch.cross(constant([0.0, 1.0, 0.0], direction).expand(count, 3), direction, dim=-1), dim=-1)
    frame = torch.stack([right, torch.cross(direction, right, dim=-1), direction], 1)
    scale = side / 34.0
    pivot = constant(NECK_PIVOT, points)
    seen = (surface.reshape(count, -1, 3) - pivot) @ frame.transpose(1, 2)
    column = (seen[..., 0] * scale + side / 2).long().clamp(0, side - 1)
    row = (side / 2 - (seen[..., 1] - 2) * scale).long().clamp(0, side - 1)
    nearest = torch.full((count, side * side), -99.0, device=surface.device)
    nearest.scatter_reduce_(1, row * side + column, seen[..., 2], "amax")
    nearest = nearest.view(count, 1, side, side)
    for _ in range(2):  # the sheet is sampled sparsely: grow it over the gaps
        nearest = torch.where(nearest < -90, greatest_of_nine(nearest), nearest)
    table = torch.where(nearest < -90, torch.full_like(nearest, -30.0), nearest).view(count, side, side, 1)
    local = ((points - pivot)[:, None] * take(frame, batch)).sum(-1)
    x, y = local[:, 0] * scale + side / 2 - 0.5, side / 2 - (local[:, 1] - 2) * scale - 0.5
    lit = torch.zeros_like(x)
    for dx, dy in ((-1.5, -0.6), (1.5, 0.6), (0.6, -1.5), (-0.6, 1.5)):
        depth = gather_bilinear(table, batch, y + dy, x + dx)[:, 0]
        lit = lit + ramp(local[:, 2] - depth, -2.3, -0.3)
    return lit / 4


def shade(p: Points, e: Columns, shadow: Tensor) -> Tensor:
    """Linear light (N, 3) that leaves the points towards the camera.

    Args:
        p: the points.
        e: parameters of the pictures (B,), not of the points.
        shadow: (N,) share of the key light that arrives.
    """
    b = p.batch
    direction = light_direction(e)
    towards = take(direction, b)
    facing = (p.normal * towards).sum(1)
    warm = e["warmth"]
    key = torch.stack([1 + warm, torch.ones_like(warm), 1 - warm], -1) * (e["key"] * 1.04)[:, None]
    key = take(key, b)
    # Near the terminator the wrap does the darkening: a shadow map there would show its own grain.
    shadow = 1 - (1 - shadow) * ramp(facing, -0.05, 0.40)
    colour = _diffuse(p, e, facing, shadow, key)
    colour = colour + _shine(p, towards, facing, shadow, key, take(e["tone_of"], b))
    edge = (1 - (p.normal * p.view).sum(1).clamp(0, 1)) ** 3
    behind = ramp(p.normal[:, 0] * -take(direction, b)[:, 0].sign(), 0.2, 0.9)
    rim = (take(e["rim"], b) * edge * behind * (0.5 + 0.5 * p.occlusion))[:, None]
    colour = colour + rim * (0.35 * p.albedo + 0.06 + 0.25 * p.hair[:, None] * p.hair_colour) * constant(
        [0.95, 1.0, 1.08], colour
    )
    return colour + (p.highlight * 0.85 * (0.4 + 0.6 * take(e["key"], b)))[:, None]


def _diffuse(p: Points, e: Columns, facing: Tensor, shadow: Tensor, key: Tensor) -> Tensor:
    b, skin = p.batch, p.skin
    translucent = skin * (1 - 0.5 * p.eyeball)
    wrap = constant([0.40, 0.22, 0.16], p.albedo) * translucent[:, None] + 0.06 + 0.14 * p.hair[:, None]
    diffuse = ((facing[:, None] + wrap) / (1 + wrap)).clamp(0)
    soft = mix(torch.ones_like(p.albedo), constant([0.62, 1.0, 1.12], p.albedo).expand_as(p.albedo), skin[:, None])
    cast = shadow.clamp(min=1e-4)[:, None] ** soft
    # Surroundings: brighter from above, and a coloured side that differs from picture to picture.
    sky = 0.63 + 0.31 * p.normal[:, 1] + 0.15 * p.normal[:, 2]
    side = 1 + take(e["side_tint"], b) * p.normal[:, :1]
    bounce = mix(
        constant([0.98, 1.0, 1.04], p.albedo).expand_as(p.albedo),
        constant([1.28, 1.02, 0.96], p.albedo).expand_as(p.albedo),
        (skin * ramp(-p.normal[:, 1], 0.0, 0.8))[:, None],
    )
    ambient = (take(e["ambient"], b) * sky * p.occlusion)[:, None] * bounce * side
    direction = light_direction(e)
    filling = torch.stack([-direction[:, 0], torch.full_like(direction[:, 0], 0.05), direction[:, 2].abs() + 0.45], -1)
    fill = 0.20 * (p.normal * take(F.normalize(filling, dim=-1), b)).sum(1).clamp(0) * p.occlusion
    arriving = (
        diffuse * cast * key * (0.40 + 0.60 * p.occlusion)[:, None]
        + ambient
        + fill[:, None] * constant([1.04, 1.0, 0.97], p.albedo)
    )
    # Light that bounces again inside a cavity takes the skin's colour: shadows of skin are red, not grey.
    deep = (1 - p.occlusion).clamp(0, 0.6)[:, None] * translucent[:, None]
    return p.albedo * arriving * (1 + deep * constant([0.28, 0.02, -0.04], p.albedo))


def _shine(p: Points, towards: Tensor, facing: Tensor, shadow: Tensor, key: Tensor, tone: Tensor) -> Tensor:
    half = F.normalize(towards + p.view, dim=1)
    nh = (p.normal * half).sum(1).clamp(0, 1)
    fresnel = (1 - (p.normal * p.view).sum(1).clamp(0, 1)) ** 5
    dry = p.skin * (1 - p.eyeball) * (1 - p.mouth)
    # The same film of oil stands out more on dark skin: the eye and the tone curve do the rest.
    skin = (0.075 * nh**9 + 0.075 * nh**26) * p.gloss * dry * (1 - 0.35 * tone)
    wet = p.lip * (1 - p.mouth) * 0.09 * nh**45 + p.mouth * 0.25 * nh**40
    sky = 0.63 + 0.31 * p.normal[:, 1] + 0.15 * p.normal[:, 2]
    sheen = fresnel * (0.07 * dry * sky * p.occlusion + 0.3 * p.smooth * sky)
    lit = shadow * (facing > 0)
    total = (skin + wet + p.smooth * 0.5 * nh**60) * lit + sheen
    result = total[:, None] * key
    # Hair: one white band where strands mirror the light, one coloured and wider behind it (Kajiya–Kay).
    th = (p.tangent * half).sum(1)
    white = (1 - th**2).clamp(0) ** 24 * 0.42
    coloured = (1 - (th + 0.12) ** 2).clamp(0) ** 6 * 0.36
    band = (
        (white + coloured)
        * p.hair
        * (facing + 0.3).clamp(0)
        * (0.65 + 0.40 * p.strand.clamp(-1.4, 2))
        * (1 - 0.78 * p.curl)
    )
    band = band * (0.25 + 0.75 * shadow) * p.occlusion.clamp(0, 1)
    return result + band[:, None] * (p.hair_colour * 0.50 + 0.020) * key
