"""What a camera, a file and an editor do to pictures, drawn anew for each picture of a batch."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from course_lib import degrade

__all__ = ["photographic", "some", "uniform"]

Images = Float[Tensor, "b c h w"]


def uniform(n: int, low: float | int, high: float | int, generator: torch.Generator) -> Float[Tensor, "n"]:
    """Numbers drawn evenly from [low, high]."""
    return torch.rand(n, generator=generator) * (high - low) + low


def some(n: int, share: float, generator: torch.Generator) -> Bool[Tensor, "n"]:
    """Which of n things are chosen, each with probability ``share``."""
    return torch.rand(n, generator=generator) < share


def _normal(n: int, generator: torch.Generator) -> Tensor:
    return torch.randn(n, 1, 1, 1, generator=generator)


def blurred(image: Images, sigma: Float[Tensor, "b"]) -> Images:
    """Gaussian blur with a width in pixels of each picture's own, at most 1.6."""
    b, c, h, w = image.shape
    place = torch.arange(-4, 5)
    kernel = torch.exp(-0.5 * (place / sigma.view(-1, 1).clamp_min(0.05)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(c, 0)
    flat = F.pad(image.reshape(1, b * c, h, w), (4, 4, 4, 4), mode="replicate")
    flat = F.conv2d(flat, kernel.view(b * c, 1, 1, 9), groups=b * c)
    return F.conv2d(flat, kernel.view(b * c, 1, 9, 1), groups=b * c).view(b, c, h, w)


def photographic(image: Images, generator: torch.Generator, strength: float | int = 1.0) -> Images:
    """Contrast, exposure, gamma, blur or sharpening, fewer pixels, noise and JPEG.

    Args:
        image: (B, C, H, W), C is 1 or 3, about in [0, 1].
        generator: source of randomness.
        strength: of contrast, exposure and gamma.

    Returns:
        (B, C, H, W) in [0, 1].
    """
    n, size = len(image), image.shape[-2:]
    mean = image.mean((1, 2, 3), keepdim=True)
    image = (
        (image - mean) * (0.3 * strength * _normal(n, generator)).exp() + mean + 0.1 * strength * _normal(n, generator)
    )
    image = image.clamp(1e-4, 1) ** (0.3 * strength * _normal(n, generator)).exp()
    sharp = some(n, 0.22, generator).nonzero()[:, 0]
    soft = (some(n, 0.4, generator)).nonzero()[:, 0]
    image = image.clone()
    if len(soft):
        image[soft] = blurred(image[soft], uniform(len(soft), 0.3, 1.2, generator))
    if len(sharp):
        part = image[sharp]
        image[sharp] = part + (part - blurred(part, torch.full((len(sharp),), 1.1))) * uniform(
            len(sharp), 0.3, 1.8, generator
        ).view(-1, 1, 1, 1)
    fewer = some(n, 0.2, generator).nonzero()[:, 0]
    if len(fewer):
        factor = float(uniform(1, 0.4, 0.9, generator))
        small = F.interpolate(image[fewer], scale_factor=factor, mode="bilinear", antialias=True, align_corners=False)
        image[fewer] = F.interpolate(small, size, mode="bilinear", align_corners=False)
    noise = 0.05 * torch.rand(n, 1, 1, 1, generator=generator) ** 2
    image = (image + noise * torch.randn(image.shape, generator=generator)).clamp(0, 1)
    filed = some(n, 0.3, generator).nonzero()[:, 0]
    if len(filed):
        image[filed] = degrade.jpeg(image[filed], uniform(len(filed), 15, 85, generator)).clamp(0, 1)
    return image
