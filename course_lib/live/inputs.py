"""What a reader can move: sliders, choices and the picture that goes in."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from course_lib.i18n import Label, glossary, label

Number = float | int


def check_name(name: str, kind: str) -> None:
    """Refuses a name that cannot be a keyword of ``Figure.run`` and of the exported graph.

    Raises:
        ValueError: if ``name`` is no Python identifier.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"{kind}: the name should be a Python identifier such as 'sigma', got {name!r}")


def decimals(step: Number) -> int:
    """Digits after the point that a value on a grid of width ``step`` needs: 0.05 -> 2."""
    text = f"{step:.6f}".rstrip("0")
    return len(text.split(".")[1])


def caption(text: Label) -> dict[str, str]:
    """Both languages of a label that stands by itself: a term of the glossary gets a capital ("Image entropy").

    What an author writes as a pair, and words such as t-SNE, stay as they are.
    """
    known = label(text)
    first = known["en"]
    if isinstance(text, tuple) or not (first[:1].islower() and first[1:2].islower()):
        return known
    return known | {"en": first[0].upper() + first[1:]}


def both(unit: Label) -> dict[str, str]:
    """A unit such as "px", written alike in both languages, or a pair."""
    return {"en": unit, "zh": unit} if isinstance(unit, str) else label(unit)


def option_label(key: Label) -> dict[str, str]:
    """Both languages of an option: a portrait of course_lib.data goes by its title, all else by ``i18n.label``."""
    if isinstance(key, str) and key not in glossary():
        from course_lib import data

        if key in getattr(data, "PORTRAITS", {}):
            portrait = data.PORTRAITS[key]
            return label(portrait["title"] if isinstance(portrait, dict) else portrait.title)
    return caption(key)


@dataclass(eq=False)
class Slider:
    """A number between ``low`` and ``high``; the function gets it as a 0-d float32 tensor.

    Args:
        name: keyword of the value in ``Figure.run``.
        low: smallest value.
        high: largest value.
        step: distance between two positions.
        value: where the slider starts.
        label: glossary key, (English, Chinese) pair or dict.
        unit: what is written behind the value, such as "px", "°" or a pair for two languages.

    Raises:
        ValueError: if the range is empty, the step is not positive or does not fit, or the value is no position of the slider.
    """

    name: str
    low: Number
    high: Number
    step: Number
    value: Number
    label: Label = ""
    unit: Label = ""
    kind: str = field(default="slider", init=False)

    def __post_init__(self):
        check_name(self.name, "Slider")
        if not self.low < self.high:
            raise ValueError(f"Slider {self.name!r}: low should be below high, got {self.low} and {self.high}")
        if not 0 < self.step <= self.high - self.low:
            raise ValueError(f"Slider {self.name!r}: step should be in (0, {self.high - self.low}], got {self.step}")
        if not self.low <= self.value <= self.high:
            raise ValueError(f"Slider {self.name!r}: value should be in [{self.low}, {self.high}], got {self.value}")
        position = (self.value - self.low) / self.step
        if abs(position - round(position)) > 1e-6:  # a browser would move the handle to the next position by itself
            raise ValueError(f"Slider {self.name!r}: value should be low plus steps of {self.step}, got {self.value}")
        self.label = caption(self.label or self.name)
        self.unit = both(self.unit)

    @classmethod
    def of(cls, degradation: Any, name: str = "severity", value: Number | None = None) -> "Slider":
        """The slider that a record of ``degrade.degradations()`` asks for, at the severity that changes nothing.

        Args:
            degradation: record with ``label``, ``unit``, ``range``, ``step`` and ``identity``.
            name: keyword of the value in ``Figure.run``.
            value: where it starts instead.
        """
        low, high = degradation.range
        start = degradation.identity if value is None else value
        return cls(name, low, high, degradation.step, start, label=degradation.label, unit=degradation.unit)

    @property
    def start(self) -> float:
        """The value the figure starts with."""
        return float(self.value)

    def tensor(self, value: Number | Tensor) -> Tensor:
        """0-d float32 tensor of a value, refused when it lies outside the slider."""
        number = float(value)
        slack = 1e-6 * (self.high - self.low)
        if not self.low - slack <= number <= self.high + slack:
            raise ValueError(f"{self.name} should be in [{self.low}, {self.high}], got {number}")
        return torch.tensor(number, dtype=torch.float32)

    def draw(self, generator: torch.Generator) -> float:
        """A random position of the slider."""
        positions = round((self.high - self.low) / self.step)
        at = int(torch.randint(positions + 1, (), generator=generator))
        return float(min(round(self.low + at * self.step, 6), self.high))

    def spec(self) -> dict:
        """What the browser needs to know."""
        known = {"kind": self.kind, "name": self.name, "label": self.label, "unit": self.unit}
        numbers = {"min": self.low, "max": self.high, "step": self.step, "value": self.value}
        return known | numbers | {"decimals": max(decimals(self.step), 0)}


