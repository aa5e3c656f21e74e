"""What makes one face (identity and look) and what makes one picture of it (pose, light, expression, things in front)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from course_lib.faces import styles
from course_lib.faces.maths import mix

IDENTITY: dict[str, tuple[float, float, str]] = {
    "face_width": (1.0, 0.05, "×"),
    "jaw_width": (-0.2, 0.5, "cm"),
    "jaw_angle": (0.0, 0.4, "cm"),
    "chin_width": (0.0, 0.35, "cm"),
    "chin_drop": (0.0, 0.38, "cm"),
    "chin_forward": (0.0, 0.3, "cm"),
    "forehead_forward": (0.0, 0.28, "cm"),
    "temple": (0.0, 0.28, "cm"),
    "cheekbone": (0.42, 0.26, "cm"),
    "cheekbone_width": (0.0, 0.22, "cm"),
    "cheek_fat": (0.0, 0.35, "cm"),
    "fat": (0.0, 1.0, "z"),
    "eye_x": (3.25, 0.19, "cm"),
    "eye_y": (0.0, 0.1, "cm"),
    "eye_width": (3.0, 0.19, "cm"),
    "eye_height": (1.14, 0.16, "cm"),
    "eye_tilt": (0.09, 0.13, "cm"),
    "socket_depth": (0.95, 0.22, "cm"),
    "lid_fold": (0.34, 0.16, "cm"),
    "brow_height": (1.9, 0.24, "cm"),
    "brow_arch": (0.3, 0.2, "cm"),
    "brow_thickness": (0.60, 0.15, "cm"),
    "brow_density": (0.9, 0.1, "×"),
    "brow_slope": (0.0, 0.17, "cm"),
    "brow_ridge": (0.22, 0.2, "cm"),
    "brow_inner": (1.2, 0.26, "cm"),
    "nose_length": (4.3, 0.4, "cm"),
    "nose_height": (1.7, 0.26, "cm"),
    "nose_width": (1.8, 0.26, "cm"),
    "bridge_width": (0.72, 0.14, "cm"),
    "bridge_height": (0.5, 0.2, "cm"),
    "nose_tip": (0.3, 0.17, "cm"),
    "nose_tip_lift": (0.0, 0.14, "cm"),
    "nose_hump": (0.0, 0.16, "cm"),
    "mouth_y": (-6.45, 0.3, "cm"),
    "mouth_width": (2.72, 0.25, "cm"),
    "upper_lip": (0.80, 0.2, "cm"),
    "lower_lip": (1.02, 0.21, "cm"),
    "lip_forward": (0.42, 0.11, "cm"),
    "cupid": (0.5, 0.3, "×"),
    "ear_size": (1.0, 0.1, "×"),
    "ear_out": (0.2, 0.12, "×"),
    "hairline": (6.4, 0.5, "cm"),
    "recession": (0.4, 0.5, "cm"),
    "widow_peak": (0.0, 0.16, "cm"),
    "neck_width": (1.0, 0.06, "×"),
    "iris_radius": (0.60, 0.025, "cm"),
}
"""Anatomy of an identity: name -> (mean, standard deviation, unit). Eye line at y = 0, y upwards, x from the mid-line."""

SEX_SHIFT: dict[str, float] = {
    "jaw_width": 0.3, "jaw_angle": 0.2, "chin_width": 0.16, "chin_drop": 0.38, "nose_length": 0.12, "mouth_y": -0.1,
    "brow_ridge": 0.18, "brow_thickness": 0.07, "brow_height": -0.15, "nose_height": 0.1, "nose_width": 0.08, "lid_fold": -0.05,
    "eye_height": -0.04, "upper_lip": -0.06, "lower_lip": -0.06, "neck_width": 0.09, "face_width": 0.012, "lip_forward": -0.04,
    "brow_arch": -0.1, "mouth_width": 0.06, "cheek_fat": -0.08,
}  # fmt: skip
"""Added to the anatomy of a masculine face and taken from a feminine one; ``sex_shift`` scales it."""


P = TypeVar("P", bound="Parameters")


@dataclass(frozen=True)
class Parameters:
    """Named tensors that share their first axis; treat them as read-only."""

    values: dict[str, Tensor]

    def __getitem__(self, name: str) -> Tensor:
        return self.values[name]

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def __contains__(self, name: str) -> bool:
        return name in self.values

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return next(iter(self.values.values())).device

    def index(self: P, index: Tensor | slice) -> P:
        """The rows that ``index`` names, in its order; rows may repeat."""
        return type(self)({name: value[index] for name, value in self.values.items()})

    def to(self: P, device: torch.device | str) -> P:
        """A copy on another device."""
        return type(self)({name: value.to(device) for name, value in self.values.items()})

    def replace(self: P, **changes: Any) -> P:
        """A copy with some entries changed.

        Args:
            changes: a tensor (n, ...) or a number for all rows, by name.

        Raises:
            KeyError: for a name that does not exist.
        """
        values = dict(self.values)
        for name, change in changes.items():
            if name not in values:
                raise KeyError(f"{name!r} is no parameter; there are {', '.join(sorted(values))}")
            old = values[name]
            values[name] = torch.as_tensor(change, dtype=old.dtype, device=old.device).expand_as(old).clone()
        return type(self)(values)

    def column(self, name: str, dims: int) -> Tensor:
        """One entry (n,) with trailing singleton axes, so that it broadcasts against ``dims`` axes."""
        value = self.values[name]
        return value.view((-1,) + (1,) * (dims - 1))


@dataclass(frozen=True)
class FaceParams(Parameters):
    """Identities: anatomy, skin, eyes, hair. What rendering prepares once per identity stays in ``baked``."""

    baked: dict = field(default_factory=dict, compare=False, repr=False)

    @property
    def vector(self) -> Tensor:
        """(n, len(IDENTITY)) standardised anatomy, the known truth behind an embedding: 0 is the mean, 1 one deviation."""
        return self.values["anatomy"]


@dataclass(frozen=True)
class NuisanceParams(Parameters):
    """Pictures: pose, expression, light, clothes, things worn or held, background, camera."""


def _rand(n: int, *shape: int, generator: torch.Generator) -> Tensor:
    return torch.rand(n, *shape, generator=generator, device=generator.device)


def _normal(n: int, *shape: int, generator: torch.Generator) -> Tensor:
    return torch.randn(n, *shape, generator=generator, device=generator.device)


def _given(value: float | int | Tensor | None, drawn: Tensor) -> Tensor:
    if value is None:
        return drawn
    return torch.as_tensor(value, dtype=torch.float32, device=drawn.device).expand_as(drawn).clone()


def _choose(weights: Tensor, n: int, generator: torch.Generator) -> Tensor:
    weights = weights.to(generator.device)
    weights = weights.expand(n, -1) if weights.dim() == 1 else weights
    return torch.multinomial(weights, 1, generator=generator)[:, 0]


def sample_identities(
    n: int,
    generator: torch.Generator,
    *,
    tone: float | int | Tensor | None = None,
    age: float | int | Tensor | None = None,
    feminine: float | int | Tensor | None = None,
    spread: float | int = 1.0,
    sex_shift: float | int = 1.0,
    linked: bool = True,
) -> FaceParams:
    """Draws identities.

    The anatomy vector is drawn independently of tone, age and sex; sex adds a stated shift (``SEX_SHIFT``) afterwards.

    Args:
        n: how many, at least 1.
        generator: source of randomness; its device is where the parameters live.
        tone: skin tone in [0, 1] from light to dark, a number or (n,); drawn evenly when None.
        age: in [0, 1], about 18 to 80 years; drawn evenly when None.
        feminine: 1 for sex-linked shifts towards the feminine mean, 0 masculine; a fair coin when None.
        spread: multiplies the standard deviations of the anatomy; 1.5 widens a training set.
        sex_shift: strength of the sex-linked shifts; 0 removes them.
        linked: whether hair and eye colours and curls follow skin tone, and hair styles follow sex; False draws them
            independently, for controlled groups.

    Returns:
        FaceParams of n identities.

    Raises:
        ValueError: if ``n`` is below 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; it should be at least 1")
    z = _normal(n, len(IDENTITY), generator=generator).clamp(-2.3, 2.3)
    p: dict[str, Tensor] = {
        name: mean + spread * sigma * z[:, i] for i, (name, (mean, sigma, _)) in enumerate(IDENTITY.items())
    }
    p["anatomy"] = z
    p["tone"] = _given(tone, _rand(n, generator=generator))
    p["age"] = _given(age, _rand(n, generator=generator))
    p["feminine"] = _given(feminine, (_rand(n, generator=generator) < 0.5).float())
    for name, shift in SEX_SHIFT.items():
        p[name] = p[name] + sex_shift * shift * (1 - 2 * p["feminine"])
    _keep_in_range(p)
    p |= _skin_and_eyes(n, p, generator, linked)
    p |= _look(n, p, generator, linked)
    p["offset"] = _rand(n, 2, generator=generator) * 2 - 1
    p["lumps"] = _normal(n, 1, 6, 6, generator=generator)
    p["asymmetry"] = _normal(n, 4, generator=generator).clamp(-2, 2)
    place = _rand(n, 3, 3, generator=generator)
    p["moles"] = torch.stack([place[..., 0] * 9 - 4.5, place[..., 1] * 13 - 9.5, (place[..., 2] < 0.12).float()], -1)
    return FaceParams(p)


