"""The mouth: closed lips as a relief, and the warp by which smiling and speaking move lips, texture and landmarks together."""

import torch
from torch import Tensor

from course_lib.faces.maths import ISOTROPIC, Columns, bell, constant, mix, noise, ramp


def lip_line(x: Tensor) -> Tensor:
    """Height in cm of the closed lip line against the mouth's centre: a soft M."""
    return -0.10 * bell(x, 0.40) + 0.05 * bell(x.abs() - 0.85, 0.5) - 0.05 * bell(x.abs() - 2.2, 0.5)


def lip_thickness(e: Columns, x: Tensor) -> tuple[Tensor, Tensor]:
    """Height in cm of the upper and the lower red of the lips at neutral ``x``."""
    ax = x.abs()
    across = (ax / e["mouth_width"]).clamp(max=1.0)
    cupid = e["cupid"].clamp(0, 1)
    bow = 1 - 0.30 * cupid * bell(x, 0.30) + 0.10 * cupid * bell(ax - 0.52, 0.32)
    return e["upper_lip"] * (1 - across**2.3) * bow, e["lower_lip"] * (1 - across**2.3).clamp(0) ** 0.8 * (
        1 - 0.04 * bell(x, 0.3)
    )


def lip_relief(e: Columns, x: Tensor, y: Tensor) -> Tensor:
    """Displacement in cm along z of the closed lips and the skin around them, at neutral coordinates."""
    ax, width = x.abs(), e["mouth_width"]
    across = (ax / width).clamp(max=1.3)
    dy = y - e["mouth_y"] - lip_line(x)
    inside = ramp(across, 1.08, 0.35)
    upper, lower, forward = e["upper_lip"], e["lower_lip"], e["lip_forward"]
    d = forward * inside * (0.85 * bell(dy - 0.48 * upper, 0.52 * upper) + 1.0 * bell(dy + 0.5 * lower, 0.52 * lower))
    d = d - 0.28 * ramp(across, 1.06, 0.8) * bell(dy, 0.13) - 0.16 * bell(ax - width - 0.05, 0.3) * bell(dy, 0.32)
    d = d - 0.24 * bell(ax, 1.7) * bell(dy + lower + 0.62, 0.42) + 0.05 * inside * bell(dy - upper - 0.05, 0.12)
    return d + 0.10 * bell(ax - width - 0.55, 0.5) * bell(dy + 0.2, 0.8)


def opening(e: Columns) -> tuple[Tensor, Tensor]:
    """Half width of the mouth and gap between the lips in cm, after the expression."""
    smile, mouth_open = e["smile"], e["mouth_open"].clamp(min=0)
    width = e["mouth_width"] * (1 + 0.22 * smile - 0.07 * mouth_open)
    return width, 1.55 * mouth_open**1.15 + 0.52 * ramp(smile, 0.35, 0.95)


class MouthWarp:
    """Where a point of the face was before the expression moved it.

    Attributes:
        x, y: neutral coordinates in cm, for texture and relief.
        dy: height above the line where the lips met.
        up, down: how far the upper and lower lip have moved from that line here.
        across: |x| over the half width of the mouth.
        gap: the gap between the lips at its middle.
    """

    def __init__(self, e: Columns, x: Tensor, y: Tensor):
        smile = e["smile"]
        width, self.gap = opening(e)
        self.across = x.abs() / width
        lens = (1 - self.across.clamp(max=1) ** 2) ** 0.6
        arc = 0.50 * smile * self.across.clamp(max=1.5) ** 2 - 0.02 * smile
        self.dy = y - e["mouth_y"] - arc - lip_line(x / (1 + 0.22 * smile))
        self.up, self.down = 0.25 * self.gap * lens, 0.75 * self.gap * lens
        middle = 0.5 * (self.up - self.down)
        distance = (self.dy - middle).abs() - 0.5 * self.gap * lens
        window = ramp(self.across, 2.0, 1.15) * ramp(distance, 3.2, 1.25)
        shift = torch.where(self.dy > middle, self.up, -self.down)
        self.x = x * (1 + (e["mouth_width"] / width - 1) * window)
        self.y = y - (arc + shift) * window

    def inside(self) -> Tensor:
        """Soft share of the open mouth."""
        edge = ramp(self.up - self.dy, -0.04, 0.10) * ramp(self.dy + self.down, -0.04, 0.10)
        return edge * ramp(self.across, 1.0, 0.9) * ramp(self.gap, 0.02, 0.1)


