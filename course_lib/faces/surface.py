"""What an identity needs once: mesh, normals, cavities, strands, ears and texture, reused by all its pictures."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from course_lib.faces.ears import ear_patch
from course_lib.faces.hair import shape_hair, style_columns
from course_lib.faces.landmarks import face_block, support_points
from course_lib.faces.maths import Columns, constant, hann_blur, mix, ramp, surface_normals
from course_lib.faces.mouth import MouthWarp, jaw_drop, lip_relief
from course_lib.faces.params import FaceParams
from course_lib.faces.relief import beard_zones, lower_face, mid_face, nose, smile_relief, upper_face
from course_lib.faces.sheet import Grid, blend_jaw, chin_shift, half_width, head_section, make_grid, neck_section
from course_lib.faces.skin import TEXTURE_BOTTOM, TEXTURE_TOP, THETA_LIMIT, paint_texture
from course_lib.faces.strands import grow_strands

CAVITY, HAIR, JAW, ACROSS, INSIDE, LOCK = range(6)
"""Channels of ``Surface.attributes``."""


@dataclass
class Surface:
    """Baked identities; every tensor has the identities on its first axis.

    Attributes:
        points, normals: (n, V, U, 3) the sheet with hair, mouth at rest and without lips' relief.
        attributes: (n, V, U, 6) cavity depth, share of hair, share of head against neck, and the hair's coordinates.
        half: (n, V) half width of the section in cm.
        frontal: (n, V, U) frontal coordinate x in cm.
        texture: (n, H, W, 9) as ``skin.paint_texture`` gives it.
        jaw: (n, 17, 6) jaw landmarks: x, y, z, height on the sheet, cos(theta), share of head.
        ears: (n, 2, rings, 2 rings, 7) points, normals, relief of both ears.
        strands: (n, P, 2K, 12) points, normals, tangents, tone, position, height on the sheet.
        present: (n, P − 1, 2K − 1) which strand quads exist.
    """

    points: Tensor
    normals: Tensor
    attributes: Tensor
    half: Tensor
    frontal: Tensor
    texture: Tensor
    jaw: Tensor
    ears: Tensor
    strands: Tensor
    present: Tensor

    def index(self, index: Tensor) -> "Surface":
        """Rows of the batch; the large texture too."""
        return Surface(*(getattr(self, f.name)[index] for f in fields(self)))

    @staticmethod
    def join(parts: list["Surface"]) -> "Surface":
        """Several batches one after another."""
        return Surface(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Surface)))


@dataclass(frozen=True)
class Detail:
    """How finely identities are baked.

    Attributes:
        density: of the grid, 1 is about 145 × 168 points.
        texture: rows of the texture.
        rings: of an ear.
        strands: per head.
        strand_width: in cm.
    """

    density: float | int
    texture: int
    rings: int
    strands: int
    strand_width: float | int


def detail_for(size: int, supersample: int, extent: float | int) -> Detail:
    """The detail that a picture of ``size`` pixels over ``extent`` centimetres can show."""
    samples = size * supersample * 21 / extent
    density = 0.5 if samples <= 80 else 0.8 if samples <= 130 else 1.0
    per_pixel = 1.1 if samples <= 80 else 1.3
    rows = int(min(640, max(64, per_pixel * size * (1 + 0.35 * (supersample > 1)) * 23 / extent)))
    strands = int(min(560, max(90, 1.6 * samples if samples <= 80 else 2.0 * samples)))
    return Detail(density, rows, 20 if density < 0.9 else 28, strands, max(0.13, 1.0 * extent / (size * supersample)))


def bake(identities: FaceParams, detail: Detail) -> tuple[Surface, Grid]:
    """Prepares identities.

    Args:
        identities: n identities.
        detail: how finely.

    Returns:
        Surface of n identities and the grid they share.
    """
    values = identities.values | style_columns(identities.values)
    e = Columns(values, 3)
    grid = make_grid(detail.density, str(identities.device))
    bare, lowered, jaw, frontal = _bare_head(e, grid)
    hair = shape_hair(values, e, grid, frontal, bare, lowered)
    normals = surface_normals(hair.points)
    cavity = _cavities(hair.points[..., 2], grid)
    attributes = torch.stack([cavity, hair.share, jaw, hair.across, hair.inside, hair.lock], -1)
    half = half_width(e, grid)[..., 0]
    strands = grow_strands(values, grid, hair.points, normals, detail.strands, detail.strand_width)
    packed = torch.cat(
        [strands.points, strands.normals, strands.tangents, strands.shade, strands.root_y[..., None]], -1
    )
    surface = Surface(
        points=hair.points,
        normals=normals,
        attributes=attributes,
        half=half,
        frontal=half[..., None] * grid.theta_row.sin(),
        texture=_texture(e, grid, half, detail.texture),
        jaw=_jaw(bare, jaw, grid),
        ears=_ears(e, detail.rings),
        strands=packed,
        present=strands.present,
    )
    return surface, grid


def _bare_head(e: Columns, grid: Grid) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Head without hair (n, V, U, 3), its heights, the share of head against neck, and the frontal coordinate."""
    x, z, frontal = head_section(e, grid)
    y = grid.y_column  # a column: what depends on height alone is computed once a row
    front = ramp(grid.theta_row.cos(), -0.05, 0.35)
    zone, moustache = beard_zones(e, x, y)
    full = ramp(e["beard"], 0.35, 0.8)
    relief = upper_face(e, x, y) + mid_face(e, x, y) + nose(e, x, y) + lower_face(e, x, y)
    relief = relief + 0.35 * (zone * e["beard"] * full + moustache * e["moustache"] * 0.6)
    z = z + relief * front
    hanging = zone * e["beard"] * ramp(e["beard"], 0.4, 0.9)
    x = x * (1 + 0.045 * hanging)
    jaw = blend_jaw(e, grid, hanging)
    neck_x, neck_z = neck_section(e, grid, x)
    lowered = chin_shift(e, grid, jaw) + torch.zeros_like(x)
    return torch.stack([mix(neck_x, x, jaw), lowered, mix(neck_z, z, jaw)], -1), lowered, jaw, frontal


