"""Curves as SVG: two axes, a grid, lines, a legend."""

import math
from dataclasses import dataclass

from torch import Tensor

from course_lib.i18n import say
from course_lib.live.inputs import Number
from course_lib.live.outputs import Curves
from course_lib.live.svg import Drawing, colour, legend, line, text


def ticks(low: Number, high: Number, count: int = 5) -> list[Number]:
    """Round numbers in [low, high], about ``count`` of them, on steps of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def extent(output: Curves, values: Tensor) -> tuple[Number, Number]:
    """Range of the vertical axis: the declared one, or the curves' own with a little air; from zero when they allow it."""
    if output.y_range:
        return output.y_range[0], output.y_range[1]
    finite = values[values.isfinite()]
    low, high = (float(finite.min()), float(finite.max())) if finite.numel() else (0.0, 1.0)
    air = 0.05 * ((high - low) or abs(high) or 1.0)
    return (0.0 if 0 <= low <= 0.6 * high else low - air), high + air


@dataclass
class Axes:
    """Where numbers fall in a drawing."""

    left: Number
    right: Number
    top: Number
    bottom: Number
    x: tuple[Number, Number]
    y: tuple[Number, Number]

    def across(self, value: Number) -> Number:
        """Horizontal place of a number."""
        return self.left + (value - self.x[0]) / (self.x[1] - self.x[0]) * (self.right - self.left)

    def down(self, value: Number) -> Number:
        """Vertical place of a number, kept inside the axes."""
        inside = min(max(value, self.y[0]), self.y[1])
        return self.bottom - (inside - self.y[0]) / (self.y[1] - self.y[0]) * (self.bottom - self.top)

    def grid(self) -> str:
        """Horizontal lines and the numbers of both axes."""
        parts = []
        for value in ticks(*self.y):
            parts.append(line(self.left, self.down(value), self.right, self.down(value)))
            parts.append(text(self.left - 7, self.down(value) + 4, minus(value), "end", "soft"))
        for value in ticks(*self.x):
            parts.append(text(self.across(value), self.bottom + 17, minus(value), "middle", "soft"))
        return "".join(parts)

    def path(self, x: list[Number], y: list[Number]) -> str:
        """Points of a polyline; what is not finite is left out."""
        return " ".join(
            f"{self.across(a):.1f},{self.down(b):.1f}" for a, b in zip(x, y, strict=True) if math.isfinite(b)
        )


def minus(value: Number) -> str:
    """A round number with a true minus sign."""
    return f"{value:g}".replace("-", "−")


def curves(
    output: Curves,
    values: Tensor,
    start: Tensor,
    marker: Number | None = None,
    width: Number = 420,
    height: Number = 280,
    named: bool = True,
) -> Drawing:
    """Lines over a grid, with titles of the axes and a legend.

    Args:
        output: labels, abscissae and look.
        values: (N, L) ordinates.
        start: (N, L) ordinates at the start, drawn dashed when ``output.start`` is set.
        marker: where a vertical line stands.
        width: of the drawing in pixels.
        height: of the drawing in pixels.
        named: draw a legend when there are several curves.
    """
    names = [say(label) for label in output.labels]
    body, _, above = legend(
        list(zip(names, output.colours, strict=True)) if named and len(names) > 1 else [], 58, 13, width - 62
    )
    axes = Axes(58, width - 12, above + 8, height - 44, tuple(output.x_range), extent(output, values))
    middle = (axes.top + axes.bottom) / 2
    parts = [body, axes.grid(), text((axes.left + axes.right) / 2, height - 6, say(output.x_label), "middle")]
    turned = text(0, 0, say(output.y_label), "middle")
    parts.append(f'<g transform="translate(13 {middle:.0f}) rotate(-90)">{turned}</g>')
    for k, tint in enumerate(output.colours):
        if output.start:
            look = f"fill:none;stroke:{colour(tint)};stroke-dasharray:4 3;opacity:.7"
            parts.append(f'<polyline points="{axes.path(output.x, start[k].tolist())}" style="{look}"/>')
        points = axes.path(output.x, values[k].tolist())
        if output.style == "area":
            ends = f"{axes.left:.1f},{axes.bottom:.1f} {points} {axes.right:.1f},{axes.bottom:.1f}"
            parts.append(f'<polygon points="{ends}" style="fill:{colour(tint)};opacity:.14"/>')
        parts.append(f'<polyline points="{points}" style="fill:none;stroke:{colour(tint)};stroke-width:2"/>')
    if marker is not None:
        at = axes.across(marker)
        parts.append(line(at, axes.top, at, axes.bottom, "ink", 1.5, "stroke-dasharray:2 3"))
    return "".join(parts), width, height
