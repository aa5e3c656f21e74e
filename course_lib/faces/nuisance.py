"""Drawing what changes from picture to picture: pose, expression, light, things worn and held, background, camera."""

import torch
from torch import Tensor

from course_lib.faces.maths import linear
from course_lib.faces.params import NuisanceParams, _normal, _rand

GLASSES = ("none", "thin", "thick", "half_rim", "round", "sunglasses")
HATS = ("none", "beanie", "cap", "headscarf", "headband")
MASKS = ("none", "surgical", "cloth", "scarf")
OBJECTS = ("none", "hand", "microphone", "block", "cup")
CLOTHES = ("t-shirt", "v-neck", "shirt", "jacket", "striped", "tie")
BACKGROUNDS = 64


def sample_nuisance(
    n: int,
    generator: torch.Generator,
    *,
    yaw: float | int = 40.0,
    pitch: float | int = 15.0,
    roll: float | int = 10.0,
    light: float | int = 1.0,
    expression: float | int = 1.0,
    occlusion: float | int = 0.0,
    camera: float | int = 0.0,
    glasses: float | int | None = None,
    crop: float | int = 1.0,
) -> NuisanceParams:
    """Draws the circumstances of pictures.

    Args:
        n: how many pictures, at least 1.
        generator: source of randomness; its device is where the parameters live.
        yaw, pitch, roll: half range of the head's angles in degrees, drawn evenly.
        light: variety of the light; 0 is one soft light from the front, 1 strong side light, exposures within about a stop
            and whites from candle-like to bluish, as automatic cameras leave them.
        expression: variety of smiles, open mouths, closed eyes, gaze; 0 is neutral.
        occlusion: share-like strength of glasses, hats, masks, hands and objects; 0 is none.
        camera: strength of sensor noise, white balance error, blur and compression; 0 is a perfect camera.
        glasses: probability of glasses; follows ``occlusion`` when None.
        crop: strength of the crop's errors of place and scale, about those of a face finder at 1; 0 is a perfect crop.

    Returns:
        NuisanceParams of n pictures.

    Raises:
        ValueError: if ``n`` is below 1 or a range is negative.
    """
    if n < 1:
        raise ValueError(f"n is {n}; it should be at least 1")
    for name, value in (
        ("yaw", yaw),
        ("pitch", pitch),
        ("roll", roll),
        ("light", light),
        ("expression", expression),
        ("occlusion", occlusion),
        ("crop", crop),
    ):
        if value < 0:
            raise ValueError(f"{name} is {value}; it should not be negative")
    even = lambda: _rand(n, generator=generator) * 2 - 1  # noqa: E731
    q: dict[str, Tensor] = {"yaw": even() * yaw, "pitch": even() * pitch, "roll": even() * roll}
    q |= _light(n, light, generator)
    q |= _expression(n, expression, generator)
    q |= _worn(n, occlusion, glasses, generator)
    q |= _surroundings(n, generator)
    q |= _camera(n, camera, light, generator)
    q |= _crop(n, crop, generator)
    return NuisanceParams(q)


def _light(n: int, light: float | int, g: torch.Generator) -> dict[str, Tensor]:
    even = lambda: _rand(n, generator=g) * 2 - 1  # noqa: E731
    return {
        "light_azimuth": even() * 70 * light,
        "light_elevation": 34 + even() * 24 * light,
        "key": 1 + 0.35 * even() * light,
        "ambient": 0.36 + 0.20 * even() * light,
        "warmth": 0.10 * _normal(n, generator=g) * light,
        "side_tint": 0.16 * _normal(n, 3, generator=g).clamp(-2, 2) * light,
        "hair_light": 2 ** (0.4 * light * _normal(n, generator=g).clamp(-2, 2)),
        "rim": 0.5 * (_rand(n, generator=g) * light - 0.4).clamp(min=0),
    }


def _expression(n: int, strength: float | int, g: torch.Generator) -> dict[str, Tensor]:
    u = lambda: _rand(n, generator=g)  # noqa: E731
    closed, talking, smiling = u() < 0.1 * strength, u() < 0.3 * strength, u() < 0.55 * strength
    return {
        "eyes_open": torch.where(closed, u() * 0.5, 1 + 0.1 * _normal(n, generator=g) * strength).clamp(0, 1.25),
        "mouth_open": torch.where(talking, u(), torch.zeros_like(closed, dtype=torch.float32)),
        "smile": torch.where(smiling, u(), u() * 0.15 - 0.06) * min(1.0, strength + 0.01),
        "gaze_x": 0.12 * _normal(n, generator=g) * strength,
        "gaze_y": 0.05 * _normal(n, generator=g) * strength,
        "brow_raise": 0.12 * _normal(n, generator=g) * strength,
        "frown": 0.5 * (u() - 0.6).clamp(min=0) * strength,
    }


