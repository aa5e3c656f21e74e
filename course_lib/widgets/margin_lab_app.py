"""The margin lab as a Jupyter widget: sliders, the circle with its handles, curves, and losses trained side by side."""

import html
import threading
from collections.abc import Callable
from pathlib import Path

import ipywidgets

from course_lib import live
from course_lib.i18n import Label, say
from course_lib.live import svg
from course_lib.live.axes import curves
from course_lib.live.notebook_view import STYLE
from course_lib.recognition.curves_2d import curve_angles
from course_lib.widgets.margin_lab import PRESETS, SLIDERS, Circle, MarginState
from course_lib.widgets.margin_lab_pad import CirclePad
from course_lib.widgets.margin_lab_runs import RunsPanel
from course_lib.widgets.styled import styled

DEGREES = [round(angle * 57.29577951) for angle in curve_angles().tolist()]
COLOURS = ["soft", "orange", "red", "green", "blue", "purple"]
NAMES: list[Label] = [
    "normface",
    ("SphereFace (m₁, λ)", "SphereFace（m₁、λ）"),
    ("SphereFace-R (m₁)", "SphereFace-R（m₁）"),
    ("CosFace (m₃)", "CosFace（m₃）"),
    ("ArcFace (m₂)", "ArcFace（m₂）"),
    ("all sliders together", "全部滑块共同作用"),
]
TEXT: dict[str, Label] = {
    "margin": ("The margin", "间隔"),
    "preset": ("Set to a published loss", "设为已发表的损失"),
    "gradient": ("Gradient", "梯度"),
    "exact": ("exact", "精确"),
    "detached": ("detached", "截断"),
    "m1": ("m₁: times the angle", "m₁：乘角度"),
    "m2": ("m₂: added, radians", "m₂：加角度（弧度）"),
    "m3": ("m₃: off the cosine", "m₃：减余弦"),
    "scale": ("s: scale", "s：缩放"),
    "lam": ("λ: share of softmax", "λ：softmax 的比重"),
    "circle": ("Classes on the circle", "圆上的类别"),
    "label": ("The feature is person", "特征属于"),
    "person": ("person {k}", "人物 {k}"),
    "add": ("Add a person", "增加一人"),
    "remove": ("Remove one", "减少一人"),
    "spread": ("Space evenly", "均匀分布"),
    "right": ("Without the margin: {name}, right", "不计间隔：{name}，正确"),
    "wrong": ("Without the margin: {name}, wrong", "不计间隔：{name}，错误"),
    "loss": ("loss", "损失"),
    "angle": ("angle to its class", "与本类的夹角"),
    "push": ("push |∂L/∂x|", "推力 |∂L/∂x|"),
    "curves": ("Target logits and their slopes", "目标类 logit 及其斜率"),
    "logit": ("target logit", "目标类 logit"),
    "slope": ("slope against s cos θ", "对 s cos θ 的斜率"),
    "theta": ("θ (degrees)", "θ（度）"),
    "runs": ("Train the same network with each loss", "用每种损失训练同一个网络"),
    "note": (
        "Two hidden layers of 128, scikit-learn's digits 0 to 7, the same start and batches for all.",
        "两个宽度为 128 的隐藏层，scikit-learn 的手写数字 0 到 7，所有损失的起点与批次都相同。",
    ),
}


def heading(key: str) -> ipywidgets.HTML:
    """A small heading inside the lab."""
    return ipywidgets.HTML(f"<h3>{html.escape(say(TEXT[key]))}</h3>")


def drawn(state: MarginState) -> str:
    """Both diagrams as SVG, with a marker at the feature's angle."""
    marker = min(max(state.circle().angle, 1.0), 179.0)
    parts = []
    for key, values, limits in (("logit", state.curves(), None), ("slope", state.slopes(), (0, 5))):
        output = live.Curves(
            key, DEGREES, NAMES, TEXT["theta"], TEXT[key], y_range=limits, marker="angle", colours=COLOURS
        )
        parts.append(f"<div>{svg.frame(curves(output, values, values, marker, 460, 320))}</div>")
    return f'{STYLE}<div class="lf-notebook sf-diagrams">{"".join(parts)}</div>'


def told(state: MarginState, circle: Circle) -> str:
    """Verdict, loss, angle, push, and a bar for each probability."""
    scores = [abs((state.sample[0] - centre + 180) % 360 - 180) for centre in state.centres]
    nearest = scores.index(min(scores))
    name = say(TEXT["person"]).format(k=nearest + 1)
    verdict = say(TEXT["right" if nearest == state.label else "wrong"]).format(name=name)
    push = (circle.push[0] ** 2 + circle.push[1] ** 2) ** 0.5
    numbers = (
        f"<b>{html.escape(verdict)}</b> · {say(TEXT['loss'])} <b data-value='loss'>{circle.loss:.3f}</b> · "
        f"{say(TEXT['angle'])} {circle.angle:.1f}° · {html.escape(say(TEXT['push']))} <b data-value='push'>{push:.3f}</b>"
    )
    bars = "".join(
        f"<tr><th>{say(TEXT['person']).format(k=k + 1)}</th><td><span class='sf-track'><span class='sf-fill' "
        f"style='width:{100 * p:.1f}%'></span></span></td><td data-value='p{k + 1}'>{p:.3f}</td></tr>"
        for k, p in enumerate(circle.probabilities)
    )
    return f'<p aria-live="polite">{numbers}</p><table class="sf-probabilities"><tbody>{bars}</tbody></table>'