def _keep_in_range(p: dict[str, Tensor]) -> None:
    # A wide spread would otherwise draw eyes without an opening, or a nose that reaches the lip.
    for name, low, high in (
        ("eye_height", 0.75, 1.6), ("nose_width", 1.15, 2.4), ("upper_lip", 0.32, 1.25), ("lower_lip", 0.45, 1.5),
        ("nose_height", 0.9, 2.5), ("bridge_width", 0.45, 1.1), ("lid_fold", 0.05, 0.75), ("brow_thickness", 0.28, 1.0),
        ("lip_forward", 0.12, 0.8), ("socket_depth", 0.4, 1.5), ("brow_ridge", -0.2, 0.9), ("ear_out", -0.1, 0.7),
        ("bridge_height", 0.05, 1.0), ("nose_tip", 0.0, 0.7), ("mouth_width", 1.9, 3.4), ("brow_density", 0.5, 1.1),
    ):  # fmt: skip
        p[name] = p[name].clamp(low, high)
    p["nose_length"] = p["nose_length"].clamp(3.3, 5.3)
    p["mouth_y"] = torch.minimum(p["mouth_y"], -p["nose_length"] - 1.25 - 0.5 * p["upper_lip"])
    p["eye_width"] = torch.minimum(p["eye_width"], 2 * p["eye_x"] - 2.9)


