"""Ground truth from the same masks that paint: part labels, landmark visibility, face box, occlusion."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.faces.camera import Camera
from course_lib.faces.canvas import Canvas
from course_lib.faces.maths import greatest_of_nine, ramp
from course_lib.faces.sheet import Grid

LABELS = (
    "background", "skin", "left_brow", "right_brow", "left_eye", "right_eye", "glasses", "left_ear", "right_ear", "earring", "nose",
    "mouth", "upper_lip", "lower_lip", "neck", "necklace", "cloth", "hair", "hat",
)  # fmt: skip
"""The 19 classes of CelebAMask-HQ as most parsing networks trained on it number them. Left is the person's left, on the viewer's right.

"mouth" is the inside of an open mouth. Frames and dark lenses are "glasses"; a clear lens keeps what is behind it. A scarf
is "cloth". Medical masks, hands and other things in front of a face are "background", as in that data set, and flagged in
``Rendered.occluder``. Beard and moustache belong to the part that they grow on ("skin", below the jaw "neck"), since that
data set has no class for them. "earring" and "necklace" never occur.
"""

MIRRORED_LABELS = (0, 1, 3, 2, 5, 4, 6, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""Class that takes the place of each one when the picture is mirrored."""

OCCLUDER = 19
"""Working code of masks and objects before they become background."""

_CODE = {name: code for code, name in enumerate(LABELS)}


def label_places(c: Canvas) -> Tensor:
    """(N,) uint8 class of each place of the canvas, OCCLUDER for masks."""
    e, x, y = c.e, c.x, c.y
    label = torch.full((len(x),), _CODE["skin"], dtype=torch.uint8, device=x.device)
    mine = x > 0  # the person's left is on the viewer's right
    put = lambda where, name: label.masked_fill_(where, _CODE[name])  # noqa: E731
    length = e["nose_length"]
    half = 0.65 + (e["nose_width"] + 0.02 - 0.65) * ramp(-y, 0.8, length - 0.6)
    put((x.abs() < half) & (y < 0.2) & (y > -length - 0.10) & (c.jaw > 0.5), "nose")
    put((c.brow > 0.25) & mine, "left_brow")
    put((c.brow > 0.25) & ~mine, "right_brow")
    put((c.eyeball > 0.5) & mine, "left_eye")
    put((c.eyeball > 0.5) & ~mine, "right_eye")
    put((c.lip > 0.5) & (c.above_line >= 0), "upper_lip")
    put((c.lip > 0.5) & (c.above_line < 0), "lower_lip")
    put(c.mouth > 0.5, "mouth")
    put(c.jaw < 0.5, "neck")
    put(c.cloth > 0.5, "cloth")
    put((c.mask > 0.5) & (e["mask"] == 3), "cloth")
    label.masked_fill_((c.mask > 0.5) & (e["mask"] != 3), OCCLUDER)
    put(c.layer["ear_right"], "left_ear")
    put(c.layer["ear_left"], "right_ear")
    put((c.hair_share > 0.5) | c.layer["strands"], "hair")
    put(c.hat > 0.5, "hat")
    for name, where in c.layer.items():
        if name.startswith("frame"):
            put(where, "glasses")
        if name == "brim":
            put(where, "hat")
    return label


def face_points(
    points: Tensor, normals: Tensor, attributes: Tensor, grid: Grid, step: int = 3
) -> tuple[Tensor, Tensor, Tensor]:
    """Sparse points of the bare face, from brows to chin and from ear to ear.

    Args:
        points, normals: (B, V, U, 3) posed.
        attributes: (B, V, U, 6) of the surface.
        grid: of the sheet.
        step: every how many rows and columns.

    Returns:
        (B, K, 3) points, (B, K, 3) normals, (B, K) whether a point belongs to the face (not to neck or hair).
    """
    rows = ((grid.y < 6.3) & (grid.y > -13)).nonzero()[::step, 0]
    columns = (grid.theta.abs() < 1.75).nonzero()[::step, 0]
    pick = lambda t: t[:, rows][:, :, columns].flatten(1, 2)  # noqa: E731
    chosen = pick(attributes)
    return pick(points), pick(normals), (chosen[..., 2] > 0.5) & (chosen[..., 1] < 0.5)


