"""A landmark network: 68 points of a face from a grey crop of 64 x 64 pixels, by heat maps and soft-argmax."""

import math
from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from course_lib import data, images
from course_lib.detection.boxes import check_boxes, face_box
from course_lib.geometry import MIRROR68, five_points, invert_transform, transform_points, warp

__all__ = ["CROP", "LandmarkNetwork", "crop_transform", "find_landmarks", "soft_argmax"]

CROP = 64
"""Side in pixels of what the landmark network sees."""

REACH = 1.15
"""Width of the heat maps' grid in crop sides: a little more than the crop, so that its edge can be reached by a mean."""

SIZES = (0.95, 1.15)
"""Sides of the crops that the last pass reads, in longer sides of the box: two views err less than one."""


def soft_argmax(maps: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    """The mean place under each map's softmax: ``sum_p softmax(map)_p · p``, which unlike argmax has a gradient.

    Args:
        maps: (B, K, H, W) logits.

    Returns:
        (B, K, 2) x and y; the middles of the cells run evenly from -1/2 + 1/2n to 1/2 - 1/2n.

    Source: [sun2018].
    """
    height, width = maps.shape[-2:]
    share = maps.flatten(2).softmax(-1).view_as(maps)
    x = (torch.arange(width, dtype=maps.dtype, device=maps.device) + 0.5) / width - 0.5
    y = (torch.arange(height, dtype=maps.dtype, device=maps.device) + 0.5) / height - 0.5
    return torch.stack([(share.sum(2) * x).sum(-1), (share.sum(3) * y).sum(-1)], -1)


class _Down(nn.Module):
    """Half the size, then a depthwise residual."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.shrink = nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())
        self.body = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, 1, 1, groups=outputs, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.shrink(x)
        return F.relu(x + self.body(x))


def _mix(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(inputs, inputs, 3, 1, 1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class LandmarkNetwork(nn.Module):
    """A small hourglass: down to 4 x 4, back up to 16 x 16, one heat map for each point.

    It has about 240 000 parameters. Brightness and contrast of the crop are taken out first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([_Down(1, 24), _Down(24, 48), _Down(48, 96), _Down(96, 128)])
        self.side = nn.ModuleList([nn.Conv2d(48, 64, 1), nn.Conv2d(96, 96, 1)])
        self.from_top = nn.Conv2d(128, 96, 1)
        self.up = nn.ModuleList([_mix(96, 64), _mix(64, 96)])
        self.maps = nn.Conv2d(96, 68, 1)

    def forward(self, crop: Float[Tensor, "b 1 64 64"]) -> Float[Tensor, "b 68 2"]:
        """Landmarks of grey crops in [0, 1]: x and y in pixels of the crop, centres at integers."""
        spread = crop.var((2, 3), keepdim=True, correction=0)
        x = (crop - crop.mean((2, 3), keepdim=True)) / ((spread + 1e-8).sqrt() + 0.05)
        levels = []
        for step in self.down:
            x = step(x)
            levels.append(x)
        x = F.interpolate(self.from_top(levels[3]), scale_factor=2.0) + self.side[1](levels[2])
        x = F.interpolate(self.up[0](x), scale_factor=2.0) + self.side[0](levels[1])
        return (soft_argmax(self.maps(self.up[1](x))) * REACH + 0.5) * CROP - 0.5


def mirrored(points: Float[Tensor, "b 68 2"], width: int = CROP) -> Float[Tensor, "b 68 2"]:
    """Landmarks of the mirrored picture, given those of the picture, or the other way round."""
    x, y = points[:, list(MIRROR68)].unbind(-1)
    return torch.stack([width - 1 - x, y], -1)


def read_crops(network: nn.Module, crops: Float[Tensor, "n 1 64 64"]) -> Float[Tensor, "n 68 2"]:
    """Landmarks of crops, the mean of what the network says about a crop and about its mirror image."""
    straight, flipped = network(torch.cat([crops, crops.flip(3)])).chunk(2)
    return (straight + mirrored(flipped)) / 2


def crop_transform(
    boxes: Float[Tensor, "n 4"], angles: Float[Tensor, "n"] | None = None, size: int = CROP
) -> Float[Tensor, "n 2 3"]:
    """The transform from the picture to the square crop of each box: its middle, its longer side, turned upright.

    Args:
        boxes: (N, 4) x0, y0, x1, y1, pixels.
        angles: (N,) degrees by which the faces are turned clockwise; 0 when left out.
        size: side of the crop, pixels.

    Returns:
        (N, 2, 3), for ``geometry.warp``; edges, not pixel centres, are mapped onto each other.
    """
    middle, side = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).amax(1).clamp_min(1e-3)
    scale = size / side
    turn = torch.zeros_like(side) if angles is None else angles * (math.pi / 180)
    cosine, sine = turn.cos() * scale, turn.sin() * scale
    linear = torch.stack([torch.stack([cosine, sine], -1), torch.stack([-sine, cosine], -1)], -2)
    shift = 0.5 * (size - 1) - (linear @ middle[:, :, None])[..., 0]
    return torch.cat([linear, shift[:, :, None]], -1)