def _skin_and_eyes(n: int, p: dict[str, Tensor], generator: torch.Generator, linked: bool) -> dict[str, Tensor]:
    tone = p["tone"].clamp(0, 1)
    position = tone * (len(styles.SKIN) - 1.001)
    i = position.floor().long()
    skin = styles.SKIN.to(tone.device)
    jitter = 1 + 0.05 * _normal(n, 3, generator=generator) * torch.tensor([0.4, 0.7, 1.0], device=tone.device)
    dark = _dark_share(tone, linked)
    eye_weights = mix(styles.EYE_WEIGHTS[1].to(tone.device), styles.EYE_WEIGHTS[0].to(tone.device), dark)
    iris = styles.EYES.to(tone.device)[_choose(eye_weights, n, generator)] * (
        0.85 + 0.3 * _rand(n, 1, generator=generator)
    )
    freckled = _rand(n, generator=generator) < 0.25
    freckles = freckled * (0.3 + 0.7 * _rand(n, generator=generator)) * (tone < 0.45)
    return {
        "skin": mix(skin[i], skin[i + 1], (position - i)[:, None]) * jitter,
        "iris": iris,
        "freckles": freckles,
        "blotch": 0.6 + 0.8 * _rand(n, generator=generator),
        "shine": 0.6 + 0.7 * _rand(n, generator=generator),
    }


def _dark_share(tone: Tensor, linked: bool) -> Tensor:
    return ((tone > 0.5).float() if linked else torch.full_like(tone, 0.4))[:, None]


