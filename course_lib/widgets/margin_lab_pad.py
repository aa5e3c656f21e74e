"""The circle of the margin lab: class weights and a feature as handles for mouse, finger and arrow keys."""

import math
from collections.abc import Callable

import anywidget
import traitlets

from course_lib.i18n import Label, say
from course_lib.widgets.margin_lab import Circle
from course_lib.widgets.styled import script

LONGEST = 0.45
"""Length of the longest arrow, in radii."""

TEXT: dict[str, Label] = {
    "pad": (
        "Class weights and a feature on the circle. Arrow keys left and right turn a handle, Page Up and Page Down by ten "
        "degrees; up and down change the length of the feature.",
        "圆上的类别权重与特征。左右方向键转动手柄，Page Up 与 Page Down 每次转十度；上下方向键改变特征的长度。",
    ),
    "person": ("Person", "人物"),
    "feature": ("Feature", "特征"),
}


class CirclePad(anywidget.AnyWidget):
    """The circle; it reports where the handles went and shows what Python answers.

    Args:
        moved: called without arguments after a handle has moved.

    Attributes:
        centres: directions of the weights, degrees.
        sample: direction (degrees) and length of the feature.
        label: index of the feature's class.
        drawing: boundaries and wedges in degrees, and the push in radii.
    """

    _esm = script("handles.js", "margin_lab_pad.js")
    text = traitlets.Dict().tag(sync=True)
    centres: traitlets.List = traitlets.List(traitlets.Float()).tag(sync=True)
    sample: traitlets.List = traitlets.List(traitlets.Float()).tag(sync=True)
    label = traitlets.Int(0).tag(sync=True)
    drawing = traitlets.Dict().tag(sync=True)

    def __init__(self, moved: Callable[[], None]):
        super().__init__(text={key: say(label) for key, label in TEXT.items()})
        self.observe(lambda _: moved(), ["centres", "sample"])

    def show(self, circle: Circle, scale: float) -> None:
        """Draw what the margin makes of the handles.

        Args:
            circle: of ``MarginState.circle``.
            scale: s; the push grows with it, and is drawn as a share of it.
        """
        long = math.hypot(*circle.push)
        shown = min(0.3 * long / scale, LONGEST) / long if long > 1e-12 else 0.0
        push = [shown * part for part in circle.push]
        self.drawing = {"boundaries": circle.boundaries, "wedges": circle.wedges, "push": push}
