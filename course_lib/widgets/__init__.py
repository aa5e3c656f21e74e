"""The labs as Jupyter widgets, made of plain parts that work and are tested without a browser."""

from course_lib.widgets.experiment import Experiment
from course_lib.widgets.face_quality_app import FaceQualityLab, face_quality_lab

__all__ = ["Experiment", "FaceQualityLab", "face_quality_lab"]