def _look(n: int, p: dict[str, Tensor], generator: torch.Generator, linked: bool) -> dict[str, Tensor]:
    # All that may differ on another day: hair, beard, make-up, a tan.
    tone, feminine, age = p["tone"], p["feminine"], p["age"]
    device = tone.device
    dark = _dark_share(tone, linked)
    weights = mix(styles.HAIR_WEIGHTS[1].to(device), styles.HAIR_WEIGHTS[0].to(device), dark).clone()
    weights[:, 7:] *= 0.2 + 8 * ((age - 0.5).clamp(min=0) ** 1.5)[:, None]
    code = _choose(weights, n, generator)
    woman = feminine[:, None] if linked else torch.full((n, 1), 0.5, device=device)
    by_sex = mix(styles.MASCULINE_STYLES.to(device), styles.FEMININE_STYLES.to(device), woman)
    by_tone = (
        mix(styles.CURL_LINK[1].to(device), styles.CURL_LINK[0].to(device), dark)
        if linked
        else torch.ones((), device=device)
    )
    bearded = (feminine < 0.5) & (_rand(n, generator=generator) < 0.4)
    beard = bearded * (0.25 + 0.7 * _rand(n, generator=generator))
    full = _rand(n, generator=generator) < 0.6
    return {
        "style": _choose(by_sex * by_tone, n, generator),
        "hair_code": code,
        "hair": styles.HAIR.to(device)[code] * (0.85 + 0.3 * _rand(n, 1, generator=generator)),
        "hair_volume": (1.15 + 0.3 * _normal(n, generator=generator)).clamp(0.5, 1.9),
        "parting": _rand(n, generator=generator) * 1.5 - 0.75,
        "fringe": _rand(n, generator=generator),
        "beard": beard,
        "moustache": torch.where(full, beard, beard * 0.3),
        "stubble": (1 - feminine) * (0.1 + 0.6 * _rand(n, generator=generator)),
        "lip_red": 0.2 + 0.5 * _rand(n, generator=generator) + 0.3 * feminine * _rand(n, generator=generator),
        "make_up": feminine * (_rand(n, generator=generator) < 0.6) * _rand(n, generator=generator),
        "hair_seed": _rand(n, 2, generator=generator) * 2 - 1,
    }


LOOK = (
    "style", "hair_code", "hair", "hair_volume", "parting", "fringe", "beard", "moustache", "stubble", "lip_red", "make_up", "hair_seed",
)  # fmt: skip
"""Entries of FaceParams that may change while the identity stays."""


def another_day(
    identities: FaceParams, generator: torch.Generator, *, linked: bool = True, years: float | int = 0.0
) -> FaceParams:
    """The same people with new hair, beard, make-up and weight; anatomy, skin and eyes stay.

    One in three has a new hair colour too.

    Args:
        identities: n identities.
        generator: source of randomness.
        linked: as in ``sample_identities``.
        years: time passed, 62 years being the whole range of ``age``; skin and bone follow as ``age`` does.

    Returns:
        FaceParams of the same n identities, in the same order.
    """
    n = len(identities)
    p = dict(identities.values)
    kept = _rand(n, generator=generator) < 0.65
    fresh = _look(n, p, generator, linked)
    for name in ("hair_code", "hair"):
        fresh[name] = torch.where(kept.view((-1,) + (1,) * (p[name].dim() - 1)), p[name], fresh[name])
    p |= fresh
    p["fat"] = (p["fat"] + 0.3 * _normal(n, generator=generator)).clamp(-2.5, 2.8)
    p["age"] = (p["age"] + years / 62).clamp(0, 1)
    return FaceParams(p)


def concatenate(parts: Iterable[Parameters]) -> Any:
    """Rows of several FaceParams, or of several NuisanceParams, one after another."""
    parts = list(parts)
    first: Mapping[str, Tensor] = parts[0].values
    return type(parts[0])({name: torch.cat([part.values[name] for part in parts]) for name in first})


def anatomy_of(vector: Tensor, like: FaceParams) -> FaceParams:
    """Identities with a chosen anatomy vector, all else as in ``like``: what a slider of the vector shows.

    Args:
        vector: (n, len(IDENTITY)) standardised anatomy.
        like: n identities.

    Returns:
        FaceParams of n identities.
    """
    p = dict(like.values)
    for i, (name, (_, sigma, _unit)) in enumerate(IDENTITY.items()):
        p[name] = p[name] + sigma * (vector[:, i] - p["anatomy"][:, i])
    _keep_in_range(p)
    return FaceParams(p | {"anatomy": vector})
