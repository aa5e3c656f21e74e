"""Networks from a face to an embedding: all take RGB in [0, 1] and return the raw embedding."""

from collections.abc import Callable

from torch import nn

from course_lib import data
from course_lib.recognition.backbones.coursenet import CourseNet
from course_lib.recognition.backbones.inception import FaceNet
from course_lib.recognition.backbones.iresnet import IResNet
from course_lib.recognition.backbones.mobilefacenet import MobileFaceNet
from course_lib.recognition.backbones.vgg import VGGFace

__all__ = ["BACKBONES", "CourseNet", "FaceNet", "IResNet", "MobileFaceNet", "VGGFace", "build", "load"]

BACKBONES: dict[str, Callable[[], nn.Module]] = {
    "course": CourseNet,
    "mobilefacenet": MobileFaceNet,
    "mobilefacenet-512": lambda: MobileFaceNet(512, scale=2),
    "mobilefacenet-large": lambda: MobileFaceNet(512, (2, 8, 12, 4), scale=4),
    "iresnet18": lambda: IResNet(18),
    "iresnet34": lambda: IResNet(34),
    "iresnet50": lambda: IResNet(50),
    "iresnet100": lambda: IResNet(100),
    "facenet": FaceNet,
    "vggface": VGGFace,
}


def build(name: str) -> nn.Module:
    """Return a freshly initialised network by name.

    Args:
        name: a key of `BACKBONES`.

    Returns:
        The network; its `size` is the side of the faces it takes.

    Raises:
        ValueError: for another name.

    Source: [deng2019]
    """
    if name not in BACKBONES:
        raise ValueError(f"name must be one of {tuple(BACKBONES)}, got {name!r}")
    return BACKBONES[name]()


TRAINED = {"coursenet": "course", "mobilefacenet": "mobilefacenet"}
"""Weights that come with the book, and the key of `BACKBONES` that they belong to."""


def load(name: str = "coursenet") -> nn.Module:
    """Return a trained network in evaluation mode; `data.card(name)` says what it learnt and how well.

    Args:
        name: "coursenet" or "mobilefacenet", both trained on rendered faces.

    Returns:
        The network; its `size` is the side of the aligned faces it takes.

    Raises:
        ValueError: for another name, or if the file of the weights is damaged.

    Source: [deng2019]
    """
    if name not in TRAINED:
        raise ValueError(f"name must be one of {tuple(TRAINED)}, got {name!r}")
    network = build(TRAINED[name])
    network.load_state_dict(data.weights(name))
    return network.eval()