def face_box(points: Tensor, on_face: Tensor, camera: Camera, size: int) -> Tensor:
    """(B, 4) x0, y0, x1, y1 of the whole face, hidden parts included, in pixels with centres at integers."""
    x, y = camera.project(points, float(size))
    far = 1e6
    low = torch.stack([x.masked_fill(~on_face, far).amin(1), y.masked_fill(~on_face, far).amin(1)], 1)
    high = torch.stack([x.masked_fill(~on_face, -far).amax(1), y.masked_fill(~on_face, -far).amax(1)], 1)
    return torch.cat([low, high], 1) - 0.5


def _look_up(points: Tensor, camera: Camera, image: Tensor, fallback: float | int) -> tuple[Tensor, Tensor]:
    """Values (B, K) of an image (B, H, W) where points (B, K, 3) project, and whether they lie inside it."""
    side = image.shape[-1]
    x, y = camera.project(points, float(side))
    column, row = x.floor().long(), y.floor().long()
    inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    index = (row.clamp(0, side - 1) * side + column.clamp(0, side - 1)).flatten(1)
    value = image.flatten(1).gather(1, index).view(x.shape)
    return torch.where(inside, value, torch.full_like(value, fallback)), inside


def visible_landmarks(landmarks: Tensor, camera: Camera, depth: Tensor, labels: Tensor, cover: Tensor) -> Tensor:
    """(B, 68) whether each landmark is seen: in the picture, not behind a surface, not under hair, hat, mask or object.

    Args:
        landmarks: (B, 68, 3) posed.
        camera: the camera.
        depth: (B, SR, SR) cm of the nearest surface, large where there is none.
        labels: (B, S, S) with OCCLUDER.
        cover: (B, S, S) share covered by objects in front and dark lenses.
    """
    # A landmark on the silhouette lies between pixels: the farthest of the nine around it counts.
    farthest = greatest_of_nine(depth)
    seen, inside = _look_up(landmarks, camera, farthest, 1e4)
    tolerance = torch.full((68,), 0.5, device=depth.device)
    tolerance[:17] = 1.4
    own = camera.distance[:, None] - landmarks[..., 2]
    label, _ = _look_up(landmarks, camera, labels.float(), 0.0)
    hidden = (label == OCCLUDER) | (label == _CODE["hat"]) | (label == _CODE["hair"]) | (label == _CODE["cloth"])
    covered, _ = _look_up(landmarks, camera, cover, 0.0)
    return inside & (own < seen + tolerance) & ~hidden & (covered < 0.5)


def occlusion_share(
    points: Tensor, normals: Tensor, on_face: Tensor, camera: Camera, labels: Tensor, cover: Tensor
) -> Tensor:
    """(B,) share of the face's camera-facing surface that hair, hat, glasses, mask or object cover or the frame cuts off."""
    view = -points.clone()
    view[..., 2] += camera.distance.view(-1, 1)
    facing = on_face & ((normals * F.normalize(view, dim=-1)).sum(-1) > 0.15)
    label, inside = _look_up(points, camera, labels.float(), 0.0)
    covered, _ = _look_up(points, camera, cover, 0.0)
    free = torch.zeros_like(facing)
    for name in (
        "skin",
        "left_brow",
        "right_brow",
        "left_eye",
        "right_eye",
        "nose",
        "mouth",
        "upper_lip",
        "lower_lip",
        "left_ear",
        "right_ear",
        "neck",
    ):
        free |= label == _CODE[name]
    hidden = facing & (~inside | ~free | (covered > 0.5))
    # A point of the outline can fall on a background pixel: that is no occlusion.
    edge = (label == 0) & inside & (covered <= 0.5)
    counted = facing & ~edge
    return (hidden & ~edge).sum(1) / counted.sum(1).clamp(min=1)
