"""Procedural faces with known truth: identities and pictures as named parameters, rendered in torch alone."""

from course_lib.faces.nuisance import sample_nuisance
from course_lib.faces.params import (
    IDENTITY,
    LOOK,
    FaceParams,
    NuisanceParams,
    anatomy_of,
    another_day,
    concatenate,
    sample_identities,
)
from course_lib.faces.render import render
from course_lib.faces.rendered import Rendered
from course_lib.faces.truth import LABELS, MIRRORED_LABELS

__all__ = [
    "IDENTITY",
    "LABELS",
    "LOOK",
    "MIRRORED_LABELS",
    "FaceParams",
    "NuisanceParams",
    "Rendered",
    "anatomy_of",
    "another_day",
    "concatenate",
    "render",
    "sample_identities",
    "sample_nuisance",
]