def jaw_drop(e: Columns, y: Tensor, cosine: Tensor, jaw: Tensor) -> Tensor:
    """How far in cm the open jaw lowers a point; a quarter of it also moves back."""
    below = ramp(y, e["mouth_y"] - 0.2, e["mouth_y"] - 1.6)
    return 1.0 * e["mouth_open"] * below * ramp(cosine, 0.05, 0.7) * jaw * ramp(y, -13, -12.2)


_TOOTH_EDGES = (0.0, 0.43, 0.80, 1.18, 1.52, 2.0)


def paint_mouth(e: Columns, warp: MouthWarp, x: Tensor, pixel: Tensor, skin: Tensor) -> tuple[Tensor, Tensor]:
    """Teeth, tongue and the dark of an open mouth.

    Args:
        e: parameters of a flat list of N points.
        warp: its mouth warp.
        x: (N,) neutral x in cm.
        pixel: (N,) size in cm of what is being painted.
        skin: (N, 3) albedo around it.

    Returns:
        (N, 3) albedo and (N,) share of the mouth's inside.
    """
    across, gap = warp.across, warp.gap
    soft = pixel * 0.42 + 0.012
    inside = torch.sigmoid((warp.up - warp.dy) / soft) * torch.sigmoid((warp.dy + warp.down) / soft)
    inside = inside * ramp(across, 0.99, 0.90) * ramp(gap, 0.04, 0.14)
    depth, total = warp.up - warp.dy, warp.up + warp.down
    # Below the highest point of the lip: the edge of the teeth is level, it does not follow the arch of the lip.
    level = 0.25 * gap - warp.dy
    ax, length = x.abs(), 0.74 - 0.12 * across**2
    wobble = 0.03 * noise(ISOTROPIC, e["offset"][:, 0] + torch.sign(x) * 0.3, ax * 0.9)
    edge, tooth = torch.full_like(ax, 9.0), torch.zeros_like(ax)
    for k, position in enumerate(_TOOTH_EDGES):
        edge = torch.minimum(edge, (ax - position).abs())
        tooth = torch.where(ax > position, torch.full_like(ax, float(k)), tooth)
    # Incisors, canines and molars differ in length and shade; a smile shows the canine's point.
    length = length + wobble - 0.06 * (tooth == 1) + 0.02 * (tooth == 2)
    upper = ramp(level, length + pixel * 0.5, length - 0.06) * ramp(across, 0.98, 0.80)
    seam = bell(edge, 0.03 + pixel * 0.2) * ramp(pixel, 0.35, 0.08)
    rounded = ramp(
        level, length - 0.02 - 0.09 * (1 - ramp(edge, 0, 0.12)), length - 0.16 - 0.09 * (1 - ramp(edge, 0, 0.12))
    )
    shade = (
        1 - 0.50 * ramp(across, 0.2, 0.9) - 0.17 * seam - 0.35 * ramp(depth, 0.16, 0) - 0.10 * ramp(depth, 0.3, length)
    )
    ivory = constant([0.66, 0.63, 0.55], skin) * (1 - 0.10 * e["age"][:, None] * constant([0.6, 1.0, 1.8], skin))
    teeth = ivory * (shade - 0.06 * tooth)[:, None].clamp(min=0.1)
    low = ramp(total - depth, 0.32, 0.20) * ramp(total, 1.1, 1.6) * 0.85 * ramp(across, 0.65, 0.4)
    tongue = ramp(total - depth, 0.75, 0.25) * ramp(total, 0.6, 1.0) * ramp(across, 0.8, 0.5)
    dark = constant([0.045, 0.010, 0.010], skin).expand_as(skin)
    red = constant([0.24, 0.065, 0.06], skin) * (1 - 0.3 * ramp(depth, length + 0.4, length))[:, None]
    colour = mix(mix(dark, red, (0.8 * tongue)[:, None]), teeth * 0.6, (low * 0.8)[:, None])
    colour = mix(colour, teeth, (upper * (0.35 + 0.65 * rounded))[:, None])
    return mix(skin, colour, inside[:, None]), inside
