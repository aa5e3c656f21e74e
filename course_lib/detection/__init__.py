"""Where the faces are: boxes, a face finder that learnt from rendered faces, its landmarks, and how good they are."""

from course_lib.detection.boxes import box_iou, face_box, nms
from course_lib.detection.centre_map import centre_map_loss, centre_targets, decode_centres, peaks
from course_lib.detection.face_finder import SURE, FaceFinder, Faces, find_faces, local_contrast
from course_lib.detection.face_landmarks import LandmarkNetwork, crop_transform, find_landmarks, soft_argmax
from course_lib.detection.matching import (
    Precision,
    apply_offset,
    average_precision,
    convention_offset,
    landmark_errors,
    match_faces,
)
from course_lib.detection.reading import FaceReading, eye_openness, face_score, read_face

__all__ = [
    "SURE",
    "FaceFinder",
    "FaceReading",
    "Faces",
    "LandmarkNetwork",
    "Precision",
    "apply_offset",
    "average_precision",
    "box_iou",
    "centre_map_loss",
    "centre_targets",
    "convention_offset",
    "crop_transform",
    "decode_centres",
    "eye_openness",
    "face_box",
    "face_score",
    "find_faces",
    "find_landmarks",
    "landmark_errors",
    "local_contrast",
    "match_faces",
    "nms",
    "peaks",
    "read_face",
    "soft_argmax",
]
