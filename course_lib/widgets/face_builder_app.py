"""The lab *Build a face* as a Jupyter widget: the picture and its truth on the left, sliders by groups on the right."""

import base64
import functools
import html
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec

import anywidget
import ipywidgets
from torch import Tensor

from course_lib import images
from course_lib.faces import Rendered
from course_lib.i18n import Label, language, say
from course_lib.live.inputs import both, caption, decimals
from course_lib.widgets.face_builder import FaceBuilder
from course_lib.widgets.face_builder_controls import CONTROLS, GROUPS, Control
from course_lib.widgets.face_builder_truth import PALETTE, PARTS, VIEWS, parts_seen, truth_picture
from course_lib.widgets.face_quality_app import heading
from course_lib.widgets.numbers import number
from course_lib.widgets.styled import styled

Parameters = ParamSpec("Parameters")

TEXT: dict[str, Label] = {
    "truth": ("Its truth", "真值"),
    "sliders": ("Sliders of", "要调节的参数组"),
    "random": ("Random person", "随机换人"),
    "day": ("Same person, other day", "同一个人，另一天"),
    "picture": ("Same person, other picture", "同一个人，另一张照片"),
    "average": ("Mean anatomy", "平均骨相"),
    "keep": ("Keep beside", "留作对比"),
    "drop": ("Drop the kept one", "移除对比"),
    "json": ("Save parameters (JSON)", "保存参数（JSON）"),
    "png": ("Save picture (PNG)", "保存图片（PNG）"),
    "seed": ("Person number", "人物编号"),
    "face": ("A rendered face", "渲染的人脸"),
    "kept": ("kept", "保留"),
    "now": ("now", "当前"),
    "took": ("{ms:.0f} ms; the person was {baked}", "用时 {ms:.0f} 毫秒；人物{baked}"),
    "new": ("prepared anew", "已重新准备"),
    "old": ("ready from before", "沿用先前的准备"),
    "distance": ("Anatomies apart, in σ", "骨相差异（σ）"),
    "similarity": ("Similarity to the course network", "课程网络给出的相似度"),
    "pose": (
        "yaw {yaw:.0f}°, pitch {pitch:.0f}°, roll {roll:.0f}°",
        "偏航 {yaw:.0f}°，俯仰 {pitch:.0f}°，翻滚 {roll:.0f}°",
    ),
    "measured": (
        "{seen} of 68 landmarks seen, {hidden:.0%} of the face hidden, eyes {eyes:.2f}, mouth {mouth:.2f} open",
        "68 个关键点中可见 {seen} 个，人脸被遮住 {hidden:.0%}，睁眼 {eyes:.2f}，张嘴 {mouth:.2f}",
    ),
}


def exclusive(method: Callable[Concatenate["BuildAFace", Parameters], None]) -> Callable[..., None]:
    """Lets one thread at a time change the lab, and ignores what the lab itself does to its sliders."""

    @functools.wraps(method)
    def wrapper(self: "BuildAFace", *args: Parameters.args, **options: Parameters.kwargs) -> None:
        with self.lock:
            if self.updating:
                return
            self.updating = True
            try:
                method(self, *args, **options)
                self.refresh()
            finally:
                self.updating = False

    return wrapper


def widget_of(control: Control) -> ipywidgets.Widget:
    """The slider or the drop-down list of a control."""
    title = caption(control.label)[language()]
    unit = both(control.unit)[language()]
    described = f"{title} ({unit})" if unit else title
    if control.options:
        options = [(say(option), float(index)) for index, option in enumerate(control.options)]
        return ipywidgets.Dropdown(options=options, value=0.0, description=described)
    return ipywidgets.FloatSlider(
        value=control.low,
        min=control.low,
        max=control.high,
        step=control.step,
        description=described,
        readout_format=f".{decimals(control.step)}f",
    )


def picture_html(image: Tensor, alt: str, note: str = "") -> str:
    """A picture with its description, and a line below it."""
    source = base64.b64encode(images.to_png(image)).decode()
    below = f'<figcaption class="sf-note">{html.escape(note)}</figcaption>' if note else ""
    shown = f'<img src="data:image/png;base64,{source}" alt="{html.escape(alt, quote=True)}">'
    return f'<figure class="sf-face">{shown}{below}</figure>'


