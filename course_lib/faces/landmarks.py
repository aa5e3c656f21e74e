"""The 68 landmarks (iBUG order) as points of the sheet, so that they move with expression, pose and identity.

Index 0 is the jaw on the viewer's left; 36–41 is the eye on the viewer's left, which is the subject's right eye.
"""

import math

import torch
from torch import Tensor

from course_lib.faces.eyes import brow_line, lids
from course_lib.faces.maths import Columns, mix
from course_lib.faces.mouth import lip_line, lip_thickness, opening
from course_lib.faces.sheet import Grid

_EYE = ((1, 0), (0.4, 1), (-0.4, 1), (-1, 0), (-0.4, -1), (0.4, -1))


def jaw_directions(device: torch.device) -> Tensor:
    """(17, 2) outward directions in (x, y up), from beside one ear over the chin to the other."""
    angle = torch.linspace(-0.26, math.pi + 0.26, 17, device=device)
    return torch.stack([-angle.cos(), -angle.sin()], -1)


def support_points(xy: Tensor, allowed: Tensor) -> Tensor:
    """(B, 17) flat index of the allowed point (B, V, U, 2) that lies farthest in each jaw direction."""
    reach = torch.matmul(xy, jaw_directions(xy.device).t()).masked_fill(~allowed[..., None], -1e9)
    # A broad chin is equally low on both sides: its landmark is the lowest point of the middle column.
    beside = torch.arange(xy.shape[2], device=xy.device) != xy.shape[2] // 2
    reach[..., 8] = reach[..., 8].masked_fill(beside, -1e9)
    return reach.flatten(1, 2).argmax(1)


def face_block(grid: Grid, widest: float | int) -> tuple[slice, slice]:
    """Rows from the eye line to the chin and columns within ``widest`` radians: where the jaw's outline can lie."""
    rows = ((grid.y < 1.2) & (grid.y > -13)).nonzero()[:, 0]
    columns = (grid.theta.abs() < widest).nonzero()[:, 0]
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def sheet_landmarks(e: Columns) -> tuple[Tensor, Tensor]:
    """Landmarks 17–67 in sheet coordinates.

    Args:
        e: parameters (B,).

    Returns:
        x and y (B, 51) in cm: frontal coordinate and height.
    """
    zero = torch.zeros_like(e["yaw"])
    points = _brows(e) + _nose(e, zero) + _eyes(e, zero) + _mouth(e)
    return torch.stack([x + zero for x, _ in points], 1), torch.stack([y + zero for _, y in points], 1)


def _brows(e: Columns) -> list[tuple[Tensor, Tensor]]:
    def point(side: int, share: float | int) -> tuple[Tensor, Tensor]:
        x = e["brow_inner"] + 0.05 + share * (5.0 - e["brow_inner"])
        return side * x, brow_line(e, x) + e["brow_raise"] + 0.1

    return [point(-1, t) for t in (1, 0.75, 0.5, 0.25, 0)] + [point(1, t) for t in (0, 0.25, 0.5, 0.75, 1)]


def _nose(e: Columns, zero: Tensor) -> list[tuple[Tensor, Tensor]]:
    length = e["nose_length"]
    tip = -length + 0.78 + e["nose_tip_lift"]
    bridge = [(zero, mix(e["eye_y"] + 0.3, tip, zero + share)) for share in (0, 0.33, 0.66, 1.0)]
    return bridge + [
        (side * e["nose_width"] * 0.62, -length - 0.02 + 0.12 * abs(side) + zero) for side in (-1, -0.5, 0, 0.5, 1)
    ]


def _eyes(e: Columns, zero: Tensor) -> list[tuple[Tensor, Tensor]]:
    points = []
    for side in (-1, 1):
        order = _EYE if side < 0 else ((-1, 0), (-0.4, 1), (0.4, 1), (1, 0), (0.4, -1), (-0.4, -1))
        for along, lid in order:
            upper, lower, _ = lids(e, zero + along, zero + side)
            height = zero if lid == 0 else torch.maximum(upper, lower) if lid > 0 else lower
            points.append(
                (side * (e["eye_x"] + along * e["eye_width"] / 2), e["eye_y"] + e["eye_tilt"] * along + height)
            )
    return points


def _mouth(e: Columns) -> list[tuple[Tensor, Tensor]]:
    width, gap = opening(e)
    smile = e["smile"]

    def point(t: float | int, kind: str) -> tuple[Tensor, Tensor]:
        x = t * width
        upper, lower = lip_thickness(e, x * e["mouth_width"] / width)
        lens = (1 - t * t) ** 0.6
        base = e["mouth_y"] + 0.50 * smile * t * t - 0.02 * smile + lip_line(x / (1 + 0.22 * smile))
        up, down = 0.25 * gap * lens, 0.75 * gap * lens
        return x, base + {"U": up + upper, "u": up, "l": -down, "L": -down - lower}[kind]

    outer = [point(t, "U") for t in (-1, -0.6, -0.2, 0, 0.2, 0.6, 1)] + [
        point(t, "L") for t in (0.6, 0.3, 0, -0.3, -0.6)
    ]
    return outer + [point(t, "u") for t in (-0.88, -0.3, 0, 0.3, 0.88)] + [point(t, "l") for t in (0.3, 0, -0.3)]
