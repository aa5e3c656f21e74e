"""Focus measures from first differences: all are high when neighbours differ, so blur lowers and noise raises them."""

from jaxtyping import Float
from torch import Tensor

from course_lib.quality.chunks import in_chunks
from course_lib.quality.maps import Images, Map, Maps, Region, root
from course_lib.quality.record import Measure


@in_chunks
def sobel_mean(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Mean magnitude of the Sobel gradient.

    Formula: F = (1/N) Σ G, G = √(Gx² + Gy²).

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if its 3 × 3 window lies in it. 0 if none does.

    Returns:
        (B,) in [0, 4.48]; on 0..255 images 255 times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [pertuz2013].
    """
    energy = Maps.of(image, mask).energy
    return Map(root(energy.values), energy.inside).mean()


@in_chunks
def energy_of_gradient(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Energy of gradient: mean squared difference to the right and to the lower neighbour.

    Formula: F = (1/N) Σ (I[x+1, y] − I[x, y])² + (I[x, y+1] − I[x, y])².

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if it and both neighbours lie in it. 0 if none does.

    Returns:
        (B,) in [0, 2]; on 0..255 images 255² times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [subbarao1993].
    """
    right, down = Maps.of(image, mask).corner
    return right.mean_square() + down.mean_square()


@in_chunks
def brenner_gradient(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Brenner gradient: mean squared difference of pixels two apart in a row.

    Formula: F = (1/N) Σ (I[x+2, y] − I[x, y])². It looks along rows only: blur along columns escapes it.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pair counts if it and the pixel between lie in it. 0 if none does.

    Returns:
        (B,) in [0, 1]; on 0..255 images 255² times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [brenner1976].
    """
    return Maps.of(image, mask).right2.mean_square()


@in_chunks
def grey_difference_sum(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Sum of grey differences (SMD): mean absolute difference to the right plus that to the lower neighbour.

    Formula: F = (1/N) Σ |I[x+1, y] − I[x, y]| + |I[x, y+1] − I[x, y]|. Some texts take the left neighbour, which
    moves the border by one pixel and nothing else.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if it and both neighbours lie in it. 0 if none does.

    Returns:
        (B,) in [0, 2]; on 0..255 images 255 times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [jarvis1976].
    """
    right, down = Maps.of(image, mask).corner
    return right.mean_abs() + down.mean_abs()


@in_chunks
def grey_difference_product(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Product of grey differences (SMD2): the two differences of SMD, multiplied.

    Formula: F = (1/N) Σ |I[x+1, y] − I[x, y]| · |I[x, y+1] − I[x, y]|. It peaks more sharply at focus than the sum,
    and sees no edge that runs exactly along a row or a column.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if it and both neighbours lie in it. 0 if none does.

    Returns:
        (B,) in [0, 1]; on 0..255 images 255² times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [li2010].
    """
    right, down = Maps.of(image, mask).corner
    return Map(right.values * down.values, right.inside).mean_abs()


MEASURES: tuple[Measure, ...] = (
    Measure("sobel_mean", sobel_mean, "blur", (0, 4.48), "I", "higher", "pertuz2013", power=1),
    Measure("energy_of_gradient", energy_of_gradient, "blur", (0, 2), "I²", "higher", "subbarao1993", power=2),
    Measure("brenner_gradient", brenner_gradient, "blur", (0, 1), "I²", "higher", "brenner1976", power=2),
    Measure("grey_difference_sum", grey_difference_sum, "blur", (0, 2), "I", "higher", "jarvis1976", power=1),
    Measure("grey_difference_product", grey_difference_product, "blur", (0, 1), "I²", "higher", "li2010", power=2),
)
