"""The triplet lab as a Jupyter widget: a triplet and a batch in the plane, with regions, edges, forces and samplers."""

import html
import threading
from pathlib import Path

import ipywidgets

from course_lib.i18n import Label, say
from course_lib.recognition import batch_2d, sampling_2d
from course_lib.widgets.styled import styled
from course_lib.widgets.triplet_lab_plane import Plane, Shape, disc, ground, line
from course_lib.widgets.triplet_lab_state import LIMIT, TRIPLET_LOSSES, BatchState, TripletState

TEXT: dict[str, Label] = {
    "triplet": ("One triplet", "一个三元组"),
    "batch": ("One batch", "一个批次"),
    "squared": ("FaceNet, squared", "FaceNet，平方"),
    "plain": ("Plain distance", "普通距离"),
    "soft": ("Soft margin", "软间隔"),
    "contrastive": ("Contrastive", "对比损失"),
    "all": ("All triplets", "全部三元组"),
    "semi": ("Semi-hard", "半难"),
    "batch_hard": ("Batch-hard", "批内最难"),
    "lifted_max": ("Lifted, max", "提升结构，最大值"),
    "lifted": ("Lifted, smooth", "提升结构，平滑"),
    "margin_based": ("Margin-based, β = 1", "基于间隔，β = 1"),
    "loss": ("Loss", "损失"),
    "margin": ("Margin", "间隔"),
    "move": ("Point to move", "要移动的点"),
    "x": ("across", "横向"),
    "y": ("up", "纵向"),
    "anchor": ("Anchor", "锚样本"),
    "positive": ("Positive", "正样本"),
    "negative": ("Negative", "负样本"),
    "easy": ("easy", "易"),
    "semi_hard": ("semi-hard", "半难"),
    "hard": ("hard", "难"),
    "kind": ("The negative is", "该负样本为"),
    "pull": ("pull on the positive", "对正样本的拉力"),
    "push": ("push on the negative", "对负样本的推力"),
    "sampler": ("Sampler", "采样器"),
    "uniform": ("uniform", "均匀"),
    "hardest": ("hardest", "最难"),
    "distance_weighted": ("distance-weighted", "距离加权"),
    "dimension": ("Dimension of the distance weights", "距离权重的维数"),
    "sample": ("Sample {k} of person {p}", "人物 {p} 的样本 {k}"),
    "plane_triplet": ("A triplet in the plane. Arrow keys move a point.", "平面上的三元组。方向键移动点。"),
    "plane_batch": ("A batch in the plane. Arrow keys move a sample.", "平面上的批次。方向键移动样本。"),
    "edges": ("{pull} pairs pulled, {push} pushed", "拉近 {pull} 对，推开 {push} 对"),
    "draws": ("Negatives for sample {k} and its farthest partner (dashed):", "样本 {k} 与其最远同类（虚线圈）可得的负样本："),
}  # fmt: skip
BATCH_NAMES = dict(
    zip(
        batch_2d.BATCH_LOSSES,
        ("contrastive", "all", "semi", "batch_hard", "lifted_max", "lifted", "margin_based"),
        strict=True,
    )
)
SAMPLER_NAMES = dict(zip(sampling_2d.STRATEGIES, ("uniform", "semi_hard", "hardest", "distance_weighted"), strict=True))


def heading(key: str) -> ipywidgets.HTML:
    """A small heading inside the lab."""
    return ipywidgets.HTML(f"<h3>{html.escape(say(TEXT[key]))}</h3>")


def slider(low: float, high: float, step: float, value: float, key: str) -> ipywidgets.FloatSlider:
    """A slider with its name."""
    return ipywidgets.FloatSlider(value=value, min=low, max=high, step=step, description=say(TEXT[key]))


def buttons(options: dict[str, str], value: str, key: str) -> ipywidgets.ToggleButtons:
    """One of a few names, as buttons."""
    choices = [(say(TEXT[text]), name) for name, text in options.items()]
    return ipywidgets.ToggleButtons(options=choices, value=value, description=say(TEXT[key]))


def triplet_shapes(state: TripletState) -> list[Shape]:
    """Regions, both edges, and an arrow on each point as long as 0.3 times its force."""
    anchor, positive, negative = state.points.tolist()
    inner, outer = state.radii()
    shapes = [ground("sf-easy"), disc(anchor, outer, "sf-semi_hard"), disc(anchor, inner, "sf-hard")]
    shapes += [line(anchor, positive, 0.02, "sf-pull"), line(anchor, negative, 0.02, "sf-push")]
    for point, step in zip(state.points.tolist(), state.steps().tolist(), strict=True):
        if max(map(abs, step)) > 1e-3:
            shapes.append(line(point, [a + 0.3 * b for a, b in zip(point, step, strict=True)], 0.03, "sf-step", True))
    return shapes


