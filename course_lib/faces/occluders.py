"""What is worn on the head: hats and masks raise the sheet outwards, brims and glasses are surfaces of their own."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.faces.maths import ISOTROPIC, STRANDS, Columns, bell, constant, hann_blur, mix, noise, ramp
from course_lib.faces.sheet import Grid, jaw_height

SURGICAL, CLOTH_MASK, SCARF = 1, 2, 3
BEANIE, CAP, HEADSCARF, HEADBAND = 1, 2, 3, 4
THIN, THICK, HALF_RIM, ROUND, SUNGLASSES = 1, 2, 3, 4, 5


@dataclass
class Worn:
    """The sheet with hat and mask.

    Attributes:
        points: (B, V, U, 3).
        hat, mask: (B, V, U) soft shares.
    """

    points: Tensor
    hat: Tensor
    mask: Tensor


def wear(e: Columns, grid: Grid, points: Tensor, frontal: Tensor) -> Worn:
    """Puts hats and masks on the sheet.

    Args:
        e: parameters shaped for three axes.
        grid: the sheet's grid.
        points: (B, V, U, 3) head with hair and expression, at rest.
        frontal: (B, V, U) frontal coordinate.

    Returns:
        Worn.
    """
    hat, points = _hats(e, grid, points, frontal)
    mask, points = _masks(e, grid, points, frontal)
    return Worn(points, hat, mask)


def _hats(e: Columns, grid: Grid, points: Tensor, frontal: Tensor) -> tuple[Tensor, Tensor]:
    y, theta, kind = grid.y_column, grid.theta_row, e["hat"]
    zero = torch.zeros_like(frontal)
    back = ramp(theta.cos(), 0.3, -0.6)
    beanie = torch.sigmoid((y - 4.6 + 1.5 * back) / 0.1) * (kind == BEANIE)
    cap = torch.sigmoid((y - 5.6 + 2.0 * back) / 0.1) * (kind == CAP)
    band = (
        torch.sigmoid((y - 4.9 + 1.2 * back) / 0.1) * torch.sigmoid((7.2 - 1.2 * back - y) / 0.1) * (kind == HEADBAND)
    )
    # A headscarf leaves an oval of face open and falls to the shoulders.
    oval = 1.0 - ((frontal / 6.3) ** 2 + ((y + 2.4) / 8.6) ** 2).sqrt()
    opening = torch.where(theta.cos() > 0, oval * 6.0, zero - 3.0)
    scarf = torch.sigmoid(-(opening) / 0.12) * (y > -16.5) * (kind == HEADSCARF)
    hat = (beanie + cap + band + scarf).clamp(max=1) + zero
    radius = (points[..., 0] ** 2 + points[..., 2] ** 2).clamp(1e-3).sqrt()
    dx, dz = points[..., 0] / radius, points[..., 2] / radius
    # Hats press thick hair down: the raised part is limited to a little over a bald head.
    bald = grid.tables["half_width"] * e["face_width"]
    limit = (bald * theta.sin() ** 2 + grid.tables["front"] * theta.cos() ** 2 + 1.25).clamp(min=2.0)
    folds = 0.22 * noise(STRANDS, theta * 0.25 + y * 0.004 + zero, y * 0.012 + zero) * (kind == HEADSCARF)
    rise = 0.9 * (beanie + cap) + 0.35 * band + (0.8 + folds) * scarf
    target = torch.where(
        (kind == HEADSCARF) & (y < 2),
        (radius + 0.2).clamp(min=6.6 + 0.18 * (-y).clamp(0)),
        torch.minimum(radius, limit - 0.4),
    )
    rise = rise * (radius / 7).clamp(max=1)
    out = torch.where(kind > 0, target + rise, radius)
    up = points[..., 1] + (1.3 * beanie + 1.0 * cap + 0.5 * scarf) * ramp(y, 5, 11.5)
    worn = torch.stack([dx * out, torch.minimum(up, grid.y_column + 1.9 + zero), dz * out], -1)
    return hat, mix(points, worn, hat[..., None])


def _masks(e: Columns, grid: Grid, points: Tensor, frontal: Tensor) -> tuple[Tensor, Tensor]:
    y, theta, kind = grid.y_column, grid.theta_row, e["mask"]
    ax = frontal.abs()
    front = (theta.cos() > 0).float()
    upper = torch.sigmoid((-1.5 - 0.24 * ax + 0.8 * bell(ax, 1.2) - y) / 0.12)
    body = upper * torch.sigmoid((y - jaw_height(e, theta) - 0.15) / 0.2) * ramp(ax, 6.9, 6.3) * front
    loops = bell(y + 2.9 + 0.25 * (ax - 6), 0.16) * ramp(ax, 5.6, 6.2) * front * ramp(theta.cos(), -0.1, 0.1)
    mask = torch.maximum(body, loops) * ((kind == SURGICAL) | (kind == CLOTH_MASK))
    wrap = (
        torch.sigmoid((-3.0 + 0.35 * torch.sin(theta * 2.0) - y) / 0.15)
        * torch.sigmoid((y + 15.5) / 0.2)
        * (kind == SCARF)
    )
    z = points[..., 2]
    smooth = hann_blur(z, int(21 * grid.columns / 145) // 2 * 2 + 1)
    tent = 0.35 * bell(ax, 2.5) * bell(y + 5.5, 2.5)
    # A mask spans the hollows: it lies over the smoothed face and never under it.
    over = torch.maximum(smooth + 0.45 * ramp(ax, 6.3, 4) + tent, z + 0.12)
    worn = torch.stack([points[..., 0] * 1.02, points[..., 1], over], -1)
    points = mix(points, worn, mask[..., None])
    zero = torch.zeros_like(z)
    ripples = 0.5 * torch.sin(y * 2.3 + 0.8 * noise(ISOTROPIC, theta * 0.2 + zero, y * 0.05 + zero)) + 0.3 * noise(
        STRANDS, y * 0.08 + zero, theta * 0.2 + zero
    )
    radius = (points[..., 0] ** 2 + points[..., 2] ** 2).clamp(1e-3).sqrt()
    ring = torch.maximum(
        7.6 - 0.10 * (y + 9).clamp(-5, 5) + 1.6 * theta.cos().clamp(min=0) + 0.45 * ripples, radius + 0.25
    )
    around = torch.stack([points[..., 0] / radius * ring, points[..., 1], points[..., 2] / radius * ring], -1)
    return mask + wrap, mix(points, around, wrap[..., None])


def worn_albedo(e: Columns, x: Tensor, y: Tensor, theta: Tensor, hat: Tensor) -> Tensor:
    """(N, 3) linear albedo of hats and masks for a flat list: ribs of wool, a cap's seams, pleats, folds."""
    colour, kind, mask = e["worn_colour"], e["hat"], e["mask"]
    rib = (0.82 + 0.18 * torch.cos(x * 6)) * (1 - 0.25 * ramp(y, 5.9, 6.2) * ramp(y, 6.6, 6.3))
    seam = 1 - 0.30 * bell(torch.remainder(theta + 0.52, 1.047) - 0.52, 0.025) * ramp(y, 5.5, 6.5)
    weave = 1 + 0.05 * noise(ISOTROPIC, x * 0.9, y * 0.9)
    hats = (
        colour * (torch.where(kind == BEANIE, rib, torch.where(kind == CAP, seam, torch.ones_like(x))) * weave)[:, None]
    )
    pleats = 1 - 0.14 * ramp(torch.cos(y * 2.6), 0.86, 1.0)
    surgical = (
        mix(constant([0.55, 0.72, 0.84], x), 0.85 + 0.1 * colour, (e["glasses_size"] > 0.6).float()[:, None])
        * pleats[:, None]
    )
    knit = colour * (0.8 + 0.2 * torch.cos(y * 7 + torch.sin(theta * 40)))[:, None]
    masks = torch.where(
        (mask == SURGICAL)[:, None], surgical, torch.where((mask == SCARF)[:, None], knit, colour * weave[:, None])
    )
    return mix(masks, hats, hat[:, None])


