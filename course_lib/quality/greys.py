"""Focus measures from the grey levels as such: a sharp image has more of the dark and of the bright."""

from jaxtyping import Float
from torch import Tensor

from course_lib.quality.chunks import in_chunks
from course_lib.quality.histogram import entropy
from course_lib.quality.maps import Images, Map, Maps, Region, ratio
from course_lib.quality.record import Measure


@in_chunks
def grey_variance(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Variance of the grey levels.

    Formula: D = (1/N) Σ (I − μ)².

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 0.25]; on 0..255 images 255² times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [groen1985].
    """
    return Maps.of(image, mask).centred.mean_square()


@in_chunks
def normalized_variance(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Variance of the grey levels over their mean, to make up for brighter light.

    Formula: D / μ; 0 for a black image.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 1]; on 0..255 images 255 times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [groen1985].
    """
    maps = Maps.of(image, mask)
    return ratio(maps.centred.mean_square(), maps.mean)


@in_chunks
def absolute_central_moment(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Absolute central moment: mean distance of the grey levels from their mean.

    Formula: Σ |i − μ| p(i) over the histogram, which is (1/N) Σ |I − μ| over the pixels.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 0.5]; on 0..255 images 255 times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [shirvaikar2004].
    """
    return Maps.of(image, mask).centred.mean_abs()


@in_chunks
def vollath_autocorrelation(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Vollath's autocorrelation: how alike neighbours in a row are, beyond what their mean explains.

    Formula: F = mean(I[x, y] · I[x+1, y]) − μ², the first mean over pairs. Independent noise adds nothing to it.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pair counts if both lie in it. 0 if the mask is empty.

    Returns:
        (B,) in [−0.5, 0.25]; on 0..255 images 255² times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [vollath1987].
    """
    maps = Maps.of(image, mask)
    grey = maps.grey.values
    return Map(grey[:, :, 1:] * grey[:, :, :-1], maps.inside(1, 2)).mean() - maps.mean.square()


@in_chunks
def image_entropy(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Shannon entropy of the grey levels.

    Formula: −Σ p(i) log2 p(i) over 256 levels, level floor(255 I + ½). Not a focus measure for every image: blurring
    a checkerboard of two levels makes many levels of them, and the entropy rises.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 8] bits; equal levels make it 0. Without gradient: it counts.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [firestone1991].
    """
    return entropy(Maps.of(image, mask).grey_histogram)


MEASURES: tuple[Measure, ...] = (
    Measure("grey_variance", grey_variance, "blur", (0, 0.25), "I²", "higher", "groen1985", power=2),
    Measure("normalized_variance", normalized_variance, "blur", (0, 1), "I", "higher", "groen1985", power=1),
    Measure(
        "absolute_central_moment", absolute_central_moment, "blur", (0, 0.5), "I", "higher", "shirvaikar2004", power=1
    ),
    Measure(
        "vollath_autocorrelation", vollath_autocorrelation, "blur", (-0.5, 0.25), "I²", "higher", "vollath1987", power=2
    ),
    Measure("image_entropy", image_entropy, "blur", (0, 8), "bit", "higher", "firestone1991", differentiable=False),
)
