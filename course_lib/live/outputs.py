"""What a figure shows: pictures, bars, curves, drawings of points and lines, numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from course_lib.i18n import Label, label
from course_lib.live.inputs import Number, both, caption, check_name

COLOURS = ("blue", "orange", "green", "purple", "sky", "red", "ink", "soft")
"""Names of the palette (after Okabe and Ito, told apart by colour-blind readers), the text colour and a quiet grey."""


def _labels(texts: Sequence[Label], kind: str, name: str) -> list[dict[str, str]]:
    if isinstance(texts, str) or len(texts) == 0:
        raise ValueError(f"{kind} {name!r}: labels should be a list with one label for each value, got {texts!r}")
    return [caption(text) for text in texts]


def _units(units: Any, count: int, kind: str, name: str) -> list[dict[str, str]]:
    listed = [units or ""] * count if units is None or isinstance(units, str) else list(units)
    if len(listed) != count:
        raise ValueError(
            f"{kind} {name!r}: units should have one entry for each of the {count} labels, got {len(listed)}"
        )
    return [both(unit) for unit in listed]


def _range(bounds: Sequence[Number] | None, what: str, name: str) -> list[Number] | None:
    if bounds is None:
        return None
    low, high = (float(bound) for bound in bounds)
    if not low < high:
        raise ValueError(f"{what} of {name!r}: the lower bound should be below the upper one, got {low} and {high}")
    return [low, high]


@dataclass(eq=False)
class Picture:
    """An image, (1, 3, H, W) or (1, 1, H, W) in [0, 1]."""

    name: str
    label: Label = "image_output"
    kind: str = field(default="picture", init=False)

    def __post_init__(self):
        check_name(self.name, "Picture")
        self.label = caption(self.label)

    def shape(self, value: Tensor) -> tuple[int, ...] | None:
        """The shape the browser draws, or None when ``value`` cannot have it."""
        return tuple(value.shape) if value.ndim == 4 and value.shape[0] == 1 and value.shape[1] in (1, 3) else None

    wants = "(1, 3, H, W) or (1, 1, H, W)"

    def spec(self) -> dict:
        """What the browser needs to know."""
        return {"kind": self.kind, "name": self.name, "label": self.label}


@dataclass(eq=False)
class Bars:
    """N numbers as horizontal bars.

    Args:
        name: keyword of the output.
        labels: N labels.
        relative: compare each bar with its value at the start (for the picture that is chosen); the bar reaches the
            middle of its track when nothing has changed and the end when the value has doubled.
        limits: one (low, high) for all bars, or one for each; used when ``relative`` is False.
        units: what stands behind each value, text or an (English, Chinese) pair; or one text for all.
        digits: significant digits.
        decimals: digits after the point instead, for numbers of one scale such as angles.
        label: heading.
        missing: what is said beside the heading while a number is NaN, such as "no_face_found".

    Raises:
        ValueError: if limits are missing for absolute bars or have another number than the labels.
    """

    name: str
    labels: Sequence[Label]
    relative: bool = True
    limits: Any = None
    units: Any = None
    digits: int = 3
    decimals: int | None = None
    label: Label | None = None
    missing: Label | None = None
    kind: str = field(default="bars", init=False)

    def __post_init__(self):
        check_name(self.name, "Bars")
        self.labels = _labels(self.labels, "Bars", self.name)
        self.units = _units(self.units, len(self.labels), "Bars", self.name)
        self.label = caption(self.label) if self.label else None
        self.missing = label(self.missing) if self.missing else None
        if self.relative:
            self.limits = None
            return
        if self.limits is None:
            raise ValueError(f"Bars {self.name!r}: absolute bars need limits, such as limits=(0, 1)")
        one = not isinstance(self.limits[0], Sequence)
        self.limits = [
            _range(b, "limits", self.name) for b in ([self.limits] * len(self.labels) if one else self.limits)
        ]
        if len(self.limits) != len(self.labels):
            raise ValueError(f"Bars {self.name!r}: {len(self.limits)} limits for {len(self.labels)} labels")

    @classmethod
    def of(cls, name: str, measures: Sequence[Any], **options: Any) -> "Bars":
        """Bars with the labels and units of records of ``quality.measures()``."""
        return cls(name, [m.label for m in measures], units=[m.unit for m in measures], **options)

    def shape(self, value: Tensor) -> tuple[int, ...] | None:
        """The shape the browser draws, or None when ``value`` cannot have it."""
        return (len(self.labels),) if value.numel() == len(self.labels) == max(value.shape, default=1) else None

    @property
    def wants(self) -> str:
        """The shape the function should return."""
        return f"({len(self.labels)},), one number for each label"

    def spec(self) -> dict:
        """What the browser needs to know."""
        known = {"kind": self.kind, "name": self.name, "label": self.label, "labels": self.labels, "units": self.units}
        return known | {
            "relative": self.relative,
            "limits": self.limits,
            "digits": self.digits,
            "decimals": self.decimals,
            "missing": self.missing,
        }


@dataclass(eq=False)
class Readout(Bars):
    """N named numbers, large, such as three angles."""

    relative: bool = field(default=True, init=False)
    kind: str = field(default="readout", init=False)


@dataclass(eq=False)
class Table:
    """R x C numbers with names of rows and columns; ``digits`` and ``decimals`` as in ``Bars``."""

    name: str
    rows: Sequence[Label]
    columns: Sequence[Label]
    digits: int = 3
    decimals: int | None = None
    label: Label | None = None
    kind: str = field(default="table", init=False)

    def __post_init__(self):
        check_name(self.name, "Table")
        self.rows = _labels(self.rows, "Table", self.name)
        self.columns = _labels(self.columns, "Table", self.name)
        self.label = caption(self.label) if self.label else None

    def shape(self, value: Tensor) -> tuple[int, ...] | None:
        """The shape the browser draws, or None when ``value`` cannot have it."""
        wanted = (len(self.rows), len(self.columns))
        return wanted if tuple(value.shape) == wanted else None

    @property
    def wants(self) -> str:
        """The shape the function should return."""
        return f"({len(self.rows)}, {len(self.columns)}), rows by columns"

    def spec(self) -> dict:
        """What the browser needs to know."""
        known = {
            "kind": self.kind,
            "name": self.name,
            "label": self.label,
            "digits": self.digits,
            "decimals": self.decimals,
        }
        return known | {"rows": self.rows, "columns": self.columns}


@dataclass(eq=False)
class Curves:
    """N curves over common abscissae, drawn by Plotly on the website.

    Args:
        name: keyword of the output.
        x: L increasing numbers.
        labels: N labels.
        x_label: title of the horizontal axis.
        y_label: title of the vertical axis.
        x_range: (low, high), or None for the extent of ``x``.
        y_range: (low, high), or None to follow the curves.
        marker: name of a slider whose value a vertical line marks.
        style: "line", or "area" for histograms.
        start: keep the curves of the start in the background, dashed.
        colours: N names out of ``COLOURS``; the first six in turn by default.
        label: heading.

    Raises:
        ValueError: if ``x`` has fewer than two values or a range is empty.
    """

    name: str
    x: Any
    labels: Sequence[Label]
    x_label: Label
    y_label: Label
    x_range: Any = None
    y_range: Any = None
    marker: str | None = None
    style: str = "line"
    start: bool = False
    colours: Any = None
    label: Label | None = None
    kind: str = field(default="curves", init=False)

    def __post_init__(self):
        check_name(self.name, "Curves")
        self.x = [float(value) for value in self.x]
        if len(self.x) < 2:
            raise ValueError(f"Curves {self.name!r}: x should have at least two values, got {len(self.x)}")
        if self.style not in ("line", "area"):
            raise ValueError(f"Curves {self.name!r}: style should be 'line' or 'area', got {self.style!r}")
        self.labels = _labels(self.labels, "Curves", self.name)
        self.colours = list(self.colours or (COLOURS[k % 6] for k in range(len(self.labels))))
        if len(self.colours) != len(self.labels) or not set(self.colours) <= set(COLOURS):
            raise ValueError(
                f"Curves {self.name!r}: colours should name {len(self.labels)} of {COLOURS}, got {self.colours}"
            )
        self.x_label, self.y_label = caption(self.x_label), caption(self.y_label)
        self.x_range = _range(self.x_range, "x_range", self.name) or [min(self.x), max(self.x)]
        self.y_range = _range(self.y_range, "y_range", self.name)
        self.label = caption(self.label) if self.label else None

    def shape(self, value: Tensor) -> tuple[int, ...] | None:
        """The shape the browser draws, or None when ``value`` cannot have it."""
        wanted = (len(self.labels), len(self.x))
        return wanted if tuple(value.shape) == wanted or (wanted[0] == 1 and value.shape == wanted[1:]) else None

    @property
    def wants(self) -> str:
        """The shape the function should return."""
        return f"({len(self.labels)}, {len(self.x)}), curves by abscissae"

    def spec(self) -> dict:
        """What the browser needs to know."""
        known = {"kind": self.kind, "name": self.name, "label": self.label, "labels": self.labels, "x": self.x}
        axes = {"x_label": self.x_label, "y_label": self.y_label, "x_range": self.x_range, "y_range": self.y_range}
        return known | axes | {"marker": self.marker, "style": self.style, "start": self.start, "colours": self.colours}


@dataclass(eq=False)
class Group:
    """Lines of one colour in a ``Wire``.

    Args:
        edges: pairs of point numbers.
        label: what the lines are, for the legend; None for none.
        colour: one of ``COLOURS``.
        width: in pixels of the drawing.
        arrow: draw a head at the second point of each pair.
    """

    edges: Sequence[tuple[int, int]]
    label: Label | None = None
    colour: str = "ink"
    width: Number = 1.5
    arrow: bool = False

    def __post_init__(self):
        self.edges = [(int(a), int(b)) for a, b in self.edges]
        self.label = caption(self.label) if self.label else None
        if self.colour not in COLOURS:
            raise ValueError(f"Group: colour should be one of {COLOURS}, got {self.colour!r}")

    def spec(self) -> dict:
        """What the browser needs to know."""
        known = {"edges": self.edges, "label": self.label, "colour": self.colour}
        return known | {"width": self.width, "arrow": self.arrow}


@dataclass(eq=False)
class Wire:
    """Points (K, 2) in pixels of a drawing of ``size``, x right and y down, joined by lines.

    With (K, 3) the third column is depth, larger is nearer: far lines are drawn first and fainter.

    Args:
        name: keyword of the output.
        edges: pairs of point numbers, when one colour does; otherwise give ``groups``.
        size: (width, height) of the drawing.
        label: what the drawing shows.
        groups: lines with colours, widths, arrow heads and names.
        points: radius of dots at the points; 0 for none.
        over: name of a ``Picture`` on which the lines are drawn; ``size`` is then the picture's.

    Raises:
        ValueError: if there is no line and no dot to draw.
    """

    name: str
    edges: Sequence[tuple[int, int]] = ()
    size: tuple[Number, Number] = (320, 320)
    label: Label = "result"
    groups: Sequence[Group] = ()
    points: Number = 0.0
    over: str | None = None
    kind: str = field(default="wire", init=False)

    def __post_init__(self):
        check_name(self.name, "Wire")
        self.label = caption(self.label)
        self.groups = ([Group(self.edges)] if len(self.edges) else []) + list(self.groups)
        if not self.groups and not self.points:
            raise ValueError(f"Wire {self.name!r}: give edges, groups or a radius of points; there is nothing to draw")

    @property
    def last(self) -> int:
        """The largest point number that an edge names."""
        return max((max(edge) for group in self.groups for edge in group.edges), default=0)

    def shape(self, value: Tensor) -> tuple[int, ...] | None:
        """The shape the browser draws, or None when ``value`` cannot have it."""
        fits = value.ndim == 2 and value.shape[1] in (2, 3) and value.shape[0] > self.last
        return tuple(value.shape) if fits else None

    @property
    def wants(self) -> str:
        """The shape the function should return."""
        return f"(K, 2) or (K, 3) with K > {self.last}, the largest point an edge names"

    def spec(self) -> dict:
        """What the browser needs to know."""
        known = {"kind": self.kind, "name": self.name, "label": self.label, "size": list(self.size)}
        return known | {"groups": [group.spec() for group in self.groups], "points": self.points, "over": self.over}


Output = Picture | Bars | Readout | Table | Curves | Wire
