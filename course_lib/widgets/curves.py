"""Small line charts for widgets: Matplotlib draws them as SVG whose text and lines take the colours of the page."""

import html
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from course_lib.widgets.numbers import number, short

INK, GRID, LINE = "#010203", "#040506", "#070809"  # stand-ins, replaced by the page's colours
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: sharp, selectable, and in the reader's own fonts
    "svg.hashsalt": "seeing-faces",
    "savefig.bbox": None,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.unicode_minus": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}
SIZE = (3.4, 1.5)  # inches
AXES = (0.16, 0.28, 0.81, 0.67)  # left, bottom, width and height, as shares of it


@dataclass(frozen=True)
class Chart:
    """A drawn curve, and where its axes lie in the drawing, so that a marker moves without drawing again."""

    svg: str
    box: tuple[float, float, float, float]
    limits: tuple[float, float, float, float]
    description: str

    def at(self, x: float, y: float, text: str) -> str:
        """The chart with a marker at (x, y); ``text`` says the same to those who cannot see it."""
        left, top, width, height = self.box
        low, high, bottom, ceiling = self.limits
        px = left + width * (x - low) / (high - low)
        py = top + height * (1 - (min(max(y, bottom), ceiling) - bottom) / (ceiling - bottom))
        marker = (
            f'<line class="sf-now" x1="{px:.1f}" x2="{px:.1f}" y1="{top:.1f}" y2="{top + height:.1f}"/>'
            f'<circle class="sf-now" cx="{px:.1f}" cy="{py:.1f}" r="4"/>'
        )
        label = html.escape(f"{self.description} {text}", quote=True)
        head = f'<svg role="img" aria-label="{label}" '
        return self.svg.replace("<svg ", head, 1).replace("</svg>", marker + "</svg>")


def chart(
    x: Sequence[float], y: Sequence[float], *, title: str, x_label: str, reference: float, reference_label: str
) -> Chart:
    """Draw one score over one severity.

    Args:
        x: severities, ascending.
        y: the score at each of them.
        title: what is drawn, with its unit.
        x_label: name and unit of the severity.
        reference: value of the clean image, a dashed line.
        reference_label: what that line is called.

    Returns:
        the chart; ``Chart.at`` gives it its marker.
    """
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # the browser has the Chinese font, even where Matplotlib has none
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure = Figure(figsize=SIZE)
        axes = figure.add_axes(AXES)
        axes.axhline(reference, color=GRID, linewidth=1, dashes=(4, 3))
        axes.plot(x, y, color=LINE, linewidth=2, marker="o", markersize=3)
        axes.yaxis.set_major_formatter(lambda value, position: short(value))
        axes.set_xlabel(x_label, labelpad=2)
        axes.set_xlim(x[0], x[-1])
        low, high = min(*y, reference), max(*y, reference)
        room = 0.08 * (high - low) or 0.08 * abs(high) or 1.0
        axes.set_ylim(low - room, high + room)
        axes.grid(color=GRID, alpha=0.35, linewidth=0.5)
        axes.locator_params(nbins=5)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
        limits = (*axes.get_xlim(), *axes.get_ylim())
    width, height = 72 * SIZE[0], 72 * SIZE[1]  # Matplotlib's SVG counts 72 units an inch, downwards
    box = (AXES[0] * width, (1 - AXES[1] - AXES[3]) * height, AXES[2] * width, AXES[3] * height)
    described = f"{title}, {x_label}: {number(y[0])} → {number(y[-1])}; {reference_label} {number(reference)}."
    return Chart(page_colours(file.getvalue()), box, limits, described)


def page_colours(svg: str) -> str:
    """Matplotlib's SVG without its XML head, as wide as its place, and in the page's colours and fonts."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.S)  # its rule would hold for the whole page
    svg = re.sub(r' (width|height)="[0-9.]+pt"', "", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg)
    # ids of clip paths are the same in each chart, and belong to the whole page: none is needed
    svg = re.sub(r' clip-path="[^"]*"', "", svg)
    for stand_in, colour in ((INK, "currentColor"), (GRID, "var(--sf-quiet)"), (LINE, "var(--sf-accent)")):
        svg = svg.replace(stand_in, colour)
    return svg
