"""A plane with draggable points, and what Python draws around them."""

from collections.abc import Sequence

import anywidget
import traitlets

from course_lib.widgets.styled import script

Shape = dict


def disc(at: Sequence[float], size: float, name: str) -> Shape:
    """A filled circle or a ring, by its CSS class."""
    return {"kind": "disc", "at": list(at), "size": size, "name": name}


def line(at: Sequence[float], to: Sequence[float], size: float, name: str, arrow: bool = False) -> Shape:
    """A line of some width, with a head if it is an arrow."""
    return {"kind": "arrow" if arrow else "line", "at": list(at), "to": list(to), "size": size, "name": name}


def ground(name: str) -> Shape:
    """The whole plane in one colour, by its CSS class."""
    return {"kind": "region", "name": name}


class Plane(anywidget.AnyWidget):
    """The plane; it reports where points went and shows the shapes that Python answers with.

    Args:
        points: (x, y) of each, in [-1.25, 1.25].
        names: what each is called by screen readers.
        letters: what is written on each.
        groups: CSS class of each, after "sf-dot-".
        title: of the whole drawing, for screen readers.

    Attributes:
        points: where they are.
        shapes: what is drawn below them, in order.
        chosen: number of the point that was touched last, -1 before.
    """

    _esm = script("handles.js", "triplet_lab_plane.js")
    points: traitlets.List = traitlets.List().tag(sync=True)
    names: traitlets.List = traitlets.List().tag(sync=True)
    letters: traitlets.List = traitlets.List().tag(sync=True)
    groups: traitlets.List = traitlets.List().tag(sync=True)
    shapes: traitlets.List = traitlets.List().tag(sync=True)
    title = traitlets.Unicode("").tag(sync=True)
    chosen = traitlets.Int(-1).tag(sync=True)

    def __init__(self, points: list[list[float]], names: list[str], letters: list[str], groups: list[str], title: str):
        super().__init__(points=points, names=names, letters=letters, groups=groups, title=title)
