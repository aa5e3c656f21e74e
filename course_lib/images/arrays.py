"""Between tensors and the 8-bit arrays of Pillow, OpenCV and scikit-image; and resizing."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from course_lib.images.checks import check_images


def from_array(array: UInt8[np.ndarray, "h w 3"] | UInt8[np.ndarray, "h w"]) -> Float[Tensor, "1 3 h w"]:
    """An image from an 8-bit array: value / 255, grey repeated in all three channels.

    Args:
        array: uint8, (H, W, 3) RGB or (H, W) grey.

    Returns:
        (1, 3, H, W) float32 in [0, 1], with memory of its own.

    Raises:
        TypeError: if ``array`` is not uint8.
        ValueError: if its shape is another, or empty.
    """
    array = np.asarray(array)
    if array.dtype != np.uint8:
        raise TypeError(f"array: expected dtype uint8, got {array.dtype}")
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise ValueError(f"array: expected shape (H, W, 3) or (H, W) with at least one pixel, got {array.shape}")
    pixels = torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))
    return pixels[None].to(torch.float32) / 255


def to_array(image: Float[Tensor, "1 c h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """The 8-bit array of one image: round(255 · value), ready for Pillow, Matplotlib or a canvas.

    Args:
        image: (1, 3, H, W) RGB or (1, 1, H, W) grey in [0, 1], on any device.

    Returns:
        (H, W, 3) uint8; grey is repeated in all three channels.

    Raises:
        ValueError: if ``image`` is no single image; see also ``check_images``.
        TypeError: see ``check_images``.
    """
    check_images(image)
    if image.shape[0] != 1:
        raise ValueError(f"image: expected one image (1, C, H, W), got a batch of {image.shape[0]}")
    pixels = (image.detach()[0].float() * 255).round().clamp(0, 255).to(torch.uint8)
    return pixels.expand(3, -1, -1).permute(1, 2, 0).contiguous().cpu().numpy()


def to_png(image: Float[Tensor, "1 c h w"]) -> bytes:
    """One image as a PNG file of 8 bits, packed fast rather than small: a lab sends one with every move of a slider.

    Args:
        image: as for ``to_array``.

    Returns:
        The file; read back, its pixels are those of ``to_array``.

    Raises:
        ValueError: see ``to_array``.
        TypeError: see ``check_images``.
    """
    import cv2  # slow to import, and needed only here

    fast = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY)
    done, file = cv2.imencode(
        ".png", to_array(image)[..., ::-1], (*fast, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB)
    )
    assert done
    return file.tobytes()


def resize(image: Float[Tensor, "b c h w"], size: int | tuple[int, int]) -> Float[Tensor, "b c height width"]:
    """Images at another size, by antialiased cubic interpolation (Keys' kernel, a = −1/2, widened when shrinking).

    The kernel has negative lobes; overshoot at edges is clamped to [0, 1].

    Args:
        image: (B, 1 or 3, H, W) in [0, 1].
        size: (height, width) in pixels, or one integer for a square.

    Returns:
        (B, C, height, width) in [0, 1].

    Raises:
        ValueError: if a side of ``size`` is below 1; see also ``check_images``.
        TypeError: see ``check_images``.

    Source:
        [keys1981]
    """
    check_images(image)
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise ValueError(f"size: expected at least 1 pixel each way, got {(height, width)}")
    if (height, width) == tuple(image.shape[-2:]):
        return image
    small = image.dtype in (torch.float16, torch.bfloat16)
    wide = image.float() if small else image
    scaled = functional.interpolate(wide, (height, width), mode="bicubic", antialias=True, align_corners=False)
    return scaled.clamp(0, 1).to(image.dtype)
