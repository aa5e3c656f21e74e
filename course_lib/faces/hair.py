"""Hair as part of the sheet: the hairline, and the volume that raises the sheet outside it."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.faces import styles
from course_lib.faces.maths import ISOTROPIC, STRANDS, Columns, bell, constant, mix, noise, ramp
from course_lib.faces.sheet import Grid


@dataclass
class HairShape:
    """Hair of n identities on the sheet.

    Attributes:
        points: (n, V, U, 3) the raised sheet in cm.
        share: (n, V, U) soft share of hair against skin.
        across: (n, V, U) coordinate in cm across the strands.
        inside: (n, V, U) signed distance in cm from the hairline, positive under hair.
        lock: (n, V, U) noise that is constant along a lock.
    """

    points: Tensor
    share: Tensor
    across: Tensor
    inside: Tensor
    lock: Tensor


def style_columns(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Entries that follow from the style index: falls, wave, curl, thickness, ear_hidden, each (n,)."""
    style = values["style"]
    device = style.device
    falls = styles.FALLS.to(device)[style]
    return {
        "falls": falls,
        "wave": styles.WAVE.to(device)[style],
        "curl": styles.CURL.to(device)[style],
        "thickness": styles.THICKNESS.to(device)[style] * values["hair_volume"],
        "ear_hidden": (falls > 0).float(),
        "strand_length": styles.STRAND_LENGTH.to(device)[style],
        "strand_lift": styles.STRAND_LIFT.to(device)[style],
    }


def hairline(values: dict[str, Tensor], theta: Tensor) -> Tensor:
    """(n, U) height in cm of the hairline at the columns' angles (U,)."""
    device = theta.device
    knots = torch.tensor(styles.HAIRLINE_ANGLES, device=device)
    style = values["style"]
    height = styles.HAIRLINES.to(device)[style]
    follow = constant([1, 1, 1, 0.9, 0.6, 0.3] + [0] * 9, theta)
    height = height + follow * (values["hairline"][:, None] - 6.6) + 6.6
    fringed = (style == styles.STYLES.index("bob")) | (style == styles.STYLES.index("fringe"))
    corner = constant([0, 0.5, 1, 0.6, 0.2] + [0] * 10, theta)
    height = height + corner * values["recession"][:, None].clamp(-0.3) * (~fringed)[:, None]
    height = height - constant([1.0] + [0] * 14, theta) * values["widow_peak"][:, None]
    angle = theta.abs() * (180 / math.pi)
    i = torch.bucketize(angle.contiguous(), knots).clamp(1, 14)
    share = ((angle - knots[i - 1]) / (knots[i] - knots[i - 1])).clamp(0, 1)
    share = 0.5 * share * share * (3 - 2 * share) + 0.5 * share
    return mix(height[:, i - 1], height[:, i], share)


def _is(values: dict[str, Tensor], name: str) -> Tensor:
    return (values["style"] == styles.STYLES.index(name)).view(-1, 1, 1)


