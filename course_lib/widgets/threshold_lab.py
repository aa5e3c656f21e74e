"""The threshold lab as a Jupyter widget: sliders on the left, four drawings on the right, numbers and a table below."""

import base64
import functools
import html
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Concatenate, ParamSpec

import ipywidgets

from course_lib.i18n import Label, say
from course_lib.live.inputs import Number
from course_lib.live.notebook_view import STYLE
from course_lib.widgets.face_quality_app import heading
from course_lib.widgets.numbers import number
from course_lib.widgets.styled import styled
from course_lib.widgets.threshold_lab_charts import all_charts, percent
from course_lib.widgets.threshold_lab_state import Rate, Report, Scores, ThresholdExperiment

Parameters = ParamSpec("Parameters")

TEXT: dict[str, Label] = {
    "populations": ("Populations", "总体"),
    "decision": ("Decision", "判定"),
    "numbers": ("Numbers", "数值"),
    "charts": ("Curves", "曲线"),
    "table": ("Table", "数据表"),
    "simulated": ("Simulated", "模拟分数"),
    "recorded": ("Course network", "课程网络"),
    "gap": ("Gap of the means", "均值差"),
    "spread": ("Spread, genuine", "同人分数离散度"),
    "genuine": ("Genuine pairs", "同人样本对数"),
    "impostor": ("Impostor pairs", "异人样本对数"),
    "shift": ("Test strangers + ", "测试集异人偏移"),
    "far": ("Target FAR", "目标 FAR"),
    "gallery": ("Gallery", "注册库人数"),
    "to_eer": ("Threshold to the EER", "阈值移到 EER 处"),
    "to_far": ("Threshold to the target FAR", "阈值移到目标 FAR 处"),
    "keep": ("Keep this row", "记录当前数据"),
    "undefined": ("undefined: needs {needed:,} impostor pairs", "无定义：至少需要 {needed:,} 对异人样本"),
    "interval": ("95 % interval", "95% 置信区间"),
    "test_far": ("FAR on the test split", "测试集上的 FAR"),
    "test_tar": ("TAR on the test split", "测试集上的 TAR"),
    "target_tar": ("TAR at the target FAR", "目标 FAR 下的 TAR"),
    "fpir": ("FPIR in the gallery", "注册库中的 FPIR"),
    "tpir": ("TPIR, rank 1", "TPIR（首位）"),
    "value": ("Value", "数值"),
    "measure": ("Measure", "指标"),
}
COUNTS = {
    "genuine": (20, 50, 100, 300, 1000, 3000),
    "impostor": (50, 100, 300, 1000, 2000, 5000, 20_000),
    "gallery": (1, 10, 100, 1000, 10_000, 100_000, 1_000_000),
}
TARGETS = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
RANGES = {"gap": (0.0, 6.0, 0.1), "spread": (0.5, 2.0, 0.05), "shift": (0.0, 1.0, 0.05)}
THRESHOLDS = {"simulated": (-4.0, 8.0, 0.05), "recorded": (-1.0, 1.0, 0.01)}


def exclusive(method: Callable[Concatenate["ThresholdLab", Parameters], None]) -> Callable[..., None]:
    """Lets one thread at a time change the lab, and ignores what the lab itself does to its sliders."""

    @functools.wraps(method)
    def wrapper(self: "ThresholdLab", *args: Parameters.args, **options: Parameters.kwargs) -> None:
        with self.lock:
            if not self.updating:
                method(self, *args, **options)

    return wrapper