def _cavities(z: Tensor, grid: Grid) -> Tensor:
    # How far a point lies behind its surroundings, at two scales, is a cheap stand-in for the sky it cannot see.
    fine, coarse = (int(k * grid.columns / 145) // 2 * 2 + 1 for k in (9, 27))
    sunk = (hann_blur(z, fine) - z) * 0.8 + (hann_blur(z, coarse) - z) * 0.4
    return sunk * ramp(grid.theta_row.cos(), 0.0, 0.45)


def _jaw(bare: Tensor, jaw: Tensor, grid: Grid) -> Tensor:
    rows, columns = face_block(grid, 1.34)
    block = bare[:, rows, columns]
    chosen = support_points(block[..., :2] - constant([0.0, -2.8], bare), jaw[:, rows, columns] > 0.7)
    where = torch.stack(torch.broadcast_tensors(grid.y[:, None], grid.theta.cos()[None]), -1)[rows, columns]
    packed = torch.cat([block, where.expand(len(bare), -1, -1, -1), jaw[:, rows, columns, None]], -1).flatten(1, 2)
    return packed.gather(1, chosen[..., None].expand(-1, -1, 6))


def _ears(e: Columns, rings: int) -> Tensor:
    packed = []
    for side in (-1, 1):
        points, relief = ear_patch(e, side, rings)
        normals = surface_normals(points, wrap=False) * (1 if side < 0 else -1)
        packed.append(torch.cat([points, normals, relief[..., None]], -1))
    return torch.stack(packed, 1)


def _texture(e: Columns, grid: Grid, half: Tensor, rows: int) -> Tensor:
    columns = int(rows * 1.05)
    theta = torch.linspace(-THETA_LIMIT, THETA_LIMIT, columns, device=half.device)
    y = torch.linspace(TEXTURE_TOP, TEXTURE_BOTTOM, rows, device=half.device)
    row = grid.row_of(y)
    r = row.long().clamp(max=grid.rows - 2)
    width = torch.lerp(half[:, r], half[:, r + 1], row - r)
    x = width[:, :, None] * theta.clamp(-1.57, 1.57).sin()
    return paint_texture(e, x, y.view(1, rows, 1), (7.0 * theta).expand_as(x), (TEXTURE_TOP - TEXTURE_BOTTOM) / rows)


def express(surface: Surface, grid: Grid, e: Columns) -> tuple[Tensor, Tensor]:
    """Points and normals (B, V, U, 3) of the sheet with the mouth as the expression sets it.

    Args:
        surface: one row per picture; its points and normals are changed in place, so they must be the picture's own.
        grid: its grid.
        e: identity and picture parameters shaped for three axes.
    """
    points, normals = surface.points, surface.normals
    rows, columns = grid.mouth_rows, grid.mouth_columns
    x = surface.frontal[:, rows, columns]
    y = grid.y[rows].view(1, -1, 1) + torch.zeros_like(x)
    jaw = surface.attributes[:, rows, columns, JAW]
    warp = MouthWarp(e, x, y)
    inside = warp.inside()
    relief = lip_relief(e, warp.x, warp.y) * (1 - inside) - 0.55 * inside + smile_relief(e, x, y)
    cosine = grid.theta[columns].cos()
    drop = jaw_drop(e, y, cosine, jaw)
    patch = points[:, rows, columns]
    moved = torch.stack(
        [patch[..., 0], patch[..., 1] - drop, patch[..., 2] + relief * ramp(cosine, -0.05, 0.35) * jaw - 0.25 * drop],
        -1,
    )
    points[:, rows, columns] = moved
    around = points[:, rows.start - 1 : rows.stop + 1, columns.start - 1 : columns.stop + 1]
    normals[:, rows, columns] = surface_normals(around, wrap=False)[:, 1:-1, 1:-1]
    return points, normals
