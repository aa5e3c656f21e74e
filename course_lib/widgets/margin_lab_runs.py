"""Losses side by side: the same small network learns digits in the plane with each of them, a few steps at a time."""

import asyncio
import html
from collections.abc import Callable, Iterator

import ipywidgets
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.i18n import Label, say
from course_lib.recognition import plane
from course_lib.recognition.margins import LSoftmax, Margin, SphereFace
from course_lib.widgets.margin_lab import spread_of

CLASSES, STEPS, SNAPSHOTS = 8, 200, 8
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f")
BINS = 30
"""Of the histograms, over 0 to 60 degrees; what is further off counts in the last one."""

LOSSES: dict[str, tuple[Label, str | Margin]] = {
    "softmax": ("softmax", "softmax"),
    "normface": ("normface", "normface"),
    "lsoftmax": (("L-Softmax, m = 2", "L-Softmax，m = 2"), LSoftmax(2)),
    "sphereface": (("SphereFace, m = 4, λ = 5", "SphereFace，m = 4，λ = 5"), SphereFace(4, lam=5.0)),
    "cosface": (("CosFace, m = 0.2", "CosFace，m = 0.2"), "cosface"),
    "arcface": (("ArcFace, m = 0.3", "ArcFace，m = 0.3"), "arcface"),
    "center": (("softmax + center loss", "softmax + 中心损失"), "center"),
    "contrastive": (("contrastive", "对比损失"), "contrastive"),
    "triplet": (("triplet, batch-hard", "三元组损失（批内最难）"), "triplet"),
}
"""What can be trained; margins in the plane have to be smaller than in 512 dimensions."""

MINE: Label = ("Your sliders", "你的滑块设置")
FIRST = ("softmax", "normface", "cosface", "arcface")
TEXT: dict[str, Label] = {
    "losses": ("Losses", "损失"),
    "seed": ("Seed", "随机种子"),
    "train": ("Train", "训练"),
    "stop": ("Stop", "停止"),
    "step": ("step {step:.0f}", "第 {step:.0f} 步"),
    "of": ("Step {step} of {steps}", "第 {step} 步，共 {steps} 步"),
    "stopped": ("Stopped at step {step}.", "已在第 {step} 步停止。"),
    "done": ("Finished: {steps} steps with each loss.", "完成：每种损失 {steps} 步。"),
    "accuracy": ("accuracy", "准确率"),
    "own": ("to own class", "到本类"),
    "next": ("to next class", "到最近的其他类"),
    "plot": ("{name}: test digits in the plane", "{name}：测试数字在平面上的位置"),
    "bars": ("{name}: angles to the own and to the next class", "{name}：与本类及最近其他类的夹角"),
    "none": ("Choose at least one loss.", "请至少选择一种损失。"),
}


class Race:
    """Several losses learning in turn, each a snapshot further at a time; a caller who stops early leaves them there.

    Args:
        losses: name -> key of ``plane.plane_losses`` or margin.
        seed: of the start and of the batches, the same for all.
        scale: s.
        steps: for each loss.
        snapshots: how often each is looked at.
    """

    def __init__(
        self,
        losses: dict[str, str | Margin],
        seed: int = 0,
        scale: float = 16.0,
        steps: int = STEPS,
        snapshots: int = SNAPSHOTS,
    ):
        self.steps = steps
        self.runs = {
            name: plane.plane_run(loss, classes=CLASSES, steps=steps, snapshots=snapshots, seed=seed, scale=scale)
            for name, loss in losses.items()
        }
        self.latest: dict[str, plane.Plane] = {}

    def __iter__(self) -> Iterator[str]:
        """Yields the name of the loss that has just got further."""
        for _ in range(10_000):
            for name in list(self.runs):
                run = next(self.runs[name], None)
                if run is None:
                    del self.runs[name]
                    continue
                self.latest[name] = run
                yield name
            if not self.runs:
                return


def scatter(run: plane.Plane, title: str, weights: bool = True) -> str:
    """The latest embeddings as SVG, one colour a class, with lines for the class weights.

    Args:
        run: what to draw.
        title: for those who cannot see it.
        weights: draw them; pair losses have none.
    """
    points = run.embeddings[-1]
    points = points / points.norm(dim=1).quantile(0.98).clamp_min(1e-9)
    parts = []
    for w in F.normalize(run.weights[-1]) if weights else []:
        parts.append(f'<line x2="{w[0]:.3f}" y2="{-w[1]:.3f}" stroke="currentColor" stroke-width=".008" opacity=".5"/>')
    for label, colour in enumerate(COLOURS):
        own = points[run.labels == label].clamp(-1.15, 1.15)
        dots = "".join(f"M{x:.3f} {-y:.3f}h0" for x, y in own.tolist())
        parts.append(f'<path d="{dots}" stroke="{colour}" stroke-width=".05" stroke-linecap="round" fill="none"/>')
    return f'<svg role="img" aria-label="{html.escape(title, quote=True)}" viewBox="-1.2 -1.2 2.4 2.4">{"".join(parts)}</svg>'


def histogram(run: plane.Plane, title: str) -> str:
    """Angles to the mean of the own class and of the nearest other one as SVG, 0 to 60 degrees."""
    own, other = plane.angles_to_means(run.embeddings[-1], run.labels)
    parts = []
    for angle, colour in ((own, "var(--sf-accent)"), (other, "var(--sf-worse)")):
        share = torch.histc(angle.clamp_max(59.9).float(), BINS, 0, 60) / len(angle)
        parts.append(f'<path d="{steps_path(share)}" fill="{colour}" opacity=".65"/>')
    for at in (0, 20, 40, 60):
        parts.append(f'<text x="{2 * at}" y="56" text-anchor="middle" font-size="8" fill="currentColor">{at}°</text>')
    axis = '<path d="M0 46.5H120" stroke="currentColor" stroke-width=".6" opacity=".6"/>'
    label = html.escape(title, quote=True)
    return f'<svg role="img" aria-label="{label}" viewBox="-8 0 136 58">{"".join(parts)}{axis}</svg>'