def shape_hair(
    values: dict[str, Tensor], e: Columns, grid: Grid, x: Tensor, bare: Tensor, lowered: Tensor
) -> HairShape:
    """Raises the sheet where there is hair.

    Args:
        values: parameters with ``style_columns``.
        e: the same shaped for three axes.
        grid: the sheet's grid.
        x: (n, V, U) frontal coordinate.
        bare: (n, V, U, 3) the head without hair.
        lowered: (n, V, U) heights of the bare head.

    Returns:
        HairShape.
    """
    y, theta = grid.y_column, grid.theta_row
    n, zero = len(x), torch.zeros_like(x)
    angle, cosine = theta.abs() * (180 / math.pi), theta.cos()
    line = hairline(values, grid.theta)
    ox, oy = (values["hair_seed"][:, k].view(n, 1, 1) for k in (0, 1))
    falls, wave, curl = e["falls"], e["wave"], e["curl"]
    lock = noise(STRANDS, theta * 0.9 + ox + zero, y * 0.012 + oy + zero)
    clump = noise(ISOTROPIC, theta * 0.22 + ox + zero, y * 0.02 + oy + zero)
    lump = noise(ISOTROPIC, theta * 0.42 + ox + zero, y * 0.075 + oy + zero)
    broad = noise(ISOTROPIC, theta * 0.10 - oy + zero, zero + ox)
    # A steep hairline would turn its noise into saw teeth: measure the distance at a right angle to the line.
    step = (grid.theta[1:] - grid.theta[:-1]) * 7.4
    slope = F.pad((line[:, 1:] - line[:, :-1]) / step, (1, 0))
    slope = F.avg_pool1d(F.pad(slope[:, None], (2, 2), mode="replicate"), 5, 1)[:, 0]
    ragged = 0.06 * lock * (1 - curl) + 0.10 * clump + 0.30 * broad
    inside = (
        (y - line[:, None]) / (1 + 0.8 * slope[:, None] ** 2).sqrt()
        + ragged * (1 - 0.92 * falls * ramp(y, 3, -2))
        + 0.12 * lump * curl
    )
    end = torch.where(falls > 0.9, -15.6 + zero, zero - 10.5) + 0.5 * lock + 0.3 * clump
    inside = torch.where(falls > 0, torch.minimum(inside, y - end), inside)
    rise = _thickness(values, e, grid, x, inside, clump, lock, lump)
    radius = (bare[..., 0] ** 2 + bare[..., 2] ** 2).clamp(1e-3).sqrt()
    dx, dz = bare[..., 0] / radius, bare[..., 2] / radius
    hx, hy, hz = bare[..., 0] + dx * rise, lowered + rise * ramp(y, 3, 11) * 0.9, bare[..., 2] + dz * rise
    waves = wave * (
        0.26 * torch.sin(y * 1.15 + 0.9 * clump + theta * 4) * ramp(y, 7, 0)
        + 0.08 * torch.sin(y * 2.1 - theta * 6 + 0.8 * clump)
    )
    fall = falls * ramp(y, 3.5, -2.0) * ramp(angle, 46, 72) * ramp(inside, 0.0, 1.0)
    long = (falls > 0.9).float()
    cylinder = (
        7.55
        + 0.5 * e["thickness"]
        + 0.045 * (-y).clamp(0)
        - 0.7 * ramp(y, -9, -15.5) * long
        - 1.2 * ramp(y, -5, -10.5) * (1 - long)
    )
    cylinder = cylinder + waves + (0.10 + 0.2 * curl) * clump + 0.06 * lock + 0.15 * lump * curl
    hx = mix(hx, cylinder * theta.sin(), fall)
    hz = mix(hz, (cylinder + 1.0) * torch.where(cosine > 0, cosine, cosine * 0.95) - 1.0, fall)
    hx, hz = hx + waves * dx * (1 - fall) * 0.7, hz + waves * dz * (1 - fall) * 0.7
    haired = (~_is(values, "bald")).float()
    points = mix(bare, torch.stack([hx, hy, hz], -1), (ramp(inside, 0.02, 0.45) * haired)[..., None])
    share = torch.sigmoid((inside + 0.10) / (0.17 - 0.11 * falls * ramp(y, 1, -3))) * haired
    across = theta * 7.5 + theta.sign() * 1.2 * (points - bare)[..., ::2].norm(dim=-1) * falls
    return HairShape(points, share, across, inside.clamp(-3, 6), lock)


def _thickness(
    values: dict[str, Tensor],
    e: Columns,
    grid: Grid,
    x: Tensor,
    inside: Tensor,
    clump: Tensor,
    lock: Tensor,
    lump: Tensor,
) -> Tensor:
    y, theta = grid.y_column, grid.theta_row
    cosine, falls, curl = theta.cos(), e["falls"], e["curl"]
    rise = e["thickness"] * (1 - torch.exp(-inside.clamp(0) / mix(1.5, 2.6, curl) * 1.6))
    rise = rise * (1 + 0.11 * clump + 0.06 * lock * (1 - curl) + 0.06 * lump * curl)
    # Short hair is cut closer at the sides and over the ears; of one length it would be a helmet.
    side = ramp(theta.abs(), 0.75, 1.25) * ramp(y, 7.5, 2.5) * (1 - falls.clamp(max=1)) * (1 - curl)
    rise = rise * (1 - 0.52 * side) * (1 + 0.28 * ramp(y, 4, 10) * (1 - falls * 0.5) * (1 - curl))
    rise = rise * (1 + _is(values, "quiff") * 0.9 * ramp(cosine, 0.2, 0.9) * ramp(y, 6, 8.5))
    # A parting is a groove from the hairline to the crown; hair swells beside it on the side it is combed to.
    parted = ((falls > 0) | _is(values, "side_part") | _is(values, "wavy")).float() * (1 - 0.6 * curl)
    place = e["parting"] * torch.where(_is(values, "side_part"), 1.0 * 5.2, 3.2 * torch.ones((), device=x.device))
    top = ramp(cosine, -0.2, 0.3) * ramp(y, 5.5, 7.5)
    beside = (x - place) * -e["parting"].sign()
    rise = rise * (1 - 0.62 * bell(x - place, 0.32) * parted * top)
    swell = 0.35 * bell(beside - 2.0, 2.2) * ramp(beside, 0.0, 0.8)
    return rise * (1 + swell * _is(values, "side_part") * top)
