"""The face quality lab as a Jupyter widget: pictures and sliders on the left, scores on the right, curves below."""

import functools
import html
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec

import ipywidgets
from torch import Tensor

from course_lib import data, images
from course_lib.degrade import Degradation
from course_lib.i18n import Label, say
from course_lib.widgets.curve_panel import CurvePanel, step_title
from course_lib.widgets.experiment import Experiment, Picture, photograph, portrait, steps
from course_lib.widgets.face_reading import TEXT as READING_TEXT
from course_lib.widgets.face_reading import reading_html
from course_lib.widgets.kept_rows import export_link, rows_html, settings_text
from course_lib.widgets.photo import PhotoInput
from course_lib.widgets.scores import ScoreSheet
from course_lib.widgets.styled import styled

FIRST_CURVES = ["tenengrad", "laplacian_variance", "blur_effect"]
PHOTO = "photo"
Parameters = ParamSpec("Parameters")

TEXT: dict[str, Label] = {
    "portrait": ("Portrait", "人像"),
    "photo": ("Your photo", "你的照片"),
    "degradations": ("Degradations", "退化"),
    "scores": ("Scores", "分数"),
    "legend_clean": ("value on the clean image", "原图上的值"),
    "legend_better": ("better, says the measure", "该度量认为变好"),
    "legend_worse": ("worse, says the measure", "该度量认为变差"),
    "legend_moved": ("as before, or no verdict", "未变或不作判断"),
    "curves": ("Curves over", "以何种退化为横轴绘制曲线"),
    "keep": ("Keep this row", "记录当前数据"),
    "table": ("Table", "数据表"),
    "table_note": (
        "The file holds every score of the kept rows and of the present state, with the clean image's value beside it.",
        "文件包含所记录各行及当前状态的全部分数，并列出原图上的对应值。",
    ),
}


def slider_of(step: Degradation) -> ipywidgets.FloatSlider:
    """The slider of a degradation; arrow keys move it by one step."""
    digits = 0 if step.step == int(step.step) else 2
    return ipywidgets.FloatSlider(
        value=step.identity,
        min=step.range[0],
        max=step.range[1],
        step=step.step,
        description=step_title(step),
        continuous_update=True,
        readout_format=f".{digits}f",
    )


def heading(text: str) -> ipywidgets.HTML:
    """A small heading inside the lab."""
    return ipywidgets.HTML(f"<h3>{html.escape(text)}</h3>")


def exclusive(method: Callable[Concatenate["FaceQualityLab", Parameters], None]) -> Callable[..., None]:
    """Lets one thread at a time change the lab: cells and widget messages may come in different ones.

    A curve that is being measured gives way at once, and is taken up again afterwards.
    """

    @functools.wraps(method)
    def wrapper(self: "FaceQualityLab", *args: Parameters.args, **options: Parameters.kwargs) -> None:
        self.curves.interrupt()
        with self.lock:
            try:
                method(self, *args, **options)
            finally:
                self.curves.refresh()

    return wrapper


