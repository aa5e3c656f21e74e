"""Where the head is: rotations, alignment, pinhole camera, pose from landmarks, and a 3-D face to try them on.

The axis convention (x right, y down, z forward; pitch, yaw and roll about them) is stated in ``geometry.rotations``.
"""

from course_lib.geometry.camera import WeakPose, default_camera, polar_rotation, project, weak_perspective
from course_lib.geometry.drawing import draw_convention, draw_head
from course_lib.geometry.faces3d import face_model
from course_lib.geometry.landmarks import (
    ARCFACE_TEMPLATE,
    IBUG68,
    MIRROR68,
    POINT_SETS,
    check_points,
    five_points,
    pick_points,
)
from course_lib.geometry.pnp import Pose, sight_rotation, solve_pnp
from course_lib.geometry.rotations import angles_from_matrix, rodrigues, rotation_matrix, rotation_vector
from course_lib.geometry.similarity import align, invert_transform, similarity_transform, transform_points, warp
from course_lib.geometry.wire import HeadWire, head_wire, wire_camera, wire_picture

__all__ = [
    "ARCFACE_TEMPLATE",
    "IBUG68",
    "MIRROR68",
    "POINT_SETS",
    "HeadWire",
    "Pose",
    "WeakPose",
    "align",
    "angles_from_matrix",
    "check_points",
    "default_camera",
    "draw_convention",
    "draw_head",
    "face_model",
    "five_points",
    "head_wire",
    "invert_transform",
    "pick_points",
    "polar_rotation",
    "project",
    "rodrigues",
    "rotation_matrix",
    "rotation_vector",
    "sight_rotation",
    "similarity_transform",
    "solve_pnp",
    "transform_points",
    "warp",
    "weak_perspective",
    "wire_camera",
    "wire_picture",
]