def batch_shapes(state: BatchState) -> list[Shape]:
    """Edges as wide as their force, steps, and rings: the anchor, its partner, and each negative by its chance."""
    points = state.points.tolist()
    shapes = [ground("sf-blank")]
    for i, j, force in state.edges():
        shapes.append(line(points[i], points[j], 0.006 + 0.03 * abs(force), "sf-pull" if force > 0 else "sf-push"))
    steps = state.steps()
    longest = float(steps.norm(dim=1).max())
    for point, step in zip(points, steps.tolist(), strict=True):
        scaled = [0.3 * part / max(longest, 1e-9) for part in step]
        if longest > 1e-9 and max(map(abs, scaled)) > 0.02:
            shapes.append(line(point, [a + b for a, b in zip(point, scaled, strict=True)], 0.02, "sf-step", True))
    shapes += [disc(points[state.anchor], 0.12, "sf-anchor-ring"), disc(points[state.positive()], 0.12, "sf-partner")]
    return shapes + [disc(points[i], 0.1 + 0.12 * chance**0.5, "sf-drawn") for i, chance in state.drawn().items()]


def triplet_text(state: TripletState) -> str:
    """What the negative is, and all four losses with their forces."""
    keys = "".join(f"<span class='sf-key' style='background:{c}'></span>{say(TEXT[k])}" for k, c in
                   (("hard", "#fbcfc9"), ("semi_hard", "#ffe9b8"), ("easy", "#cfe9e2")))  # fmt: skip
    rows = []
    for loss in TRIPLET_LOSSES:
        forces = state.steps(loss).norm(dim=1).tolist()
        cells = f"<th>{say(TEXT[loss])}</th><td>{state.value(loss):.3f}</td><td>{forces[1]:.2f}</td><td>{forces[2]:.2f}</td>"
        rows.append(f"<tr class='{'sf-now' if loss == state.loss else ''}' data-loss='{loss}'>{cells}</tr>")
    p, n = state.distances()
    heads = "".join(f"<th>{say(TEXT[key])}</th>" for key in ("loss", "pull", "push"))
    return (
        f"<p aria-live='polite'>{say(TEXT['kind'])} <b data-value='kind'>{say(TEXT[state.kind()])}</b> · d(a, p) = "
        f"<b data-value='positive'>{p:.2f}</b> · d(a, n) = <b data-value='negative'>{n:.2f}</b>{keys}</p>"
        f"<table class='sf-forces'><tbody><tr><th></th>{heads}</tr>{''.join(rows)}</tbody></table>"
    )


def batch_text(state: BatchState) -> str:
    """Loss, number of edges, and what the sampler may draw."""
    forces = [force for _, _, force in state.edges()]
    counted = say(TEXT["edges"]).format(pull=sum(f > 0 for f in forces), push=sum(f < 0 for f in forces))
    drawn = ", ".join(f"{i + 1} ({chance:.0%})" for i, chance in sorted(state.drawn().items(), key=lambda t: -t[1]))
    return (
        f"<p aria-live='polite'>{say(TEXT['loss'])} <b data-value='batch-loss'>{state.value():.3f}</b> · "
        f"<span data-value='edges'>{counted}</span></p>"
        f"<p>{say(TEXT['draws']).format(k=state.anchor + 1)} <b data-value='drawn'>{drawn}</b></p>"
    )


