"""A figure in JupyterLab and Colab: sliders that call the Python function.

Pictures are image widgets, all else is SVG in HTML widgets. That needs nothing but ipywidgets 7 or 8: no anywidget, no
Plotly front end, no extension in Colab.
"""

from typing import TYPE_CHECKING, Any

import ipywidgets
from torch import Tensor

from course_lib import images
from course_lib.i18n import say
from course_lib.live import svg
from course_lib.live.inputs import Image, Input, Slider
from course_lib.live.outputs import COLOURS, Output, Picture, Wire
from course_lib.live.photo import explain, fitted, where_it_goes
from course_lib.live.poster import draw, headed, marker_at, standing

if TYPE_CHECKING:
    from course_lib.live.figure import Figure

# Drawings take text and lines of the notebook's theme (Jupyter, Colab), and brighter colours in Jupyter's dark ones.
STYLE = (
    "<style>.lf-notebook { --lf-ink: var(--jp-ui-font-color1, var(--colab-primary-text-color, #1d2733)); "
    "--lf-soft: var(--jp-ui-font-color2, #66707c); --lf-line: var(--jp-border-color2, #dfe4ea); line-height: 1.3; } "
    '[data-jp-theme-light="false"] .lf-notebook { '
    + " ".join(f"--lf-{name}: {svg.DARK[name]};" for name in COLOURS if name not in ("ink", "soft"))
    + " }</style>"
)


def control(part: Input) -> ipywidgets.Widget | None:
    """The widget of an input; None for a single picture, which needs none."""
    style = {"description_width": "185px"}
    wide = ipywidgets.Layout(width="480px", max_width="100%")
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
    if isinstance(part, Image) and len(part.tensors) == 1 and not part.own:
        return None
    options = [(say(option), k) for k, option in enumerate(part.options)]
    # A list box takes the keyboard in every front end; toggle buttons wrap badly in Colab.
    return ipywidgets.Dropdown(options=options, value=part.value, description=say(part.label), style=style, layout=wide)


def photo_button() -> ipywidgets.FileUpload:
    """The button for a file of the reader's own."""
    return ipywidgets.FileUpload(
        accept="image/*", description=say("your_photo"), layout=ipywidgets.Layout(width="auto")
    )


def uploaded(value: Any) -> tuple[str, bytes] | None:
    """Name and bytes of the file in a FileUpload, None without one: ipywidgets 8 holds a tuple, 7 a dict by name."""
    files = [{"name": name, **file} for name, file in value.items()] if isinstance(value, dict) else list(value)
    return (str(files[-1]["name"]), bytes(files[-1]["content"])) if files else None


