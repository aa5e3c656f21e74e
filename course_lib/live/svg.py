"""Drawings of a figure's outputs as SVG: for notebooks, for the poster, and for the website until Plotly is there.

Colours are CSS variables with light values behind them, so that a drawing inside a page follows the page's theme and a
file of its own is dark on white.
"""

import base64
import io
import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from torch import Tensor

from course_lib.i18n import say
from course_lib.live.inputs import Number
from course_lib.live.outputs import COLOURS, Bars, Group, Picture, Table, Wire

LIGHT = dict(
    zip(COLOURS, ("#2463c9", "#c2570c", "#0a7d5c", "#8a3ea8", "#1d8fb8", "#c0303f", "#1d2733", "#66707c"), strict=True)
)
DARK = dict(
    zip(COLOURS, ("#7fb0ff", "#ff9d5c", "#4fd1a5", "#cf9bea", "#63c8ec", "#ff8b93", "#e8edf3", "#a3aeba"), strict=True)
)
LIGHT |= {"line": "#dfe4ea", "paper": "#ffffff"}
DARK |= {"line": "#36414d", "paper": "#181e25"}
FONT = 'system-ui,-apple-system,"Segoe UI","Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif'
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

Drawing = tuple[str, Number, Number]
"""SVG elements, width, height."""


def number(value: Number, digits: int = 3, decimals: int | None = None) -> str:
    """A number as the website writes it, with some significant digits (0.0123, 13.7, 4120, 1.2×10⁻⁵) or decimals."""
    if not math.isfinite(value):
        return "–"
    if decimals is not None:
        shown = f"{value:.{decimals}f}"
        return shown.lstrip("-") if not shown.strip("-0.") else shown.replace("-", "−")
    size = abs(value)
    if size and (size >= 1e6 or size < 1e-4):
        mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
        text = f"{mantissa}×10{str(int(exponent)).translate(SUPERSCRIPT)}"
    else:
        text = f"{size:.{min(max(digits - 1 - math.floor(math.log10(size)), 0), 6) if size else 0}f}"
    return ("−" if value < 0 else "") + text


def with_unit(shown: str, unit: str) -> str:
    """A number with its unit behind it, after a blank unless it is a degree sign; nothing behind a dash."""
    return shown if not unit or shown == "–" else shown + (unit if unit == "°" else f" {unit}")


def colour(name: str) -> str:
    """CSS colour of a name of the palette."""
    return f"var(--lf-{name},{LIGHT[name]})"


def text(x: Number, y: Number, words: str, anchor: str = "start", tint: str = "ink", more: str = "") -> str:
    """One line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="fill:{colour(tint)};{more}">{escape(words)}</text>'


def width_of(words: str, size: Number = 13) -> Number:
    """Estimated width of a line: CJK characters are square, others about half as wide."""
    return sum(size if ord(letter) > 0x2E80 else 0.56 * size for letter in words)


def side_label(words: str, y: Number, width: Number) -> str:
    """A name beside something at height ``y``, on two lines if it is wider than ``width``."""
    if width_of(words) <= width:
        return text(0, y + 4.5, words)
    breaks = [k for k in range(1, len(words)) if words[k - 1] == " " or ord(words[k]) > 0x2E80] or [len(words)]
    cut = max((k for k in breaks if width_of(words[:k].rstrip()) <= width), default=breaks[0])
    return text(0, y - 2, words[:cut].rstrip()) + text(0, y + 12, words[cut:])


def line(x1: Number, y1: Number, x2: Number, y2: Number, tint: str = "line", width: Number = 1, more: str = "") -> str:
    """One straight line."""
    look = f"stroke:{colour(tint)};stroke-width:{width:.3g};{more}"
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" style="{look}"/>'


def box(x: Number, y: Number, width: Number, height: Number, tint: str, radius: Number = 0) -> str:
    """A filled rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius}" '
        f'style="fill:{colour(tint)}"/>'
    )