def brim(e: Columns, columns: int = 36, rows: int = 8) -> Tensor:
    """(B, rows, columns, 3) peak of a cap in cm at rest; empty shapes for other hats are left out by the caller."""
    like = e["face_width"]
    a = torch.linspace(-1.15, 1.15, columns, device=like.device).view(1, 1, -1)
    r = torch.linspace(0, 1, rows, device=like.device).view(1, -1, 1)
    reach = 5.6 * r * (1 - 0.28 * (a / 1.15) ** 4)
    x = (7.75 * like + 0.35 * reach * 0.4) * a.sin()
    z = (10.0 + reach) * (0.28 + 0.72 * a.cos())
    y = 6.0 - 0.13 * reach - 0.05 * x.abs() ** 1.6 + 0.0 * like
    return torch.stack(torch.broadcast_tensors(x, y, z), -1)


def glasses_shape(e: Columns, points: int = 72) -> tuple[list[Tensor], list[Tensor]]:
    """Frames and lenses at rest.

    Args:
        e: parameters shaped for three axes.
        points: around a lens.

    Returns:
        Ribbons of the frame (B, 5, n, 3): two rims, bridge, two temples; and two lenses (B, 16, points, 3), in cm.
    """
    kind, size = e["glasses"], 0.88 + 0.3 * e["glasses_size"]
    like = e["eye_x"]
    t = torch.linspace(0, 2 * math.pi, points, device=like.device).view(1, 1, -1)
    # Low lenses reach down to the cheeks; swept frames rise and thicken towards the temples.
    drop, sweep = e["glasses_drop"], e["glasses_sweep"]
    thick = (
        torch.where((kind == THICK) | (kind == SUNGLASSES), 0.24, 0.11) + 0.13 * sweep * (kind == HALF_RIM) + 0.0 * like
    )
    band = constant([-1, -0.5, 0, 0.5, 1.0], like).view(1, -1, 1) * thick
    power = torch.where(kind == ROUND, 2.0, torch.where((kind == THICK) | (kind == HALF_RIM), 4.2, 3.0)) + 0.0 * like
    cosine, sine = t.cos(), t.sin()
    shape = (cosine.abs() ** power + sine.abs() ** power) ** (-1 / power)
    wide = torch.where(kind == ROUND, 2.25, 2.6) * size
    tall = torch.where(kind == ROUND, 2.2, torch.where(kind == SUNGLASSES, 2.15, 1.75)) * size
    surface = lambda x, y: torch.stack([x, y, 10.45 + e["nose_height"] * 0.12 - 0.030 * x**2], -1)  # noqa: E731
    frames, lenses = [], []
    centre = like + 0.15
    middle, tall = e["eye_y"] - 0.2 - 0.75 * drop, tall + 0.5 * drop
    rise = lambda u: 0.8 * sweep * u * ramp(sine, -0.6, 0.9)  # noqa: E731
    half = 1 - 0.85 * ((kind == HALF_RIM) & (sine < -0.15)).float()
    radius = torch.linspace(0, 1, 16, device=like.device).view(1, -1, 1)
    for side in (-1, 1):
        x = side * centre + (wide + band * half) * shape * cosine
        outwards = rise(side * cosine)
        heavy = half * (1 + 2.2 * sweep * ramp(side * cosine, 0.1, 0.9) * ramp(sine, -0.3, 0.4))
        frames.append(surface(x, middle + outwards + (tall + band * heavy) * shape * sine))
        lenses.append(
            surface(side * centre + wide * shape * cosine * radius, middle + (outwards + tall * shape * sine) * radius)
        )
    inner = (centre - wide).clamp(min=0.4)
    across = torch.linspace(-1.05, 1.05, 20, device=like.device).view(1, 1, -1) * inner
    frames.append(surface(across + 0 * band, middle + 0.55 + 0.6 * drop + 0.25 * (1 - (across / inner) ** 2) + band))
    along = torch.linspace(0, 1, 60, device=like.device).view(1, 1, -1)
    for side in (-1, 1):
        start = centre + wide
        x = side * (start + (7.45 * e["face_width"] - start) * along**0.5) + 0 * band
        front = 10.45 + e["nose_height"] * 0.12 - 0.03 * start**2
        frames.append(
            torch.stack(
                torch.broadcast_tensors(
                    x, e["eye_y"] + 0.5 - 0.3 * along + band, front * (1 - along) - along + 0 * band
                ),
                -1,
            )
        )
    return frames, lenses


def lens_light(e: Columns, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """What lenses do to the light behind them, at image places (B, H, W) in [0, 1].

    Returns:
        (B, H, W) share let through and (B, H, W) reflected light: a slanted window pane and a soft sky.
    """
    dark = (e["glasses"] == SUNGLASSES).float()
    through = 1 - mix(0.05 + 0 * dark, 0.93, dark)
    shift = e["reflection"]
    a = (u + v * 0.6) * 7 + 6.28 * shift[:, 0].view(-1, 1, 1)
    pane = ramp(a.sin(), 0.45, 0.75) * ramp(torch.sin((u - 0.8 * v) * 9 + 5 * shift[:, 1].view(-1, 1, 1)), -0.2, 0.2)
    strength = 0.02 + 0.14 * shift[:, 1].view(-1, 1, 1) ** 2 * (1 - 0.5 * dark)
    return through.expand_as(u), strength * pane + 0.015 * ramp(v, 0.7, 0.2) * (1 + dark)
