"""A wire head: the mean face's features with a skull, ears and a neck around them, to draw any pose.

Made of sections of the head (superellipses, widths and depths in cm) and a few space curves. It is a drawing aid;
measurements use ``faces3d.face_model``.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.geometry.camera import project
from course_lib.geometry.faces3d import face_model
from course_lib.geometry.landmarks import IBUG68

__all__ = ["HeadWire", "head_wire", "wire_camera", "wire_picture"]

# y, half width, depth in front of the ears, depth behind them, exponent (2 = ellipse, larger = squarer).
SKULL = (
    (-11.62, 1.3, 1.2, 2.2, 2.0),
    (-11.2, 3.0, 3.1, 4.0, 2.0),
    (-10.3, 4.7, 5.2, 5.9, 2.05),
    (-8.6, 6.2, 7.6, 7.7, 2.1),
    (-6.4, 7.1, 9.0, 9.0, 2.15),
    (-4.0, 7.5, 9.7, 9.5, 2.2),
    (-1.6, 7.55, 9.8, 9.5, 2.25),
    (0.6, 7.4, 9.3, 9.1, 2.3),
    (2.6, 7.2, 9.65, 8.3, 2.25),
    (4.6, 6.9, 10.1, 6.9, 2.2),
    (6.4, 6.4, 10.05, 6.0, 2.15),
    (8.3, 5.75, 9.5, 6.0, 2.05),
    (10.1, 4.6, 9.75, 6.0, 1.9),
)
NECK = (
    (7.5, 5.5, 5.0, 5.9, 2.0),
    (9.5, 5.5, 5.0, 5.7, 2.0),
    (11.8, 5.5, 5.0, 5.8, 2.0),
    (13.5, 5.6, 4.9, 6.1, 2.0),
    (15.5, 6.0, 4.7, 6.7, 2.0),
)
# The midline in (y, z): throat, chin, lips, nose, forehead, crown, nape.
# fmt: off
PROFILE = (
    (15.5, -4.7), (13.5, -4.9), (12.5, -5.4), (11.9, -7.2), (11.5, -8.9), (10.4, -9.75), (9.3, -9.65), (8.4, -9.45),
    (7.75, -9.9), (7.2, -10.35), (6.75, -10.3), (6.4, -10.0), (6.15, -10.4), (5.75, -10.6), (5.2, -10.45), (4.6, -10.65),
    (4.3, -11.4), (3.95, -11.95), (3.4, -12.1), (2.9, -11.8), (2.2, -11.25), (1.05, -10.35), (0.2, -9.65), (-0.4, -9.45),
    (-1.2, -9.65), (-2.2, -9.85), (-4.0, -9.7), (-6.4, -9.0), (-8.6, -7.6), (-10.3, -5.2), (-11.2, -3.1), (-11.62, -1.2),
    (-11.7, 0.6), (-11.62, 2.2), (-11.2, 4.0), (-10.3, 5.9), (-8.6, 7.7), (-6.4, 9.0), (-4.0, 9.5), (-1.6, 9.5),
    (0.6, 9.1), (2.6, 8.3), (4.6, 6.9), (6.0, 6.1), (7.5, 5.8), (9.5, 5.7), (11.8, 5.8), (13.5, 6.1), (15.5, 6.7),
)
# Curves of the right half, (x, y, z); the left half is their mirror image.
NOSE_WING = (
    (-1.15, 2.75, -10.45), (-1.6, 3.2, -10.15), (-1.8, 3.8, -9.95), (-1.6, 4.3, -10.05), (-1.1, 4.2, -10.5),
    (-0.75, 4.4, -10.7), (-0.35, 4.5, -10.95), (0.0, 4.6, -10.8),
)
NOSE_SIDE = ((-1.0, -0.6, -9.2), (-0.95, 0.6, -9.5), (-1.0, 1.7, -10.0), (-1.15, 2.75, -10.45))
EAR = (
    (-7.15, 1.2, -0.35), (-7.35, -0.2, -0.2), (-7.7, -1.25, 0.5), (-8.2, -1.5, 1.6), (-8.7, -0.7, 2.6), (-8.75, 0.7, 2.9),
    (-8.5, 2.1, 2.5), (-8.1, 3.4, 1.7), (-7.7, 4.5, 1.0), (-7.3, 4.9, 0.3), (-7.0, 4.3, -0.4), (-7.0, 3.2, -0.45),
)
EAR_INSIDE = (
    (-7.5, 0.3, 0.3), (-8.0, -0.3, 1.1), (-8.3, 0.5, 1.9), (-8.1, 1.9, 1.8), (-7.6, 3.2, 0.9), (-7.3, 3.4, 0.3),
)
# fmt: on


class HeadWire(NamedTuple):
    """Line segments of a head in cm, in the head frame."""

    points: Tensor  # (N, 3)
    normals: Tensor  # (N, 3) unit, out of the head, to tell the near from the far side
    edges: tuple[tuple[int, int], ...]  # pairs of points
    groups: tuple[str, ...]  # one of "feature", "profile", "outline", "skin" for each edge, most important first


def head_wire() -> HeadWire:
    """The wire head: about 650 points and as many segments, symmetric.

    Returns:
        A HeadWire, float32 on the CPU. Draw "feature" strongest and "skin" faintest.
    """
    return _HEAD


def _build() -> HeadWire:
    curves = [*_features(), *_skin(), *_neck()]
    edges: list[tuple[int, int]] = []
    groups: list[str] = []
    count = 0
    for group, line, _ in curves:
        edges += [(count + i, count + i + 1) for i in range(len(line) - 1)]
        groups += [group] * (len(line) - 1)
        count += len(line)
    points = torch.cat([line for _, line, _ in curves])
    normals = torch.cat([normal.expand_as(line) for _, line, normal in curves])
    normals = normals / normals.norm(dim=-1, keepdim=True)
    return HeadWire(points.float(), normals.float(), tuple(edges), tuple(groups))


def wire_picture(
    rotation: Float[Tensor, "3 3"], size: int = 320, distance: float | int = 75.0, *, hidden: bool = False
) -> Float[Tensor, "n 2"]:
    """The wire head as seen in a square picture: two end points for every segment, far ones taken away.

    A segment on the far side of the head shrinks to a point at its own middle, so it is not drawn while the list of
    segments stays the same for every pose (which a live figure needs). Perspective, ``distance`` cm from the lens.

    Args:
        rotation: (3, 3).
        size: side of the picture, pixels; the head fills four fifths of it.
        distance: of the middle of the head from the lens, cm.
        hidden: give the far segments instead, to draw them faintly.

    Returns:
        (2 E, 2) pixels: points 2 i and 2 i + 1 are the ends of ``head_wire().edges[i]``.
    """
    points, normals, behind = (part.to(rotation) for part in _ENDS)
    where, focal, middle = wire_camera(size, distance)
    place = rotation.new_tensor(where)
    picture = project(points, rotation[None], place[None], focal, (middle, middle))[0]
    toward = -(points @ rotation.mT + place)
    facing = ((normals @ rotation.mT) * toward).sum(-1) / toward.norm(dim=-1)
    near = (facing[0::2] + facing[1::2] > -behind).repeat_interleave(2)
    shown = ~near if hidden else near
    centre = picture.view(-1, 2, 2).mean(1).repeat_interleave(2, 0)
    return torch.where(shown[:, None], picture, centre)


def wire_camera(size: int = 320, distance: float | int = 75.0) -> tuple[tuple[float, float, float], float, float]:
    """Translation of the head, focal length and centre coordinate of the camera that ``wire_picture`` looks through."""
    focal = 0.8 * size * distance / 27.2  # crown to neck is 27.2 cm
    return (0.0, -1.6, distance), focal, (size - 1) / 2  # lifted, so that the neck fits in


Curve = tuple[str, Tensor, Tensor]


def _curve(rows) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def smooth(line: Tensor, closed: bool = False) -> Tensor:
    """A Catmull-Rom curve through the points, with one more point between each two."""
    if closed:
        line = torch.cat([line[-1:], line, line[:2]])
    else:
        line = torch.cat([2 * line[:1] - line[1:2], line, 2 * line[-1:] - line[-2:-1]])
    between = (9 * (line[1:-2] + line[2:-1]) - line[:-3] - line[3:]) / 16
    knots = line[1:-1]
    return torch.cat([torch.stack([knots[:-1], between], 1).flatten(0, 1), knots[-1:]])


def sections(rows) -> tuple[Tensor, Tensor]:
    """Points and outward normals (R, 24, 3) of horizontal sections, every 15 degrees from the front to the left."""
    y, width, front, back, power = (column[:, None] for column in _curve(rows).unbind(1))
    angle = torch.arange(24, dtype=torch.float64) * (math.pi / 12)
    s, c = angle.sin().round(decimals=12), angle.cos().round(decimals=12)
    s, c = s.sign() * s.abs() ** (2 / power), c.sign() * c.abs() ** (2 / power)
    points = torch.stack([width * s, y.expand_as(s), torch.where(c > 0, -front * c, -back * c)], -1)
    around = points.roll(-1, 1) - points.roll(1, 1)
    down = torch.gradient(points, dim=0)[0]
    normals = torch.linalg.cross(around, down)
    outward = (normals[..., 0] * points[..., 0] + normals[..., 2] * points[..., 2]).sign()
    return points, normals * outward[..., None]


def _features() -> list[Curve]:
    face = face_model(dtype=torch.float64)
    parts = {name: face[list(index)] for name, index in IBUG68.items()}
    out = [(parts[name], name in ("right_eye", "left_eye", "outer_lips", "inner_lips")) for name in IBUG68]
    lines: list[Curve] = []
    round_head = torch.tensor([1 / 49, 0.0015, 0.01], dtype=torch.float64)  # normals of an ellipsoid about the origin
    for (line, closed), name in zip(out, IBUG68, strict=True):
        if not name.startswith("nose"):
            line = smooth(line, closed)
            lines.append(("feature", line, line * round_head))
    lines.append(("feature", parts["nose_bridge"], _curve((0.0, 0.0, -1.0))))
    for side in (1.0, -1.0):
        flip = _curve((side, 1.0, 1.0))
        lines.append(("feature", smooth(_curve(NOSE_WING)) * flip, _curve((-0.45 * side, 0.25, -0.85))))
        lines.append(("outline", _curve(NOSE_SIDE) * flip, _curve((-0.6 * side, 0.0, -0.8))))
        lines.append(("outline", smooth(_curve(EAR)) * flip, _curve((-0.98 * side, 0.0, -0.2))))
        lines.append(("skin", smooth(_curve(EAR_INSIDE)) * flip, _curve((-0.98 * side, 0.0, -0.2))))
        turn = torch.arange(13, dtype=torch.float64) * (math.pi / 6)
        iris = torch.stack([0.58 * turn.cos() - 3.2, 0.45 * turn.sin() - 0.04, torch.full_like(turn, -8.6)], -1)
        lines.append(("outline", iris * flip, _curve((-0.3 * side, 0.0, -1.0))))
    return lines


def _skin() -> list[Curve]:
    points, normals = sections(SKULL)
    lines: list[Curve] = []
    ring = [*range(24), 0]
    for row in (2, 3, 4, 5):  # rings above the brows
        lines.append(("skin", points[row, ring], normals[row, ring]))
    back, cheek, chin = list(range(6, 19)), ([1, 2, 3, 4, 5], [23, 22, 21, 20, 19]), [22, 23, 0, 1, 2]
    lines += [("skin", points[8, i], normals[8, i]) for i in (back, *cheek)]
    lines.append(("skin", points[12, chin], normals[12, chin]))
    for column in range(1, 24):
        off = min(column, 24 - column)  # steps of 15 degrees from the front
        if off == 12:
            continue
        last = 7 if off < 5 else 8 if off < 7 else 10  # stop above the eyes, above the ear, at the nape
        lines.append(("skin", points[1:last, column], normals[1:last, column]))
        if off in (3, 4):  # down the cheek
            lines.append(("skin", points[11 - off : 12, column], normals[11 - off : 12, column]))
    middle = torch.cat([torch.zeros(len(PROFILE), 1, dtype=torch.float64), _curve(PROFILE)], 1)
    along = torch.gradient(middle, dim=0)[0]
    return [*lines, ("profile", middle, torch.stack([along[:, 0], -along[:, 2], along[:, 1]], -1))]


def _neck() -> list[Curve]:
    points, normals = sections(NECK)
    ring = [*range(24), 0]
    lines: list[Curve] = [("skin", points[3, ring], normals[3, ring]), ("outline", points[4, ring], normals[4, ring])]
    for column in (3, 6, 9, 15, 18, 21):
        top = 2 if column in (3, 21) else 0  # the front of the neck begins under the jaw
        group = "outline" if column in (6, 18) else "skin"
        lines.append((group, points[top:, column], normals[top:, column]))
    return lines


# Built when the module is imported: a cache filled while a graph is traced would keep the tracer's tensors.
_HEAD = _build()
_INDEX = torch.tensor(_HEAD.edges).flatten()
# A little behind the limb is still drawn, to close the outline; more of the midline, which is the limb in profile.
_BEHIND = torch.tensor([0.35 if group == "profile" else 0.06 for group in _HEAD.groups])
_ENDS = (_HEAD.points[_INDEX], _HEAD.normals[_INDEX], _BEHIND)
