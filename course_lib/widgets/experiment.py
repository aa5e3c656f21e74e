"""The face quality lab without its widgets: a picture, how it is degraded, its scores, their curves and the table."""

import csv
import io
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from course_lib import data, degrade, images, quality
from course_lib.degrade import Degradation
from course_lib.i18n import label, language
from course_lib.widgets.face_reading import Reading, largest_face, read

SIDE = 240
"""Side of the two portraits, in pixels: that of the smaller original, so that both are compared at one size."""

LONGEST = 512
"""Longest side of a reader's own photograph; larger ones are scaled down."""

SMALLEST = 32
"""Shortest side of a reader's own photograph that the measures can work on."""

STEPS = ("rotate", "darken", "gaussian_blur", "gaussian_noise", "reduce_contrast", "jpeg")
"""The degradations with a slider, by their keys in ``degrade.degradations``."""

POINTS = 11
"""Number of severities that a curve is measured at."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What is measured.

    Attributes:
        key: short name.
        title, alt: in both languages.
        image: (1, 3, H, W), clean.
        landmarks: (68, 2) hand-placed points of the portraits, which pose is read from.
        box: (4,) of the largest face that the face finder finds in it; None without one.
        faces: how many it finds.
    """

    key: str
    title: dict[str, str]
    alt: dict[str, str]
    image: Tensor
    landmarks: Tensor | None = None
    box: Tensor | None = None
    faces: int = 0


def portrait(name: str) -> Picture:
    """A portrait of ``data.PORTRAITS`` as a picture of the lab."""
    about = data.PORTRAITS[name]
    image = data.portrait(name, SIDE)
    return Picture(name, about.title, about.alt, image, data.landmarks(name, SIDE), *largest_face(image))


