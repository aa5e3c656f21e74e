"""All outputs of a figure at its start, laid out as on the website: the picture that stands there without JavaScript."""

from typing import TYPE_CHECKING

from torch import Tensor

from course_lib.i18n import say
from course_lib.live import axes, svg
from course_lib.live.inputs import Number
from course_lib.live.outputs import Bars, Curves, Output, Picture, Readout, Table, Wire

if TYPE_CHECKING:
    from course_lib.live.figure import Figure

WIDTH, PAD, GAP, PICTURE = 760.0, 18.0, 24.0, 260.0


def draw(
    figure: "Figure",
    output: Output,
    values: dict[str, Tensor],
    width: Number,
    marker: Number | None = None,
    start: dict[str, Tensor] | None = None,
) -> svg.Drawing:
    """One output as SVG elements.

    Args:
        figure: whose output it is.
        output: what to draw.
        values: outputs by name, as ``Figure.run`` returns them.
        width: in pixels; numbers and tables take what they need.
        marker: where the vertical line of curves stands.
        start: what bars and curves are compared with; the figure's own start by default.
    """
    value, start = values[output.name], start or figure.start
    if isinstance(output, Picture):
        body, width, height = svg.picture(output, value, width)
        for lines in (o for o in figure.outputs if isinstance(o, Wire) and o.over == output.name):
            body += svg.wire(lines, values[lines.name], width)[0]
        if len(figure.shown_pictures()) > 1:
            body += svg.text(width / 2, height + 18, say(output.label), "middle", "soft")
            height += 24
        return body, width, height
    if isinstance(output, Wire):
        return svg.wire(output, value, width)
    if isinstance(output, Readout):
        return svg.readout(output, value)
    if isinstance(output, Bars):
        return svg.bars(output, value, start[output.name], width)
    if isinstance(output, Table):
        return svg.table(output, value)
    return axes.curves(output, value, start[output.name], marker, width)


def headed(output: Output, drawing: svg.Drawing, value: Tensor) -> svg.Drawing:
    """A drawing with the output's heading above it, where it has one, and why a number is missing where one is."""
    missing = say(output.missing) if isinstance(output, Bars) and output.missing and value.isnan().any() else ""
    if output.kind in ("picture", "wire") or not (output.label or missing):
        return drawing
    body, width, height = drawing
    name = say(output.label) if output.label else ""
    heading = svg.text(0, 14, name, more="font-weight:600")
    heading += svg.text(svg.width_of(name, 14) + 10 if name else 0, 14, missing, tint="orange")
    return f'{heading}<g transform="translate(0 26)">{body}</g>', width, height + 26


def standing(figure: "Figure") -> list[Output]:
    """The outputs that take a place of their own: all but lines drawn over a picture."""
    return [output for output in figure.outputs if not (isinstance(output, Wire) and output.over)]


def marker_at(figure: "Figure", output: Output, values: dict) -> float | None:
    """Where the vertical line of curves stands for these values of the inputs."""
    return float(values[output.marker]) if isinstance(output, Curves) and output.marker else None


def aside(figure: "Figure") -> bool:
    """Whether one picture stands on the left of all else."""
    kinds = [output.kind in ("picture", "wire") for output in standing(figure)]
    return sum(kinds) == 1 and len(kinds) > 1


def poster(figure: "Figure") -> str:
    """An SVG file, 760 px wide, with the title and all outputs at the start.

    One picture stands on the left of all else; several stand in a row above it.
    """
    inner = WIDTH - 2 * PAD
    seen = [output for output in standing(figure) if output.kind in ("picture", "wire")]
    told = [output for output in standing(figure) if output not in seen]
    pictures = [_start(figure, output, PICTURE if told or len(seen) > 1 else 320) for output in seen]
    rest = [_start(figure, output, inner - (PICTURE + GAP if aside(figure) else 0)) for output in told]
    if aside(figure):
        body, _, height = beside([pictures[0], stacked(rest)])
    else:
        body, _, height = stacked([beside(pictures), *rest] if pictures else rest)
    title = svg.text(PAD, 34, say(figure.title), more="font-weight:600;font-size:16px")
    return svg.frame((f'{title}<g transform="translate({PAD} 54)">{body}</g>', WIDTH, height + 54 + PAD), paper=True)


def _start(figure: "Figure", output: Output, width: Number) -> svg.Drawing:
    drawing = draw(figure, output, figure.start, width, marker_at(figure, output, figure.initial))
    return headed(output, drawing, figure.start[output.name])


def beside(drawings: list[svg.Drawing]) -> svg.Drawing:
    """Drawings in a row, their middles on one line."""
    x, height, body = 0.0, max(drawing[2] for drawing in drawings), ""
    for drawn, width, own in drawings:
        body += f'<g transform="translate({x:.0f} {(height - own) / 2:.0f})">{drawn}</g>'
        x += width + GAP
    return body, x - GAP, height


def stacked(drawings: list[svg.Drawing]) -> svg.Drawing:
    """Drawings below each other."""
    y, body = 0.0, ""
    for drawn, _, height in drawings:
        body += f'<g transform="translate(0 {y:.0f})">{drawn}</g>'
        y += height + GAP
    return body, max(drawing[1] for drawing in drawings), y - GAP
