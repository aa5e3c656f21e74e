"""Image files: from path, bytes or binary file to a tensor, or to an error that says what is wrong."""

import io
import os
import re
import warnings
from typing import IO, Protocol, cast, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

MAX_PIXELS = 50_000_000
"""Default bound on width × height: a 50-megapixel photograph; as float32 RGB that is 600 MB."""

# Others that Pillow knows start external programs (EPS) or hold images larger than their header says (ICO, ICNS).
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "PPM")


@runtime_checkable
class BinaryFile(Protocol):
    """What can be read as a file: an open file, ``io.BytesIO``, a member of a zip archive."""

    def read(self, size: int = -1, /) -> bytes: ...  # noqa: D102


Source = str | os.PathLike | bytes | bytearray | memoryview | BinaryFile


def load(source: Source, *, max_pixels: int = MAX_PIXELS) -> Float[Tensor, "1 3 h w"]:
    """A photograph as a tensor, upright and in RGB.

    - The EXIF orientation is applied, so that faces stand as the photographer saw them.
    - Transparency is composited on white: α·c + (1 − α), on sRGB values, as browsers do.
    - Grey, palette, CMYK (without its profile: (1 − C)(1 − K)) and the first frame of an animation become RGB.
    - 16-bit grey keeps its precision (value / 65535); of 16-bit colour Pillow reads the upper 8 bits.
    - Embedded colour profiles are ignored: values count as sRGB.

    Nothing is ever fetched: a URL is an error. The size stands in the file's header and is compared with
    ``max_pixels`` before a pixel is decoded, so a small file can't unpack into gigabytes.

    Args:
        source: path, the file's bytes, or a file opened in binary mode. JPEG, PNG, WebP, AVIF, BMP, GIF, TIFF, PPM.
        max_pixels: largest allowed width × height.

    Returns:
        (1, 3, H, W) float32 in [0, 1], on the CPU.

    Raises:
        FileNotFoundError: if there is no file at the path.
        TypeError: if ``source`` is none of the above.
        ValueError: if it is a URL, empty, not an image, truncated or damaged, or larger than ``max_pixels``.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        if len(source) == 0:
            raise ValueError("source: expected an image, got no bytes at all")
        return _decode(io.BytesIO(source), "the given bytes", max_pixels)
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://|data:", str(path)):
            raise ValueError(
                f"source: expected a path, got a URL ({str(path)[:60]}); load fetches nothing, download the file first"
            )
        with open(path, "rb") as file:
            return _decode(file, repr(path), max_pixels)
    if not hasattr(source, "read"):
        raise TypeError(f"source: expected a path, bytes or a binary file, got {type(source).__name__}")
    if isinstance(source, io.TextIOBase):
        raise TypeError('source: expected a file opened in binary mode ("rb"), got one in text mode')
    return _decode(source, "the given file", max_pixels)


def _decode(file: BinaryFile, origin: str, max_pixels: int) -> Tensor:
    try:
        with warnings.catch_warnings():  # Pillow warns of large images; the bound below decides
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(cast(IO[bytes], file), formats=[name for name in FORMATS if _available(name)])
    except UnidentifiedImageError:
        raise ValueError(f"source: {origin} is not an image that can be read ({', '.join(FORMATS)})") from None
    except Image.DecompressionBombError as error:
        raise ValueError(f"source: {origin} is larger than Pillow opens: {error}") from None
    except Exception as error:  # damaged headers raise whatever the format's reader trips over
        raise ValueError(f"source: {origin} is damaged or truncated ({error})") from error
    with image:
        if image.width * image.height > max_pixels:
            raise ValueError(
                f"source: {origin} has {image.width} × {image.height} pixels, more than max_pixels = {max_pixels}; "
                "make it smaller, or raise max_pixels"
            )
        try:
            image.load()
            pixels = _rgb(_upright(image))
        except MemoryError:
            raise
        except _UnknownRangeError as error:
            raise ValueError(f"source: {origin} {error}") from None
        except Exception as error:  # as above: SyntaxError, struct.error, EOFError, OSError, ...
            raise ValueError(f"source: {origin} is damaged or truncated ({error})") from error
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


class _UnknownRangeError(ValueError):
    """The pixel type has no agreed white, so [0, 1] can't be known."""


def _available(name: str) -> bool:
    Image.init()
    return name in Image.OPEN


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data is no reason to refuse sound pixels
        return image


def _rgb(image: Image.Image) -> np.ndarray:
    """(H, W, 3) float32 in [0, 1] from any of Pillow's modes."""
    if image.mode.startswith("I") or image.mode == "F":
        return np.repeat(_high_precision_grey(image)[..., None], 3, axis=2)
    if image.has_transparency_data:
        pixels = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255
        return pixels[..., :3] * pixels[..., 3:] + (1 - pixels[..., 3:])
    return np.asarray(image.convert("RGB"), dtype=np.float32) / 255


def _high_precision_grey(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image, dtype=np.float32)
    white = 1.0 if image.mode == "F" else 65535.0
    if not (pixels.min() >= 0 and pixels.max() <= white):
        raise _UnknownRangeError(f"has pixels of mode {image.mode} outside 0 to {white:g}, so white is unknown")
    return pixels / white
