"""Crops to train a landmark network on: rendered heads, cut out about as a face finder would, spoilt as photographs are."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.detection.face_landmarks import CROP, crop_transform
from course_lib.geometry import MIRROR68, invert_transform, transform_points
from course_lib.training.augment import photographic, some, uniform
from course_lib.training.heads import SIDE, Heads

__all__ = ["cut_crops", "draw_crops", "jittered_boxes"]


def draw_crops(
    heads: Heads, textures: Tensor, n: int, generator: torch.Generator
) -> tuple[Float[Tensor, "n 1 64 64"], Float[Tensor, "n 68 2"]]:
    """Draws crops with their landmarks.

    Args:
        heads: whose.
        textures: (T, 3, S, S) uint8, what stands behind three quarters of them and in front of some.
        n: how many.
        generator: source of randomness.

    Returns:
        Grey crops in [0, 1] and landmarks in pixels of the crop.
    """
    row = torch.randint(len(heads), (n,), generator=generator)
    boxes = jittered_boxes(heads.box[row], generator)
    angles = 10 * torch.randn(n, generator=generator)
    crop, share, points = cut_crops(heads, row, boxes, angles, generator)
    crop = shaded_eyes(crop, points, generator) * (0.2 * lows(n, generator)).exp()
    behind = texture_patches(textures, n, generator) * uniform(n, 0.4, 1.3, generator).view(-1, 1, 1, 1)
    behind = torch.where(some(n, 0.2, generator).view(-1, 1, 1, 1), torch.rand(n, 1, 1, 1, generator=generator), behind)
    crop = torch.where(some(n, 0.75, generator).view(-1, 1, 1, 1), crop * share + behind * (1 - share), crop)
    crop = covered(crop, textures, generator)
    return photographic(crop.clamp(0, 1), generator, 0.6), points


def jittered_boxes(
    boxes: Float[Tensor, "n 4"], generator: torch.Generator, *, shift: float = 0.05, scale: float = 0.12
) -> Float[Tensor, "n 4"]:
    """Boxes as a finder might give them: moved by a share of their longer side, and larger or smaller.

    Args:
        boxes: (N, 4) x0, y0, x1, y1.
        generator: source of randomness.
        shift: standard deviation of the middle, in longer sides, in each direction.
        scale: standard deviation of the logarithm of the size.

    Returns:
        (N, 4).
    """
    n = len(boxes)
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    moved = (boxes[:, 2:] + boxes[:, :2]) / 2 + 2 * half.amax(1, keepdim=True) * shift * torch.randn(
        n, 2, generator=generator
    )
    half = half * (scale * torch.randn(n, 1, generator=generator)).exp()
    return torch.cat([moved - half, moved + half], 1)


def cut_crops(
    heads: Heads,
    row: Int[Tensor, "n"],
    boxes: Float[Tensor, "n 4"],
    angles: Float[Tensor, "n"],
    generator: torch.Generator | None = None,
) -> tuple[Float[Tensor, "n 1 64 64"], Float[Tensor, "n 1 64 64"], Float[Tensor, "n 68 2"]]:
    """Grey crops of heads, their share of person, and the landmarks in them.

    With a generator half of them are mirrored, sides are stretched a little, and grey is a random mix of the colours,
    so that skin, lips and hair differ in tone more than the palette has it.
    """
    n = len(row)
    matrix = crop_transform(boxes, angles)
    weights = torch.tensor([[0.299, 0.587, 0.114]]).expand(n, 3)
    flip = torch.zeros(n, dtype=torch.bool)
    if generator is not None:
        stretch = (0.05 * torch.randn(n, generator=generator)).exp()
        flip = some(n, 0.5, generator)
        sides = torch.stack([torch.where(flip, -stretch, stretch), 1 / stretch], 1)
        centre = 0.5 * (CROP - 1)
        matrix = torch.cat(
            [matrix[:, :, :2] * sides[:, :, None], (matrix[:, :, 2:] - centre) * sides[:, :, None] + centre], 2
        )
        mix = torch.rand(n, 3, generator=generator) * torch.tensor([1.0, 1.4, 0.7])
        weights = mix / mix.sum(1, keepdim=True)
    points = transform_points(heads.landmarks[row], matrix)
    points = torch.where(flip[:, None, None], points[:, list(MIRROR68)], points)
    picture = heads.image[row].float() / 255
    grey = torch.cat([(picture[:, :3] * weights.view(n, 3, 1, 1)).sum(1, keepdim=True), picture[:, 3:]], 1)
    inverse = invert_transform(matrix)
    at = torch.arange(CROP) + 0.0
    y, x = torch.meshgrid(at, at, indexing="ij")
    source = transform_points(torch.stack([x, y], -1).view(1, -1, 2).expand(n, -1, -1), inverse).view(n, CROP, CROP, 2)
    out = F.grid_sample(grey, (2 * source + 1) / SIDE - 1, mode="bilinear", padding_mode="border", align_corners=False)
    return out[:, :1], out[:, 1:], points


def shaded_eyes(
    crop: Float[Tensor, "n 1 64 64"], points: Float[Tensor, "n 68 2"], generator: torch.Generator
) -> Float[Tensor, "n 1 64 64"]:
    """Eyes darker than they are rendered, by up to three quarters, and over some of them the upper rim of spectacles.

    In photographs lashes and the shadow of the lid make an eye a dark spot at this size; rendered eyes are clear, and a
    network that learns from them alone takes the dark spot for the fold above an eye.
    """
    n = len(crop)
    lashes = 0.75 * torch.rand(n, generator=generator) * some(n, 0.8, generator)
    rim = uniform(n, 0.3, 0.9, generator) * some(n, 0.2, generator)
    u = torch.rand(6, n, generator=generator)
    for first, outwards in ((36, -1.0), (42, 1.0)):
        eye = points[:, first : first + 6]
        across = (eye[:, 3] - eye[:, 0]) / 2
        half = across.norm(dim=1, keepdim=True).clamp_min(0.8)
        along = across / half
        down = torch.stack([-along[:, 1], along[:, 0]], 1)
        lid = eye.mean(1) - down * half * 0.25 * u[0, :, None]
        crop = darkened(crop, lid, along, half[:, 0], half[:, 0] * (0.3 + 0.25 * u[1]), lashes)
        above = eye.mean(1) - down * half * (0.5 + 0.6 * u[2, :, None])
        slant = along - down * outwards * (0.4 * u[3, :, None] - 0.1)
        slant = slant / slant.norm(dim=1, keepdim=True)
        crop = darkened(crop, above, slant, half[:, 0] * (1.2 + 0.5 * u[4]), half[:, 0] * (0.12 + 0.13 * u[5]), rim)
    return crop


def darkened(
    crop: Float[Tensor, "n 1 64 64"],
    middle: Float[Tensor, "n 2"],
    along: Float[Tensor, "n 2"],
    long: Float[Tensor, "n"],
    tall: Float[Tensor, "n"],
    depth: Float[Tensor, "n"],
) -> Float[Tensor, "n 1 64 64"]:
    """Crops with a soft dark ellipse: a middle, a direction, two half axes in pixels and how much light it takes."""
    column = lambda t: t.view(-1, 1, 1)  # noqa: E731
    at = torch.arange(CROP) + 0.0
    dx, dy = at.view(1, 1, -1) - column(middle[:, 0]), at.view(1, -1, 1) - column(middle[:, 1])
    cosine, sine = column(along[:, 0]), column(along[:, 1])
    a = (dx * cosine + dy * sine) / column(long)
    b = (dy * cosine - dx * sine) / column(tall)
    return crop * (1 - column(depth) * torch.exp(-(a.square().square() + b.square())))[:, None]


def lows(n: int, generator: torch.Generator) -> Float[Tensor, "n 1 64 64"]:
    """Slow changes over the crop, as lamps and shadows make; 0 for half of the crops."""
    k = int(torch.randint(2, 5, (1,), generator=generator))
    coarse = torch.randn(n, 1, k, k, generator=generator) * some(n, 0.5, generator).view(-1, 1, 1, 1)
    return F.interpolate(coarse, (CROP, CROP), mode="bicubic", align_corners=False)


def texture_patches(textures: Tensor, n: int, generator: torch.Generator) -> Float[Tensor, "n 1 64 64"]:
    """Grey pieces of textures at random places and scales."""
    row = torch.randint(len(textures), (n,), generator=generator)
    zoom = uniform(n, 0.4, 1.0, generator)
    flip = torch.where(some(n, 0.5, generator), -1.0, 1.0)
    shift = (torch.rand(n, 2, generator=generator) * 2 - 1) * (1 - zoom[:, None])
    zero = torch.zeros(n)
    theta = torch.stack(
        [torch.stack([zoom * flip, zero, shift[:, 0]], 1), torch.stack([zero, zoom, shift[:, 1]], 1)], 1
    )
    grey = textures[row].float().mean(1, keepdim=True) / 255
    small = F.avg_pool2d(grey, 2)
    return F.grid_sample(small, F.affine_grid(theta, [n, 1, CROP, CROP], align_corners=False), align_corners=False)


def covered(
    crop: Float[Tensor, "n 1 64 64"], textures: Tensor, generator: torch.Generator
) -> Float[Tensor, "n 1 64 64"]:
    """Half of the crops with a box in front, of one tone or of texture: what a network cannot see it has to guess."""
    n = len(crop)
    at = torch.arange(CROP)
    for share in (0.45, 0.15):
        side = CROP * uniform(2 * n, 0.08, 0.46, generator).view(n, 2, 1)
        corner = CROP * uniform(2 * n, -0.12, 0.92, generator).view(n, 2, 1)
        inside = (at >= corner) & (at < corner + side)
        box = (inside[:, 0, None, :] & inside[:, 1, :, None])[:, None] & some(n, share, generator).view(n, 1, 1, 1)
        tone = torch.rand(n, 1, 1, 1, generator=generator).expand(-1, -1, CROP, CROP)
        fill = torch.where(some(n, 0.5, generator).view(n, 1, 1, 1), tone, texture_patches(textures, n, generator))
        crop = torch.where(box, fill, crop)
    return crop
