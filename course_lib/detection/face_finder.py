"""A face finder: an anchor-free network of less than 100 000 parameters, run over an image pyramid."""

from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from course_lib import data, images
from course_lib.detection.boxes import nms
from course_lib.detection.centre_map import decode_centres

__all__ = ["FaceFinder", "Faces", "find_faces", "local_contrast"]

LARGEST_SIDE = 1024
"""Larger pictures are shrunk to this side before the search."""

LEVEL_HEIGHTS = (12.0, 110.0)
"""Heights in pixels of the faces that are taken from one level of the pyramid: those the network was trained on."""

SURE = 0.7
"""Score from which on a face counts as found. It was chosen so that the two photographs without a face that nothing is
trained with give no alarm; on photographs of people precision and recall are best together at about the same score."""


@dataclass(frozen=True)
class Faces:
    """The faces of one picture, the surest first.

    Attributes:
        boxes: (N, 4) x0, y0, x1, y1 in pixels with centres at integers, from the middle of the forehead to the chin.
        scores: (N,) in (0, 1).
    """

    boxes: Float[Tensor, "n 4"]
    scores: Float[Tensor, "n"]

    def __len__(self) -> int:
        return len(self.scores)


def local_contrast(image: Float[Tensor, "b 1 h w"], window: int = 8) -> Float[Tensor, "b 1 h w"]:
    """The picture less its local mean, over its local deviation: the same in light and in shadow.

    ``(x - m) / (s + 0.04)`` with mean m and deviation s over about three windows, interpolated between them.

    Args:
        image: (B, 1, H, W) grey in [0, 1].
        window: side of a window in pixels.

    Returns:
        (B, 1, H, W), about -3 to 3.

    Source: [jarrett2009].
    """
    size = image.shape[-2:]

    def spread(x: Tensor) -> Tensor:
        coarse = F.avg_pool2d(x, window, ceil_mode=True, count_include_pad=False)
        coarse = F.avg_pool2d(coarse, 3, 1, 1, count_include_pad=False)
        return F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)

    apart = image - spread(image)
    return apart / ((spread(apart * apart) + 1e-6).sqrt() + 0.04)


class _Residual(nn.Module):
    """A depthwise 3 x 3 and a 1 x 1 convolution, added to their input."""

    def __init__(self, width: int, dilation: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, dilation, dilation, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


def _shrink(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class FaceFinder(nn.Module):
    """Colours and local contrast in; for each 8 x 8 pixels a logit, an offset and a size out.

    Faces of 12 to 110 px are its business; ``find_faces`` brings smaller and larger ones into that range.

    Args:
        width: channels of the main part.
    """

    def __init__(self, width: int = 80):
        super().__init__()
        self.body = nn.Sequential(
            _shrink(4, 16),
            _shrink(16, 32),
            _Residual(32),
            _shrink(32, width),
            *(_Residual(width, dilation) for dilation in (1, 2, 1, 2, 3, 1)),
        )
        self.head = nn.Sequential(nn.Conv2d(width, 64, 1), nn.ReLU(), nn.Conv2d(64, 5, 1))
        bias = self.head[-1].bias
        assert isinstance(bias, Tensor)
        nn.init.zeros_(bias)
        bias.data[0] = -4.0  # faces are rare: without it the first steps go into saying no

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 5 h8 w8"]:
        """Map and boxes of pictures in [0, 1]: logit, offsets x and y in cells, ln(width/32), ln(height/32)."""
        contrast = local_contrast(images.weighted(image, images.BT601))
        return self.head(self.body(torch.cat([contrast, (image - 0.45) * 4], 1)))


@cache
def trained(device: torch.device | str = "cpu") -> FaceFinder:
    """The face finder of the course, with its trained weights, ready for use."""
    network = FaceFinder()
    network.load_state_dict(data.weights("face-finder"))
    return network.eval().requires_grad_(False).to(device)


@torch.no_grad()
def find_faces(
    image: Float[Tensor, "b 3 h w"],
    *,
    score: float = SURE,
    smallest: float | int = 24.0,
    overlap: float | int = 0.35,
    network: nn.Module | None = None,
) -> list[Faces]:
    """Finds the faces in pictures.

    The network sees the picture at several sizes, each half the one before; what it proposes at all of them is thinned
    by ``nms``. Pictures whose longer side exceeds 1024 px are shrunk first.

    Args:
        image: (B, 3, H, W) in [0, 1].
        score: how sure the network has to be, in (0, 1); it is no probability.
        smallest: height in pixels of the smallest faces that are looked for; 24 doubles the picture first.
        overlap: of boxes that overlap more than this (intersection over union) the best stays.
        network: a face finder; the trained one of the course when left out.

    Returns:
        For each picture its faces, the surest first, with boxes in its own pixels.

    Raises:
        ValueError: if score or smallest is out of range; see also ``images.check_images``.
        TypeError: see ``images.check_images``.
    """
    images.check_images(image, channels=(3,))
    if not 0 < score < 1:
        raise ValueError(f"score is {score}; it should be in (0, 1)")
    if smallest < 8:
        raise ValueError(f"smallest is {smallest}; it should be at least 8 pixels")
    finder = network or trained(str(image.device))
    scales = pyramid_scales(image.shape[-2], image.shape[-1], smallest)
    levels = [_one_level(finder, image, scale, score) for scale in scales]
    found = []
    for k in range(len(image)):
        boxes, scores = torch.cat([level[k][0] for level in levels]), torch.cat([level[k][1] for level in levels])
        found.append(_thinned(boxes, scores, overlap, image.shape[-2:]))
    return found


def pyramid_scales(height: int, width: int, smallest: float | int = 24.0) -> list[float]:
    """At which sizes a picture is searched: factors that fall by two, from where small faces have 48 px.

    The largest factor is a power of two for pictures up to 1024 px; none makes a picture smaller than 60 px, unless it
    is so already.
    """
    longest = max(height, width)
    first = min(1.0, LARGEST_SIDE / longest)
    level = 1 if smallest < 36 else 0 if smallest < 72 else -1
    scales = [first * 2.0**k for k in range(level, -5, -1)]
    kept = [scale for scale in scales if longest * scale >= 60]
    return kept or scales[:1]


def _one_level(network: nn.Module, image: Tensor, scale: float, score: float) -> list[tuple[Tensor, Tensor]]:
    height, width = (max(8, round(side * scale)) for side in image.shape[-2:])
    level = image.float()
    if (height, width) != tuple(image.shape[-2:]):
        level = F.interpolate(level, (height, width), mode="bilinear", antialias=scale < 1, align_corners=False)
    level = F.pad(level, (0, -width % 8, 0, -height % 8), mode="replicate")
    factors = level.new_tensor([width / image.shape[-1], height / image.shape[-2]] * 2)
    low, high = LEVEL_HEIGHTS
    out = []
    for boxes, scores in decode_centres(network(level), score):
        tall = boxes[:, 3] - boxes[:, 1]
        fits = (tall >= low) & (tall <= high)
        out.append(((boxes[fits] + 0.5) / factors - 0.5, scores[fits]))
    return out


def _thinned(boxes: Tensor, scores: Tensor, overlap: float, size: torch.Size) -> Faces:
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((middle > -0.5) & (middle < middle.new_tensor([size[1], size[0]]) - 0.5)).all(1)  # not in the padding
    boxes, scores = boxes[inside], scores[inside]
    kept = nms(boxes, scores, overlap)
    return Faces(boxes[kept], scores[kept])
