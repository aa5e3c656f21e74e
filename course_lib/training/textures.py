"""Photographic textures to stand behind rendered faces: crops of photographs without people that scikit-image ships."""

from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from course_lib import images

__all__ = ["HELD_OUT", "TEXTURES", "photograph", "texture_crops"]

TEXTURES = (
    "brick.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png", "color.png", "grass.png", "gravel.png",
    "hubble_deep_field.jpg", "ihc.png", "microaneurysms.png", "moon.png", "page.png", "retina.jpg", "rocket.jpg", "text.png",
)  # fmt: skip
"""Files of skimage.data that are trained with: no person is in them. The coins are left out, they bear heads."""

HELD_OUT = ("motorcycle_left.png", "motorcycle_right.png")
"""Photographs without a face that nothing is trained with: false alarms are counted on them."""


def photograph(name: str) -> Tensor:
    """One of the photographs in the wheel of scikit-image: (1, 3, H, W) in [0, 1]."""
    import skimage.data

    return images.load(Path(skimage.data.__file__).parent / name)


def texture_crops(n: int, size: int, generator: torch.Generator, *, smallest: int = 30) -> UInt8[Tensor, "n 3 s s"]:
    """Square crops of the textures at random places and scales, some turned or mirrored.

    Args:
        n: how many.
        size: side in pixels.
        generator: source of randomness.
        smallest: side in pixels of the smallest square that is cut out; sides are drawn evenly in their logarithm.

    Returns:
        (n, 3, size, size) uint8.
    """
    sources = [photograph(name) for name in TEXTURES]
    out = torch.empty(n, 3, size, size, dtype=torch.uint8)
    for k, u in enumerate(torch.rand(n, 5, generator=generator).tolist()):
        source = sources[int(u[0] * len(sources))]
        high, wide = source.shape[-2:]
        side = max(2, int(smallest * (0.98 * min(high, wide) / smallest) ** u[1]))
        top, left = int(u[2] * (high - side)), int(u[3] * (wide - side))
        crop = source[..., top : top + side, left : left + side]
        crop = F.interpolate(crop, (size, size), mode="bilinear", antialias=side > size, align_corners=False)
        turn = int(u[4] * 8)
        crop = crop.rot90(turn % 4, (2, 3)) if u[4] < 0.5 else crop.flip(3) if turn % 2 else crop
        out[k] = (crop[0] * 255 + 0.5).clamp(0, 255).byte()
    return out
