"""The margin lab without its widgets: sliders, classes and a feature on the circle, and what the margin makes of them."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.i18n import Label
from course_lib.recognition import curves_2d
from course_lib.recognition.margins import Margin
from course_lib.recognition.plane import Plane, angles_to_means

LEAST_CLASSES, MOST_CLASSES = 2, 8

SLIDERS: dict[str, tuple[float, float, float]] = {
    "m1": (1.0, 4.0, 0.05),
    "m2": (0.0, 1.0, 0.01),
    "m3": (0.0, 0.8, 0.01),
    "scale": (1.0, 64.0, 1.0),
    "lam": (0.0, 20.0, 0.5),
}
"""Lowest value, highest value and step of each slider; m₂ in radians."""

NONE = {"m1": 1.0, "m2": 0.0, "m3": 0.0, "lam": 0.0}
PRESETS: dict[str, tuple[Label, dict[str, float]]] = {
    "normface": (("NormFace: no margin", "NormFace：无间隔"), NONE),
    "sphereface": (("SphereFace: m₁ = 4, λ = 5", "SphereFace：m₁ = 4，λ = 5"), NONE | {"m1": 4.0, "lam": 5.0}),
    "cosface": (("CosFace: m₃ = 0.35", "CosFace：m₃ = 0.35"), NONE | {"m3": 0.35}),
    "arcface": (("ArcFace: m₂ = 0.5", "ArcFace：m₂ = 0.5"), NONE | {"m2": 0.5}),
    "combined": (("Combined: 1, 0.3, 0.2", "组合间隔：1, 0.3, 0.2"), NONE | {"m2": 0.3, "m3": 0.2}),
}
"""Settings of the published losses; the scale is left where it is."""


@dataclass(frozen=True)
class SliderMargin(Margin):
    """The margin of the sliders for training: (λ cos θ + ψ(m₁θ + m₂) - m₃)/(1 + λ), features of unit length.

    Args:
        m1: multiplies the angle.
        m2: is added to it, radians.
        m3: is taken from the cosine.
        lam: λ, the share of plain softmax.
    """

    m1: float
    m2: float
    m3: float
    lam: float

    def target(self, cosine: Float[Tensor, "*n"], length: Float[Tensor, "*n"] | None = None) -> Float[Tensor, "*n"]:
        """Return the target of the sliders; the same as the figure's."""
        return curves_2d.combined_target(self.m1, self.m2, self.m3, self.lam)(cosine)


@dataclass(frozen=True)
class Circle:
    """What the margin softmax makes of the classes and the feature; angles in degrees.

    Attributes:
        boundaries: right and left end of each class's region, (C, 2).
        wedges: the same after the margin has been taken off, (C, 2).
        probabilities: (C,).
        loss: of the feature, in nats.
        push: -dL/dx, (2,), x to the right and y upwards.
        angle: between the feature and the weight of its class.
    """

    boundaries: list[list[float]]
    wedges: list[list[float]]
    probabilities: list[float]
    loss: float
    push: list[float]
    angle: float