class MarginLab(ipywidgets.VBox):
    """The whole application; ``state`` holds what the reader moved, so that cells below the lab can work with it."""

    def __init__(self) -> None:
        self.state, self.lock, self.updating = MarginState(), threading.RLock(), False
        self._make_sliders()
        self._make_circle()
        self.curves = styled(ipywidgets.HTML(), "sf-curve-panel")
        self.runs = RunsPanel(lambda: (self.state.margin(), self.state.scale))
        note = ipywidgets.HTML(f'<p class="sf-note">{say(TEXT["note"])}</p>')
        top = [styled(ipywidgets.VBox(self.circle_part), "sf-pad-area"), ipywidgets.VBox(self.slider_part)]
        folder = Path(__file__).parent
        style = "".join((folder / name).read_text(encoding="utf-8") for name in ("style.css", "margin_lab.css"))
        super().__init__(
            [
                ipywidgets.HTML(f"<style>{style}</style>"),
                styled(ipywidgets.Box(top), "sf-margin-top"),
                heading("curves"),
                self.curves,
                heading("runs"),
                note,
                self.runs,
            ]
        )
        styled(self, "sf-lab", "sf-margin-lab")
        self.refresh()

    def _make_sliders(self) -> None:
        self.sliders = {
            name: ipywidgets.FloatSlider(
                value=getattr(self.state, name), min=low, max=high, step=step, description=say(TEXT[name])
            )
            for name, (low, high, step) in SLIDERS.items()
        }
        for name, slider in self.sliders.items():
            slider.observe(lambda change, name=name: self._move(name, change["new"]), "value")
        self.presets = [ipywidgets.Button(description=say(label)) for label, _ in PRESETS.values()]
        for key, button in zip(PRESETS, self.presets, strict=True):
            styled(button, "sf-button").on_click(lambda _, key=key: self.preset(key))
        options = [(say(TEXT["exact"]), False), (say(TEXT["detached"]), True)]
        self.gradient = ipywidgets.ToggleButtons(options=options, value=False, description=say(TEXT["gradient"]))
        self.gradient.observe(lambda change: self._choose(detached=change["new"]), "value")
        presets = styled(ipywidgets.Box(self.presets), "sf-row")
        name = ipywidgets.HTML(f'<p class="sf-note">{say(TEXT["preset"])}</p>')
        self.slider_part = [heading("margin"), *self.sliders.values(), name, presets, self.gradient]

    def _make_circle(self) -> None:
        self.pad = CirclePad(self._dragged)
        self.label = ipywidgets.Dropdown(description=say(TEXT["label"]), options=self._people(), value=0)
        self.label.observe(lambda change: self._choose(label=change["new"]), "value")
        self.buttons = {}
        actions = {"add": self.state.add_class, "remove": self.state.remove_class, "spread": self.state.spread}
        for key, action in actions.items():
            self.buttons[key] = styled(ipywidgets.Button(description=say(TEXT[key])), "sf-button")
            self.buttons[key].on_click(lambda _, action=action: self._act(action))
        self.told = ipywidgets.HTML()
        row = styled(ipywidgets.Box(list(self.buttons.values())), "sf-row")
        self.circle_part = [heading("circle"), self.pad, self.label, row, self.told]

    def _people(self) -> list[tuple[str, int]]:
        return [(say(TEXT["person"]).format(k=k + 1), k) for k in range(len(self.state.centres))]

    # ---- what the reader does ---------------------------------------------------------------------------------------

    def set(self, **settings: float | int) -> None:
        """Move sliders, as from a cell: ``lab.set(m2=0.5, scale=64)``.

        Raises:
            ValueError: if there is no such slider, or a value lies outside it.
        """
        with self.lock:
            self.state.set(**settings)
            self.refresh()

    def preset(self, key: str) -> None:
        """Set the margins of a published loss: a key of ``margin_lab.PRESETS``.

        Raises:
            ValueError: if there is no such loss.
        """
        with self.lock:
            self.state.preset(key)
            self.refresh()

    def _move(self, name: str, value: float) -> None:
        with self.lock:
            if not self.updating:
                self.set(**{name: value})

    def _choose(self, **choices: object) -> None:
        with self.lock:
            if not self.updating:
                for name, value in choices.items():
                    setattr(self.state, name, value)
                self.refresh()

    def _act(self, action: Callable[[], None]) -> None:
        with self.lock:
            action()
            self.refresh()

    def _dragged(self) -> None:
        with self.lock:
            if not self.updating and len(self.pad.centres) == len(self.state.centres):
                self.state.centres, self.state.sample = list(self.pad.centres), (self.pad.sample[0], self.pad.sample[1])
                self.refresh()

    # ---- what the reader sees ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the state as it is now."""
        with self.lock:  # JupyterLab may handle two messages in two threads: the second waits, and then counts
            self.updating = True
            try:
                for name, slider in self.sliders.items():
                    slider.value = getattr(self.state, name)
                if len(self.label.options) != len(self.state.centres):
                    self.label.options = self._people()
                self.label.value = self.state.label
                circle = self.state.circle()
                with self.pad.hold_sync():
                    self.pad.centres, self.pad.sample = list(self.state.centres), list(self.state.sample)
                    self.pad.label = self.state.label
                    self.pad.show(circle, self.state.scale)
                self.told.value = told(self.state, circle)
                self.curves.value = drawn(self.state)
            finally:
                self.updating = False


def margin_lab() -> MarginLab:
    """The margin lab of the book: every margin's curve, classes on the circle, losses trained side by side.

    Returns:
        the widget; as the last expression of a notebook cell it is shown.
    """
    return MarginLab()
