"""Live figures: a function, its sliders and its outputs, declared once for the notebook and for the website."""

from course_lib.live.figure import MIME, Figure, collecting
from course_lib.live.graph import compare
from course_lib.live.inputs import Choice, Image, Slider
from course_lib.live.noise import noise
from course_lib.live.outputs import Bars, Curves, Group, Picture, Readout, Table, Wire

__all__ = [
    "MIME",
    "Bars",
    "Choice",
    "Curves",
    "Figure",
    "Group",
    "Image",
    "Picture",
    "Readout",
    "Slider",
    "Table",
    "Wire",
    "collecting",
    "compare",
    "noise",
]
