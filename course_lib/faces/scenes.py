"""Scenes: several faces at any scale over a cluttered background, with boxes, landmarks and labels, for detection."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.faces.background import draw_background
from course_lib.faces.camera import tone_curve
from course_lib.faces.maths import ISOTROPIC, STRANDS, linear, mix, noise, ramp
from course_lib.faces.nuisance import sample_nuisance
from course_lib.faces.params import NuisanceParams, sample_identities
from course_lib.faces.render import render
from course_lib.faces.rendered import Rendered

TINY, CUT, COVERED, ROTATED = 1, 2, 4, 8
"""Bits of ``Scenes.difficulty``: under 20 px, cut off by the frame, under half visible, rolled by more than 30°."""

_TILES = (96, 192)
"""Sides of the pictures that are pasted: the coarse one for small faces."""
_EXTENT = 46.0
_TRIES = 10
_FACE_SHARE = 0.44
"""Height of a face in such a picture, as a share of its side, roughly."""


@dataclass
class Scenes:
    """B scenes; the faces of a scene fill the first ``count`` of M places, the rest is zero.

    Attributes:
        image: (B, 3, S, S) in [0, 1].
        labels: (B, S, S) classes of ``truth.LABELS``.
        instances: (B, S, S) number of the face that a pixel belongs to, from 1; 0 for none.
        count: (B,) faces.
        boxes: (B, M, 4) x0, y0, x1, y1 in pixels with centres at integers; they may reach beyond the frame.
        landmarks: (B, M, 68, 2) pixels.
        visible: (B, M) share of the face that is seen.
        difficulty: (B, M) bits TINY, CUT, COVERED, ROTATED.
    """

    image: Float[Tensor, "b 3 s s"]
    labels: Int[Tensor, "b s s"]
    instances: Int[Tensor, "b s s"]
    count: Int[Tensor, "b"]
    boxes: Float[Tensor, "b m 4"]
    landmarks: Float[Tensor, "b m 68 2"]
    visible: Float[Tensor, "b m"]
    difficulty: Int[Tensor, "b m"]


def compose_scenes(
    n: int,
    generator: torch.Generator,
    *,
    size: int = 320,
    faces: tuple[int, int] = (0, 12),
    smallest: float | int = 12.0,
    largest: float | int = 0.55,
    occlusion: float | int = 0.6,
    rotated: float | int = 0.1,
    group: float | int = 0.3,
) -> Scenes:
    """Composes scenes.

    Args:
        n: how many.
        generator: source of randomness.
        size: side in pixels, 160 to 640.
        faces: least and greatest number of faces in a scene, at most 12.
        smallest: height in pixels of the smallest faces.
        largest: height of the largest faces as a share of ``size``; heights are drawn evenly in their logarithm.
        occlusion: as in ``sample_nuisance``.
        rotated: share of faces rolled by up to 90°.
        group: share of scenes with people in rows.

    Returns:
        Scenes.

    Raises:
        ValueError: if the size or the number of faces is out of range.
    """
    if not 160 <= size <= 640:
        raise ValueError(f"size is {size}; it should be 160 to 640 pixels")
    low, high = faces
    if not 0 <= low <= high <= 12:
        raise ValueError(f"faces is {faces}; it should be (least, greatest) with 0 <= least <= greatest <= 12")
    u = lambda *shape: torch.rand(*shape, generator=generator)  # noqa: E731
    count = low + (u(n) * (high - low + 1)).long().clamp(max=high - low)
    image, places = _clutter(n, size, generator), max(1, high)
    scenes = Scenes(
        image, torch.zeros(n, size, size, dtype=torch.long), torch.zeros(n, size, size, dtype=torch.long), count,
        torch.zeros(n, places, 4), torch.zeros(n, places, 68, 2), torch.zeros(n, places), torch.zeros(n, places, dtype=torch.long),
    )  # fmt: skip
    heights = [_heights(int(c), smallest, largest * size, bool(u(1) < group), generator) for c in count]
    tiles = _tiles(torch.cat([*heights, torch.zeros(0)]), occlusion, generator)
    first = 0
    for k in range(n):
        _fill(scenes, k, tiles[first : first + len(heights[k])], heights[k], rotated, generator)
        first += len(heights[k])
    gain = 2 ** (0.35 * torch.randn(n, 1, 1, 1, generator=generator))
    scenes.image = tone_curve(scenes.image * gain).clamp(0, 1)
    return scenes


def _tiles(heights: Tensor, occlusion: float | int, generator: torch.Generator) -> list[Rendered]:
    """One picture of one head for each height in pixels."""
    total = len(heights)
    if total == 0:
        return []
    identities = sample_identities(total, generator, spread=1.4)
    nuisance = sample_nuisance(total, generator, yaw=60.0, pitch=22.0, roll=12.0, occlusion=occlusion)
    tiles: dict[int, Rendered] = {}
    large = heights > 1.2 * _FACE_SHARE * _TILES[0]
    for side, chosen in zip(_TILES, (~large, large), strict=True):
        rows = chosen.nonzero()[:, 0]
        if len(rows):
            out = render(
                identities.index(rows),
                nuisance.index(rows),
                size=side,
                supersample=1,
                extent=_EXTENT,
                framing="portrait",
            )
            tiles |= {k: out.rows(torch.tensor([j])) for j, k in enumerate(rows.tolist())}
    return [tiles[k] for k in range(total)]


def _heights(count: int, smallest: float | int, largest: float | int, rows: bool, generator: torch.Generator) -> Tensor:
    u = torch.rand(count, generator=generator)
    if rows:  # a group photograph: everybody about the same size
        middle = smallest * (0.45 * largest / smallest) ** torch.rand(1, generator=generator)
        return (middle * (0.9 + 0.2 * u)).sort().values
    return (smallest * (largest / smallest) ** u).sort().values


def _places(heights: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Middles (N, 2) of faces sorted by height: in rows for a group, else at random, but not behind somebody nearer."""
    u = torch.rand(len(heights), _TRIES, 2, generator=generator)
    if len(heights) > 2 and float(heights[-1] / heights[0]) < 1.3:
        columns, k = (size / (heights * 1.7)).long().clamp(min=2), torch.arange(len(heights))
        x = (k % columns + 0.5 + 0.25 * (u[:, 0, 0] - 0.5)) * size / columns
        return torch.stack([x, size * 0.2 + (k // columns + 0.2 * u[:, 0, 1]) * heights * 1.5], 1)
    tries = u * size * torch.tensor([1.06, 0.86]) - torch.tensor([0.03 * size, 0.0])
    places = tries[:, 0].clone()
    for j in reversed(range(len(heights))):
        hidden = _hidden(tries[j], heights[j], places[j + 1 :], heights[j + 1 :])
        places[j] = tries[j, torch.where(hidden > 0.5, hidden, 0.0).argmin()]  # the first that will do, else the best
    return places


def _hidden(places: Tensor, height: Tensor, nearer: Tensor, heights: Tensor) -> Tensor:
    """About what share (T,) of a face at each place (T, 2) heads and shoulders of nearer people (M, 2) hide."""
    if not len(nearer):
        return torch.zeros(len(places))
    h = heights[:, None]
    heads = torch.cat([nearer - h * torch.tensor([0.6, 0.8]), nearer + h * torch.tensor([0.6, 0.6])], 1)
    bodies = torch.cat([nearer - h * torch.tensor([1.3, -0.6]), nearer + h * torch.tensor([1.3, 99.0])], 1)
    half = height * torch.tensor([0.4, 0.5])
    things = torch.cat([heads, bodies])
    low = torch.maximum((places - half)[:, None], things[:, :2])
    high = torch.minimum((places + half)[:, None], things[:, 2:])
    return ((high - low).clamp(min=0).prod(2) / (4 * half.prod())).sum(1)


def _fill(
    scenes: Scenes, k: int, tiles: list[Rendered], heights: Tensor, rotated: float | int, generator: torch.Generator
) -> None:
    """Pastes the faces of scene k from the smallest (farthest) to the largest."""
    places = _places(heights, scenes.image.shape[-1], generator)
    for j, height in enumerate(heights.tolist()):
        u = torch.rand(2, generator=generator)
        box = tiles[j].box[0]
        scale = height / float(box[3] - box[1])
        turn = float((u[0] * 2 - 1) * 90) if float(u[1]) < rotated else 0.0
        _paste(scenes, k, j, tiles[j], scale, turn, *places[j].tolist())
    seen = scenes.instances[k]
    for j in range(len(heights)):
        area = scenes.visible[k, j].clone()
        share = ((seen == j + 1).sum() / area.clamp(min=1)).clamp(max=1)
        scenes.visible[k, j] = share * (1 - tiles[j].occlusion[0])
        scenes.difficulty[k, j] += COVERED * int(scenes.visible[k, j] < 0.5)


def _paste(
    scenes: Scenes,
    k: int,
    j: int,
    tile: Rendered,
    scale: float | int,
    turn: float | int,
    x: float | int,
    y: float | int,
) -> None:
    size = scenes.image.shape[-1]
    angle = torch.tensor(turn * torch.pi / 180)
    rotation = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    middle = (tile.box[0, :2] + tile.box[0, 2:]) / 2
    place = lambda points: (points - middle) @ rotation.T * scale + torch.tensor([x, y])  # noqa: E731
    colour, labels, face = _extended(tile)
    # Downwards enlargements alias: shrink the tile first, then move it without further scaling.
    shrink = min(1.0, scale)
    if shrink < 1:
        wanted = [max(4, round(colour.shape[-2] * shrink)), max(4, round(colour.shape[-1] * shrink))]
        colour = F.interpolate(colour[None], size=wanted, mode="bilinear", antialias=True, align_corners=False)[0]
    reach = 2.2 * tile.image.shape[-1] * scale
    x0, x1 = max(0, int(x - reach)), min(size, int(x + reach) + 1)
    y0, y1 = max(0, int(y - reach)), min(size, int(y + 2 * reach) + 1)
    if x1 <= x0 or y1 <= y0:
        return
    yy, xx = torch.meshgrid(torch.arange(y0, y1) + 0.0, torch.arange(x0, x1) + 0.0, indexing="ij")
    source = (torch.stack([xx - x, yy - y], -1) @ rotation) / scale + middle + 0.5
    high, wide = labels.shape
    grid = (source / torch.tensor([wide, high]) * 2 - 1)[None]
    sampled = F.grid_sample(colour[None], grid, mode="bilinear", align_corners=False)[0]
    alpha = sampled[3].clamp(0, 1)
    pick = lambda t: F.grid_sample(t[None, None].float(), grid, mode="nearest", align_corners=False)[0, 0]  # noqa: E731
    covered = alpha > 0.5
    window = (slice(y0, y1), slice(x0, x1))
    scenes.image[k][:, window[0], window[1]] = scenes.image[k][:, window[0], window[1]] * (1 - alpha) + sampled[:3]
    scenes.labels[k][window] = torch.where(covered, pick(labels).round().long(), scenes.labels[k][window])
    on_face = covered & (pick(face) > 0.5)
    scenes.instances[k][window] = torch.where(on_face, j + 1, torch.where(covered, 0, scenes.instances[k][window]))
    corners = tile.box[0][[0, 1, 2, 1, 2, 3, 0, 3]].view(4, 2)
    corners = place(corners)
    if turn:  # the upright box of a turned face follows its landmarks, not the corners of the old box
        corners = torch.cat([place(tile.landmarks[0]), place(corners.new_tensor([[middle[0], tile.box[0, 1]]]))])
    low, high_ = corners.amin(0), corners.amax(0)
    scenes.boxes[k, j] = torch.cat([low, high_])
    scenes.landmarks[k, j] = place(tile.landmarks[0])
    outside = bool((low < -0.5).any() or (high_ > size - 0.5).any())
    scenes.visible[k, j] = (face.sum() * scale**2).clamp(min=1)  # area for now; becomes a share once all are pasted
    scenes.difficulty[k, j] = (
        TINY * int(float(high_[1] - low[1]) < 20) + CUT * int(outside) + ROTATED * int(abs(turn) > 30)
    )


def _extended(tile: Rendered) -> tuple[Tensor, Tensor, Tensor]:
    """Premultiplied linear colour and alpha (4, H, W), labels and face mask (H, W) of a tile; the body goes on below it."""
    side = tile.image.shape[-1]
    mask = (tile.depth[0] > 0) | tile.occluder[0]
    # Pixels on the outline are mixed with the tile's own background: step inside by one.
    inner = -F.max_pool2d(-mask[None, None].float(), 3, 1, 1)[0]
    light = tile.image[0].clamp(0, 1) ** 2.2
    alpha = F.avg_pool2d(F.pad(inner[None], (1, 1, 1, 1), mode="replicate"), 3, 1)[0]
    colour = torch.cat([light * alpha, alpha])
    below = colour[:, -1:].expand(-1, side, -1)
    along = torch.arange(side) + 0.0
    folds = 1 + 0.12 * noise(STRANDS, along[None] * 0.02 + 0 * along[:, None], along[:, None] * 0.01 + 0 * along[None])
    below = below * torch.cat([folds[None].expand(3, -1, -1), torch.ones(1, side, side)])
    labels = torch.cat([tile.labels[0], torch.where(inner[0, -1:] > 0.5, 16, 0).expand(side, -1)])
    part = tile.labels[0]
    face = (part >= 1) & (part <= 13) & (part != 6) & (part != 7) & (part != 8)
    return torch.cat([colour, below], 1), labels, torch.cat([face, torch.zeros(side, side, dtype=torch.bool)])


def _clutter(n: int, size: int, generator: torch.Generator) -> Tensor:
    """(n, 3, size, size) linear backgrounds: places, then boards, texture patches, skin-coloured blobs and poles."""
    q: NuisanceParams = sample_nuisance(n, generator)
    image = draw_background(q, size)
    along = (torch.arange(size) + 0.5) / size
    y, x = along.view(-1, 1).expand(size, size), along.view(1, -1).expand(size, size)
    for k in range(n):
        image[k] = image[k] * (1 + 0.10 * noise(ISOTROPIC, x * 2 + k, y * 2))
        for _ in range(int(torch.randint(3, 16, (1,), generator=generator))):
            image[k] = _thing(image[k], x, y, torch.rand(14, generator=generator))
    return image.clamp(0.002, 1.4)


def _thing(image: Tensor, x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    cx, cy, w, h = u[0], u[1], 0.02 + 0.25 * u[2] ** 2, 0.02 + 0.3 * u[3] ** 2
    turn = (u[4] - 0.5) * 2.2
    a, b = (x - cx) * turn.cos() + (y - cy) * turn.sin(), -(x - cx) * turn.sin() + (y - cy) * turn.cos()
    kind = int(u[5] * 5)
    edge = 0.004 + 0.01 * u[6]
    if kind == 0:  # a blob, often of the colour of skin: an arm, a knee
        share = ramp((a / w) ** 2 + (b / h) ** 2, 1.1, 0.9)
    elif kind == 1:  # a pole or a limb
        share = ramp(a.abs(), 0.3 * w + edge, 0.3 * w) * ramp(b.abs(), 2 * h + edge, 2 * h)
    else:
        share = ramp(torch.maximum(a.abs() / w, b.abs() / h), 1 + edge, 1.0)
    tan = torch.tensor([0.8, 0.62, 0.5]) * (0.5 + 0.6 * u[7])
    colour = linear(
        tan if kind <= 1 and u[8] < 0.5 else (0.08 + 0.85 * u[9] + 0.35 * (u[10:13] - 0.5)).clamp(0.03, 1.0)
    )
    texture = torch.ones_like(x)
    if kind == 3:
        texture = 1 + 0.5 * noise(ISOTROPIC, a * (1 + 8 * u[6]), b * (1 + 8 * u[6]))
    if kind == 4:
        texture = 0.5 + 0.5 * ramp(torch.sin(a * (40 + 160 * u[13])), -0.3, 0.3)
    shaded = colour.view(3, 1, 1) * (texture * (0.75 + 0.5 * ramp(a, -w, w))).clamp(0.1)
    return mix(image, shaded, share * (0.75 + 0.25 * u[7]))