class Panel(ipywidgets.VBox):
    """A plane on the left, sliders and numbers on the right; subclasses say what they show."""

    def __init__(self, state: TripletState | BatchState, plane: Plane, controls: list[ipywidgets.Widget], chosen: int):
        self.state, self.plane, self.lock, self.updating = state, plane, threading.RLock(), False
        options = [(name, k) for k, name in enumerate(plane.names)]
        self.point = ipywidgets.Dropdown(options=options, value=chosen, description=say(TEXT["move"]))
        self.across, self.up = (slider(-LIMIT, LIMIT, 0.05, 0.0, key) for key in ("x", "y"))
        self.text = ipywidgets.HTML()
        for widget in (self.across, self.up):
            widget.observe(lambda _: self._slide(), "value")
        self.point.observe(lambda change: self.pick(change["new"]), "value")
        plane.observe(lambda change: self.moved(change["new"]), "points")
        plane.observe(lambda change: self.pick(change["new"]), "chosen")
        right = ipywidgets.VBox([*controls, self.point, self.across, self.up, self.text])
        super().__init__([styled(ipywidgets.Box([plane, right]), "sf-triplet-row")])
        self.refresh()

    def set(self, **settings: object) -> None:
        """Change the state, and show it.

        Raises:
            AttributeError: if the state has no such setting.
        """
        with self.lock:
            for name, value in settings.items():
                if not hasattr(self.state, name):
                    raise AttributeError(f"{type(self.state).__name__} has no {name!r}")
                setattr(self.state, name, value)
            self.refresh()

    def moved(self, points: list[list[float]]) -> None:
        """Take over the points that the plane reports."""
        with self.lock:
            if self.updating:
                return
            for k, (x, y) in enumerate(points):
                self.state.move(k, x, y)
            self.refresh()

    def pick(self, index: int) -> None:
        """Choose the point that the sliders move."""
        with self.lock:
            if not self.updating and index >= 0:
                self.point.value = self.plane.chosen = index
                if isinstance(self.state, BatchState):
                    self.state.anchor = index
                self.refresh()

    def _slide(self) -> None:
        with self.lock:
            if not self.updating:
                self.state.move(self.point.value, self.across.value, self.up.value)
                self.refresh()

    def refresh(self) -> None:
        """Show the state as it is."""
        self.updating = True
        try:
            self.plane.points = [[round(v, 2) for v in point] for point in self.state.points.tolist()]
            self.across.value, self.up.value = self.state.points[self.point.value].tolist()
            if isinstance(self.state, BatchState):
                self.plane.shapes, self.text.value = batch_shapes(self.state), batch_text(self.state)
            else:
                self.plane.shapes, self.text.value = triplet_shapes(self.state), triplet_text(self.state)
        finally:
            self.updating = False


def triplet_panel() -> Panel:
    """One triplet: points to drag, regions, four losses."""
    state = TripletState()
    roles = ("anchor", "positive", "negative")
    loss = buttons({name: name for name in TRIPLET_LOSSES}, state.loss, "loss")
    margin = slider(0.0, 1.0, 0.05, state.margin, "margin")
    plane = Plane(
        state.points.tolist(), [say(TEXT[role]) for role in roles], ["a", "p", "n"], list(roles), say(TEXT["plane_triplet"]),
    )  # fmt: skip
    panel = Panel(state, plane, [loss, margin], 2)
    loss.observe(lambda change: panel.set(loss=change["new"]), "value")
    margin.observe(lambda change: panel.set(margin=change["new"]), "value")
    panel.loss, panel.margin = loss, margin
    return panel


def batch_panel() -> Panel:
    """One batch: samples to drag, edges of each loss, choices of each sampler."""
    state = BatchState()
    loss = buttons(BATCH_NAMES, state.loss, "loss")
    margin = slider(0.05, 1.0, 0.05, state.margin, "margin")
    sampler = buttons(SAMPLER_NAMES, state.strategy, "sampler")
    dimension = ipywidgets.IntSlider(value=state.dimension, min=2, max=512, description=say(TEXT["dimension"]))
    names = [say(TEXT["sample"]).format(k=k + 1, p=p + 1) for k, p in enumerate(batch_2d.IDENTITIES)]
    plane = Plane(
        state.points.tolist(), names, [str(k + 1) for k in range(9)], [str(p) for p in batch_2d.IDENTITIES],
        say(TEXT["plane_batch"]),
    )  # fmt: skip
    panel = Panel(state, plane, [loss, margin, sampler, dimension], 0)
    watched = {"loss": loss, "margin": margin, "strategy": sampler, "dimension": dimension}
    for name, widget in watched.items():
        widget.observe(lambda change, name=name: panel.set(**{name: change["new"]}), "value")
    panel.loss, panel.margin, panel.sampler, panel.dimension = loss, margin, sampler, dimension
    return panel


class TripletLab(ipywidgets.VBox):
    """The whole application; ``triplet.state`` and ``batch.state`` hold what the reader moved."""

    def __init__(self) -> None:
        self.triplet, self.batch = triplet_panel(), batch_panel()
        folder = Path(__file__).parent
        style = "".join((folder / name).read_text(encoding="utf-8") for name in ("style.css", "triplet_lab.css"))
        super().__init__(
            [ipywidgets.HTML(f"<style>{style}</style>"), heading("triplet"), self.triplet, heading("batch"), self.batch]
        )
        styled(self, "sf-lab", "sf-triplet-lab")


def triplet_lab() -> TripletLab:
    """The triplet lab of the book: drag points, see regions, edges and forces.

    Returns:
        the widget; as the last expression of a notebook cell it is shown.
    """
    return TripletLab()
