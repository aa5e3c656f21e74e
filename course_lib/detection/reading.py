"""Reading one face: found, its landmarks, its eyes, and the face brought to the standard place."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib import images
from course_lib.detection.boxes import check_boxes
from course_lib.detection.centre_map import STRIDE
from course_lib.detection.face_finder import SURE, find_faces
from course_lib.detection.face_finder import trained as trained_finder
from course_lib.detection.face_landmarks import crop_transform, crops, find_landmarks
from course_lib.geometry import align, check_points

__all__ = ["FaceReading", "eye_openness", "face_score", "read_face"]

VIEW = 112
"""Side in pixels of what the finder sees of one face in ``face_score``."""

MARGINS = (1.4, 2.2)
"""Sides of the square that it sees in ``face_score``, in heights of the box: faces of 80 and 51 px."""


@dataclass(frozen=True)
class FaceReading:
    """What two networks say about the largest face of a picture.

    Attributes:
        box: (4,) x0, y0, x1, y1, pixels with centres at integers.
        score: of the face finder, in (0, 1).
        points68: (68, 2) landmarks in the iBUG order, pixels.
        points5: (5, 2) eye centres, nose tip, mouth corners, pixels.
        crop: (1, 3, 112, 112) the face aligned to ArcFace's template, in [0, 1].
    """

    box: Float[Tensor, "4"]
    score: float
    points68: Float[Tensor, "68 2"]
    points5: Float[Tensor, "5 2"]
    crop: Float[Tensor, "1 3 112 112"]


def read_face(
    image: Float[Tensor, "1 3 h w"],
    *,
    score: float = SURE,
    smallest: float | int = 24.0,
    finder: nn.Module | None = None,
    landmarks: nn.Module | None = None,
) -> FaceReading | None:
    """Finds the largest face of a picture, its landmarks, and aligns it.

    Args:
        image: (1, 3, H, W) in [0, 1].
        score: how sure the finder has to be, in (0, 1).
        smallest: height in pixels of the smallest faces that are looked for.
        finder, landmarks: networks; the trained ones of the course when left out.

    Returns:
        The reading, or None when no face is found.

    Raises:
        ValueError, TypeError: see ``find_faces``.
    """
    faces = find_faces(image, score=score, smallest=smallest, network=finder)[0]
    if not len(faces):
        return None
    largest = int((faces.boxes[:, 3] - faces.boxes[:, 1]).argmax())
    box = faces.boxes[largest]
    points68, points5 = find_landmarks(image, box[None], network=landmarks)
    crop = align(image, points5, 112)
    return FaceReading(box, float(faces.scores[largest]), points68[0], points5[0], crop)


@torch.no_grad()
def face_score(
    image: Float[Tensor, "b 3 h w"], boxes: Float[Tensor, "n 4"], *, network: nn.Module | None = None
) -> Float[Tensor, "n"]:
    """How sure the face finder is that a face lies in a box, without searching the picture again.

    It sees each box at two sizes with some of what lies around, and the best cell near the middle counts: about what
    ``find_faces`` would say, in a fraction of the time.

    Args:
        image: (1, 3, H, W) with all the boxes, or (N, 3, H, W) with one each, in [0, 1].
        boxes: (N, 4) x0, y0, x1, y1, pixels.
        network: a face finder; the trained one of the course when left out.

    Returns:
        (N,) in (0, 1).

    Raises:
        ValueError, TypeError: see ``images.check_images``; boxes of a wrong shape.
    """
    images.check_images(image, channels=(3,))
    check_boxes(boxes)
    if not len(boxes):
        return boxes.new_zeros(0)
    finder = network or trained_finder(str(image.device))
    middle, side = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).amax(1, keepdim=True)
    reach = side * boxes.new_tensor(MARGINS) / 2
    low, high = middle[:, None] - reach[:, :, None], middle[:, None] + reach[:, :, None]
    squares = torch.cat([low, high], 2).flatten(0, 1).to(image)
    pictures = image.float() if len(image) == 1 else image.float().repeat_interleave(len(MARGINS), 0)
    heat = finder(crops(pictures, crop_transform(squares, size=VIEW), VIEW))[:, 0].sigmoid()
    centre = VIEW // STRIDE // 2
    best = heat[:, centre - 2 : centre + 2, centre - 2 : centre + 2].amax((1, 2))
    return best.view(len(boxes), len(MARGINS)).amax(1).to(boxes.dtype)


def eye_openness(landmarks: Float[Tensor, "b 68 2"]) -> Float[Tensor, "b 2"]:
    """How far the eyes are open: the gap between the lids over the width of the eye.

    ``(|p38 - p42| + |p39 - p41|) / 2 |p37 - p40|`` in the numbering of iBUG that starts at 1. Turning the head by a
    yaw narrows the width, not the gap: eyes look wider open from the side.

    Args:
        landmarks: (B, 68, 2) pixels.

    Returns:
        (B, 2) the person's right and left eye, in [0, ∞), about .3 when open, .1 or less when closed; 0 for an eye
        without width.

    Raises:
        ValueError: landmarks is not (B, 68, 2) or not finite.
        TypeError: not a floating dtype.

    Source: [soukupova2016].
    """
    check_points(landmarks, least=68)
    eyes = landmarks[:, 36:48].unflatten(1, (2, 6))
    width = (eyes[:, :, 3] - eyes[:, :, 0]).norm(dim=-1)
    gap = (eyes[:, :, 1] - eyes[:, :, 5]).norm(dim=-1) + (eyes[:, :, 2] - eyes[:, :, 4]).norm(dim=-1)
    flat = width == 0
    return torch.where(flat, torch.zeros_like(gap), gap / (2 * torch.where(flat, torch.ones_like(width), width)))
