"""Curves of the chosen scores over one degradation, measured bit by bit so that sliders stay live."""

import asyncio
import html
from collections.abc import Callable

import ipywidgets

from course_lib import quality
from course_lib.degrade import Degradation
from course_lib.i18n import Label, say
from course_lib.widgets.curves import Chart, chart
from course_lib.widgets.experiment import Experiment, steps
from course_lib.widgets.numbers import number
from course_lib.widgets.scores import capital, unit_of

MOST = 6
"""Curves that are drawn at once."""
REST = 0.15
"""Seconds that the sliders have to rest before a curve is measured."""

TEXT: dict[str, Label] = {
    "choose": ("Tick the box of a score above to draw its curve.", "勾选上方分数前的方框，即可绘制其曲线。"),
    "most": (f"The first {MOST} curves are drawn.", f"只绘制前 {MOST} 条曲线。"),
    "clean": ("clean image", "原图"),
    "now": ("Now", "当前"),
    "computing": "computing",
}


def measure_title(name: str) -> str:
    """Name of a measure with its unit, as a caption."""
    measure = next(measure for measure in quality.measures() if measure.name == name)
    title = capital(say(measure.label or measure.name))
    return f"{title} ({unit_of(measure)})" if measure.unit else title


def step_title(step: Degradation) -> str:
    """Name of a degradation with its unit."""
    unit = say(step.unit)
    return f"{say(step.label)} ({unit})" if unit else say(step.label)


class CurvePanel(ipywidgets.HTML):
    """The curves, and a marker in each at the present position of the slider.

    Args:
        experiment: what is measured.
        fail: called with an exception that a background measurement ended in.
    """

    def __init__(self, experiment: Experiment, fail: Callable[[Exception], None]):
        super().__init__()
        self.add_class("sf-curve-panel")
        self.experiment, self.fail = experiment, fail
        self.key = "gaussian_blur"
        self.chosen: tuple[str, ...] = ()
        self.charts: dict[tuple, Chart] = {}
        self.task: asyncio.Task | None = None

    def show(self, key: str, chosen: tuple[str, ...]) -> None:
        """Choose the degradation and the scores; then ``refresh``."""
        self.key, self.chosen = key, chosen
        self.refresh()

    def identity(self, name: str) -> tuple:
        """What a curve depends on: all of this but the slider that it runs along."""
        others = tuple(value for key, value in self.experiment.settings.items() if key != self.key)
        return (id(self.experiment.picture), self.key, name, others)

    def drawable(self) -> tuple[str, ...]:
        """The chosen scores that exist for this picture, as many as are drawn."""
        return tuple(name for name in self.chosen if name in self.experiment.scores)[:MOST]

    def refresh(self) -> None:
        """Move the markers, and measure the curves that have changed once the sliders rest."""
        if self.task:
            self.task.cancel()
        self.draw()
        if all(self.identity(name) in self.charts for name in self.drawable()):
            return
        try:
            self.task = asyncio.get_running_loop().create_task(self._measure(REST))
        except RuntimeError:  # no kernel, no loop: a test or a script
            asyncio.run(self._measure(0))

    async def _measure(self, rest: float) -> None:
        try:
            await asyncio.sleep(rest)
            missing = [name for name in self.drawable() if self.identity(name) not in self.charts]
            points = []
            for point in self.experiment.curve(self.key, missing):
                points.append(point)
                await asyncio.sleep(0)  # slider messages come first
            if len(self.charts) > 100:
                self.charts.clear()
            for name in missing:
                self.charts[self.identity(name)] = self._chart(name, points)
                await asyncio.sleep(0)
            self.draw()
        except Exception as error:  # nobody awaits a background task: without this it would fail in silence
            self.fail(error)

    def _chart(self, name: str, points: list[tuple[float, dict[str, float]]]) -> Chart:
        return chart(
            [severity for severity, _ in points],
            [scores[name] for _, scores in points],
            title=measure_title(name),
            x_label=step_title(steps()[self.key]),
            reference=self.experiment.clean[name],
            reference_label=say(TEXT["clean"]),
        )

    def draw(self) -> None:
        """Put together what there is: finished curves with their markers, and captions of those still measured."""
        if not self.chosen:
            self.value = f'<p class="sf-note">{say(TEXT["choose"])}</p>'
            return
        x = self.experiment.settings[self.key]
        figures = []
        for name in self.drawable():
            finished = self.charts.get(self.identity(name))
            y = self.experiment.scores[name]
            text = f"{say(TEXT['now'])}: {number(x)}, {number(y)}."
            body = finished.at(x, y, text) if finished else f'<p class="sf-note">{say(TEXT["computing"])}</p>'
            figures.append(f"<figure><figcaption>{html.escape(measure_title(name))}</figcaption>{body}</figure>")
        note = f'<p class="sf-note">{say(TEXT["most"])}</p>' if len(self.chosen) > MOST else ""
        self.value = f'<div class="sf-curves">{"".join(figures)}</div>{note}'
