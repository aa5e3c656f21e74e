"""A figure in JupyterLab and Colab: sliders that call the Python function.

Pictures are image widgets, all else is SVG in HTML widgets. That needs nothing but ipywidgets 7 or 8: no anywidget, no
Plotly front end, no extension in Colab.
"""

from typing import TYPE_CHECKING, Any

import ipywidgets

from course_lib.i18n import say
from course_lib.live import svg
from course_lib.live.inputs import Image, Input, Slider
from course_lib.live.outputs import Output, Picture, Wire
from course_lib.live.poster import draw, headed, marker_at, standing

if TYPE_CHECKING:
    from course_lib.live.figure import Figure

# Drawings take the colours of the notebook's theme.
STYLE = """<style>.lf-notebook { --lf-ink: var(--jp-ui-font-color1, #1d2733); --lf-soft: var(--jp-ui-font-color2, #66707c);
--lf-line: var(--jp-border-color2, #dfe4ea); line-height: 1.3; }</style>"""


def control(part: Input) -> ipywidgets.Widget | None:
    """The widget of an input; None for a single picture, which needs none."""
    style = {"description_width": "150px"}
    wide = ipywidgets.Layout(width="440px", max_width="100%")
    if isinstance(part, Slider):
        unit = say(part.unit)
        return ipywidgets.FloatSlider(
            value=part.value,
            min=part.low,
            max=part.high,
            step=part.step,
            description=say(part.label) + (f" ({unit})" if unit else ""),
            readout_format=f".{part.spec()['decimals']}f",
            style=style,
            layout=wide,
        )
    if isinstance(part, Image) and len(part.tensors) == 1:
        return None
    options = [(say(option), k) for k, option in enumerate(part.options)]
    # A list box takes the keyboard in every front end; toggle buttons wrap badly in Colab.
    return ipywidgets.Dropdown(options=options, value=part.value, description=say(part.label), style=style, layout=wide)


class View:
    """The widgets of a figure and what ties them together."""

    def __init__(self, figure: "Figure"):
        self.figure = figure
        self.controls = {part.name: made for part in figure.inputs if (made := control(part)) is not None}
        self.shown = {output.name: self._place(output) for output in standing(figure)}
        self.message = ipywidgets.HTML()
        self.reset = ipywidgets.Button(description=say("reset"), icon="undo")
        self.reset.on_click(self._reset)
        for made in self.controls.values():
            made.observe(self._changed, names="value")
        self._held = False
        self.show(figure.start)

    def _place(self, output: Output) -> ipywidgets.Widget:
        if isinstance(output, Picture) and not self._lines(output):
            return ipywidgets.Image(format="png", layout=ipywidgets.Layout(width="270px", max_width="100%"))
        return ipywidgets.HTML()

    def _lines(self, output: Output) -> list[Output]:
        return [o for o in self.figure.outputs if isinstance(o, Wire) and o.over == output.name]

    def values(self) -> dict[str, Any]:
        """What the sliders and lists say."""
        return {name: made.value for name, made in self.controls.items()}

    def _changed(self, _: Any) -> None:
        if not self._held:
            self.update()

    def _reset(self, _: Any) -> None:
        self._held = True  # one step for all sliders
        for part in self.figure.inputs:
            if part.name in self.controls:
                self.controls[part.name].value = part.value
        self._held = False
        self.update()

    def update(self) -> None:
        """Runs the function and shows what it returns, or why it could not."""
        try:
            self.show(self.figure.run(**self.values()))
            self.message.value = ""
        except Exception as error:  # a callback has no cell to show a traceback in
            self.message.value = (
                f'<p role="alert" style="color:#c0303f">{svg.escape(f"{type(error).__name__}: {error}")}</p>'
            )

    def show(self, values: dict) -> None:
        """Puts outputs into their places."""
        settings = self.figure.initial | self.values()
        for output in standing(self.figure):
            place = self.shown[output.name]
            if isinstance(place, ipywidgets.Image):
                place.value = svg.encoded(values[output.name], "PNG", compress_level=1)
                continue
            width = 270 if output.kind in ("picture", "wire") else 440
            drawing = draw(self.figure, output, values, width, marker_at(self.figure, output, settings))
            place.value = f'{STYLE}<div class="lf-notebook">{svg.frame(headed(output, drawing))}</div>'

    def box(self) -> ipywidgets.VBox:
        """Title, outputs, sliders, reset."""
        flow = ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="12px 28px")
        title = ipywidgets.HTML(f"<b>{svg.escape(say(self.figure.title))}</b>")
        outputs = ipywidgets.Box(list(self.shown.values()), layout=flow)
        controls = ipywidgets.Box([*self.controls.values(), self.reset], layout=flow)
        return ipywidgets.VBox([title, outputs, controls, self.message])


def build(figure: "Figure") -> ipywidgets.VBox:
    """The figure's widgets in one box.

    Args:
        figure: what to show.

    Returns:
        VBox of title, outputs and controls; its sliders call ``figure.run``.
    """
    return View(figure).box()