@dataclass(eq=False)
class Choice:
    """One of a few options; the function gets its index as a 0-d float32 tensor.

    Args:
        name: keyword of the value in ``Figure.run``.
        options: two or more labels.
        value: index of the option the figure starts with.
        label: what is chosen.

    Raises:
        ValueError: if there are fewer than two options or the value is no index of one.
    """

    name: str
    options: list[Label]
    value: int = 0
    label: Label = ""
    kind: str = field(default="choice", init=False)

    def __post_init__(self):
        check_name(self.name, "Choice")
        if len(self.options) < 2:
            raise ValueError(f"Choice {self.name!r}: there should be at least two options, got {len(self.options)}")
        if self.value not in range(len(self.options)):
            raise ValueError(
                f"Choice {self.name!r}: value should be an index below {len(self.options)}, got {self.value}"
            )
        self.options = [caption(option) for option in self.options]
        self.label = caption(self.label or self.name)

    @property
    def start(self) -> int:
        """The index the figure starts with."""
        return self.value

    def tensor(self, value: int | float | Tensor) -> Tensor:
        """0-d float32 tensor of an index, refused when there is no such option."""
        if int(value) not in range(len(self.options)):
            raise ValueError(f"{self.name} should be an index below {len(self.options)}, got {value}")
        return torch.tensor(float(int(value)), dtype=torch.float32)

    def draw(self, generator: torch.Generator) -> int:
        """A random option."""
        return int(torch.randint(len(self.options), (), generator=generator))

    def spec(self) -> dict:
        """What the browser needs to know."""
        return {"kind": self.kind, "name": self.name, "label": self.label, "options": self.options, "value": self.value}


@dataclass(eq=False)
class Image:
    """The picture that goes in, or several to choose from; the function gets (1, C, H, W) in [0, 1].

    The website stores pictures with 8 bits, so the figure rounds them to 8 bits everywhere.

    Args:
        name: keyword of the value in ``Figure.run``.
        pictures: (1, 3, H, W) or grey (1, 1, H, W) tensor in [0, 1], or {label: tensor} with one shape; a key is a
            name of ``data.PORTRAITS``, a glossary key or an (English, Chinese) pair.
        label: what is chosen.
        own: let readers take a photograph of their own, whose middle is cut to this shape (``live.photo.fitted``). Not
            where the function knows more of its pictures than the pixels, such as landmarks placed by hand.

    Raises:
        ValueError: if a picture has another shape than (1, 3 or 1, H, W) or than the others, or leaves [0, 1].
    """

    name: str
    pictures: Tensor | dict
    label: Label = "image"
    own: bool = True
    kind: str = field(default="image", init=False)
    value: int = field(default=0, init=False)

    def __post_init__(self):
        check_name(self.name, "Image")
        given = self.pictures if isinstance(self.pictures, dict) else {"image": self.pictures}
        if not given:
            raise ValueError(f"Image {self.name!r}: there is no picture")
        self.keys = list(given)
        self.tensors = [self._rounded(key, picture) for key, picture in given.items()]
        if len({tuple(picture.shape) for picture in self.tensors}) > 1:
            raise ValueError(f"Image {self.name!r}: all pictures should have one shape, got {self._shapes()}")
        self.label = caption(self.label if self.label != "image" else ("Picture", "图像"))
        self.options = [option_label(key) for key in self.keys] if isinstance(self.pictures, dict) else [self.label]

    def _rounded(self, key: object, picture: Tensor) -> Tensor:
        if not isinstance(picture, Tensor) or picture.ndim != 4 or tuple(picture.shape[:2]) not in ((1, 3), (1, 1)):
            got = tuple(picture.shape) if isinstance(picture, Tensor) else type(picture).__name__
            raise ValueError(
                f"Image {self.name!r}: picture {key!r} should be a (1, 3, H, W) or (1, 1, H, W) tensor, got {got}"
            )
        low, high = (float(bound) for bound in picture.aminmax())
        if not (low >= 0 and high <= 1):
            raise ValueError(f"Image {self.name!r}: picture {key!r} should lie in [0, 1], got [{low:.3g}, {high:.3g}]")
        return (picture.detach().cpu().float() * 255).round() / 255

    def _shapes(self) -> list[tuple[int, ...]]:
        return [tuple(picture.shape) for picture in self.tensors]

    @property
    def start(self) -> int:
        """The index the figure starts with."""
        return self.value

    def tensor(self, value: int | Label | Tensor) -> Tensor:
        """The picture of an index or key; a tensor of the right shape stands for itself."""
        if isinstance(value, Tensor) and value.ndim == 4:
            if tuple(value.shape) != tuple(self.tensors[0].shape):
                raise ValueError(f"{self.name} should have shape {self._shapes()[0]}, got {tuple(value.shape)}")
            return value
        if value in self.keys:
            return self.tensors[self.keys.index(value)]
        if isinstance(value, int) and value in range(len(self.tensors)):
            return self.tensors[value]
        raise ValueError(f"{self.name} should be one of {self.keys} or an index, got {value!r}")

    def draw(self, generator: torch.Generator) -> int:
        """A random one of the pictures."""
        return int(torch.randint(len(self.tensors), (), generator=generator))

    def spec(self) -> dict:
        """What the browser needs to know; the bundle adds the addresses of the files."""
        known = {"kind": self.kind, "name": self.name, "label": self.label, "options": self.options}
        return known | {"value": self.value, "shape": list(self.tensors[0].shape), "own": self.own}


Input = Slider | Choice | Image