def _kind(n: int, probability: float | int, kinds: int, g: torch.Generator) -> Tensor:
    on = _rand(n, generator=g) < probability
    kind = 1 + (_rand(n, generator=g) * (kinds - 1)).long().clamp(max=kinds - 2)
    return torch.where(on, kind, torch.zeros_like(kind))


def _worn(n: int, occlusion: float | int, glasses: float | None, g: torch.Generator) -> dict[str, Tensor]:
    colour = lambda: linear(0.06 + 0.8 * _rand(n, 3, generator=g) * _rand(n, 1, generator=g).sqrt())  # noqa: E731
    return {
        "glasses": _kind(n, 0.35 * occlusion if glasses is None else glasses, len(GLASSES), g),
        "glasses_size": _rand(n, generator=g),
        # Centred on the eyes and level; a data set may vary both (``FaceSettings.spectacles``).
        "glasses_drop": torch.zeros(n, device=g.device),
        "glasses_sweep": torch.zeros(n, device=g.device),
        "hat": _kind(n, 0.22 * occlusion, len(HATS), g),
        "mask": _kind(n, 0.15 * occlusion, len(MASKS), g),
        "object": _kind(n, 0.15 * occlusion, len(OBJECTS), g),
        "object_place": _rand(n, 3, generator=g),
        "worn_colour": colour(),
        "object_colour": colour(),
        "reflection": _rand(n, 2, generator=g),
    }


def _surroundings(n: int, g: torch.Generator) -> dict[str, Tensor]:
    u = lambda *s: _rand(n, *s, generator=g)  # noqa: E731
    grey, light_grey = u(1), u(1)
    return {
        "cloth": linear((0.08 + 0.72 * grey + 0.09 * _normal(n, 3, generator=g)).clamp(0.03, 0.9)),
        "cloth_second": linear((0.70 + 0.22 * light_grey + 0.05 * _normal(n, 3, generator=g)).clamp(0.03, 0.92)),
        "cloth_style": (u() * len(CLOTHES)).long().clamp(max=len(CLOTHES) - 1),
        "background": (u() * BACKGROUNDS).long().clamp(max=BACKGROUNDS - 1),
        "background_tint": (1 + 0.1 * _normal(n, 3, generator=g)).clamp(0.6, 1.4) * (0.7 + 0.5 * u(1)),
        "background_place": u(2),
        "background_flip": (u() < 0.5).float(),
    }


def _camera(n: int, strength: float | int, light: float | int, g: torch.Generator) -> dict[str, Tensor]:
    u = lambda *s: _rand(n, *s, generator=g)  # noqa: E731
    stops = (0.25 * strength**2 + 0.2 * light**2) ** 0.5
    return {
        "distance": 65 + 70 * u(),
        "exposure": 2 ** (stops * _normal(n, generator=g).clamp(-2.2, 2.2)),
        "white_balance": _white(n, light, g) * (1 + 0.05 * strength * _normal(n, 3, generator=g).clamp(-2, 2)),
        "sensor_noise": 0.02 * strength * u() ** 2,
        "defocus": 0.6 * strength * (u() - 0.5).clamp(min=0),
        "compression": (strength * (u() - 0.3)).clamp(0, 1),
        "noise_seed": torch.randint(0, 2**31 - 1, (n,), generator=g, device=g.device),
    }


def _white(n: int, light: float | int, g: torch.Generator) -> Tensor:
    """(n, 3) gains of the illuminant that a camera's white balance leaves: mostly from yellow to blue, little towards green."""
    yellow = (0.14 * light * _normal(n, generator=g)).clamp(-0.3, 0.3)
    green = (0.04 * light * _normal(n, generator=g)).clamp(-0.1, 0.1)
    gains = torch.stack([yellow, green, -yellow], 1).exp()
    return gains / gains.mean(1, keepdim=True)


def _crop(n: int, strength: float | int, g: torch.Generator) -> dict[str, Tensor]:
    draw = lambda: _normal(n, generator=g).clamp(-2.2, 2.2) * strength  # noqa: E731
    return {"shift_x": 0.025 * draw(), "shift_y": 0.025 * draw(), "scale": (0.065 * draw()).exp()}