class ThresholdLab(ipywidgets.VBox):
    """The whole application; ``experiment`` holds its state, so that cells below the lab can work with it.

    Args:
        recorded: splits "development" and "test" of scores measured with a network; without them the lab simulates.
    """

    def __init__(self, recorded: Mapping[str, Scores] | None = None) -> None:
        self.experiment, self.lock, self.updating = ThresholdExperiment(recorded), threading.RLock(), False
        self._make_controls()
        self.charts, self.figures, self.kept, self.export = (ipywidgets.HTML() for _ in range(4))
        population = [self.controls[name] for name in ("gap", "spread", "genuine", "impostor")]
        decision = [self.controls[name] for name in ("threshold", "far", "shift", "gallery")]
        sources = [self.source] if recorded else []
        keys = styled(ipywidgets.Box([self.to_eer, self.to_far]), "sf-row")
        sliders = [heading(say(TEXT["populations"])), *sources, *population, self.again]
        sliders += [heading(say(TEXT["decision"])), *decision, keys]
        table = [styled(ipywidgets.Box([self.keep, self.export]), "sf-row"), self.kept]
        areas = [
            styled(ipywidgets.VBox(children), f"sf-{place}-area")
            for place, children in (
                ("picture", sliders),
                ("score", [heading(say(TEXT["charts"])), self.charts]),
                ("curve", [heading(say(TEXT["numbers"])), self.figures]),
                ("table", [heading(say(TEXT["table"])), *table]),
            )
        ]
        look = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
        super().__init__([ipywidgets.HTML(f"<style>{look}</style>{STYLE}"), styled(ipywidgets.Box(areas), "sf-areas")])
        self.add_class("sf-lab")
        self.refresh()

    # ---- parts ------------------------------------------------------------------------------------------------------

    def _make_controls(self) -> None:
        start = self.experiment.settings
        self.controls: dict[str, ipywidgets.Widget] = {}
        for name, (low, high, step) in RANGES.items() | {"threshold": THRESHOLDS["simulated"]}.items():
            title = say(TEXT[name]) if name in TEXT else say("threshold")
            self.controls[name] = ipywidgets.FloatSlider(
                value=start[name], min=low, max=high, step=step, description=title, readout_format=".2f"
            )
        choices: dict[str, list[tuple[str, Number]]] = {
            name: [(f"{value:,}", value) for value in values] for name, values in COUNTS.items()
        }
        choices["far"] = [(percent(value), value) for value in TARGETS]
        for name, options in choices.items():
            value = min((option for _, option in options), key=lambda option: abs(option - start[name]))
            self.controls[name] = styled(
                ipywidgets.SelectionSlider(options=options, value=value, description=say(TEXT[name])), "widget-slider"
            )
        for name, control in self.controls.items():
            control.observe(lambda change, name=name: self._move(name, change["new"]), "value")
        sources = [(say(TEXT[source]), source) for source in ("simulated", "recorded")]
        self.source = ipywidgets.ToggleButtons(options=sources)
        self.source.observe(lambda change: self._choose(change["new"]), "value")
        self.again, self.to_eer, self.to_far, self.keep = (
            styled(ipywidgets.Button(description=say(words)), "sf-button")
            for words in ("shuffle", TEXT["to_eer"], TEXT["to_far"], TEXT["keep"])
        )
        self.again.on_click(lambda _: self.set(seed=self.experiment.settings["seed"] + 1))
        self.to_eer.on_click(lambda _: self.set(threshold=self.experiment.report.eer_threshold))
        self.to_far.on_click(lambda _: self._to_target())
        self.keep.on_click(lambda _: self._keep())

    # ---- what the reader does ---------------------------------------------------------------------------------------

    @exclusive
    def set(self, **settings: Number) -> None:
        """Move several controls at once, as from a cell: ``lab.set(gap=4.0, impostor=300)``.

        Any number is allowed; a control shows the nearest position it has.

        Raises:
            ValueError: for an unknown setting or a value outside its range.
        """
        self.experiment.set(**settings)
        self.updating = True
        try:
            for name in settings.keys() & self.controls.keys():
                self._show(self.controls[name], settings[name])
        finally:
            self.updating = False
        self.refresh()

    @staticmethod
    def _show(control: ipywidgets.Widget, value: Number) -> None:
        if isinstance(control, ipywidgets.SelectionSlider):
            value = min((option for _, option in control.options), key=lambda option: abs(option - value))
        control.value = value

    @exclusive
    def _move(self, name: str, value: Number) -> None:
        self.experiment.set(**{name: value})
        self.refresh()

    @exclusive
    def _choose(self, source: str) -> None:
        self.experiment.use(source)
        low, high, step = THRESHOLDS[source]
        threshold = self.experiment.report.eer_threshold
        slider = self.controls["threshold"]
        self.updating = True
        try:
            slider.min, slider.max = min(low, slider.min), max(high, slider.max)
            slider.value = threshold
            slider.min, slider.max, slider.step = low, high, step
            for name in ("gap", "spread", "genuine", "impostor"):
                self.controls[name].disabled = source == "recorded"
        finally:
            self.updating = False
        self.experiment.set(threshold=threshold)
        self.refresh()

    def _to_target(self) -> None:
        threshold = self.experiment.report.tar_threshold
        if threshold == threshold:  # not where it is undefined
            # the rule is strict: what scores exactly this much stays outside
            self.set(threshold=threshold + 1e-9)

    @exclusive
    def _keep(self) -> None:
        self.experiment.keep()
        self._show_table()

    # ---- what the reader sees ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the experiment as it is now."""
        self.charts.value = f'<div class="lf-notebook">{all_charts(self.experiment)}</div>'
        self.figures.value = numbers_html(self.experiment.report)
        self._show_table()

    def _show_table(self) -> None:
        self.kept.value = kept_html(self.experiment.kept)
        content = base64.b64encode(self.experiment.csv().encode("utf-8")).decode("ascii")
        url = f"data:text/csv;charset=utf-8;base64,{content}"
        self.export.value = f'<a class="sf-button" download="threshold-lab.csv" href="{url}">{say("export_csv")}</a>'


