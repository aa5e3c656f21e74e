"""The sheet: one grid in cylindrical coordinates (theta, y) that is head, neck, shoulders and hair at once.

Axes of the head: x to the viewer's right, y up, z to the viewer, in centimetres; eye line y = 0, head axis x = z = 0.
"""

import functools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.faces.maths import Columns, bell, pchip, ramp

TOP, BOTTOM = 11.55, -24.0
"""Heights in cm of the first and the last row: vertex and chest."""

_SPACING = (
    (-24, -16, -13, -11, -8.5, -4, -2, 1, 3, 5, 8, 10.5, 11.6),
    (0.8, 0.45, 0.22, 0.16, 0.125, 0.11, 0.135, 0.135, 0.19, 0.25, 0.28, 0.16, 0.06),
)
_HALF_WIDTH = (
    (12, 5, 2, 0, -2, -4, -6, -8, -9.5, -10.6, -11.5, -12.5, -24),
    (7.5, 7.55, 7.35, 7.1, 6.9, 6.45, 5.75, 4.85, 3.95, 3.1, 2.25, 1.7, 1.5),
)
_FRONT = (
    (12, 8, 6, 4, 2.2, 0.6, -2, -4.8, -6.8, -8.3, -9.9, -11, -11.8, -12.6, -24),
    (9.9, 9.8, 9.75, 9.7, 9.7, 9.1, 9.0, 9.2, 9.25, 8.85, 8.85, 8.45, 7.5, 6.2, 6),
)
_BACK = ((12, 4, 0, -4, -8, -12, -24), (9.6, 9.8, 9.4, 7.8, 6.6, 6.2, 6))
_NECK_WIDTH = ((12, -8, -11.5, -12.9, -14.1, -15.4, -16.9, -18.6, -24), (5.0, 5.0, 4.9, 5.3, 6.6, 9.4, 14, 17.5, 19))
_NECK_FRONT = ((12, -8, -11.5, -13.2, -14.8, -16.6, -18.8, -24), (5, 4.6, 3.9, 3.3, 3.7, 5.1, 6.9, 9))
_NECK_BACK = ((12, -8, -12, -14.6, -17.5, -24), (6.2, 6.2, 6.2, 6.8, 8.6, 10))
_ROUNDNESS = ((12, 2, -3, -7, -12, -24), (2.35, 2.3, 2.15, 2.0, 1.95, 2))


@dataclass(frozen=True)
class Grid:
    """Rows, columns and tables of a sheet of one density; shared by all identities."""

    rows: int
    columns: int
    y: Tensor
    theta: Tensor
    tables: dict[str, Tensor]
    mouth_rows: slice
    mouth_columns: slice

    @property
    def y_column(self) -> Tensor:
        """(1, V, 1) heights of the rows in cm."""
        return self.y.view(1, -1, 1)

    @property
    def theta_row(self) -> Tensor:
        """(1, 1, U) angles of the columns in radians, 0 in front, the viewer's right positive."""
        return self.theta.view(1, 1, -1)

    def row_of(self, y: Tensor) -> Tensor:
        """Fractional row index of heights in cm."""
        down = -self.y
        j = torch.bucketize((-y).contiguous(), down).clamp(1, self.rows - 1)
        return j - 1 + ((-y - down[j - 1]) / (down[j] - down[j - 1])).clamp(0, 1)

    def column_of(self, theta: Tensor) -> Tensor:
        """Fractional column index of angles in [−pi, pi]."""
        i = torch.bucketize(theta.contiguous(), self.theta).clamp(1, self.columns - 1)
        return i - 1 + ((theta - self.theta[i - 1]) / (self.theta[i] - self.theta[i - 1])).clamp(0, 1)


def make_grid(density: float | int, device: str = "cpu") -> Grid:
    """The grid of a density (1 is about 145 × 168 points), dense where a face has detail."""
    return _make_grid(round(float(density), 3), str(device))


@functools.lru_cache(16)
def _make_grid(density: float | int, device: str) -> Grid:
    columns, rows = int(144 * density) // 2 * 2 + 1, int(168 * density)
    fine = torch.linspace(TOP, BOTTOM, 4000)
    cumulative = torch.cat([torch.zeros(1), (1 / pchip(*_SPACING, fine)[:-1]).cumsum(0)])
    target = torch.linspace(0, float(cumulative[-1]), rows)
    i = torch.bucketize(target, cumulative).clamp(1, 3999)
    share = ((target - cumulative[i - 1]) / (cumulative[i] - cumulative[i - 1])).clamp(0, 1)
    y = fine[i - 1] + (fine[i] - fine[i - 1]) * share
    u = torch.linspace(-1, 1, columns)
    theta = math.pi * (0.46 * u + 0.54 * u**3)
    # The skull closes like an ellipse above the brow.
    top = torch.where(y > 2, (1 - ((y - 2) / 9.6) ** 2).clamp(0).sqrt(), torch.ones(()))
    tables = {
        "half_width": pchip(*_HALF_WIDTH, y) * top,
        "front": pchip(*_FRONT, y) * top,
        "back": pchip(*_BACK, y) * top,
        "neck_width": pchip(*_NECK_WIDTH, y),
        "neck_front": pchip(*_NECK_FRONT, y),
        "neck_back": pchip(*_NECK_BACK, y),
        "roundness": pchip(*_ROUNDNESS, y),
    }
    inside_columns = (theta.abs() < 1.2).nonzero()[:, 0]
    inside_rows = ((y < -1.5) & (y > -12.9)).nonzero()[:, 0]
    return Grid(
        rows=rows,
        columns=columns,
        y=y.to(device),
        theta=theta.to(device),
        tables={name: table.view(1, rows, 1).to(device) for name, table in tables.items()},
        mouth_rows=slice(int(inside_rows[0]), int(inside_rows[-1]) + 1),
        mouth_columns=slice(int(inside_columns[0]), int(inside_columns[-1]) + 1),
    )


