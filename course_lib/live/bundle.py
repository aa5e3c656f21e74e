"""What a cell hands to the website: the figure's description, its graph, its pictures and its poster."""

import base64
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from torch import Tensor

from course_lib.i18n import label
from course_lib.live import svg
from course_lib.live.axes import curves
from course_lib.live.graph import digest, split
from course_lib.live.inputs import Image
from course_lib.live.outputs import Curves, Output, Picture
from course_lib.live.poster import aside, marker_at

if TYPE_CHECKING:
    from course_lib.live.figure import Figure

VERSION = 1
WORDS = ("reset", "loading", "ready", "needs_http", "figure_failed", "javascript_off")
PHOTO_WORDS = ("your_photo", "photo_in_browser", "photo_unreadable", "image_too_large")


def rounded(values: Tensor, digits: int = 6) -> Any:
    """Nested lists with some significant digits: short in JSON; NaN and infinities become null."""
    if values.ndim:
        return [rounded(part, digits) for part in values]
    return float(f"{float(values):.{digits}g}") if values.isfinite() else None


def spec(figure: "Figure") -> dict:
    """Everything the browser needs besides files: words and labels in both languages, ranges, the values at the start."""
    inputs = [part.spec() for part in figure.inputs]
    outputs = [output.spec() | _start(figure, output) for output in figure.outputs]
    known = {"version": VERSION, "name": figure.name, "title": figure.title, "alt": figure.alt}
    words = WORDS + (PHOTO_WORDS if any(part.own for part in figure.pictures()) else ())
    return known | {"words": {word: label(word) for word in words}, "inputs": inputs, "outputs": outputs}


def _start(figure: "Figure", output: Output) -> dict:
    value = figure.start[output.name]
    if isinstance(output, Picture):
        return {"shape": list(value.shape)}
    if isinstance(output, Curves):  # a drawing holds the place until Plotly comes
        marker, width = marker_at(figure, output, figure.initial), 440 if aside(figure) else 720
        drawing = curves(output, value, value, marker, width, 250, named=False)
        return {"initial": rounded(value, 4), "drawing": svg.frame(drawing)}
    return {"initial": rounded(value)}


def bundle(figure: "Figure") -> dict:
    """The figure for the website: ``spec`` with the names of its files, ``poster`` (a name) with ``size``, ``files`` {name: base64}.

    A file is called by a hash of its content, so what two figures share is stored once. ``spec["graph"]`` is the graph,
    ``spec["weights"]`` the files with weights it refers to; each picture has ``files``, each shown picture ``still``.
    """
    files: dict[str, bytes] = {}

    def keep(content: bytes, ending: str) -> str:
        name = f"{digest(content)}.{ending}"
        files[name] = content
        return name

    described = spec(figure)
    graph, weights = split(figure.export())
    files.update(weights)
    described |= {"graph": keep(graph, "onnx"), "weights": list(weights)}
    for known, part in zip(described["inputs"], figure.inputs, strict=True):
        if isinstance(part, Image):
            known["files"] = [keep(svg.encoded(picture, "PNG", optimize=True), "png") for picture in part.tensors]
    for known, output in zip(described["outputs"], figure.outputs, strict=True):
        if isinstance(output, Picture):
            known["still"] = keep(svg.encoded(figure.start[output.name], "WEBP", quality=88), "webp")
    poster = figure.poster()
    shown = ElementTree.fromstring(poster)
    return {
        "spec": described,
        "poster": keep(poster, "svg"),
        "size": [int(shown.attrib["width"]), int(shown.attrib["height"])],
        "files": {name: base64.b64encode(content).decode() for name, content in sorted(files.items())},
    }