def read_boxes(
    network: nn.Module, cut: Callable[[Tensor], Tensor], boxes: Float[Tensor, "n 4"], passes: int
) -> Float[Tensor, "n 68 2"]:
    """Landmarks of the faces in boxes, in several passes; see ``find_landmarks``.

    Args:
        network: a landmark network.
        cut: gives the grey crops (N, 1, 64, 64) for transforms (N, 2, 3) from the picture.
        boxes: (N, 4) x0, y0, x1, y1, pixels.
        passes: how often, at least 1.

    Returns:
        (N, 68, 2) in pixels of the picture.
    """
    points, angles = boxes.new_zeros(len(boxes), 68, 2), torch.zeros_like(boxes[:, 0])
    for k in range(passes):
        if k:
            boxes, angles = upright_box(points)
        middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
        read = []
        for size in SIZES if k == passes - 1 else (1.0,):
            matrix = crop_transform(torch.cat([middle - size * half, middle + size * half], 1), angles)
            read.append(transform_points(read_crops(network, cut(matrix)), invert_transform(matrix)))
        points = torch.stack(read).mean(0)
    return points


@cache
def trained(device: torch.device | str = "cpu") -> LandmarkNetwork:
    """The landmark network of the course, with its trained weights, ready for use."""
    network = LandmarkNetwork()
    network.load_state_dict(data.weights("face-landmarks"))
    return network.eval().requires_grad_(False).to(device)


@torch.no_grad()
def find_landmarks(
    image: Float[Tensor, "b c h w"],
    boxes: Float[Tensor, "n 4"],
    *,
    passes: int = 2,
    network: nn.Module | None = None,
) -> tuple[Float[Tensor, "n 68 2"], Float[Tensor, "n 5 2"]]:
    """Landmarks of faces whose boxes are known.

    Each pass cuts a crop around the box, and reads it and its mirror image; the next one takes the box and the tilt
    that follow from the points, which helps when the first box was off or the head is tilted. The last one takes the
    mean of two crops, a narrow and a wide one.

    Args:
        image: (1, C, H, W) with all the faces, or (N, C, H, W) with one face each; C is 3 or 1, values in [0, 1].
        boxes: (N, 4) x0, y0, x1, y1, pixels, as ``find_faces`` gives them.
        passes: how often, at least 1.
        network: a landmark network; the trained one of the course when left out.

    Returns:
        68 points (N, 68, 2) in the iBUG order and 5 points (N, 5, 2): eye centres, nose tip, mouth corners, in pixels of
        the picture.

    Raises:
        ValueError: if boxes and image do not belong together, or a box has no area; see also ``images.check_images``.
        TypeError: see ``images.check_images``.

    Source: the maps and their mean as in [sun2018].
    """
    images.check_images(image)
    check_boxes(boxes)
    if len(image) not in (1, len(boxes)):
        raise ValueError(
            f"image has {len(image)} pictures and boxes {len(boxes)} rows; there should be one picture, or one each"
        )
    if passes < 1:
        raise ValueError(f"passes is {passes}; it should be at least 1")
    if bool((boxes[:, 2:] <= boxes[:, :2]).any()):
        raise ValueError("boxes should have x0 < x1 and y0 < y1")
    reader = network or trained(str(image.device))
    grey = images.luma(image).float()
    points = grey.new_zeros(0, 68, 2)
    if len(boxes):
        points = read_boxes(reader, lambda matrix: crops(grey, matrix), boxes.to(grey), passes)
    points = points.to(boxes.dtype)
    return points, five_points(points)


def upright_box(points: Float[Tensor, "n 68 2"]) -> tuple[Float[Tensor, "n 4"], Float[Tensor, "n"]]:
    """The box of faces as it is when they are turned upright about its middle, and by how many degrees they are tilted."""
    five = five_points(points)
    across = five[:, 1] - five[:, 0]
    angle = torch.atan2(across[:, 1], across[:, 0])
    cosine, sine = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cosine, sine], -1), torch.stack([-sine, cosine], -1)], -2)
    box = face_box(points @ turn.mT)
    half = (box[:, 2:] - box[:, :2]) / 2
    middle = (((box[:, 2:] + box[:, :2]) / 2)[:, None] @ turn)[:, 0]
    return torch.cat([middle - half, middle + half], 1), angle * (180 / math.pi)


def crops(
    image: Float[Tensor, "b c h w"], matrix: Float[Tensor, "n 2 3"], size: int = CROP
) -> Float[Tensor, "n c s s"]:
    """Crops by bilinear warping, each from the picture halved so often that no pixel is skipped.

    Args:
        image: (1, C, H, W), or (N, C, H, W) with one picture for each crop.
        matrix: (N, 2, 3) from picture to crop, as ``crop_transform`` gives them.
        size: side of the crops, pixels.

    Returns:
        (N, C, size, size).
    """
    scale = matrix[:, :, :2].square().sum((1, 2)).div(2).sqrt()
    level = (-scale.log2()).round().clamp(0, 8)
    picture = torch.zeros(len(matrix), dtype=torch.long) if len(image) == 1 else torch.arange(len(matrix))
    out = image.new_zeros(len(matrix), image.shape[1], size, size)
    for k in range(int(level.max()) + 1):
        rows = (level == k).nonzero()[:, 0]
        if len(rows):
            # Pixel q of the level lies at 2^k q + c in the picture, because edges stay where they are.
            c = 0.5 * 2**k - 0.5
            shift = matrix[rows] @ matrix.new_tensor([[c], [c], [1.0]])
            grown = torch.cat([matrix[rows, :, :2] * 2**k, shift], -1)
            out[rows] = warp(image[picture[rows.cpu()]], grown, size)
        if min(image.shape[-2:]) > 1:
            image = F.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)
    return out
