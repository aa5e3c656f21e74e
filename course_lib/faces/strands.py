"""Strands: narrow ribbons that lie on the hair and over the forehead, so that hair has layers and an uneven edge."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.faces import styles
from course_lib.faces.hair import hairline
from course_lib.faces.maths import ISOTROPIC, gather_bilinear, mix, noise, ramp
from course_lib.faces.sheet import TOP, Grid

POINTS = 9
"""Points along a strand."""


@dataclass
class Strands:
    """Ribbons of n identities: columns 2k and 2k + 1 are the edges of strand k.

    Attributes:
        points: (n, POINTS, 2 K, 3) in cm.
        normals: (n, POINTS, 2 K, 3).
        tangents: (n, POINTS, 2 K, 3) along the strand.
        shade: (n, POINTS, 2 K, 2) tone of the strand about 0, and position from root 0 to tip 1.
        present: (n, POINTS - 1, 2 K - 1) which quads are hair.
        root_y: (n, POINTS, 2 K) height of each point on the sheet, for hats.
    """

    points: Tensor
    normals: Tensor
    tangents: Tensor
    shade: Tensor
    present: Tensor
    root_y: Tensor


def grow_strands(
    values: dict[str, Tensor], grid: Grid, surface: Tensor, normals: Tensor, count: int, width: float | int
) -> Strands:
    """Grows the strands of n identities on their hair.

    Args:
        values: parameters with ``style_columns``.
        grid: the sheet's grid.
        surface: (n, V, U, 3) the head with its hair volume.
        normals: (n, V, U, 3) its normals.
        count: strands per identity.
        width: width of a strand in cm.

    Returns:
        Strands.
    """
    n, device = len(surface), surface.device
    # One fixed draw for all identities: what differs is where each head puts it.
    draw = torch.rand(count, 8, generator=torch.Generator().manual_seed(23)).to(device)
    theta, y = _paths(values, draw, grid)
    rows, columns = grid.row_of(y), grid.column_of(theta)
    batch = torch.arange(n, device=device)[:, None, None].expand_as(rows).reshape(-1)
    table = torch.cat([surface, normals], -1)
    found = gather_bilinear(table, batch, rows.reshape(-1), columns.reshape(-1)).view(n, count, POINTS, 6)
    point, normal = found[..., :3], F.normalize(found[..., 3:], dim=-1)
    s = torch.linspace(0, 1, POINTS, device=device)
    lift = values["strand_lift"].view(n, 1, 1) * (0.3 + 1.2 * draw[:, 4]).view(1, count, 1)
    raised = 0.03 + lift * (0.35 + 0.9 * s - 0.55 * s**3)
    curl, wave = values["curl"].view(n, 1, 1), values["wave"].view(n, 1, 1)
    phase = draw[:, 5].view(1, count, 1) * 6.28
    # Curls tighten towards the tip, else single strands draw wide loops against the background.
    turns = mix(3.0, 13.0, curl)
    tight = 1 - 0.65 * ramp(s, 0.3, 1.0)
    raised = (
        raised + curl * 0.30 * tight * (torch.sin(s * turns + phase) + 0.5) + 0.06 * wave * torch.sin(s * 6 + phase)
    )
    point = point + raised[..., None] * normal
    tangent = F.normalize(torch.gradient(point, dim=2)[0], dim=-1)
    sideways = F.normalize(torch.cross(tangent, normal, dim=-1), dim=-1)
    sway = curl * 0.34 * tight * torch.cos(s * turns + phase) + 0.16 * wave * torch.sin(s * 5 + phase * 2)
    point = point + (sway * ramp(s, 0.0, 0.3))[..., None] * sideways
    broad = (
        width * (0.5 + 0.9 * draw[:, 6]).view(1, count, 1) * (1 - 0.85 * s**2.5) * (0.55 + 0.45 * ramp(s, 0.0, 0.15))
    )
    half = (broad / 2)[..., None] * sideways
    tone = (draw[:, 7] * 2 - 1).view(1, count, 1).expand(n, count, POINTS)
    edges = torch.stack([point - half, point + half], 3)
    tilt = F.normalize(normal + 0.22 * tone[..., None] * sideways, dim=-1)
    both = lambda t: torch.stack([t, t], 3).permute(0, 2, 1, 3, 4).reshape(n, POINTS, 2 * count, -1)  # noqa: E731
    shade = torch.stack([tone, s.expand(n, count, POINTS)], -1)
    return Strands(
        points=edges.permute(0, 2, 1, 3, 4).reshape(n, POINTS, 2 * count, 3),
        normals=both(tilt),
        tangents=both(tangent),
        shade=both(shade),
        present=_present(values, theta, y, grid),
        root_y=both(y[..., None])[..., 0],
    )


def _paths(values: dict[str, Tensor], draw: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """theta, y (n, K, POINTS) of the strands on the sheet, from root to tip, following the style's flow."""
    n, count = len(values["style"]), len(draw)

    def name(*names: str) -> Tensor:
        known = torch.tensor([styles.STYLES.index(k) for k in names], device=draw.device)
        return torch.isin(values["style"], known).float().view(n, 1)

    # Most roots lie in front and at the sides, where they are seen.
    u = draw[:, 0] * 2 - 1
    theta0 = (3.14 * (0.45 * u + 0.55 * u**3)).expand(n, count)
    line = hairline(values, grid.theta)
    lowest = _along(line, grid.column_of(theta0[0])).clamp(-13.0, 10.5)
    share = draw[:, 1] ** 1.25
    falls = values["falls"].view(n, 1)
    # Along long hair, roots start in the upper part only.
    floor = torch.where(falls > 0, lowest.clamp(min=3.0), lowest)
    y0 = floor + 0.12 + (TOP - 0.45 - floor).clamp(min=0.3) * share
    part = values["parting"].view(n, 1) * 0.42
    away = torch.tanh((theta0 - part) * 6)
    front = ramp(theta0.abs(), 1.25, 0.75) * ramp(y0, 2.5, 5.0)
    spread = (draw[:, 2] * 2 - 1)[None]
    back = name("tied", "quiff", "sides")
    down = -1.0 + 1.75 * back * front + 0.8 * name("side_part") * front
    sideways = (
        away * front * (0.75 + 1.1 * name("side_part")) * (1 - name("fringe", "bob", "crop") * 0.75) + 0.22 * spread
    )
    sideways = sideways + theta0.sign() * name("tied") * 1.2 + 0.5 * name("crop", "curly", "afro") * spread
    length = values["strand_length"].view(n, 1) * (0.45 + 0.75 * draw[:, 3])
    # Strands that start at the front hairline are cut to an uneven fringe; `fringe` says how much hangs into the forehead.
    hang = values["fringe"].view(n, 1) * 1.7 + 0.25 + 1.1 * name("fringe") + 0.3 * name("bob")
    reach = torch.minimum(length, (y0 - lowest).clamp(min=0) + hang * (0.35 + draw[:, 4]))
    # At sides and nape short hair ends at its line.
    hang = torch.where(front > 0.3, hang, 0.12 + 0.25 * values["curl"].view(n, 1))
    reach = torch.minimum(length, (y0 - lowest).clamp(min=0) + hang * (0.35 + draw[:, 4]))
    length = torch.where((down < 0) & ~(falls.bool() & ((away.abs() > 0.5) | (front < 0.3))), reach, length)
    s = torch.linspace(0, 1, POINTS, device=draw.device)
    path = s * length[..., None]
    y = y0[..., None] + down[..., None] * path
    centre = ramp(y, 11.5, 7.0) * 4.5 + 2.9
    bend = sideways[..., None] * path * (1 - 0.45 * s * (falls > 0)[..., None]) / centre
    theta = theta0[..., None] + bend
    theta = torch.where(theta.abs() > 3.13, theta.sign() * 3.13, theta)
    # Hair that falls frames the face: it passes the temples instead of crossing the eyes.
    edge = mix(0.92, 1.15, ramp(y, 5, -3)) + 0.05 * spread[..., None]
    framed = torch.where(theta.abs() < edge, torch.where((theta0 < part)[..., None], -edge, edge), theta)
    theta = mix(theta, framed, falls[..., None] * ramp(y, 6.6, 3.4))
    stop = torch.where(falls > 0.9, -15.8, torch.where(falls > 0, -10.6, -13.0))[..., None]
    return theta, torch.maximum(y, stop + 0.3 * spread[..., None]).clamp(max=TOP - 0.12)


