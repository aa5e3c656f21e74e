"""The labs as Jupyter widgets, made of plain parts that work and are tested without a browser."""

from course_lib.widgets.experiment import Experiment
from course_lib.widgets.face_builder import FaceBuilder
from course_lib.widgets.face_builder_app import BuildAFace, build_a_face_lab
from course_lib.widgets.face_quality_app import FaceQualityLab, face_quality_lab
from course_lib.widgets.margin_lab import MarginState
from course_lib.widgets.margin_lab_app import MarginLab, margin_lab
from course_lib.widgets.threshold_lab import ThresholdLab, threshold_lab
from course_lib.widgets.threshold_lab_state import ThresholdExperiment
from course_lib.widgets.triplet_lab import TripletLab, triplet_lab
from course_lib.widgets.triplet_lab_state import BatchState, TripletState

__all__ = [
    "BatchState",
    "BuildAFace",
    "Experiment",
    "FaceBuilder",
    "FaceQualityLab",
    "MarginLab",
    "MarginState",
    "ThresholdExperiment",
    "ThresholdLab",
    "TripletLab",
    "TripletState",
    "build_a_face_lab",
    "face_quality_lab",
    "margin_lab",
    "threshold_lab",
    "triplet_lab",
]
