"""Brightness: how bright an image looks, which is a judgement and not a measurement; several formulas stand in for it."""

from jaxtyping import Float
from torch import Tensor

from course_lib import images
from course_lib.quality.chunks import in_chunks
from course_lib.quality.maps import Images, Map, Maps, Region, root
from course_lib.quality.record import Measure

# Bezryadin's coordinates D, E, F from CIE XYZ. The length of (D, E, F) is the brightness.
DEF_FROM_XYZ = ((0.2053, 0.7125, 0.4670), (1.8537, -1.2797, -0.4429), (-0.3655, 1.0120, -0.6104))


@in_chunks
def brightness_hsb(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """HSB brightness: mean of the largest of R, G and B, which is V of HSV.

    Formula: (1/N) Σ max(R, G, B). Pure blue is as bright as white by it.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 1]; on 0..255 images 255 times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [smith1978].
    """
    maps = Maps.of(image, mask)
    return Map(maps.image.amax(1), maps.mask).mean()


@in_chunks
def brightness_luma(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Mean luma, the Y of YUV: what a camera's Y channel adds up to.

    Formula: (1/N) Σ 0.299 R + 0.587 G + 0.114 B of the coded (not linear) values.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 1]; on 0..255 images 255 times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [itu2011].
    """
    return Maps.of(image, mask).mean


@in_chunks
def brightness_bezryadin(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Bezryadin's brightness: mean length of the colour as a vector.

    Formula: (1/N) Σ |M (X, Y, Z)|, with X, Y, Z in linear light (not R, G, B as some code has it). White is 1.26, and
    saturated colours of the same luminance are brighter than grey.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``; grey is a neutral colour.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 1.42]. No simple law ties it to 0..255 images: it needs linear light.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [bezryadin2007].
    """
    maps = Maps.of(image, mask)
    linear = maps.linear.expand(-1, 3, -1, -1)
    squares = [images.weighted(linear, row).square_() for row in _DEF_FROM_LINEAR]
    return Map(root(squares[0].add_(squares[1]).add_(squares[2])[:, 0]), maps.mask).mean()


def _product(
    left: tuple[tuple[float, ...], ...], right: tuple[tuple[float, ...], ...]
) -> tuple[tuple[float, ...], ...]:
    columns = tuple(zip(*right, strict=True))
    return tuple(tuple(sum(a * b for a, b in zip(row, column, strict=True)) for column in columns) for row in left)


_DEF_FROM_LINEAR = _product(DEF_FROM_XYZ, images.XYZ_FROM_LINEAR)

MEASURES: tuple[Measure, ...] = (
    Measure("brightness_hsb", brightness_hsb, "brightness", (0, 1), "I", "target", "smith1978", power=1),
    Measure("brightness_luma", brightness_luma, "brightness", (0, 1), "I", "target", "itu2011", power=1),
    Measure("brightness_bezryadin", brightness_bezryadin, "brightness", (0, 1.42), "", "target", "bezryadin2007"),
)