@dataclass
class MarginState:
    """Everything a reader can move.

    Attributes:
        m1: multiplies the angle.
        m2: is added to it, radians.
        m3: is taken from the cosine.
        scale: s.
        lam: λ, the share of plain softmax in the target.
        centres: directions of the class weights, degrees.
        label: index of the feature's class.
        sample: direction of the feature in degrees, and its length.
        detached: whether the gradient takes the margin's slope as 1.
    """

    m1: float = 1.0
    m2: float = 0.5
    m3: float = 0.0
    scale: float = 16.0
    lam: float = 0.0
    centres: list[float] = field(default_factory=lambda: [0.0, 80.0, 160.0, 260.0])
    label: int = 0
    sample: tuple[float, float] = (33.0, 0.8)
    detached: bool = False

    def set(self, **settings: float | int) -> None:
        """Move sliders by name.

        Raises:
            ValueError: if there is no such slider, or the value lies outside it.
        """
        for name, value in settings.items():
            if name not in SLIDERS:
                raise ValueError(f"settings: expected some of {', '.join(SLIDERS)}, got {name}")
            low, high, _ = SLIDERS[name]
            if not low <= value <= high:
                raise ValueError(f"{name} should be in [{low}, {high}], got {value}")
        for name, value in settings.items():
            setattr(self, name, float(value))

    def preset(self, key: str) -> None:
        """Set the margins of a published loss.

        Raises:
            ValueError: if there is no such loss.
        """
        if key not in PRESETS:
            raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {key}")
        self.set(**PRESETS[key][1])

    def add_class(self) -> None:
        """Put a new class into the middle of the largest gap; does nothing when there are enough."""
        if len(self.centres) >= MOST_CLASSES:
            return
        order = sorted(angle % 360 for angle in self.centres)
        gaps = [(after - before) % 360 or 360.0 for before, after in zip(order, order[1:] + order[:1], strict=True)]
        widest = max(range(len(gaps)), key=gaps.__getitem__)
        self.centres = [*self.centres, (order[widest] + gaps[widest] / 2) % 360]

    def remove_class(self) -> None:
        """Take the last class away; two stay. A feature that belonged to it goes to the first."""
        if len(self.centres) > LEAST_CLASSES:
            self.centres = self.centres[:-1]
            self.label = self.label if self.label < len(self.centres) else 0

    def spread(self) -> None:
        """Space the classes evenly, starting from the first."""
        step = 360 / len(self.centres)
        self.centres = [(self.centres[0] + k * step) % 360 for k in range(len(self.centres))]

    def curves(self) -> Tensor:
        """Target logits over ``curves_2d.curve_angles()``, (6, 179); the last row has all sliders at once, λ too."""
        rows = curves_2d.target_logit_curves(self.m1, self.m2, self.m3, self.scale, self.lam)
        target = curves_2d.combined_target(self.m1, self.m2, self.m3, self.lam)
        return torch.cat([rows[:5], self.scale * target(curves_2d.curve_angles().cos())[None]])

    def slopes(self) -> Tensor:
        """Slopes of the same curves against s cos θ, (6, 179); all 1 when the gradient is detached."""
        rows = curves_2d.target_slope_curves(self.m1, self.m2, self.m3, self.scale, self.lam)
        rows[5] = (self.lam + rows[5]) / (1 + self.lam)
        return torch.ones_like(rows) if self.detached else rows

    def margin(self) -> SliderMargin:
        """The margin as it is now, for training."""
        return SliderMargin(self.m1, self.m2, self.m3, self.lam)

    def circle(self) -> Circle:
        """Boundaries, wedges, probabilities, loss and push as they are now."""
        centres = torch.deg2rad(torch.tensor(self.centres, dtype=torch.float64))
        margins = (self.m1, self.m2, self.m3)
        boundaries, wedges = curves_2d.circle_wedges(centres, *margins, self.lam)
        at, length = torch.deg2rad(torch.tensor(self.sample[0], dtype=torch.float64)), self.sample[1]
        told = (centres, float(self.label), at, length, *margins, self.scale, float(self.detached), self.lam)
        probabilities, loss, push = curves_2d.circle_sample(*told)
        apart = abs((self.sample[0] - self.centres[self.label] + 180) % 360 - 180)
        return Circle(
            torch.rad2deg(boundaries).tolist(),
            torch.rad2deg(wedges).tolist(),
            probabilities.tolist(),
            float(loss),
            push.tolist(),
            apart,
        )


def spread_of(run: Plane) -> dict[str, float]:
    """Accuracy and median angles of a run's latest snapshot.

    Args:
        run: of ``plane.plane_run``.

    Returns:
        "step", "accuracy", and in degrees "own" (to the mean of the own class) and "next" (to the nearest other one).
    """
    own, other = angles_to_means(run.embeddings[-1], run.labels)
    return {
        "step": float(run.steps[-1]),
        "accuracy": float(run.accuracy[-1]),
        "own": float(own.median()),
        "next": float(other.median()),
    }
