"""The drawings of the threshold lab as SVG: histograms, ROC, DET on probit axes, and a search in growing galleries."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from course_lib.i18n import Label, say
from course_lib.live import svg
from course_lib.live.inputs import Number
from course_lib.recognition.curves import probit
from course_lib.widgets.threshold_lab_state import ThresholdExperiment

WIDTH, HEIGHT = 400, 250
LEFT, RIGHT, TOP, BOTTOM = 68, 12, 12, 42
FLOOR = 1e-4
"""Smallest rate that DET axes show."""
GALLERIES = torch.logspace(0, 6, 61, dtype=torch.float64)

TEXT: dict[str, Label] = {
    "scores": ("Scores", "分数"),
    "density": ("density", "密度"),
    "roc": ("ROC", "ROC 曲线"),
    "det": ("DET", "DET 曲线"),
    "search": ("Search in a gallery, at this threshold", "在注册库中辨识（当前阈值）"),
    "people": ("people in the gallery", "注册库人数"),
    "rate": ("rate", "比率"),
    "now": ("this threshold", "当前阈值"),
    "band": ("95 % interval", "95% 置信区间"),
    "target": ("target FAR", "目标 FAR"),
    "same": ("FAR = FRR", "FAR = FRR"),
}


@dataclass(frozen=True)
class Axis:
    """One axis: its ends, and its ticks as (place, text)."""

    low: Number
    high: Number
    ticks: Sequence[tuple[Number, str]]
    title: str

    def share(self, value: Number) -> float:
        """Where a value lies between the ends, kept inside them."""
        return (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Panel:
    """A drawing with two axes; its methods return SVG elements in it."""

    x: Axis
    y: Axis

    def at(self, x: Number, y: Number) -> tuple[Number, Number]:
        """Pixels of a point."""
        across = LEFT + self.x.share(x) * (WIDTH - LEFT - RIGHT)
        return across, HEIGHT - BOTTOM - self.y.share(y) * (HEIGHT - TOP - BOTTOM)

    def points(self, x: Sequence[Number], y: Sequence[Number]) -> str:
        """A list of points; what is not finite is left out."""
        pairs = (self.at(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b))
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in pairs)

    def curve(self, x: Sequence[Number], y: Sequence[Number], tint: str, more: str = "") -> str:
        """A line."""
        look = f"fill:none;stroke:{svg.colour(tint)};stroke-width:2;{more}"
        return f'<polyline points="{self.points(x, y)}" style="{look}"/>'

    def band(self, x: Sequence[Number], low: Sequence[Number], high: Sequence[Number], tint: str) -> str:
        """The area between two lines."""
        around = f"{self.points(x, low)} {self.points(list(x)[::-1], list(high)[::-1])}"
        return f'<polygon points="{around}" style="fill:{svg.colour(tint)};opacity:.18"/>'

    def dot(self, x: Number, y: Number, tint: str = "red") -> str:
        """A dot."""
        if not (math.isfinite(x) and math.isfinite(y)):
            return ""
        across, down = self.at(x, y)
        return f'<circle cx="{across:.1f}" cy="{down:.1f}" r="5" style="fill:{svg.colour(tint)}"/>'

    def upright(self, x: Number, tint: str = "ink") -> str:
        """A dashed vertical line."""
        (across, top), (_, bottom) = self.at(x, self.y.high), self.at(x, self.y.low)
        return svg.line(across, top, across, bottom, tint, 1.5, "stroke-dasharray:4 3")

    def frame(self) -> str:
        """Grid, ticks and titles."""
        parts = []
        for place, words in self.y.ticks:
            _, down = self.at(self.x.low, place)
            parts += [svg.line(LEFT, down, WIDTH - RIGHT, down), svg.text(LEFT - 6, down + 4, words, "end", "soft")]
        for place, words in self.x.ticks:
            across, _ = self.at(place, self.y.low)
            parts.append(svg.text(across, HEIGHT - BOTTOM + 16, words, "middle", "soft"))
        middle = svg.text(0, 0, self.y.title, "middle")
        turned = f'<g transform="translate(12 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)">{middle}</g>'
        return "".join([*parts, svg.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, self.x.title, "middle"), turned])


def figure(title: Label, described: str, body: str, legend: Sequence[tuple[str, str]]) -> str:
    """A drawing with its caption and legend as an HTML figure; ``described`` is read to those who cannot see it."""
    drawn = svg.frame((body, WIDTH, HEIGHT))
    label = html.escape(described, quote=True)
    drawn = drawn.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    marks = "".join(
        f'<span><i style="background:{svg.colour(tint)}"></i>{html.escape(words)}</span>' for tint, words in legend
    )
    return f'<figure><figcaption>{say(title)}</figcaption><div class="sf-legend">{marks}</div>{drawn}</figure>'


def percent(value: Number) -> str:
    """A rate as a reader writes it: 12 %, 0.45 %, "–" where it is not defined."""
    return f"{svg.number(100 * value, 2)} %" if math.isfinite(value) else "–"


def _numbered(low: Number, high: Number, count: int = 5) -> list[tuple[Number, str]]:
    step = 10.0 ** math.floor(math.log10((high - low) / count))
    step = next(step * k for k in (1, 2, 5, 10) if (high - low) / (step * k) <= count + 1)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [(k * step, f"{round(k * step, 6):g}".replace("-", "−")) for k in range(first, last + 1)]


def _powers(low: int, high: int) -> list[tuple[Number, str]]:
    return [(k, "1" if k == 0 else f"10{str(k).translate(svg.SUPERSCRIPT)}") for k in range(low, high + 1)]


def histograms(state: ThresholdExperiment) -> str:
    """Genuine and impostor scores with the threshold between them."""
    edges, genuine, impostor = state.histograms()
    t = state.settings["threshold"]
    top = 1.08 * max(*genuine, *impostor)
    low, high = min(edges[0], t), max(edges[-1], t)
    panel = Panel(
        Axis(low, high, _numbered(low, high, 7), say("comparison_score")),
        Axis(0, top, _numbered(0, top, 4), say(TEXT["density"])),
    )
    steps = [x for edge in edges for x in (edge, edge)][1:-1]
    body = panel.frame()
    for densities, tint in ((impostor, "orange"), (genuine, "blue")):
        heights = [y for density in densities for y in (density, density)]
        body += panel.band(steps, [0.0] * len(steps), heights, tint) + panel.curve(steps, heights, tint)
    r = state.report
    described = (
        f"{say(TEXT['scores'])}: {say('threshold')} {t:.2f}, FAR {percent(r.far.value)}, FRR {percent(r.frr.value)}"
    )
    legend = [("blue", say("genuine_pair")), ("orange", say("impostor_pair")), ("ink", say(TEXT["now"]))]
    return figure(TEXT["scores"], described, body + panel.upright(t), legend)


def roc(state: ThresholdExperiment) -> str:
    """TAR over FAR on a logarithmic axis, with its band, the threshold and the target."""
    far, tar, low, high = (part.tolist() for part in state.roc())
    panel = Panel(Axis(-5, 0, _powers(-5, 0), "FAR"), Axis(0, 1, _numbered(0, 1), "TAR"))
    x = [math.log10(f) for f in far]
    body = panel.frame() + panel.band(x, low, high, "blue") + panel.curve(x, tar, "blue")
    body += panel.upright(math.log10(state.settings["far"]), "green")
    now = state.report.far.value
    body += panel.dot(math.log10(now) if now > 0 else -5.0, 1 - state.report.frr.value)
    described = (
        f"ROC: FAR {percent(now)}, TAR {percent(1 - state.report.frr.value)}; TAR@FAR {percent(state.report.tar.value)}"
    )
    legend = [("blue", f"TAR, {say(TEXT['band'])}"), ("green", say(TEXT["target"])), ("red", say(TEXT["now"]))]
    return figure(TEXT["roc"], described, body, legend)


def det(state: ThresholdExperiment) -> str:
    """FRR over FAR, both on probit axes; equal errors lie on the diagonal."""
    far, tar, low, high = state.roc()
    shares = [0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8]
    ticks = [(_probit(share), f"{100 * share:g} %") for share in shares]
    across, up = (Axis(_probit(FLOOR), _probit(0.9), ticks[k:], name) for k, name in ((1, "FAR"), (0, "FRR")))
    panel = Panel(across, up)
    x = probit(far, FLOOR).tolist()
    lines = [probit(1 - part, FLOOR).tolist() for part in (tar, high, low)]
    diagonal = [panel.x.low, panel.x.high]
    body = panel.frame() + panel.curve(diagonal, diagonal, "soft", "stroke-width:1;stroke-dasharray:4 3")
    body += panel.band(x, lines[1], lines[2], "blue") + panel.curve(x, lines[0], "blue")
    r = state.report
    body += panel.dot(_probit(r.far.value), _probit(r.frr.value))
    described = f"DET: EER {percent(r.eer.value)}; FAR {percent(r.far.value)}, FRR {percent(r.frr.value)}"
    legend = [("blue", f"FRR, {say(TEXT['band'])}"), ("soft", say(TEXT["same"])), ("red", say(TEXT["now"]))]
    return figure(TEXT["det"], described, body, legend)


def search(state: ThresholdExperiment) -> str:
    """FPIR and TPIR against the size of the gallery, at the threshold."""
    fpir, tpir = (part.tolist() for part in state.search(GALLERIES))
    panel = Panel(Axis(0, 6, _powers(0, 6), say(TEXT["people"])), Axis(0, 1, _numbered(0, 1), say(TEXT["rate"])))
    x = GALLERIES.log10().tolist()
    size = math.log10(state.settings["gallery"])
    body = panel.frame() + panel.curve(x, fpir, "orange") + panel.curve(x, tpir, "blue")
    body += panel.dot(size, state.report.fpir, "orange") + panel.dot(size, state.report.tpir, "blue")
    count = f"{state.settings['gallery']:,.0f}"
    rates = f"FPIR {percent(state.report.fpir)}, TPIR {percent(state.report.tpir)}"
    described = f"{say(TEXT['search'])}: {count} {say(TEXT['people'])}, {rates}"
    return figure(TEXT["search"], described, body, [("orange", "FPIR"), ("blue", "TPIR")])


def _probit(share: Number) -> float:
    return float(probit(torch.tensor(share, dtype=torch.float64), FLOOR))


def all_charts(state: ThresholdExperiment) -> str:
    """The four drawings."""
    # two in a row where there is room: the numbers of an axis need more of it than the other lab's curves
    columns = "grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr))"
    drawn = histograms(state) + roc(state) + det(state) + search(state)
    return f'<div class="sf-curves" style="{columns}">{drawn}</div>'