def numbers_html(report: Report) -> str:
    """All numbers as a table, with intervals; what is undefined says so."""
    carried = report.transferred
    test = [Rate(carried.tar, *carried.tar_interval), Rate(carried.far, *carried.far_interval)] if carried else []
    rows: list[tuple[str, Rate | Number | None]] = [
        ("FAR", report.far),
        ("FRR", report.frr),
        ("EER", report.eer),
        ("d′", report.d_prime),
        ("AUC", report.area),
        (say(TEXT["target_tar"]), report.tar if test else None),
        (say(TEXT["test_tar"]), test[0] if test else None),
        (say(TEXT["test_far"]), test[1] if test else None),
        (say(TEXT["fpir"]), Rate(report.fpir, float("nan"), float("nan"))),
        (say(TEXT["tpir"]), Rate(report.tpir, float("nan"), float("nan"))),
    ]
    undefined = say(TEXT["undefined"]).format(needed=report.needed)
    body = ""
    for name, value in rows:
        if value is None:
            cells = f'<td colspan="2" class="sf-problem">{html.escape(undefined)}</td>'
        elif isinstance(value, Rate):
            interval = f"{percent(value.low)} … {percent(value.high)}" if value.low == value.low else ""
            cells = f"<td>{percent(value.value)}</td><td>{interval}</td>"
        else:
            cells = f"<td>{number(value)}</td><td></td>"
        body += f'<tr><th scope="row">{html.escape(name)}</th>{cells}</tr>'
    head = "".join(f'<th scope="col">{say(TEXT[key])}</th>' for key in ("measure", "value", "interval"))
    return f'<div class="sf-kept sf-numbers"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


SHOWN = {
    "gap": "gap", "spread": "spread", "genuine": "genuine", "impostor": "impostor", "far": "far", "tar_at_far": "target_tar",
    "test_far": "test_far", "fpir": "fpir", "tpir": "tpir",
}  # fmt: skip


def kept_html(rows: list[dict[str, Number | str]]) -> str:
    """The kept rows, with the columns that tell them apart; the CSV file has all."""
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{html.escape(say(TEXT[key]))}</th>' for key in SHOWN.values())
    body = ""
    for row in rows:
        rates = {name: row[name] for name in SHOWN}
        cells = [
            percent(float(value))
            if name in ("far", "tar_at_far", "test_far", "fpir", "tpir")
            else f"{float(value):,.5g}"
            for name, value in rates.items()
        ]
        body += "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    return f'<div class="sf-kept"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def threshold_lab() -> ThresholdLab:
    """The threshold lab of the book: genuine and impostor scores, a threshold, and everything that follows from it.

    Returns:
        the widget; as the last expression of a notebook cell it is shown.
    """
    return ThresholdLab(recorded_scores())


def recorded_scores() -> dict[str, Scores] | None:
    """The scores of the course's own network that come with it, or None where there is no record."""
    import torch

    from course_lib import data

    try:
        known = data.record("verification_scores")
    except ValueError:
        return None
    return {
        split: Scores(*(torch.tensor(known[split][kind], dtype=torch.float64) for kind in ("genuine", "impostor")))
        for split in ("development", "test")
    }
