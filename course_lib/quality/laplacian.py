"""Focus measures from second differences, and the noise level that their kernel gives away."""

import math

from jaxtyping import Float
from torch import Tensor

from course_lib.quality.chunks import in_chunks
from course_lib.quality.maps import Images, Maps, PerImage, Region, white_noise
from course_lib.quality.record import Measure


@in_chunks
def laplacian_variance(image: Images, *, noise: PerImage = 0.0, mask: Region = None) -> Float[Tensor, " b"]:
    """Variance of the Laplacian, the best known focus measure.

    Formula: F = var(I * [0 1 0; 1 −4 1; 0 1 0]).

    White noise of standard deviation s adds 20 s² (the energy of the kernel), whatever the image: ``noise`` takes it
    off again. That holds for independent noise of equal strength at every pixel, without clipping.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        noise: standard deviation s of the noise in [0, 1] intensity (OpenCV's numbers over 255); a number or (B,).
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if it and its four neighbours lie in it. 0 if none does.

    Returns:
        (B,) in [0, 16]; ``cv2.Laplacian(...).var()`` on 0..255 images is 255² times as large. With ``noise`` it can
        fall below 0: it is not clipped, because clipping would bias it.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [pechpacheco2000].
    """
    laplacian = Maps.of(image, mask).laplacian
    # Its mean is next to nothing (inner differences cancel), so the short formula loses no digits.
    return laplacian.mean_square() - laplacian.mean().square() - white_noise(20, noise)


@in_chunks
def laplacian_variance_corrected(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Variance of the Laplacian less what noise adds to it, with the noise level estimated from the image itself.

    Formula: F − 20 s², s from ``noise_level``.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if its 3 × 3 window lies in it. 0 if none does.

    Returns:
        (B,) in about [0, 16], a little below 0 where fine texture is mistaken for noise.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [pechpacheco2000], [immerkaer1996].
    """
    maps = Maps.of(image, mask)
    return laplacian_variance(maps, noise=noise_level(maps))


@in_chunks
def energy_of_laplacian(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Energy of the Laplacian: its mean square.

    Formula: F = (1/N) Σ (Ixx + Iyy)², Ixx = I[x−1, y] − 2 I[x, y] + I[x+1, y] and Iyy likewise.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if it and its four neighbours lie in it. 0 if none does.

    Returns:
        (B,) in [0, 16]; on 0..255 images 255² times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [subbarao1993], for faces [abaza2014].
    """
    return Maps.of(image, mask).laplacian.mean_square()


@in_chunks
def l1_second_derivatives(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """L1 norm of the second derivatives, where opposite curvatures cannot cancel as they do in the Laplacian.

    Formula: F = (1/N) Σ |Ixx| + |Iyy|, known elsewhere as the modified Laplacian.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if it and its four neighbours lie in it. 0 if none does.

    Returns:
        (B,) in [0, 4]; on 0..255 images 255 times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [nayar1994], for faces [abaza2014].
    """
    xx, yy = Maps.of(image, mask).second
    return xx.mean_abs() + yy.mean_abs()


@in_chunks
def noise_level(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Standard deviation of the noise, estimated from a stencil that smooth shading and straight edges leave at 0.

    Formula: s = √(π/2) / (6 N) Σ |I * [1 −2 1; −2 4 −2; 1 −2 1]|: the stencil has energy 36, and the mean modulus of
    normal noise is √(2/π) of its standard deviation. Fine texture counts as noise, so a sharp face reads a little too
    high; JPEG and resampling make neighbours alike, so what they leave of noise reads too low.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if its 3 × 3 window lies in it. 0 if none does.

    Returns:
        (B,) in [0, 1.68] intensity units; times 255 for grey levels.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [immerkaer1996].
    """
    return Maps.of(image, mask).ripple.mean_abs() * (math.sqrt(math.pi / 2) / 6)


MEASURES: tuple[Measure, ...] = (
    Measure("laplacian_variance", laplacian_variance, "blur", (0, 16), "I²", "higher", "pechpacheco2000", power=2),
    Measure(
        "laplacian_variance_corrected",
        laplacian_variance_corrected,
        "blur",
        (-56, 16),
        "I²",
        "higher",
        "immerkaer1996",
        power=2,
    ),
    Measure("energy_of_laplacian", energy_of_laplacian, "blur", (0, 16), "I²", "higher", "subbarao1993", power=2),
    Measure("l1_second_derivatives", l1_second_derivatives, "blur", (0, 4), "I", "higher", "abaza2014", power=1),
)