def _along(line: Tensor, column: Tensor, rows: int = 0) -> Tensor:
    """Hairline (n, U) at columns (K,) shared by all rows, or (rows, K) of their own."""
    i = column.long().clamp(max=line.shape[1] - 2)
    if rows:
        return torch.lerp(line.gather(1, i), line.gather(1, i + 1), column - i)
    return torch.lerp(line[:, i], line[:, i + 1], column - i)


def _present(values: dict[str, Tensor], theta: Tensor, y: Tensor, grid: Grid) -> Tensor:
    n, count, _ = y.shape
    haired = (values["style"] != styles.STYLES.index("bald")).view(n, 1, 1)
    thin = noise(ISOTROPIC, theta[..., 0] * 0.3, y[..., 0] * 0.1) > -1.6
    # Bald crowns: a root needs hair under it.
    line = _along(hairline(values, grid.theta), grid.column_of(theta[0, :, 0]))
    rooted = (y[..., 0] > line) & thin
    # Only in front may hair hang over its line; elsewhere a strand ends where the hair does.
    everywhere = _along(hairline(values, grid.theta), grid.column_of(theta.reshape(n, -1)), n).view(y.shape)
    front = (theta.abs() < 0.8) & (y > 1.0)
    allowed = torch.where(front, 3.6, 0.30 + 0.3 * values["curl"].view(n, 1, 1))
    over_hair = y > everywhere - allowed
    moving = ((y[..., 1:] - y[..., :-1]).abs() + (theta[..., 1:] - theta[..., :-1]).abs() * 6) > 1e-3
    strand = (rooted[..., None] & moving & haired & over_hair[..., 1:]).permute(0, 2, 1)
    quads = torch.zeros(n, POINTS - 1, 2 * count - 1, dtype=torch.bool, device=y.device)
    quads[:, :, 0::2] = strand
    return quads
