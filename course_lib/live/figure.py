"""A figure: a function of course_lib, what moves it, what it shows."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from course_lib.i18n import Label, label, say
from course_lib.live.inputs import Image, Input
from course_lib.live.outputs import Curves, Output, Picture, Wire

MIME = "application/vnd.seeing-faces.live+json"

_collectors: list[list["Figure"]] = []


@contextmanager
def collecting() -> Iterator[list["Figure"]]:
    """Gathers the figures that are shown inside the block, in order; they draw no widgets meanwhile.

    The tests of the book run a page's code in such a block, to compare what the website shows with torch.
    """
    shown: list[Figure] = []
    _collectors.append(shown)
    try:
        yield shown
    finally:
        _collectors.remove(shown)


def building_site() -> bool:
    """Whether the page is executed for the website (``COURSE_SITE=1``), where there is no kernel behind a slider."""
    return os.environ.get("COURSE_SITE", "") == "1"


class Figure:
    """Sliders, a function of theirs, and what it returns, in a notebook and on the website.

    In a notebook it shows ipywidgets that call ``function``. While the site is built the same function is exported
    as an ONNX graph, which the reader's browser runs.

    Args:
        function: takes one tensor for each input, in their order; returns a tensor, or a tuple in the order of outputs.
        inputs: ``Image``, ``Slider``, ``Choice``.
        outputs: ``Picture``, ``Bars``, ``Curves``, ``Wire``, ``Readout``, ``Table``.
        title: one line above the figure.
        alt: what a reader who does not see the figure should know.
        name: short identifier; the function's name by default.
        tolerance: largest relative difference between torch and the browser that the book's tests allow. Raise it
            where the function rounds or counts, so that the last bit of a float can move a whole level.

    Raises:
        ValueError: if names repeat, a reference leads nowhere, or the function returns something else than ``outputs``.
    """

    def __init__(
        self,
        function: Callable[..., Tensor | Sequence[Tensor]],
        inputs: Sequence[Input],
        outputs: Sequence[Output],
        title: Label,
        alt: Label,
        name: str | None = None,
        tolerance: float = 1e-4,
    ):
        self.function, self.inputs, self.outputs = function, list(inputs), list(outputs)
        self.title, self.alt, self.tolerance = label(title), label(alt), tolerance
        self.name = name or getattr(function, "__name__", type(function).__name__).strip("<>_")
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._check()
        self.start = self._first_run()

    def _check(self) -> None:
        if not self.inputs or not self.outputs:
            raise ValueError(f"Figure {self.name!r}: there should be at least one input and one output")
        names = [part.name for part in (*self.inputs, *self.outputs)]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"Figure {self.name!r}: names of inputs and outputs should differ, {repeated} repeat")
        for output in self.outputs:
            if isinstance(output, Curves) and output.marker and output.marker not in self._names("slider"):
                raise ValueError(f"Curves {output.name!r}: marker {output.marker!r} is no slider of this figure")
            if isinstance(output, Wire) and output.over and output.over not in self._names("picture"):
                raise ValueError(f"Wire {output.name!r}: over {output.over!r} is no Picture of this figure")
        for language, text in self.alt.items():
            if len(text) < 12:
                raise ValueError(f"Figure {self.name!r}: the {language} alt text should say what is seen, got {text!r}")

    def _first_run(self) -> dict[str, Tensor]:
        try:
            return self.run()
        except RuntimeError as error:
            if self.device.type == "cpu" or "device" not in str(error):
                raise
            self.device = torch.device("cpu")  # the function holds tensors of its own, which stay where they are
            return self.run()

    def _names(self, kind: str) -> list[str]:
        return [part.name for part in (*self.inputs, *self.outputs) if part.kind == kind]

    @property
    def initial(self) -> dict[str, Any]:
        """The values the figure starts with, by name; a picture by its index."""
        return {part.name: part.start for part in self.inputs}

    def arguments(self, values: dict[str, Any]) -> list[Tensor]:
        """Tensors for the function: the given values, and the start of all others.

        Raises:
            ValueError: if a name is no input of the figure or a value lies outside its input.
        """
        if unknown := sorted(set(values) - set(self.initial)):
            raise ValueError(f"Figure {self.name!r} has no input {unknown}; there are {list(self.initial)}")
        settings = self.initial | values
        return [part.tensor(settings[part.name]) for part in self.inputs]

    def call(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """The function on tensors, its results in the shapes the browser draws, as float32.

        Raises:
            ValueError: if the number of results or a shape differs from what ``outputs`` declares.
        """
        results = self.function(*arguments)
        results = (results,) if isinstance(results, Tensor) else tuple(results)
        if len(results) != len(self.outputs):
            raise ValueError(
                f"Figure {self.name!r} declares {len(self.outputs)} outputs, its function returns {len(results)} tensors"
            )
        return tuple(self._settled(output, result) for output, result in zip(self.outputs, results, strict=True))

    def _settled(self, output: Output, result: Tensor) -> Tensor:
        shape = output.shape(result)
        if shape is None:
            raise ValueError(
                f"{type(output).__name__} {output.name!r}: the function should return {output.wants}, "
                f"got shape {tuple(result.shape)}"
            )
        return result.to(torch.float32).reshape(shape)

    def run(self, **values: Any) -> dict[str, Tensor]:
        """Outputs by name, on the CPU, for some values; inputs that are not named stay at their start.

        Args:
            values: a number for a slider, an index for a choice; an index, a key or a tensor for a picture.
        """
        return self.compute(values, self.device)

    def compute(self, values: dict[str, Any], device: torch.device) -> dict[str, Tensor]:
        """``run`` on a device of one's choice; tensors that the function makes are made there as well."""
        there = torch.device(device) if device.type != "cpu" else contextlib.nullcontext()
        with torch.no_grad(), there:
            results = self.call(*(argument.to(device) for argument in self.arguments(values)))
        return {output.name: result.cpu() for output, result in zip(self.outputs, results, strict=True)}

    @functools.cached_property
    def _graph(self) -> bytes:
        from course_lib.live.graph import export

        return export(self)

    def export(self) -> bytes:
        """The function as one ONNX graph, which takes and returns float32 under the names of inputs and outputs."""
        return self._graph

    def poster(self) -> bytes:
        """SVG of all outputs at the start, in the reader's language: what stands there without JavaScript and in print."""
        from course_lib.live.poster import poster

        return poster(self).encode()

    def spec(self) -> dict:
        """Everything the browser needs besides the graph and the pictures, in both languages."""
        from course_lib.live.bundle import spec

        return spec(self)

    def widget(self) -> Any:
        """ipywidgets VBox with sliders and outputs."""
        from course_lib.live.notebook_view import build

        return build(self)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        if _collectors:
            for shown in _collectors:
                shown.append(self)
            return {"text/plain": say(self.alt)}
        if building_site():
            from course_lib.live.bundle import bundle

            return {MIME: bundle(self), "text/plain": say(self.alt)}
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget().model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": say(self.alt)}

    def pictures(self) -> list[Image]:
        """The inputs that are pictures."""
        return [part for part in self.inputs if isinstance(part, Image)]

    def shown_pictures(self) -> list[Picture]:
        """The outputs that are pictures."""
        return [part for part in self.outputs if isinstance(part, Picture)]
