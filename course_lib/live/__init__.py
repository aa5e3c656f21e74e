"""Live figures: a function, its sliders and its outputs, declared once for the notebook and for the website.

    from course_lib import data, degrade, live, quality

    BLUR = {record.key: record for record in degrade.degradations()}["gaussian_blur"]
    FOCUS = [record for record in quality.measures() if record.family == "blur"]

    def blurred(image, sigma):
        seen = degrade.gaussian_blur(image, sigma)
        return seen, torch.cat(list(quality.measure(seen, [record.name for record in FOCUS]).values()))

    live.Figure(
        blurred,
        inputs=[live.Image("image", {name: data.portrait(name, 224) for name in data.PORTRAITS}), live.Slider.of(BLUR, "sigma")],
        outputs=[live.Picture("seen"), live.Bars.of("scores", FOCUS)],
        title=("Blur the portrait", "模糊人像"),
        alt=("A portrait beside bars of focus measures at their start.", "人像与各项聚焦评价函数的条形，均处于初始值。"),
    )

What the function may do is what torch.onnx.export can follow: no branch on a tensor's value (use ``torch.where``), no
``.item()``, no FFT, no random numbers (``live.noise`` is a field that torch and the browser share), both bounds of
``clamp`` as floats. A curve over severities is one call on a batch; a Python loop is unrolled into the graph and makes
the export slow.
"""

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