def steps_path(share: Tensor) -> str:
    """Outline of a histogram; a third of all in one bin reaches the top."""
    width = 120 / len(share)
    tops = "".join(f"V{46 - 46 * min(1.0, 3 * s):.1f}H{(k + 1) * width:.1f}" for k, s in enumerate(share.tolist()))
    return f"M0 46{tops}V46Z"


def panel(key: str, name: str, run: plane.Plane) -> str:
    """One loss: name, points, histogram, numbers."""
    told = spread_of(run)
    numbers = (
        f"{say(TEXT['step']).format(**told)} · {say(TEXT['accuracy'])} {told['accuracy']:.3f}<br>"
        f'<span class="sf-own">{say(TEXT["own"])} {told["own"]:.1f}°</span> · '
        f'<span class="sf-next">{say(TEXT["next"])} {told["next"]:.1f}°</span>'
    )
    plot = scatter(run, say(TEXT["plot"]).format(name=name), key not in ("contrastive", "triplet"))
    bars = histogram(run, say(TEXT["bars"]).format(name=name))
    return (
        f'<figure data-loss="{key}"><figcaption>{html.escape(name)}</figcaption>{plot}{bars}'
        f'<p class="sf-note">{numbers}</p></figure>'
    )


class RunsPanel(ipywidgets.VBox):
    """Choose losses, train them side by side, stop.

    Args:
        margin: returns the margin of the lab's sliders and their scale, read when training starts.
    """

    def __init__(self, margin: Callable[[], tuple[Margin, float]]):
        self.margin, self.running = margin, False
        self.race: Race | None = None
        self.task: asyncio.Task | None = None  # kept, because the event loop itself does not
        self.boxes = {
            key: ipywidgets.Checkbox(value=key in FIRST, description=self.name(key), indent=False)
            for key in (*LOSSES, "mine")
        }
        self.seed = ipywidgets.BoundedIntText(value=0, min=0, max=999, description=say(TEXT["seed"]))
        self.train = ipywidgets.Button(description=say(TEXT["train"]))
        self.stop = ipywidgets.Button(description=say(TEXT["stop"]), disabled=True)
        self.train.on_click(lambda _: self.start())
        self.stop.on_click(lambda _: self.halt())
        self.progress = ipywidgets.HTML()
        self.shown = ipywidgets.HTML()
        for widget, name in ((self.train, "sf-button"), (self.stop, "sf-button"), (self.shown, "sf-runs")):
            widget.add_class(name)
        choice, buttons = ipywidgets.Box(list(self.boxes.values())), ipywidgets.Box([self.seed, self.train, self.stop])
        choice.add_class("sf-choice")
        buttons.add_class("sf-row")
        super().__init__([choice, buttons, self.progress, self.shown])

    @staticmethod
    def name(key: str) -> str:
        """What a loss is called in the reader's language."""
        return say(MINE if key == "mine" else LOSSES[key][0])

    def chosen(self) -> dict[str, str | Margin]:
        """The ticked losses, the reader's own with the scale of the sliders."""
        return {
            key: self.margin()[0] if key == "mine" else LOSSES[key][1] for key, box in self.boxes.items() if box.value
        }

    def start(self) -> None:
        """Start from scratch; in a kernel step by step in the background, elsewhere to the end."""
        losses = self.chosen()
        if not losses:
            return self.tell(say(TEXT["none"]))
        race = self.race = Race(losses, self.seed.value, self.margin()[1])
        self.running, self.train.disabled, self.stop.disabled = True, True, False
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel, no loop: a test or a script
            asyncio.run(self._train(race))
        else:
            self.task = loop.create_task(self._train(race))

    def halt(self) -> None:
        """Stop after the snapshot that is being worked on; what has been learnt stays on the screen."""
        self.running = False

    async def _train(self, race: Race) -> None:
        try:
            for _ in race:
                self.draw()
                await asyncio.sleep(0.01)  # a press of Stop comes first
                if not self.running:
                    break
            step = max(int(run.steps[-1]) for run in race.latest.values())
            self.tell(say(TEXT["done" if self.running else "stopped"]).format(step=step, steps=race.steps))
        except Exception as error:  # nobody awaits a background task: without this it would fail in silence
            self.tell(f"{type(error).__name__}: {error}", problem=True)
        finally:
            self.running, self.train.disabled, self.stop.disabled = False, False, True

    def draw(self) -> None:
        """Show the latest snapshot of every loss."""
        race = self.race
        if race is None or not race.latest:
            return
        step = max(int(run.steps[-1]) for run in race.latest.values())
        self.tell(say(TEXT["of"]).format(step=step, steps=race.steps))
        panels = [panel(key, self.name(key), run) for key, run in race.latest.items()]
        self.shown.value = f'<div class="sf-runs-grid">{"".join(panels)}</div>'

    def tell(self, message: str, problem: bool = False) -> None:
        """Say something under the buttons."""
        look = 'class="sf-status sf-problem" role="alert"' if problem else 'class="sf-status" role="status"'
        self.progress.value = f"<p {look}>{html.escape(message)}</p>"