class View:
    """The widgets of a figure and what ties them together."""

    def __init__(self, figure: "Figure"):
        self.figure = figure
        self.controls = {part.name: made for part in figure.inputs if (made := control(part)) is not None}
        self.photos: dict[str, Tensor] = {}
        self.uploads = {part.name: self._upload(part) for part in figure.pictures() if part.own}
        self.shown = {output.name: self._place(output) for output in standing(figure)}
        self.message = ipywidgets.HTML()
        self.reset = ipywidgets.Button(description=say("reset"), icon="undo")
        self.reset.on_click(self._reset)
        for made in self.controls.values():
            made.observe(self._changed, names="value")
        self._held = False
        self._begun: tuple[list[Any], dict[str, Tensor]] = ([], {})
        self.show(figure.start)

    def _upload(self, part: Image) -> ipywidgets.FileUpload:
        button = photo_button()
        button.observe(lambda change: self._receive(part, uploaded(change["new"])), names="value")
        return button

    def _receive(self, part: Image, file: tuple[str, bytes] | None) -> None:
        """A photograph becomes one more option and is chosen; what is none is told, and nothing changes."""
        if file is None:
            return
        name, content = file
        try:
            photo = fitted(images.load(content), tuple(part.tensors[0].shape))
        except ValueError as error:
            self._tell(explain(error, name))
            return
        self.photos[part.name] = photo
        own, chooser = len(part.tensors), self.controls[part.name]
        self._held = True  # one step for new options and the choice among them
        chooser.options = [*((say(option), k) for k, option in enumerate(part.options)), (name, own)]
        chooser.value = own
        self._held = False
        self.update()

    def _tell(self, problem: str) -> None:
        self.message.value = f'<p role="alert" style="color:#c0303f">{svg.escape(problem)}</p>'

    def _place(self, output: Output) -> ipywidgets.Widget:
        if isinstance(output, Picture) and not self._lines(output):
            return ipywidgets.Image(format="png", layout=ipywidgets.Layout(width="270px", max_width="100%"))
        return ipywidgets.HTML()

    def _lines(self, output: Output) -> list[Output]:
        return [o for o in self.figure.outputs if isinstance(o, Wire) and o.over == output.name]

    def values(self) -> dict[str, Any]:
        """What the sliders and lists say; for a photograph of the reader's own its tensor."""
        return {name: self._value(name, made.value) for name, made in self.controls.items()}

    def _value(self, name: str, value: Any) -> Any:
        lists = {part.name: part for part in self.figure.pictures()}
        return self.photos[name] if name in lists and value == len(lists[name].tensors) else value

    def _start(self) -> dict[str, Tensor]:
        """Outputs with all sliders at their start, for the picture that is chosen: what bars are compared with."""
        now = self.values()
        chosen = [now.get(part.name, part.start) for part in self.figure.pictures()]
        if not any(isinstance(value, Tensor) or value for value in chosen):
            return self.figure.start
        if [id(value) for value in chosen] != [id(value) for value in self._begun[0]]:
            names = [part.name for part in self.figure.pictures()]
            self._begun = (chosen, self.figure.run(**dict(zip(names, chosen, strict=True))))
        return self._begun[1]

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
            self._tell(f"{type(error).__name__}: {error}")

    def show(self, values: dict) -> None:
        """Puts outputs into their places."""
        settings, start = self.figure.initial | self.values(), self._start()
        for output in standing(self.figure):
            place = self.shown[output.name]
            if isinstance(place, ipywidgets.Image):
                place.value = svg.encoded(values[output.name], "PNG", compress_level=1)
                continue
            width = 270 if output.kind in ("picture", "wire") else 440
            drawing = draw(self.figure, output, values, width, marker_at(self.figure, output, settings), start)
            shown = svg.frame(headed(output, drawing, values[output.name]))
            place.value = f'{STYLE}<div class="lf-notebook">{shown}</div>'

    def box(self) -> ipywidgets.VBox:
        """Title, outputs, sliders, reset."""
        flow = ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="12px 28px")
        title = ipywidgets.HTML(f"<b>{svg.escape(say(self.figure.title))}</b>")
        places = [(output, self._named(output)) for output in standing(self.figure)]
        seen = [place for output, place in places if output.kind in ("picture", "wire")]
        told = ipywidgets.VBox([place for output, place in places if output.kind not in ("picture", "wire")])
        outputs = ipywidgets.Box([*seen, told] if told.children else seen, layout=flow)
        movers = [w for name in self.controls for w in (self.controls[name], self.uploads.get(name)) if w is not None]
        controls = ipywidgets.Box([*movers, self.reset], layout=flow)
        note = [ipywidgets.HTML(f"<small>{svg.escape(say(where_it_goes()))}</small>")] if self.uploads else []
        return ipywidgets.VBox([title, outputs, controls, *note, self.message])

    def _named(self, output: Output) -> ipywidgets.Widget:
        place = self.shown[output.name]
        if (
            isinstance(output, Picture)
            and isinstance(place, ipywidgets.Image)
            and len(self.figure.shown_pictures()) > 1
        ):
            name = ipywidgets.HTML(f'<div style="text-align:center">{svg.escape(say(output.label))}</div>')
            return ipywidgets.VBox([place, name])
        return place


def build(figure: "Figure") -> ipywidgets.VBox:
    """The figure's widgets in one box.

    Args:
        figure: what to show.

    Returns:
        VBox of title, outputs and controls; its sliders call ``figure.run``.
    """
    return View(figure).box()