def frame(drawing: Drawing, paper: bool = False) -> str:
    """A drawing as one <svg> element."""
    body, width, height = drawing
    back = f'<rect width="100%" height="100%" rx="12" fill="{LIGHT["paper"]}"/>' if paper else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family=\'{FONT}\' font-size="13" '
        f'style="max-width:100%;height:auto;font-variant-numeric:tabular-nums">{back}{body}</svg>'
    )


def picture(output: Picture, value: Tensor, width: Number = 260) -> Drawing:
    """The image itself, as a small WebP inside the SVG."""
    height = width * value.shape[2] / value.shape[3]
    source = "data:image/webp;base64," + base64.b64encode(encoded(value, "WEBP", quality=86)).decode()
    return f'<image width="{width:.0f}" height="{height:.0f}" href="{source}"/>', width, height


def encoded(value: Tensor, kind: str, **settings) -> bytes:
    """A (1, C, H, W) tensor as a file: "PNG" or "WEBP"."""
    from PIL import Image

    array = (value[0].clamp(0, 1).nan_to_num() * 255).round().byte().permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(array if array.shape[2] == 3 else array[..., 0]).save(buffer, kind, **settings)
    return buffer.getvalue()


def share(output: Bars, k: int, value: Number, start: Number) -> tuple[Number, Number, str]:
    """Where a bar begins and ends in [0, 1], and how it moved: "up", "down" or "same"."""
    inside = lambda part: min(max(part, 0.0), 1.0) if math.isfinite(part) else 0.0  # noqa: E731
    if not output.relative:
        low, high = output.limits[k]
        return inside(-low / (high - low)), inside((value - low) / (high - low)), "same"
    by = moved(value, start)
    return 0.0, inside(0.5 * (1 + by)), "up" if by > 0.005 else "down" if by < -0.005 else "same"


def moved(value: Number, start: Number) -> Number:
    """How far a number has moved from its start, as a share of it."""
    return (value - start) / max(abs(start), 1e-12)


def change(value: Number, start: Number) -> str:
    """The same in words: "+12 %", "×3.4" or nothing."""
    share = moved(value, start)
    if abs(start) < 1e-12 or not abs(share) > 0.005:
        return ""
    if start > 0 and share >= 1:
        return f"×{number(share + 1, 2)}"
    return f"{'+' if share > 0 else '−'}{abs(share) * 100:.0f} %"


def tint_of(output: Bars, trend: str) -> str:
    """Colour of a bar: orange above its start, blue below."""
    return {"up": "orange", "down": "blue"}.get(trend, "soft" if output.relative else "blue")


def bars(output: Bars, values: Tensor, start: Tensor, width: Number = 420) -> Drawing:
    """Horizontal bars with their values, and an arrow where one has moved from its start."""
    names, parts, row = [say(label) for label in output.labels], [], 30
    left = min(max(map(width_of, names)) + 12, 0.42 * width)
    track = max(width - left - (150 if output.relative else 90), 60)
    for k, (value, before) in enumerate(zip(values.tolist(), start.tolist(), strict=True)):
        y = k * row + row / 2
        first, last, trend = share(output, k, value, before)
        reach = box(left + track * min(first, last), y - 5, track * abs(last - first), 10, tint_of(output, trend), 5)
        parts += [side_label(names[k], y, left - 8), box(left, y - 5, track, 10, "line", 5), reach]
        shown = with_unit(number(value, output.digits, output.decimals), say(output.units[k]))
        parts.append(text(left + track + 80, y + 4.5, shown, "end", more="font-weight:600"))
        if output.relative:
            parts.append(box(left + track / 2 - 1, y - 8, 2, 16, "ink"))
        if trend != "same":
            parts.append(
                text(
                    width,
                    y + 4.5,
                    f"{'▲' if trend == 'up' else '▼'} {change(value, before)}",
                    "end",
                    tint_of(output, trend),
                )
            )
    return "".join(parts), width, row * len(names)


