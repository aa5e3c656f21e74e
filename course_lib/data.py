"""Real faces that come with the dependencies (two portraits in the public domain, small LFW patches), and trained weights."""

import functools
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_lib import images
from course_lib.i18n import data_root as root

__all__ = [
    "PORTRAITS",
    "Portrait",
    "card",
    "landmarks",
    "lfw_patches",
    "portrait",
    "portraits",
    "record",
    "root",
    "weights",
]


@dataclass(frozen=True)
class Portrait:
    """One photograph: what it is called, what is seen, whose it is, and which square of it the book shows.

    Attributes:
        title: {"en", "zh"}, the sitter's name.
        alt: {"en", "zh"}, what the crop shows, for readers who don't see it.
        credit: who took it.
        licence: under which terms it may be used.
        source: where the file comes from.
        crop: (left, top, side) of the head-and-shoulders square, in pixels of the original.
    """

    title: dict[str, str]
    alt: dict[str, str]
    credit: str
    licence: str
    source: str
    crop: tuple[int, int, int]


# In both squares the face, from the middle of the forehead to the chin, fills about half the height.
PORTRAITS: dict[str, Portrait] = {
    "astronaut": Portrait(
        title={"en": "Eileen Collins", "zh": "艾琳·柯林斯"},
        alt={
            "en": "Astronaut Eileen Collins, a woman with short light brown hair, smiles into the camera; "
            "the collar ring of her orange space suit lies around her shoulders, the background is a plain light grey.",
            "zh": "宇航员艾琳·柯林斯：浅棕色短发的女性，面向镜头微笑，肩上是橙色航天服的颈环，背景为浅灰色。",
        },
        credit="NASA",
        licence="Public domain",
        source="skimage.data.astronaut()",
        crop=(105, 0, 240),
    ),
    "hopper": Portrait(
        title={"en": "Grace Hopper", "zh": "格蕾丝·霍珀"},
        alt={
            "en": "Commodore Grace Hopper, an elderly woman in navy uniform with a peaked cap and half-rimmed glasses, "
            "looks into the camera; behind her a flag of the United States on the left and blue on the right.",
            "zh": "格蕾丝·霍珀准将：戴海军军帽和半框眼镜的年长女性，身着海军制服，目视镜头；身后左侧是美国国旗，右侧为蓝色背景。",
        },
        credit="US Navy, photograph by James S. Davis",
        licence="Public domain",
        source="Matplotlib sample data grace_hopper.jpg",
        crop=(65, 2, 400),
    ),
}


def portrait(name: str, size: int | None = None) -> Float[Tensor, "1 3 size size"]:
    """A real portrait, cropped to head and shoulders.

    Args:
        name: "astronaut" (Eileen Collins) or "hopper" (Grace Hopper), the keys of ``PORTRAITS``.
        size: side in pixels, resized with antialiasing; None keeps the photograph's own pixels (240 and 400).

    Returns:
        (1, 3, size, size) float32 RGB in [0, 1], on the CPU.

    Raises:
        ValueError: if there is no such portrait, or ``size`` is below 1.
    """
    square = _square(_known(name))
    return square.clone() if size is None else images.resize(square, size).clone()


def portraits(size: int = 224) -> Float[Tensor, "2 3 size size"]:
    """All portraits of ``PORTRAITS``, in its order.

    Args:
        size: side in pixels.

    Returns:
        (2, 3, size, size) float32 RGB in [0, 1], on the CPU.

    Raises:
        ValueError: if ``size`` is below 1.
    """
    return torch.cat([portrait(name, size) for name in PORTRAITS])


