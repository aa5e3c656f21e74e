"""A photograph of the reader's own: cut to the shape a figure takes, and words for what can go wrong with it."""

import math
import sys

from jaxtyping import Float
from torch import Tensor

from course_lib import images
from course_lib.i18n import Label, say

REMOTE: Label = (
    "Your photo goes to the computer that runs this notebook's kernel, and nowhere else.",
    "照片会传到运行本笔记本内核的计算机，不会传到别处。",
)

IN_COLAB: Label = (
    "In Colab your photo goes to the machine of Google's that runs this notebook, and is gone when that machine is.",
    "在 Colab 中，照片会传到运行此笔记本的 Google 计算机上；该运行时被回收后，照片随之删除。",
)

# What images.load says, by a part of its message, in the words of the reader.
PROBLEMS: tuple[tuple[str, Label], ...] = (
    ("is not an image", "not_an_image"),
    ("pixels, more than", "image_too_large"),
    ("larger than", "image_too_large"),
    ("no bytes", ("This file is empty.", "该文件是空的。")),
    ("damaged or truncated", ("This image file is damaged or incomplete.", "该图像文件已损坏或不完整。")),
    ("white is unknown", ("This kind of image (its pixel values) cannot be shown.", "无法显示这种像素格式的图像。")),
)


def where_it_goes() -> Label:
    """Where a photograph goes that is given to a notebook."""
    return IN_COLAB if "google.colab" in sys.modules else REMOTE


def explain(error: ValueError, name: str = "") -> str:
    """The reader's words for an error of ``images.load``.

    Args:
        error: what ``images.load`` raised.
        name: name of the file.

    Returns:
        The file's name and one sentence in the reader's language.
    """
    words = next((say(label) for part, label in PROBLEMS if part in str(error)), str(error))
    return f"{name}: {words}" if name else words


def fitted(photo: Float[Tensor, "1 3 h w"], shape: tuple[int, ...]) -> Float[Tensor, "1 c height width"]:
    """The middle of a photograph, cut to an aspect and resized; the website's live-photo.js does the same.

    A photograph of the very size comes back as it is.

    Args:
        photo: (1, 3, H, W) in [0, 1].
        shape: (1, C, height, width) that a figure takes; with C = 1 the photograph's luma is taken.

    Returns:
        Tensor of that shape in [0, 1].

    Raises:
        ValueError, TypeError: see ``images.resize``.
    """
    channels, height, width = shape[1:]
    scale = min(photo.shape[2] / height, photo.shape[3] / width)
    high, wide = (max(1, math.floor(side * scale + 0.5)) for side in (height, width))
    top, left = (photo.shape[2] - high) // 2, (photo.shape[3] - wide) // 2
    seen = images.resize(photo[:, :, top : top + high, left : left + wide], (height, width))
    return images.luma(seen) if channels == 1 else seen