def photograph(image: Tensor, name: str = "") -> Picture:
    """A reader's photograph as a picture of the lab, scaled so that its longer side has at most ``LONGEST`` pixels.

    Its faces are searched for.

    Args:
        image: (1, 3, H, W) in [0, 1].
        name: name of its file; empty for the camera.

    Raises:
        ValueError: if its shorter side is then below ``SMALLEST`` pixels; the message is the glossary's.
    """
    height, width = image.shape[-2:]
    scale = min(1.0, LONGEST / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    if min(size) < SMALLEST:
        raise ValueError(f"{label('image_too_small')[language()]} ({width} × {height})")
    title = label((name, name)) if name else label(("Camera", "摄像头"))
    small = images.resize(image, size)
    box, faces = largest_face(small)
    return Picture(name or "camera", title, label(("Your photograph", "你的照片")), small, None, box, faces)


def steps() -> dict[str, Degradation]:
    """The degradations of the lab's sliders, in the order in which they are applied."""
    return {record.key: record for record in degrade.degradations() if record.key in STEPS}


@dataclass(frozen=True)
class Row:
    """What the table keeps of one state of the lab."""

    picture: Picture
    settings: dict[str, float]
    scores: dict[str, float]
    clean: dict[str, float]


@dataclass(eq=False)
class Experiment:
    """One picture under one setting of the sliders.

    Attributes:
        picture: what is measured.
        settings: degradation key -> severity, in the order of application.
        kept: rows that the reader kept.
        image: the degraded picture, (1, 3, H, W).
        reading: what the networks read in it; None where the clean picture has no face.
        scores: measure name -> value on it; pose only where there are landmarks, hand-placed or read.
        clean: the same on the clean picture.
    """

    picture: Picture = field(default_factory=lambda: portrait("astronaut"))
    settings: dict[str, float] = field(default_factory=lambda: {key: step.identity for key, step in steps().items()})
    kept: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Measures the picture."""
        self.show(self.picture)

    def show(self, picture: Picture) -> None:
        """Change the picture; its noise and its clean scores are worked out once."""
        self.picture = picture
        # One fixed draw: noise grows with its slider instead of flickering, and curves pass through the bars.
        self.noise = torch.randn(picture.image.shape, generator=torch.Generator().manual_seed(0))
        self.clean = self.measure(picture.image, 0.0)
        self.set()

    def set(self, **settings: float) -> None:
        """Move sliders, and measure what comes out.

        Raises:
            ValueError: if there is no such slider.
        """
        if unknown := set(settings) - set(STEPS):
            raise ValueError(f"settings: expected some of {', '.join(STEPS)}, got {', '.join(sorted(unknown))}")
        self.settings |= settings
        self.image = self.degraded(self.settings)
        self.reading = self.read(self.image, self.settings["rotate"])
        read_points = None if self.reading is None else self.reading.points
        self.scores = self.measure(self.image, self.settings["rotate"], points=read_points)

    def degraded(self, settings: dict[str, float]) -> Tensor:
        """The picture under ``settings``: (1, 3, H, W)."""
        image = self.picture.image
        for key, step in steps().items():
            image = step(image, settings[key], self.noise)
        return image

    def read(self, image: Tensor, angle: float) -> Reading | None:
        """What the networks read in a state of the picture, near the place of its face.

        Args:
            image: (1, 3, H, W).
            angle: by how many degrees the picture was rotated, and the middle of the face's box is.
        """
        if self.picture.box is None:
            return None
        low, high = self.picture.box.view(2, 2)
        middle = turned(((low + high) / 2)[None], angle, *image.shape[-2:])[0]
        return read(image, torch.cat([middle - (high - low) / 2, middle + (high - low) / 2]))

    def measure(
        self, image: Tensor, angle: float, names: Collection[str] | None = None, points: Tensor | None = None
    ) -> dict[str, float]:
        """Scores of one image.

        Pose is read from the hand-placed points of the portraits, and from the network's in a photograph.

        Args:
            image: (1, 3, H, W).
            angle: by how many degrees the picture was rotated, and its landmarks are.
            names: which measures; all of them when left out.
            points: (68, 2) what the network reads, where that is known already.

        Returns:
            measure name -> value, in the order of ``quality.measures``.
        """
        records = [measure for measure in quality.measures() if names is None or measure.name in names]
        pixels = [measure.name for measure in records if measure.takes == "image"]
        values = {name: value.item() for name, value in quality.measure(image, pixels).items()} if pixels else {}
        posed = [measure for measure in records if measure.takes == "landmarks"]
        if posed and self.picture.landmarks is not None:
            points = turned(self.picture.landmarks, angle, *image.shape[-2:])
        elif posed and points is None and (reading := self.read(image, angle)) is not None:
            points = reading.points
        if points is not None:
            values |= {measure.name: measure.function(points[None]).item() for measure in posed}
        return {measure.name: values[measure.name] for measure in records if measure.name in values}

    def curve(self, key: str, names: Collection[str]) -> Iterator[tuple[float, dict[str, float]]]:
        """Scores over the whole range of one degradation, all other sliders staying where they are.

        One severity a step, so that a caller can let other work in between.

        Args:
            key: the degradation.
            names: which measures.

        Yields:
            severity, and measure name -> value.
        """
        step, others = steps()[key], dict(self.settings)  # the sliders may move meanwhile
        low, high = step.range
        for index in range(POINTS):
            positions = round((high - low) / step.step * index / (POINTS - 1))  # of the slider, whole ones
            settings = others | {key: round(low + positions * step.step, 6)}
            yield settings[key], self.measure(self.degraded(settings), settings["rotate"], names)

    def keep(self) -> None:
        """Put the current state into the table."""
        self.kept.append(self.row())

    def row(self) -> Row:
        """The current state as a row of the table."""
        return Row(self.picture, dict(self.settings), self.scores, self.clean)

    def table(self) -> list[dict[str, object]]:
        """The kept rows and the current state, one line for each row and measure, as the CSV file has them."""
        return [
            {"row": index, "picture": row.picture.key, **row.settings, "measure": measure.name}
            | {"label": label(measure.label or measure.name)[language()], "family": measure.family}
            | {"unit": measure.unit, "direction": measure.direction}
            | {"clean": row.clean[measure.name], "value": row.scores[measure.name]}
            for index, row in enumerate([*self.kept, self.row()], start=1)
            for measure in quality.measures()
            if measure.name in row.scores
        ]

    def csv(self) -> str:
        """``table`` as CSV, with the mark that tells spreadsheets that it is UTF-8."""
        lines = self.table()
        file = io.StringIO()
        writer = csv.DictWriter(file, fieldnames=list(lines[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(lines)
        return "\ufeff" + file.getvalue()


def turned(points: Tensor, degrees: float, height: int, width: int) -> Tensor:
    """Landmarks (K, 2) after ``degrade.rotate`` of their image by ``degrees``."""
    angle = math.radians(degrees)
    centre = torch.tensor([(width - 1) / 2, (height - 1) / 2])
    x, y = (points - centre).unbind(-1)
    cosine, sine = math.cos(angle), math.sin(angle)
    return torch.stack([cosine * x + sine * y, cosine * y - sine * x], dim=-1) + centre
