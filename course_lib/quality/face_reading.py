"""From a picture to the angles of the face in it, as one graph: finder, landmark network, pose and eyes."""

import copy
import itertools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from course_lib import images
from course_lib.detection import crop_transform, eye_openness, peaks
from course_lib.detection.centre_map import STRIDE, boxes_of
from course_lib.detection.face_finder import trained as trained_finder
from course_lib.detection.face_landmarks import CROP, read_boxes, upright_box
from course_lib.detection.face_landmarks import trained as trained_landmarks
from course_lib.geometry import warp
from course_lib.quality.pose import yaw_pitch_roll

__all__ = ["FACE_LINES", "FaceReader"]

VIEW, REACH = 112, 1.4
"""What the finder sees of the face when it is asked again: a square of so many pixels and heights of the face."""


def _chain(*runs: tuple[int, int], closed: bool = False) -> tuple[tuple[int, int], ...]:
    """Pairs of neighbours in runs of points, each from its first to its last one, and back when closed."""
    pairs = [(k, k + 1) for first, last in runs for k in range(first, last)]
    return tuple(pairs + [(last, first) for first, last in runs if closed])


FACE_LINES: dict[str, tuple[tuple[int, int], ...]] = {
    "jaw": _chain((0, 16)),
    "brows": _chain((17, 21), (22, 26)),
    "nose": _chain((27, 30), (31, 35)),
    "eyes": _chain((36, 41), (42, 47), closed=True),
    "mouth": _chain((48, 59), (60, 67), closed=True),
    "box": _chain((68, 71), closed=True),
}
"""Lines between the 68 landmarks, and around the box whose corners follow them as points 68 to 71."""


def fused(network: nn.Module) -> nn.Module:
    """A copy with every normalisation worked into the convolution before it: the same function, a third fewer steps."""
    network = copy.deepcopy(network).eval()
    for part in network.modules():
        if isinstance(part, nn.Sequential):
            for k, (one, two) in enumerate(itertools.pairwise(list(part))):
                if isinstance(one, nn.Conv2d) and isinstance(two, nn.BatchNorm2d):
                    part[k], part[k + 1] = fuse_conv_bn_eval(one, two), nn.Identity()
    return network.requires_grad_(False)


class FaceReader(nn.Module):
    """Reads the surest face of one picture; everything is of fixed size, so that a browser can run it.

    ``detection.read_face`` searches any picture for faces of any size. This is for square portraits of about 224 px, whose
    face is some 50 to 200 px high: the finder sees them at a half and at a quarter of their size, side by side. What
    looks most like a face there gets its landmarks, and is then seen again by itself, upright and at the size the
    finder knows best: only that score tells whether it is one.

    Args:
        finder, landmarks: networks; the trained ones of the course when left out.
        passes: as in ``detection.find_landmarks``.
    """

    def __init__(self, finder: nn.Module | None = None, landmarks: nn.Module | None = None, passes: int = 2):
        super().__init__()
        self.passes = passes
        self.finder, self.landmarks = fused(finder or trained_finder()), fused(landmarks or trained_landmarks())

    def forward(self, image: Float[Tensor, "1 3 h w"]) -> tuple[Tensor, Tensor, Tensor]:
        """Finds, reads and measures.

        Args:
            image: (1, 3, S, S) in [0, 1]; S is a multiple of 32.

        Returns:
            Score of the finder (1,) in (0, 1) for the face by itself; 72 points (1, 72, 2), the landmarks and the corners
            of the found box, pixels; and yaw, pitch, roll in degrees with the openness of the right and the left eye (1, 5).
        """
        scores, boxes = self._look(image)
        best = scores.argmax(1)
        found = boxes.gather(2, best[:, None, None].expand(-1, 4, -1))[:, :, 0]
        grey = F.avg_pool2d(images.luma(image), 2)
        at_half = (found + 0.5) / 2 - 0.5
        points = read_boxes(self.landmarks, lambda matrix: warp(grey, matrix, CROP), at_half, self.passes)
        points = (points + 0.5) * 2 - 0.5
        box, angle = upright_box(points)
        x0, y0, x1, y1 = found.unbind(1)
        corners = torch.stack([torch.stack(pair, 1) for pair in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], 1)
        numbers = torch.cat([yaw_pitch_roll(points), eye_openness(points)], 1)
        return self._again(image, box, angle), torch.cat([points, corners], 1), numbers

    def _again(self, image: Tensor, box: Tensor, angle: Tensor) -> Tensor:
        """Score (1,) of the face in a box, seen by itself and turned upright, much as in ``detection.face_score``.

        The lower one of the picture and its mirror image counts: a face is one in both, a cup has its handle on one side.
        """
        middle, reach = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]).amax(1, keepdim=True) * (REACH / 2)
        square = torch.cat([middle - reach, middle + reach], 1)
        near = warp(image, crop_transform(square, angle, VIEW), VIEW)
        far = warp(F.avg_pool2d(image, 2), crop_transform((square + 0.5) / 2 - 0.5, angle, VIEW), VIEW)
        seen = torch.where(reach[:, :, None, None] > VIEW * 0.7071, far, near)  # no pixel is skipped
        heat, centre = self.finder(torch.cat([seen, seen.flip(3)]))[:, 0].sigmoid(), VIEW // STRIDE // 2
        return heat[:, centre - 2 : centre + 2, centre - 2 : centre + 2].amax((1, 2)).amin(0, keepdim=True)

    def _look(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (1, N) and boxes (1, 4, N), in pixels of the picture, of the cells of both sizes."""
        half = F.avg_pool2d(image, 2)
        side = half.shape[-1]
        quarter = F.pad(F.avg_pool2d(half, 2), (0, 0, 0, side // 2), mode="replicate")
        output = self.finder(torch.cat([half, quarter], 3))  # one run for both
        rows, columns = output.shape[-2:]
        right = torch.arange(columns, device=image.device) >= side // STRIDE
        empty = right & (torch.arange(rows, device=image.device) >= rows // 2)[:, None]
        scale = torch.where(right, 4.0, 2.0)
        shift = torch.where(right, float(side), 0.0)
        x0, y0, x1, y1 = boxes_of(output).unbind(1)
        placed = [(x0 - shift + 0.5) * scale, (y0 + 0.5) * scale, (x1 - shift + 0.5) * scale, (y1 + 0.5) * scale]
        heat = peaks(output[:, 0].sigmoid()) * (~empty)
        return heat.flatten(1), torch.stack(placed, 1).flatten(2) - 0.5