class FaceQualityLab(ipywidgets.VBox):
    """The whole application; ``experiment`` holds its state, so that cells below the lab can work with it."""

    def __init__(self) -> None:
        self.experiment, self.lock = Experiment(), threading.RLock()
        self.photo_taken: Picture | None = None
        self.shown = Picture("", {}, {}, self.experiment.image)  # nothing yet
        self.updating = False
        self.status = styled(ipywidgets.HTML(), "sf-alert")
        self._make_pictures()
        self._make_sliders()
        self.sheet = ScoreSheet([name for name in FIRST_CURVES if name in self.experiment.scores])
        self.sheet.observe(lambda _: self._choose_curves(), "chosen")
        self._make_curves()
        self._make_table()
        score_part = [heading(say(TEXT["scores"])), ipywidgets.HTML(legend()), self.sheet]
        areas = [
            styled(ipywidgets.VBox(children), f"sf-{name}-area")
            for name, children in (
                ("picture", [*self.picture_part, *self.slider_part]),
                ("score", score_part),
                ("curve", self.curve_part),
                ("table", self.table_part),
            )
        ]
        style = ipywidgets.HTML(f"<style>{(Path(__file__).parent / 'style.css').read_text(encoding='utf-8')}</style>")
        super().__init__([style, self.status, styled(ipywidgets.Box(areas), "sf-areas")])
        self.add_class("sf-lab")
        self.refresh()
        self._choose_curves()

    # ---- parts ------------------------------------------------------------------------------------------------------

    def _make_pictures(self) -> None:
        options = [(say(about.title), key) for key, about in data.PORTRAITS.items()]
        self.portraits = ipywidgets.ToggleButtons(options=options, value="astronaut")
        self.portraits.observe(self._choose_picture, "value")
        self.photo = PhotoInput(self._receive)
        self.clean_picture = styled(ipywidgets.Image(format="png"), "sf-picture")
        self.picture = styled(ipywidgets.Image(format="png"), "sf-picture")
        captions = [ipywidgets.HTML(f'<p class="sf-note">{say(key)}</p>') for key in ("image_output", "original_image")]
        pairs = zip((self.picture, self.clean_picture), captions, strict=True)
        pictures = ipywidgets.Box([ipywidgets.VBox([picture, caption]) for picture, caption in pairs])
        self.reading = ipywidgets.HTML()
        self.picture_part = [
            heading(say(TEXT["portrait"])), self.portraits, self.photo, styled(pictures, "sf-pictures"),
            heading(say(READING_TEXT["title"])), self.reading,
        ]  # fmt: skip

    def _make_sliders(self) -> None:
        self.sliders = {key: slider_of(step) for key, step in steps().items()}
        for key, slider in self.sliders.items():
            slider.observe(lambda change, key=key: self._move(key, change["new"]), "value")
        self.reset = styled(ipywidgets.Button(description=say("reset_all")), "sf-button")
        self.reset.on_click(lambda _: self.set(**{key: step.identity for key, step in steps().items()}))
        self.slider_part = [heading(say(TEXT["degradations"])), *self.sliders.values(), self.reset]

    def _make_curves(self) -> None:
        options = [(say(step.label), key) for key, step in steps().items()]
        self.axis = ipywidgets.ToggleButtons(options=options, value="gaussian_blur")
        self.axis.observe(lambda _: self._choose_curves(), "value")
        self.curves = CurvePanel(self.experiment, self.lock, self._fail)
        self.curve_part = [heading(say(TEXT["curves"])), self.axis, self.curves]

    def _make_table(self) -> None:
        self.keep = styled(ipywidgets.Button(description=say(TEXT["keep"])), "sf-button")
        self.keep.on_click(lambda _: self._keep())
        self.export, self.kept = ipywidgets.HTML(), ipywidgets.HTML()
        buttons = styled(ipywidgets.Box([self.keep, self.export]), "sf-row")
        note = ipywidgets.HTML(f'<p class="sf-note">{say(TEXT["table_note"])}</p>')
        self.table_part = [heading(say(TEXT["table"])), buttons, self.kept, note]

    # ---- what the reader does ---------------------------------------------------------------------------------------

    @exclusive
    def set(self, **settings: float) -> None:
        """Move several sliders at once, as from a cell: ``lab.set(gaussian_blur=2.0, jpeg=30)``.

        Raises:
            ValueError: if there is no such slider.
        """
        self.experiment.set(**settings)
        self.updating = True
        try:
            for key, value in settings.items():
                self.sliders[key].value = value
        finally:
            self.updating = False
        self.refresh()

    @exclusive
    def _move(self, key: str, value: float) -> None:
        if not self.updating:
            self.experiment.set(**{key: value})
            self.refresh()

    @exclusive
    def _choose_picture(self, change: dict) -> None:
        key = change["new"]
        picture = self.photo_taken if key == PHOTO else portrait(key)
        if picture:
            self._show(picture)

    def _receive(self, image: Tensor, name: str) -> str:
        """Take a photograph, and say whether there is a face in it."""
        picture = photograph(image, name)
        self._take(picture)
        remarks = {0: say("no_face_found"), 1: ""}
        return remarks.get(picture.faces, say("several_faces_found"))

    @exclusive
    def _take(self, picture: Picture) -> None:
        self.photo_taken = picture
        if self.portraits.value == PHOTO:
            self._show(self.photo_taken)
            return
        others = [option for option in self.portraits.options if option[1] != PHOTO]
        self.portraits.options = [*others, (say(TEXT["photo"]), PHOTO)]
        self.portraits.value = PHOTO

    def _show(self, picture: Picture) -> None:
        self.experiment.show(picture)
        self.refresh()

    @exclusive
    def _choose_curves(self) -> None:
        self.curves.key, self.curves.chosen = self.axis.value, tuple(self.sheet.chosen)
        self._show_kept()

    @exclusive
    def _keep(self) -> None:
        self.experiment.keep()
        self._show_kept()

    def _fail(self, error: Exception) -> None:
        self.status.value = f'<p class="sf-status sf-problem" role="alert">{html.escape(str(error))}</p>'

    # ---- what the reader sees ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the experiment as it is now."""
        self.status.value = ""
        self.picture.value = images.to_png(self.experiment.image)
        self.reading.value = reading_html(self.experiment.reading)
        if self.shown is not self.experiment.picture:
            self.shown = self.experiment.picture
            self.clean_picture.value = images.to_png(self.shown.image)
        alts = [f"{say(self.shown.alt)} {settings_text(self.experiment.settings)}", say(self.shown.alt)]
        self.sheet.update(self.experiment.scores, self.experiment.clean, alts)
        self.export.value = export_link(self.experiment)

    def _show_kept(self) -> None:
        self.kept.value = rows_html(self.experiment.kept, self.curves.chosen)
        self.export.value = export_link(self.experiment)


def legend() -> str:
    """What tick and colours of the score sheet mean."""
    entries = [
        f'<span><i class="sf-{kind}"></i>{say(TEXT["legend_" + kind])}</span>'
        for kind in ("clean", "better", "worse", "moved")
    ]
    return f'<div class="sf-legend">{"".join(entries)}</div>'


def face_quality_lab() -> FaceQualityLab:
    """Lab 1 of the book: a portrait under sliders that degrade it, with every quality score live.

    Returns:
        the widget; as the last expression of a notebook cell it is shown.
    """
    return FaceQualityLab()
