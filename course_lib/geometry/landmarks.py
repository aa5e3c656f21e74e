"""The orders in which landmarks come, and how to get a small set from a large one.

"Left" and "right" are the person's own, so ``right_eye`` lies on the left of the picture.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.geometry.rotations import check_floating

__all__ = ["ARCFACE_TEMPLATE", "IBUG68", "MIRROR68", "POINT_SETS", "check_points", "five_points", "pick_points"]

# The 68 points of iBUG / 300-W [sagonas2013], by part, as ranges.
IBUG68: dict[str, range] = {
    "jaw": range(0, 17),
    "right_brow": range(17, 22),
    "left_brow": range(22, 27),
    "nose_bridge": range(27, 31),
    "nose_base": range(31, 36),
    "right_eye": range(36, 42),
    "left_eye": range(42, 48),
    "outer_lips": range(48, 60),
    "inner_lips": range(60, 68),
}

# Where each point goes when the picture is mirrored.
MIRROR68: tuple[int, ...] = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46),
    *(39, 38, 37, 36, 41, 40),
    *range(54, 47, -1),
    *range(59, 54, -1),
    *range(64, 59, -1),
    *range(67, 64, -1),
)

# Subsets of the 68 that pose estimators use. 6: nose tip, chin, outer eye corners, mouth corners. 14: brow ends, eye
# corners, nose wings, mouth corners, lower lip, chin. 51: all but the jaw, whose points slide along the outline as
# the head turns. 5 is made by five_points.
POINT_SETS: dict[int, tuple[int, ...]] = {
    6: (30, 8, 36, 45, 48, 54),
    14: (17, 21, 22, 26, 36, 39, 42, 45, 31, 35, 48, 54, 57, 8),
    51: tuple(range(17, 68)),
    68: tuple(range(68)),
}

# Where ArcFace puts the eyes, nose tip and mouth corners in a 112 px square [deng2019].
ARCFACE_TEMPLATE: tuple[tuple[float, float], ...] = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)


def check_points(points: Tensor, name: str = "landmarks", least: int = 1, dimensions: tuple[int, ...] = (2,)) -> None:
    """Refuses what is not a batch of finite points, saying what it was and what it should be.

    Args:
        points: should be (B, K, D), floating, finite.
        name: the argument's name, for the message.
        least: the smallest K that is enough.
        dimensions: the D that are allowed.

    Raises:
        ValueError: wrong shape, no points, too few points, nan or infinity (not looked for while exporting or compiling).
        TypeError: not a floating dtype.
    """
    check_floating(points, name)
    wanted = " or ".join(str(d) for d in dimensions)
    if points.ndim != 3 or points.shape[-1] not in dimensions or points.shape[0] < 1:
        raise ValueError(f"{name} has shape {tuple(points.shape)}; it should be (B, K, {wanted}) with B at least 1")
    if points.shape[1] < least:
        raise ValueError(f"{name} has {points.shape[1]} points; it should have at least {least}")
    if torch.compiler.is_exporting() or torch.compiler.is_compiling():
        return
    if not bool(torch.isfinite(points).all()):
        raise ValueError(f"{name} has coordinates that are nan or infinite; they should be finite")


def five_points(landmarks: Float[Tensor, "*b k d"]) -> Float[Tensor, "*b 5 d"]:
    """Right eye, left eye, nose tip, right and left mouth corner: the order of most detectors and of ArcFace.

    An eye's centre is the mean of its six lid points. (Detectors' eye points tend to lie a little higher.)

    Args:
        landmarks: (..., 68, D) in the iBUG order, or (..., 5, D), which comes back as it is. D is 2 or 3.

    Returns:
        (..., 5, D).

    Raises:
        ValueError: there are neither 5 nor 68 points.
        TypeError: landmarks is not of a floating dtype.
    """
    check_floating(landmarks, "landmarks")
    k = landmarks.shape[-2]
    if k == 5:
        return landmarks
    if k != 68:
        raise ValueError(f"landmarks has {k} points; it should have 5 or 68")
    eyes = [landmarks[..., 36:42, :].mean(-2), landmarks[..., 42:48, :].mean(-2)]
    return torch.stack([*eyes, landmarks[..., 30, :], landmarks[..., 48, :], landmarks[..., 54, :]], -2)


def pick_points(landmarks: Float[Tensor, "*b k d"], points: int) -> Float[Tensor, "*b n d"]:
    """A smaller set of landmarks from the 68.

    Args:
        landmarks: (..., 68, D), or already (..., points, D).
        points: 5, 6, 14, 51 or 68, the keys of ``POINT_SETS`` and 5.

    Returns:
        (..., points, D).

    Raises:
        ValueError: no such set, or landmarks is neither the 68 nor that set.
        TypeError: landmarks is not of a floating dtype.
    """
    check_floating(landmarks, "landmarks")
    if points not in (5, *POINT_SETS):
        raise ValueError(f"points is {points}; it should be one of 5, 6, 14, 51, 68")
    k = landmarks.shape[-2]
    if k == points:
        return landmarks
    if k != 68:
        raise ValueError(f"landmarks has {k} points; it should have 68 or {points}")
    if points == 5:
        return five_points(landmarks)
    return landmarks[..., list(POINT_SETS[points]), :]
