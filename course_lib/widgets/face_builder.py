"""The lab *Build a face* without its widgets: one person, one picture, and what has been kept beside them."""

import functools
import json
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import data
from course_lib.faces import (
    IDENTITY,
    FaceParams,
    NuisanceParams,
    Rendered,
    anatomy_of,
    another_day,
    render,
    sample_identities,
    sample_nuisance,
    styles,
)
from course_lib.faces.maths import mix
from course_lib.faces.params import SEX_SHIFT
from course_lib.geometry import align
from course_lib.widgets.face_builder_controls import CONTROLS, PERSON, Control

SIZE, SUPERSAMPLE, EXTENT = 144, 2, 27.0
"""Side of the lab's picture in pixels, samples per pixel and side, and centimetres that it shows."""

YOUNGEST, YEARS = 18, 62
"""Age in years that stands for 0, and years up to 1."""

NETWORK = "coursenet"
"""Weights of the network that compares two faces."""


def generator(seed: int) -> torch.Generator:
    """A source of randomness that starts at ``seed``."""
    return torch.Generator().manual_seed(seed)


def skin_of(tone: Tensor) -> Tensor:
    """(n, 3) linear albedo of skin tones (n,), without the jitter of a drawn person."""
    position = tone.clamp(0, 1) * (len(styles.SKIN) - 1.001)
    i = position.floor().long()
    return mix(styles.SKIN[i], styles.SKIN[i + 1], (position - i)[:, None])


def aligned(identity: FaceParams, nuisance: NuisanceParams) -> Tensor:
    """(1, 3, 112, 112) a picture moved to the template by its true five points."""
    face = render(identity, nuisance, size=112)
    return align(face.image, face.points)


@dataclass(frozen=True, eq=False)
class Kept:
    """A face that was put aside for comparison."""

    identity: FaceParams
    nuisance: NuisanceParams
    rendered: Rendered

    @functools.cached_property
    def aligned(self) -> Tensor:
        """(1, 3, 112, 112) the picture as networks want it."""
        return aligned(self.identity, self.nuisance)


