"""Pose: how far the head is turned away from the camera, and what that costs in quality.

Signs and axes are those of ``geometry.rotations``: positive yaw turns the nose to the left of the picture (the person's
own right), positive pitch looks down, positive roll turns clockwise in the picture. These measures take landmarks,
not pixels.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.geometry import (
    angles_from_matrix,
    check_points,
    default_camera,
    face_model,
    five_points,
    pick_points,
    sight_rotation,
    solve_pnp,
    weak_perspective,
)
from course_lib.geometry.camera import Centre, Focal
from course_lib.quality.record import Measure

__all__ = [
    "eye_line_angle",
    "head_pose_pitch",
    "head_pose_roll",
    "head_pose_yaw",
    "pose_quality",
    "yaw_pitch_roll",
]

Landmarks = Float[Tensor, "b k 2"]
Scores = Float[Tensor, "b"]


def yaw_pitch_roll(
    landmarks: Landmarks,
    method: str = "weak_perspective",
    *,
    image_size: tuple[int, int] | None = None,
    focal: Focal | None = None,
    centre: Centre | None = None,
    points: int = 14,
    relative_to: str = "camera",
    iterations: int = 8,
) -> Float[Tensor, "b 3"]:
    """Yaw, pitch and roll of heads from their 2-D landmarks and a mean 3-D face.

    "weak_perspective" is one least squares fit that treats the head as equally far everywhere
    (``geometry.weak_perspective``); it needs no camera and measures the angles from the line of sight. "pnp" fits the
    pinhole picture (``geometry.solve_pnp``); it needs a focal length and a centre and measures the angles from the
    optical axis, unless told to measure from the line of sight. A face 17 degrees above the centre of the picture
    that looks into the lens therefore has a pitch of 17 degrees by PnP and 0 by weak perspective. Close to the camera
    weak perspective exaggerates: a yaw of 20 degrees reads as 26 at 60 cm, 22 at 150 cm.

    Pitch is the least certain: a long nose or a short chin looks like a nod. Expect 5 to 10 degrees from one person's
    shape and expression, a third of that for yaw, and the accuracy of the landmarks for roll.

    Args:
        landmarks: (B, K, 2) pixels; 68 points in the iBUG order, or already one of the sets of 5, 6, 14, 51 points.
        method: "weak_perspective" or "pnp".
        image_size: (height, width) of the picture, pixels, for "pnp"; gives focal length and centre where they are
            left out (``geometry.default_camera``: focal = width). A crop has another centre than its photograph.
        focal: focal length, pixels, for "pnp".
        centre: the pixel (x, y) on the optical axis, for "pnp".
        points: which of the 68 to use: 5, 6, 14, 51 or 68 (``geometry.POINT_SETS``).
        relative_to: "camera" (the optical axis) or "sight" (the line from the lens to the head), for "pnp".
        iterations: steps of "pnp".

    Returns:
        (B, 3): yaw in [-90, 90], pitch and roll in [-180, 180], degrees.

    Raises:
        ValueError: an unknown method, set of points or relative_to; "pnp" without a camera; coordinates that are not
            finite; landmarks that coincide or lie on one line (while exporting: angles 0).
        TypeError: landmarks is not of a floating dtype.

    Source: [dementhon1995] and [hartley2004]; the angles that [iso2025] asks for.
    """
    check_points(landmarks)
    k = landmarks.shape[1]
    chosen = pick_points(landmarks, points if k == 68 else k)
    model = face_model(chosen.shape[1])
    if method == "weak_perspective":
        weak = weak_perspective(chosen, model)
        rotation, known = weak.rotation, weak.scale > 0
    elif method == "pnp":
        if relative_to not in ("camera", "sight"):
            raise ValueError(f"relative_to is {relative_to!r}; it should be 'camera' or 'sight'")
        if image_size is None and (focal is None or centre is None):
            raise ValueError("image_size is None; pnp needs it, as (height, width), or both focal and centre")
        focal_guess, centre_guess = default_camera(image_size or (1, 1))
        pose = solve_pnp(
            chosen,
            model,
            focal_guess if focal is None else focal,
            centre_guess if centre is None else centre,
            iterations,
        )
        rotation, known = pose.rotation, pose.translation[:, 2] > 0
        if relative_to == "sight":
            rotation = sight_rotation(pose)
    else:
        raise ValueError(f"method is {method!r}; it should be 'weak_perspective' or 'pnp'")
    if not (torch.compiler.is_exporting() or torch.compiler.is_compiling()) and not bool(known.all()):
        which = (~known).nonzero()[:, 0].tolist()
        raise ValueError(
            f"landmarks of images {which} coincide or lie on one line; a pose needs points spread over a face"
        )
    return angles_from_matrix(rotation)


def head_pose_yaw(landmarks: Landmarks, method: str = "weak_perspective", **options) -> Scores:
    """The yaw of heads: turned to the person's own right (positive) or left (negative).

    Args:
        landmarks: (B, K, 2) pixels.
        method: "weak_perspective" or "pnp".
        **options: of ``yaw_pitch_roll``.

    Returns:
        (B,) degrees in [-90, 90]; 0 is best.

    Source: [iso2025].
    """
    return yaw_pitch_roll(landmarks, method, **options)[:, 0]


def head_pose_pitch(landmarks: Landmarks, method: str = "weak_perspective", **options) -> Scores:
    """The pitch of heads: looking down (positive) or up (negative).

    Args:
        landmarks: (B, K, 2) pixels.
        method: "weak_perspective" or "pnp".
        **options: of ``yaw_pitch_roll``.

    Returns:
        (B,) degrees in [-180, 180]; 0 is best.

    Source: [iso2025].
    """
    return yaw_pitch_roll(landmarks, method, **options)[:, 1]


def head_pose_roll(landmarks: Landmarks, method: str = "weak_perspective", **options) -> Scores:
    """The roll of heads: tilted clockwise in the picture (positive) or the other way (negative).

    Args:
        landmarks: (B, K, 2) pixels.
        method: "weak_perspective" or "pnp".
        **options: of ``yaw_pitch_roll``.

    Returns:
        (B,) degrees in [-180, 180]; 0 is best.

    Source: [iso2025].
    """
    return yaw_pitch_roll(landmarks, method, **options)[:, 2]


def eye_line_angle(landmarks: Landmarks) -> Scores:
    """The angle of the line through the two eyes, the simplest estimate of roll.

    ``atan2(y_left - y_right, x_left - x_right)``. With this book's order of rotations it is exactly the roll of a far
    head, whatever its yaw and pitch; perspective slants it by a few degrees close up.

    Args:
        landmarks: (B, 5, 2) or (B, 68, 2) pixels.

    Returns:
        (B,) degrees in [-180, 180], positive clockwise in the picture; 0 where the eyes coincide.

    Raises:
        ValueError: landmarks has neither 5 nor 68 points, or coordinates that are not finite.
        TypeError: landmarks is not of a floating dtype.
    """
    check_points(landmarks)
    right, left = five_points(landmarks)[:, :2].unbind(1)
    x, y = (left - right).float().unbind(-1) if landmarks.dtype == torch.float16 else (left - right).unbind(-1)
    together = (x == 0) & (y == 0)
    angle = torch.atan2(torch.where(together, torch.zeros_like(y), y), torch.where(together, torch.ones_like(x), x))
    return (angle * (180 / math.pi)).to(landmarks.dtype)


def pose_quality(angle: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """The quality component that ISO/IEC 29794-5 gives to a yaw, pitch or roll: ``100 max(0, cos(angle))^2``.

    Flat near 0: 5.8 degrees still score 99, 45 degrees score 50, a profile 0. The standard rounds to whole numbers;
    this does not.

    Args:
        angle: any shape, degrees.

    Returns:
        The same shape, in [0, 100], higher is better.

    Raises:
        TypeError: angle is not of a floating dtype.

    Source: [iso2025].
    """
    if not angle.is_floating_point():
        raise TypeError(f"angle has dtype {angle.dtype}; it should be a floating dtype such as torch.float32")
    return 100 * (angle * (math.pi / 180)).cos().clamp_min(0) ** 2


MEASURES: tuple[Measure, ...] = tuple(
    Measure(function.__name__, function, "pose", limits, "°", "target", "iso2025", takes="landmarks")
    for function, limits in (
        (head_pose_yaw, (-90.0, 90.0)),
        (head_pose_pitch, (-180.0, 180.0)),
        (head_pose_roll, (-180.0, 180.0)),
    )
)