def file_link(content: bytes, name: str, kind: str, label: str) -> str:
    """A link that saves a file: a data URL, which needs no server."""
    url = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return f'<a class="sf-button" download="{name}" href="{url}">{html.escape(label)}</a>'


class SliderNames(anywidget.AnyWidget):
    """Gives the handles of the lab's sliders their names for screen readers; shows nothing."""

    _esm = (Path(__file__).parent / "face_builder_names.js").read_text(encoding="utf-8")


class BuildAFace(ipywidgets.VBox):
    """The whole application; ``face`` holds its state, so that cells below the lab can work with it."""

    def __init__(self, seed: int = 0) -> None:
        self.face, self.lock, self.updating = FaceBuilder(seed), threading.RLock(), False
        self.picture, self.truth, self.status, self.beside = (ipywidgets.HTML() for _ in range(4))
        self.files = ipywidgets.HTML()
        self._make_buttons()
        self._make_sliders()
        self.view = ipywidgets.ToggleButtons(options=[(say(text), key) for key, text in VIEWS.items()])
        self.view.observe(lambda _: self._show_truth(), "value")
        pictures = styled(ipywidgets.Box([self.picture, self.truth]), "sf-face-pair")
        left = [self.people, pictures, self.status, heading(say(TEXT["truth"])), self.view]
        left += [styled(ipywidgets.Box([self.keep, self.drop, self.files]), "sf-row"), self.beside]
        right = [heading(say(TEXT["sliders"])), self.group, self.sliders]
        areas = [
            styled(ipywidgets.VBox(children), f"sf-{name}-area")
            for name, children in (("picture", left), ("score", right))
        ]
        sheets = ("style.css", "face_builder.css")
        look = "".join((Path(__file__).parent / sheet).read_text(encoding="utf-8") for sheet in sheets)
        style = ipywidgets.HTML(f"<style>{look}</style>")
        super().__init__([style, styled(ipywidgets.Box(areas), "sf-areas"), SliderNames()])
        self.add_class("sf-lab")
        self.add_class("sf-builder")
        self.refresh()

    # ---- parts ------------------------------------------------------------------------------------------------------

    def _make_buttons(self) -> None:
        actions: dict[str, Callable[[], None]] = {
            "random": self._random, "day": self._day, "picture": self._picture, "average": self._average,
            "keep": self._keep, "drop": self._drop,
        }  # fmt: skip
        made = {key: styled(ipywidgets.Button(description=say(TEXT[key])), "sf-button") for key in actions}
        for key, action in actions.items():
            made[key].on_click(lambda _, action=action: action())
        self.keep, self.drop = made["keep"], made["drop"]
        self.buttons = made
        self.seed = ipywidgets.BoundedIntText(self.face.seed, min=0, max=999_999, description=say(TEXT["seed"]))
        self.seed.observe(lambda change: self._person(change["new"]), "value")
        row = [self.seed, *(made[key] for key in ("random", "day", "picture", "average"))]
        self.people = styled(ipywidgets.Box(row), "sf-row")

    def _make_sliders(self) -> None:
        self.controls = {name: widget_of(control) for name, control in CONTROLS.items()}
        for name, widget in self.controls.items():
            widget.observe(lambda change, name=name: self._move(name, change["new"]), "value")
        self.group = ipywidgets.ToggleButtons(options=[(say(text), key) for key, text in GROUPS.items()])
        self.group.observe(lambda _: self._show_group(), "value")
        self.sliders = ipywidgets.VBox()
        self._show_group()

    def _show_group(self) -> None:
        chosen = [self.controls[name] for name, control in CONTROLS.items() if control.group == self.group.value]
        self.sliders.children = chosen

    # ---- what the reader does ---------------------------------------------------------------------------------------

    @exclusive
    def set(self, **values: float | int) -> None:
        """Move several controls at once, as from a cell: ``lab.set(yaw=30, nose_width=2.2)``.

        Raises:
            ValueError: for an unknown control, or a value outside its range.
        """
        self.face.set(**values)

    @exclusive
    def _move(self, name: str, value: float | int) -> None:
        self.face.set(**{name: value})

    @exclusive
    def _person(self, seed: int) -> None:
        self.face.random_person(seed)

    @exclusive
    def _random(self) -> None:
        self.face.random_person(random.randrange(1_000_000))

    @exclusive
    def _day(self) -> None:
        self.face.other_day()

    @exclusive
    def _picture(self) -> None:
        self.face.other_picture()

    @exclusive
    def _average(self) -> None:
        self.face.average()

    @exclusive
    def _keep(self) -> None:
        self.face.keep()

    @exclusive
    def _drop(self) -> None:
        self.face.kept = None

    # ---- what the reader sees ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the face as it is now."""
        face, seen = self.face, self.face.rendered
        angles = {name: round(float(getattr(seen, name)[0])) for name in ("yaw", "pitch", "roll")}
        pose = say(TEXT["pose"]).format(**angles).replace("-", "−")
        self.picture.value = picture_html(seen.image, f"{say(TEXT['face'])}: {pose}", pose)
        self._show_truth()
        took = say(TEXT["took"]).format(ms=1000 * face.seconds, baked=say(TEXT["new" if face.baked else "old"]))
        measured = say(TEXT["measured"]).format(
            seen=int(seen.visible[0].sum()),
            hidden=float(seen.occlusion[0]),
            eyes=float(seen.eye_openness[0].mean()),
            mouth=float(seen.mouth_opening[0]),
        )
        self.status.value = f'<p class="sf-note" role="status">{html.escape(measured)}<br>{html.escape(took)}</p>'
        self._show_values()
        self._show_kept()
        name = f"face-{face.seed}"
        links = file_link(face.json().encode(), f"{name}.json", "application/json", say(TEXT["json"]))
        self.files.value = (
            links + " " + file_link(images.to_png(seen.image), f"{name}.png", "image/png", say(TEXT["png"]))
        )

    def _show_values(self) -> None:
        self.seed.value = self.face.seed
        for name, value in self.face.values.items():
            widget, control = self.controls[name], CONTROLS[name]
            widget.value = value if control.options else min(max(value, control.low), control.high)

    def _show_truth(self) -> None:
        view, seen = self.view.value, self.face.rendered
        title = say(VIEWS[view])
        self.truth.value = picture_html(truth_picture(seen, view), title, title) + (
            legend(seen) if view == "labels" else ""
        )

    def _show_kept(self) -> None:
        face = self.face
        self.drop.disabled = face.kept is None
        if face.kept is None:
            self.beside.value = ""
            return
        pair = [(face.kept.rendered.image, "kept"), (face.rendered.image, "now")]
        pictures = "".join(
            picture_html(image, f"{say(TEXT['face'])}, {say(TEXT[key])}", say(TEXT[key])) for image, key in pair
        )
        known = {"distance": face.anatomical_distance(), "similarity": face.similarity()}
        lines = "".join(
            f"<p>{say(TEXT[key])}: <b>{number(value)}</b></p>" for key, value in known.items() if value is not None
        )
        self.beside.value = f'<div class="sf-beside">{pictures}</div>{lines}'


def legend(seen: Rendered) -> str:
    """Colours of the parts that the picture shows."""
    names = list(PARTS)
    entries = []
    for part in parts_seen(seen):
        red, green, blue = (round(255 * float(v)) for v in PALETTE[names.index(part)])
        entries.append(
            f'<span><i style="background:rgb({red},{green},{blue})"></i>{html.escape(say(PARTS[part]))}</span>'
        )
    return f'<div class="sf-legend">{"".join(entries)}</div>'


def build_a_face_lab(seed: int = 0) -> BuildAFace:
    """The lab of the procedural faces: one person and one picture under sliders, with the full truth.

    Args:
        seed: number of the first person.

    Returns:
        the widget; as the last expression of a notebook cell it is shown.
    """
    return BuildAFace(seed)
