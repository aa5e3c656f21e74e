"""Pictures for the tests of the measures, and the maps of a mask that the tests compute for themselves."""

import numpy as np
import torch

from course_lib import data, images


def portraits(size: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Both portraits with the values of 8-bit images: what goes into OpenCV comes out of ours."""
    return torch.cat([images.from_array(images.to_array(face[None])) for face in data.portraits(size)]).to(dtype)


def grey_portraits(size: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """(2, 1, size, size), levels of 8-bit images."""
    return torch.round(images.luma(portraits(size, torch.float64)) * 255).div(255).to(dtype)


def noise_images(count: int, height: int, width: int, seed: int = 0, channels: int = 1) -> torch.Tensor:
    """Independent uniform pixels: nothing is equal by chance, which gradients and ranks like."""
    return torch.rand(
        count, channels, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


def checkerboard(size: int, square: int) -> torch.Tensor:
    """(1, 1, size, size) of 0 and 1."""
    line = torch.arange(size) // square
    return ((line[:, None] + line) % 2).double()[None, None]


def arrays(batch: torch.Tensor) -> list[np.ndarray]:
    """(H, W) or (H, W, 3) arrays."""
    return [image.permute(1, 2, 0).squeeze(2).numpy() for image in batch]