def landmarks(name: str, size: int | None = None) -> Float[Tensor, "68 2"]:
    """Hand-placed points of a portrait, in pixels of the crop that ``portrait(name, size)`` returns.

    68 points in the order of iBUG 300-W: 0–16 jaw, 17–26 brows, 27–35 nose, 36–41 the person's right eye (left in the
    image), 42–47 left eye, 48–67 mouth. The file data/landmarks.json holds them in pixels of the original photograph
    and says how accurate they are: 1 to 4 pixels of it.

    Args:
        name: "astronaut" or "hopper".
        size: side of the crop in pixels, as given to ``portrait``.

    Returns:
        (68, 2) float32 xy, x to the right, y down, pixel centres at integers.

    Raises:
        ValueError: if there is no such portrait, or ``size`` is below 1.

    Source:
        [sagonas2013]
    """
    left, top, side = PORTRAITS[_known(name)].crop
    size = side if size is None else size
    if size < 1:
        raise ValueError(f"size: expected at least 1 pixel, got {size}")
    with open(root() / "landmarks.json", encoding="utf-8") as file:
        points = torch.tensor(json.load(file)[name]["ibug68"], dtype=torch.float64)
    # Half a pixel moves the origin from the centre of the first pixel to its corner, which is what stays in place.
    corner = points - torch.tensor([left, top], dtype=torch.float64) + 0.5
    return (corner * (size / side) - 0.5).float()


def lfw_patches(faces: bool = True) -> Float[Tensor, "100 1 25 25"]:
    """Small grey patches of Labeled Faces in the Wild, as scikit-image ships them.

    100 tight crops of faces (about from brows to chin), or 100 patches of the backgrounds of the same photographs.
    Many of the backgrounds are flat or black, and a few show part of a face: any measure of gradient tells the two
    sets apart (area under the ROC curve 0.99), so they are no test of a face detector.

    Args:
        faces: True for the faces, False for the backgrounds.

    Returns:
        (100, 1, 25, 25) float32 grey in [0, 1], on the CPU.

    Source:
        [huang2012]
    """
    import skimage.data

    patches = np.asarray(skimage.data.lfw_subset())
    chosen = patches[:100] if faces else patches[100:]
    return torch.from_numpy(chosen[:, None].astype(np.float32))


def weights(name: str) -> dict[str, Tensor]:
    """The weights of a trained network, for its ``load_state_dict``.

    Kernels are stored in half precision and come back as float32. The file is compared with the hash on its card.

    Args:
        name: as in data/weights: "coursenet", "mobilefacenet", ...

    Returns:
        {parameter or buffer: tensor}, floating ones in float32, on the CPU.

    Raises:
        ValueError: if there are no such weights, or the file is not the one of the card.
    """
    from safetensors.torch import load

    expected = card(name)["sha256"]
    path = root() / "weights" / f"{name}.safetensors"
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError(f"weights: {path} is not the file that its card describes; get both anew, or train again")
    return {key: t.float() if t.is_floating_point() else t for key, t in load(content).items()}


def card(name: str) -> dict[str, Any]:
    """The card of a trained network: recipe, settings, seed, data, CPU minutes, metrics with intervals, licence, hash.

    Args:
        name: as in data/weights.

    Returns:
        The card as a dict.

    Raises:
        ValueError: if there is no such card.
    """
    return _json("weights", name)


def record(name: str) -> dict[str, Any]:
    """The record of an experiment, data/records/NAME.json, as a dict.

    Args:
        name: for instance "losses".

    Raises:
        ValueError: if there is no such record.
    """
    return _json("records", name)


def _json(folder: str, name: str) -> dict[str, Any]:
    path = root() / folder / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.json"))) or "nothing yet"
        raise ValueError(f"name: expected one of data/{folder} ({known}), got {name!r}")
    return json.loads(path.read_text(encoding="utf-8"))


def _known(name: str) -> str:
    if name not in PORTRAITS:
        raise ValueError(f"name: expected one of {', '.join(map(repr, PORTRAITS))}, got {name!r}")
    return name


@functools.cache
def _square(name: str) -> Tensor:
    left, top, side = PORTRAITS[name].crop
    return _photograph(name)[..., top : top + side, left : left + side].contiguous()


def _photograph(name: str) -> Tensor:
    if name == "astronaut":
        import skimage.data

        return images.from_array(skimage.data.astronaut())
    from matplotlib.cbook import get_sample_data

    return images.load(get_sample_data("grace_hopper.jpg", asfileobj=False))