def readout(output: Bars, values: Tensor) -> Drawing:
    """Large numbers with their names below."""
    parts, x = [], 0.0
    for k, value in enumerate(values.tolist()):
        name = say(output.labels[k])
        shown = with_unit(number(value, output.digits, output.decimals), say(output.units[k]))
        parts.append(text(x, 26, shown, more="font-size:24px;font-weight:600"))
        parts.append(text(x, 46, name, tint="soft"))
        x += max(width_of(name), width_of(shown, 24), 70) + 28
    return "".join(parts), x, 54


def table(output: Table, values: Tensor) -> Drawing:
    """Numbers with names of rows and columns."""
    cell, row = 78, 24
    left = max(width_of(say(name)) for name in output.rows) + 16
    right = left + cell * len(output.columns)
    parts = [text(left + cell * (c + 0.9), 16, say(name), "end", "soft") for c, name in enumerate(output.columns)]
    for r, name in enumerate(output.rows):
        y = row * (r + 1) + 16
        parts += [line(0, y - 17, right, y - 17), text(0, y, say(name), tint="soft")]
        numbers = [number(value, output.digits, output.decimals) for value in values[r].tolist()]
        parts += [text(left + cell * (c + 0.9), y, shown, "end") for c, shown in enumerate(numbers)]
    return "".join(parts), right, row * (len(output.rows) + 1) + 4


def legend(entries: Sequence[tuple[str, str]], x: Number, y: Number, width: Number) -> Drawing:
    """Coloured dashes with names, wrapped to a width."""
    parts, at, base = [], x, y
    for name, tint in entries:
        wide = width_of(name) + 34
        if at > x and at + wide > x + width:
            at, base = x, base + 18
        parts += [line(at, base - 4, at + 16, base - 4, tint, 3), text(at + 21, base, name)]
        at += wide
    return "".join(parts), width, base - y + 18 if entries else 0


def wire(output: Wire, points: Tensor, width: Number = 300) -> Drawing:
    """Lines and dots; with depth, far lines are drawn first and fainter."""
    scale = width / output.size[0]
    height = output.size[1] * scale
    place = (points[:, :2] * scale).tolist()
    depth = near(points)
    strokes = [(sum(depth[p] for p in edge) / 2, edge, group) for group in output.groups for edge in group.edges]
    parts = [
        stroke(place[a], place[b], group, 0.3 + 0.7 * z, scale)
        for z, (a, b), group in sorted(strokes, key=lambda s: s[0])
    ]
    if output.points:
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{output.points * scale:.1f}" style="fill:{colour("orange")}"/>'
            for x, y in place
        ]
    named = [(say(group.label), group.colour) for group in output.groups if group.label]
    body, _, below = legend(named, 0, height + 16, width)
    return "".join(parts) + body, width, height + below


def near(points: Tensor) -> list[Number]:
    """Nearness of each point in [0, 1]; 1 for all when there is no depth."""
    if points.shape[1] < 3:
        return [1.0] * len(points)
    low, high = points[:, 2].aminmax()
    return ((points[:, 2] - low) / (high - low).clamp(min=1e-9)).tolist()


def stroke(a: list[Number], b: list[Number], group: Group, opacity: Number, scale: Number) -> str:
    """One line, with an arrow head where its group has them."""
    if math.dist(a, b) < 1e-3:  # a segment that is not to be seen; round ends would make it a dot
        return ""
    faded = f"stroke-linecap:round;opacity:{opacity:.2f}"
    drawn = line(a[0], a[1], b[0], b[1], group.colour, group.width * max(scale, 0.75), faded)
    if not group.arrow or math.dist(a, b) < 6:
        return drawn
    angle, size = math.atan2(b[1] - a[1], b[0] - a[0]), 4 + 2 * group.width
    wings = [(b[0] - size * math.cos(angle + turn), b[1] - size * math.sin(angle + turn)) for turn in (0.45, -0.45)]
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in (b, *wings))
    return drawn + f'<polygon points="{corners}" style="fill:{colour(group.colour)};opacity:{opacity:.2f}"/>'