def half_width(e: Columns, grid: Grid) -> Tensor:
    """(n, V, 1) half width a(y) of the face section in cm; the frontal x of a point is a(y) sin(theta)."""
    y = grid.y_column
    wide = grid.tables["half_width"] * e["face_width"]
    wide = wide + bell(y + 8.3, 3.0) * e["jaw_width"] * 0.7 + bell(y + 6.3, 1.9) * e["jaw_angle"] * 0.5
    wide = wide + bell(y + 10.4, 1.6) * e["chin_width"] * 0.7 + bell(y + 1.8, 2.3) * e["cheekbone_width"]
    soft = e["cheek_fat"] * 0.5 + e["fat"] * 0.20
    return wide + bell(y + 6.3, 3.0) * soft - bell(y - 3.4, 2.2) * (0.4 * e["temple"] + 0.12 * e["age"])


def jaw_height(e: Columns, theta: Tensor) -> Tensor:
    """Height y in cm of the jaw line at angle theta: from the chin up to below the ear."""
    angle = (theta.abs() * (180 / math.pi)).clamp(0, 120)
    # Nearly level along the body of the mandible, then up its ramus: the corner is the jaw angle.
    climb = 2.0 * ramp(angle, 14, 58) + 2.9 * ramp(angle, 54, 90)
    return -11.5 - 0.5 * e["chin_drop"] + climb - 0.35 * e["fat"].clamp(min=0) * bell(angle - 40, 30)


def head_section(e: Columns, grid: Grid) -> tuple[Tensor, Tensor, Tensor]:
    """x, z (n, V, U) of the smooth head without features, and the frontal coordinate X = a sin(theta)."""
    y, theta = grid.y_column, grid.theta_row
    sine, cosine = theta.sin(), theta.cos()
    x = half_width(e, grid) * sine
    front = grid.tables["front"] + e["forehead_forward"] * ramp(y, 2, 7) * ramp(y, 11, 8)
    front = front + e["chin_forward"] * bell(y + 10.2, 1.4)
    exponent = grid.tables["roundness"]
    round_ = (1 - sine.abs().clamp(1e-4, 1) ** exponent).clamp(1e-6) ** (1 / exponent)
    z = torch.where(cosine > 0, front * round_, -grid.tables["back"] * cosine.abs())
    lumps = F.interpolate(e["lumps"], size=(grid.rows, grid.columns), mode="bicubic", align_corners=True)[:, 0]
    lumps = lumps * 0.10 * ramp(y, -13, -11) * ramp(y, 11, 9)
    lumps = 0.45 * (lumps + lumps.flip(2)) + 0.2 * lumps
    return x * (1 + 0.15 * lumps), z * (1 + 0.15 * lumps), x


def neck_section(e: Columns, grid: Grid, x: Tensor) -> tuple[Tensor, Tensor]:
    """x, z (n, V, U) of neck and shoulders."""
    y, theta = grid.y_column, grid.theta_row
    sine, cosine = theta.sin(), theta.cos()
    front = ramp(cosine, -0.05, 0.35)
    fat = e["fat"]
    nx = grid.tables["neck_width"] * sine * (1 + (e["neck_width"] - 1 + 0.035 * fat) * ramp(y, -19, -14))
    nf = grid.tables["neck_front"] + (0.28 * fat + 0.3 * e["age"] * bell(theta, 0.5)) * bell(y + 12.3, 1.5)
    nz = torch.where(cosine > 0, nf * cosine, grid.tables["neck_back"] * cosine)
    masculine = 1 - e["feminine"]
    nz = nz + 0.30 * bell(x, 0.9) * bell(y + 13.8, 1.0) * masculine * front
    sterno = bell(nx.abs() - 2.2 - 0.35 * (y + 18.2), 0.7) * ramp(y, -11, -12.6) * ramp(y, -18.8, -17.3) * front
    nz = nz + (0.16 - 0.04 * fat) * sterno - 0.5 * bell(nx, 0.8) * bell(y + 17.9, 1.0) * front
    collar = bell(y + 17.6 - 0.12 * nx.abs(), 0.35) * ramp(nx.abs(), 1.0, 2.5) * ramp(nx.abs(), 14, 9) * front
    return nx, nz + 0.16 * (1 - 0.3 * fat.clamp(0, 2)) * collar


def blend_jaw(e: Columns, grid: Grid, beard: Tensor) -> Tensor:
    """(n, V, U) share of the head (1) against the neck (0), sharp along the mandible."""
    angle = grid.theta_row.abs() * (180 / math.pi)
    height = jaw_height(e, grid.theta_row) - 0.35 * beard
    width = 0.21 + 0.03 * e["fat"].clamp(-1, 2) + 0.05 * ramp(angle, 40, 90)
    return torch.sigmoid((grid.y_column - height) / width)


def chin_shift(e: Columns, grid: Grid, jaw: Tensor) -> Tensor:
    """(n, V, U) heights after the chin has been lowered by ``chin_drop``."""
    y = grid.y_column
    return y - 0.6 * e["chin_drop"] * ramp(y, -7, -11) * ramp(y, -14.0, -11.8) * jaw
