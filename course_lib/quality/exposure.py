"""Exposure: how much of the image is lost in black or burnt out, and how much of the scale is used between them."""

from jaxtyping import Float
from torch import Tensor

from course_lib.quality.chunks import in_chunks
from course_lib.quality.histogram import entropy, percentile, shares
from course_lib.quality.maps import Images, Maps, Region
from course_lib.quality.record import Measure


@in_chunks
def under_exposure(image: Images, level: int = 25, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Share of the pixels that are almost black: luminance in [0, 25/255].

    Formula: Σ p(i), i = 0 .. level, p the histogram of the levels floor(255 Y + ½) of linear luminance Y.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        level: the last level that counts as black, 0..255.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 1]. Without gradient: it counts.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [iso2025].
    """
    return shares(Maps.of(image, mask).luminance_histogram)[:, : level + 1].sum(1)


@in_chunks
def over_exposure(image: Images, level: int = 247, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Share of the pixels that are almost white: luminance in [247/255, 1].

    Formula: Σ p(i), i = level .. 255, p the histogram of the levels floor(255 Y + ½) of linear luminance Y.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        level: the first level that counts as white, 0..255.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 1]. Without gradient: it counts.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [iso2025].
    """
    return shares(Maps.of(image, mask).luminance_histogram)[:, level:].sum(1)


@in_chunks
def dynamic_range(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Dynamic range as ISO/IEC 29794-5 has it: the entropy of the luminance histogram.

    Formula: −Σ p(i) log2 p(i) over 256 levels of linear luminance (``image_entropy`` takes luma). It says how evenly
    the scale is used, not how far apart its ends are: for those see ``luminance_range``.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 8] bits. Without gradient: it counts.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [iso2025].
    """
    return entropy(Maps.of(image, mask).luminance_histogram)


@in_chunks
def luminance_range(image: Images, tail: float = 0.01, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Span of the luminance between its percentiles, the dynamic range in the plain sense of the word.

    Formula: Y at share 1 − tail minus Y at share tail (see ``histogram.percentile``), Y linear luminance.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        tail: share of the pixels to leave out at each end, in [0, 0.5); 0 gives maximum minus minimum.
        mask: (B, 1, H, W) of 0 and 1, the region that counts. 0 if it is empty.

    Returns:
        (B,) in [0, 1].

    Raises:
        TypeError, ValueError: if the image or the mask is none, or tail is out of range.

    Source: percentiles in place of extremes as in [gonzalez2018].
    """
    if not 0 <= tail < 0.5:
        raise ValueError(f"tail: expected a share in [0, 0.5), got {tail}")
    maps = Maps.of(image, mask)
    low, high = (
        percentile(maps.luminance.values, maps.luminance_histogram, share, maps.mask) for share in (tail, 1 - tail)
    )
    return high - low


MEASURES: tuple[Measure, ...] = (
    Measure("under_exposure", under_exposure, "exposure", (0, 1), "", "lower", "iso2025", differentiable=False),
    Measure("over_exposure", over_exposure, "exposure", (0, 1), "", "lower", "iso2025", differentiable=False),
    Measure("dynamic_range", dynamic_range, "exposure", (0, 8), "bit", "higher", "iso2025", differentiable=False),
    Measure("luminance_range", luminance_range, "exposure", (0, 1), "", "higher", "gonzalez2018"),
)
