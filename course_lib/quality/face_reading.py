"""From a picture to the angles of the face in it, as one graph: finder, landmark network, pose and eyes."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from course_lib import images
from course_lib.detection import crop_transform, eye_openness, peaks
from course_lib.detection.centre_map import boxes_of
from course_lib.detection.face_finder import trained as trained_finder
from course_lib.detection.face_landmarks import read_crops, upright_box
from course_lib.detection.face_landmarks import trained as trained_landmarks
from course_lib.geometry import invert_transform, transform_points, warp
from course_lib.quality.pose import yaw_pitch_roll

__all__ = ["FACE_LINES", "FaceReader"]

FACE_LINES: dict[str, tuple[tuple[int, int], ...]] = {
    "jaw": tuple((k, k + 1) for k in range(16)),
    "brows": tuple((k, k + 1) for k in (*range(17, 21), *range(22, 26))),
    "nose": tuple((k, k + 1) for k in (*range(27, 30), *range(31, 35))),
    "eyes": tuple((k, k + 1) for k in (*range(36, 41), *range(42, 47))) + ((41, 36), (47, 42)),
    "mouth": tuple((k, k + 1) for k in (*range(48, 59), *range(60, 67))) + ((59, 48), (67, 60)),
    "box": ((68, 69), (69, 70), (70, 71), (71, 68)),
}
"""Lines between the 68 landmarks, and around the box whose corners follow them as points 68 to 71."""


class FaceReader(nn.Module):
    """Reads the surest face of one picture; everything is of fixed size, so that a browser can run it.

    ``detection.read_face`` searches any picture for faces of any size. This looks once, at one size: the face should be
    about half as high as the picture.

    Args:
        shrink: the finder sees the picture smaller by this factor, so that its faces have 30 to 100 px.
        finder, landmarks: networks; the trained ones of the course when left out.
    """

    def __init__(self, shrink: int = 2, finder: nn.Module | None = None, landmarks: nn.Module | None = None):
        super().__init__()
        self.shrink = shrink
        self.finder, self.landmarks = finder or trained_finder(), landmarks or trained_landmarks()

    def forward(self, image: Float[Tensor, "1 3 h w"]) -> tuple[Tensor, Tensor, Tensor]:
        """Finds, reads and measures.

        Args:
            image: (1, 3, H, W) in [0, 1]; sides are multiples of 8 · shrink.

        Returns:
            Score of the finder (1,) in (0, 1); 72 points (1, 72, 2), the landmarks and the corners of the found box,
            pixels; and yaw, pitch, roll in degrees with the openness of the right and the left eye (1, 5).
        """
        output = self.finder(F.avg_pool2d(image, self.shrink))
        heat = peaks(output[:, 0].sigmoid()).flatten(1)
        score, best = heat.max(1)
        found = boxes_of(output).flatten(2).gather(2, best[:, None, None].expand(-1, 4, -1))[:, :, 0]
        found = (found + 0.5) * self.shrink - 0.5
        grey = F.avg_pool2d(images.luma(image), self.shrink)
        box, angle = found, torch.zeros_like(score)
        points = grey.new_zeros(1, 68, 2)
        for _ in range(2):
            matrix = crop_transform((box + 0.5) / self.shrink - 0.5, angle)
            points = transform_points(read_crops(self.landmarks, warp(grey, matrix, 48)), invert_transform(matrix))
            points = (points + 0.5) * self.shrink - 0.5
            box, angle = upright_box(points)
        x0, y0, x1, y1 = found.unbind(1)
        corners = torch.stack([torch.stack(pair, 1) for pair in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], 1)
        numbers = torch.cat([yaw_pitch_roll(points), eye_openness(points)], 1)
        return score, torch.cat([points, corners], 1), numbers