class FaceBuilder:
    """A person, a picture of that person, and the rendered result.

    Attributes:
        seed: that the person was drawn from.
        identity, nuisance: one row each.
        rendered: the picture with its truth.
        seconds: what the last change took.
        baked: whether the person had to be prepared anew for it.
        kept: a face to compare with, or None.

    Args:
        seed: of the first person.
    """

    identity: FaceParams
    nuisance: NuisanceParams
    rendered: Rendered

    def __init__(self, seed: int = 0):
        self.kept: Kept | None = None
        self.days = self.pictures = 0
        self.random_person(seed)

    # ---- people and pictures ----------------------------------------------------------------------------------------

    def random_person(self, seed: int) -> None:
        """Draw another person, in a calm picture: upright, soft light, nothing worn.

        Raises:
            ValueError: if ``seed`` is negative.
        """
        if seed < 0:
            raise ValueError(f"seed is {seed}; it should be 0 or more")
        self.seed, self.days, self.pictures = seed, 0, 0
        source = generator(seed)
        identity = sample_identities(1, source)
        still = sample_nuisance(1, source, yaw=0, pitch=0, roll=0, light=0, expression=0)
        centred = {name: 0.0 for name in ("shift_x", "shift_y") if name in still}
        scaled = {"scale": 1.0} if "scale" in still else {}
        self._change(identity, still.replace(distance=100.0, light_azimuth=-25.0, **centred, **scaled))

    def other_day(self) -> None:
        """The same person with other hair, beard, make-up and weight."""
        self.days += 1
        self._change(another_day(self.identity, generator(1_000 * self.seed + self.days)), self.nuisance)

    def other_picture(self) -> None:
        """Another picture of the same person: pose, light, expression, things worn, background."""
        self.pictures += 1
        drawn = sample_nuisance(1, generator(1_000_000 + 1_000 * self.seed + self.pictures), occlusion=0.6)
        self._change(self.identity, drawn)

    def average(self) -> None:
        """Give the person the mean anatomy; skin, eyes, hair, asymmetry and sex-linked shifts stay."""
        self._change(anatomy_of(torch.zeros_like(self.identity.vector), self.identity), self.nuisance)

    # ---- sliders ----------------------------------------------------------------------------------------------------

    @property
    def values(self) -> dict[str, float]:
        """The value of every control, as its slider or choice shows it."""
        return {name: self._read(control) for name, control in CONTROLS.items()}

    def _read(self, control: Control) -> float:
        source = self.identity if control.group in PERSON else self.nuisance
        value = source[control.name][0]
        if control.name == "iris":
            return float((F.normalize(styles.EYES, dim=1) @ F.normalize(value, dim=0)).argmax())
        return YOUNGEST + YEARS * float(value) if control.name == "age" else float(value)

    def set(self, **values: float | int) -> None:
        """Move controls; the person is prepared anew only if one of them belongs to the person.

        Anatomy stays within what ``sample_identities`` allows, so a value may come back smaller than it was sent.

        Args:
            values: control -> value in its unit; of a choice, the index.

        Raises:
            ValueError: for an unknown control, or a value outside its range.
        """
        for name, value in values.items():
            _check(name, value)
        anatomy = {name: value for name, value in values.items() if name in IDENTITY}
        identity = self._shaped(anatomy) if anatomy else self.identity
        others = {name: v for name, v in values.items() if name not in IDENTITY and CONTROLS[name].group in PERSON}
        if others:
            identity = _changed(identity, others)
        picture = {name: value for name, value in values.items() if CONTROLS[name].group not in PERSON}
        self._change(identity, self.nuisance.replace(**picture) if picture else self.nuisance)

    def _shaped(self, anatomy: dict[str, float | int]) -> FaceParams:
        vector = self.identity.vector.clone()
        for i, (name, (_, sigma, _)) in enumerate(IDENTITY.items()):
            if name in anatomy:
                vector[:, i] += (anatomy[name] - self.identity[name]) / sigma
        return anatomy_of(vector, self.identity)

    def _change(self, identity: FaceParams, nuisance: NuisanceParams) -> None:
        start = time.perf_counter()
        self.baked = identity is not getattr(self, "identity", None)
        self.identity, self.nuisance = identity, nuisance
        self.rendered = render(identity, nuisance, size=SIZE, supersample=SUPERSAMPLE, extent=EXTENT)
        self.seconds = time.perf_counter() - start

    # ---- comparison -------------------------------------------------------------------------------------------------

    def keep(self) -> None:
        """Put the present face aside."""
        self.kept = Kept(self.identity, self.nuisance, self.rendered)

    def anatomical_distance(self) -> float | None:
        """Root mean square difference of the two anatomies in standard deviations; None if nothing is kept.

        Two people drawn at random are about √2 apart, one person on two days 0.
        """
        if self.kept is None:
            return None
        return float((self.identity.vector - self.kept.identity.vector).square().mean().sqrt())

    def similarity(self) -> float | None:
        """Cosine similarity of the two pictures to the course's network; None without weights or a kept face."""
        network = recogniser()
        if self.kept is None or network is None:
            return None
        pictures = torch.cat([aligned(self.identity, self.nuisance), self.kept.aligned])
        with torch.no_grad():
            embeddings = F.normalize(network(pictures), dim=1)
        return float(embeddings[0] @ embeddings[1])

    # ---- files ------------------------------------------------------------------------------------------------------

    def json(self) -> str:
        """Every parameter of person and picture as JSON; ``load`` makes the same face of it."""
        rows = {
            part: {name: value[0].tolist() for name, value in parameters.values.items()}
            for part, parameters in (("person", self.identity), ("picture", self.nuisance))
        }
        return json.dumps({"version": 1, "seed": self.seed, **rows}, indent=1)

    def load(self, text: str) -> None:
        """The face of a file that ``json`` wrote.

        Raises:
            ValueError: if it is no such file.
        """
        try:
            known = json.loads(text)
            rows = [
                {name: _row(known[part][name], value) for name, value in like.values.items()}
                for part, like in (("person", self.identity), ("picture", self.nuisance))
            ]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"text: not a face that this lab has written ({error})") from error
        self.seed = int(known.get("seed", 0))
        self._change(FaceParams(rows[0]), NuisanceParams(rows[1]))


def _row(value: object, like: Tensor) -> Tensor:
    return torch.tensor(value, dtype=like.dtype, device=like.device).view_as(like[:1])


def _check(name: str, value: float | int) -> None:
    if name not in CONTROLS:
        raise ValueError(f"{name} is no control; there are {', '.join(CONTROLS)}")
    control = CONTROLS[name]
    low, high = (0, len(control.options) - 1) if control.options else (control.low, control.high)
    if not low - 1e-6 <= value <= high + 1e-6:
        raise ValueError(f"{name} is {value}; it should be in [{low}, {high}]")


def _changed(identity: FaceParams, values: dict[str, float | int]) -> FaceParams:
    """The identity with controls of skin, age, eyes and hair moved, and all that follows from them."""
    changes: dict[str, float | int | Tensor] = dict(values)
    if "age" in values:
        changes["age"] = (values["age"] - YOUNGEST) / YEARS
    if "tone" in values:
        changes["skin"] = skin_of(torch.tensor([values["tone"]]))
    if "hair_code" in values:
        changes["hair"] = styles.HAIR[int(values["hair_code"])]
    if "iris" in values:
        changes["iris"] = styles.EYES[int(values["iris"])]
    if "feminine" in values:
        by = 2 * (identity["feminine"] - values["feminine"])
        changes |= {name: identity[name] + shift * by for name, shift in SEX_SHIFT.items()}
    return identity.replace(**changes)


@functools.cache
def recogniser() -> torch.nn.Module | None:
    """The course's recognition network, or None where its weights are missing."""
    from course_lib.recognition import backbones

    load = getattr(backbones, "load", None)
    try:
        data.card(NETWORK)
    except (AttributeError, ValueError):
        return None
    return load(NETWORK).eval() if load else None
