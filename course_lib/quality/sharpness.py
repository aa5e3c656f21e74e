"""Sharpness: how fast edges pass from dark to bright. Tenengrad and its relatives, and the names of every blur measure.

Every value here is a mean over the pixels that count, so it does not depend on the size of the image; where the
literature sums, multiply by the number of pixels. Images are in [0, 1]: a measure of ``power`` p (see ``Measure``) is
255^p times as large on the 0..255 images of the literature and of OpenCV.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.quality import blur, greys, laplacian, reblur
from course_lib.quality.blur import (
    brenner_gradient,
    energy_of_gradient,
    grey_difference_product,
    grey_difference_sum,
    sobel_mean,
)
from course_lib.quality.chunks import in_chunks
from course_lib.quality.greys import (
    absolute_central_moment,
    grey_variance,
    image_entropy,
    normalized_variance,
    vollath_autocorrelation,
)
from course_lib.quality.laplacian import (
    energy_of_laplacian,
    l1_second_derivatives,
    laplacian_variance,
    laplacian_variance_corrected,
    noise_level,
)
from course_lib.quality.maps import Images, Map, Maps, PerImage, Region, root, sum_of_squares, white_noise
from course_lib.quality.reblur import blur_effect, crete_blur
from course_lib.quality.record import Measure

__all__ = [
    "absolute_central_moment",
    "adaptive_tenengrad",
    "blur_effect",
    "brenner_gradient",
    "crete_blur",
    "energy_of_gradient",
    "energy_of_laplacian",
    "grey_difference_product",
    "grey_difference_sum",
    "grey_variance",
    "image_entropy",
    "kryszczuk_drygajlo_sharpness",
    "l1_second_derivatives",
    "laplacian_variance",
    "laplacian_variance_corrected",
    "mean_gradient_magnitude",
    "noise_level",
    "normalized_variance",
    "sobel",
    "sobel_mean",
    "tenengrad",
    "tenengrad_corrected",
    "vollath_autocorrelation",
]


@in_chunks
def sobel(image: Images, *, mask: Region = None) -> Float[Tensor, "b 2 h2 w2"]:
    """The Sobel gradient, for figures: how much the grey level rises to the right and downwards.

    Formula: Gx = [1 2 1]ᵀ [−1 0 1] * I, Gy its transpose. A step from 0 to 1 gives 4.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; the gradient is 0 where its 3 × 3 window leaves the mask.

    Returns:
        (B, 2, H − 2, W − 2): Gx and Gy at the inner pixels, each in [−4, 4].

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: Sobel's operator as in [krotkov1988].
    """
    u, v = Maps.of(image, mask).diagonals
    return torch.stack((u.kept() + v.kept(), u.kept() - v.kept()), 1)


@in_chunks
def tenengrad(
    image: Images, threshold: PerImage = 0.0, *, noise: PerImage = 0.0, mask: Region = None
) -> Float[Tensor, " b"]:
    """Tenengrad: mean squared Sobel gradient over the pixels where the gradient is strong.

    Formula: F = (1/N) Σ G² over pixels with G ≥ T, G² = Gx² + Gy², N all pixels that count.

    White noise of standard deviation s adds 24 s² (both kernels have energy 12), whatever the image: ``noise`` takes
    it off again. That holds for T = 0 and independent noise of equal strength at every pixel, without clipping.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        threshold: T, in the gradient's scale (a step from 0 to 1 has G = 4); a number or (B,).
        noise: standard deviation s of the noise in [0, 1] intensity; a number or (B,). Only with threshold 0.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if its 3 × 3 window lies in it. 0 if none does.

    Returns:
        (B,) in [0, 20]; on 0..255 images 255² times as large. With ``noise`` it can fall below 0: it is not clipped,
        because clipping would bias it.

    Raises:
        TypeError, ValueError: if the image or the mask is none, or noise meets a threshold.

    Source: [tenenbaum1970], in this form [krotkov1988].
    """
    maps = Maps.of(image, mask)
    if isinstance(threshold, Tensor) or threshold > 0:
        if isinstance(noise, Tensor) or noise != 0:
            raise ValueError(f"noise: the correction holds for threshold 0 only, got threshold {threshold}")
        limit = threshold[:, None, None] if isinstance(threshold, Tensor) and threshold.ndim else threshold
        energy = maps.energy
        return Map(torch.where(root(energy.values) >= limit, energy.values, 0), energy.inside).mean()
    # Gx² + Gy² = 2 (u² + v²): the sum needs neither Gx nor Gy (see ``Maps.diagonals``).
    u, v = maps.diagonals
    return 2 * (u.mean_square() + v.mean_square()) - white_noise(24, noise)


@in_chunks
def tenengrad_corrected(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Tenengrad less what noise adds to it, with the noise level estimated from the image itself.

    Formula: F − 24 s², s from ``noise_level``.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if its 3 × 3 window lies in it. 0 if none does.

    Returns:
        (B,) in about [0, 20], a little below 0 where fine texture is mistaken for noise.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [krotkov1988], [immerkaer1996].
    """
    maps = Maps.of(image, mask)
    return tenengrad(maps, noise=noise_level(maps))


@in_chunks
def adaptive_tenengrad(image: Images, power: float = 1.2, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Adaptive Tenengrad: the Sobel energy, weighted by how much the two directions differ.

    Formula: F = (1/N) Σ | |Lx| − |Ly| |^p (Gx² + Gy²), Lx = I[x+1, y] − I[x−1, y] and Ly likewise. The weight is
    large on a clean horizontal or vertical edge and small for noise, which has as much of one as of the other (and
    0 on an exact diagonal). Published code differs in this weight; this is the form that ignores the contrast's sign.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        power: exponent p of the weight, above 0.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if its 3 × 3 window lies in it. 0 if none does.

    Returns:
        (B,) in [0, 20]; on 0..255 images 255^(2+p) times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none, or power is not above 0.

    Source: [yao2006], for faces [abaza2014].
    """
    if power <= 0:
        raise ValueError(f"power: expected a number above 0, got {power}")
    maps = Maps.of(image, mask)
    horizontal, vertical = maps.central
    weight = horizontal.values.abs().sub_(vertical.values.abs()).abs_()
    return Map(_power(weight, power) * maps.energy.values, maps.energy.inside).mean()


@in_chunks
def kryszczuk_drygajlo_sharpness(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Kryszczuk–Drygajlo sharpness: mean difference of neighbours, across and down.

    Formula: F = ½ (mean |I[x, y] − I[x+1, y]| + mean |I[x, y] − I[x, y+1]|), each mean over its own pairs.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pair counts if both lie in it. 0 if none does.

    Returns:
        (B,) in [0, 1]; on 0..255 images 255 times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [kryszczuk2006], in this form [abaza2014].
    """
    maps = Maps.of(image, mask)
    return (maps.right.mean_abs() + maps.down.mean_abs()) / 2


@in_chunks
def mean_gradient_magnitude(image: Images, *, mask: Region = None) -> Float[Tensor, " b"]:
    """Gao's sharpness: mean magnitude of the gradient, taken by central differences.

    Formula: F = (1/N) Σ √(Ix² + Iy²), Ix = (I[x+1, y] − I[x−1, y]) / 2 and Iy likewise. The paper names no operator;
    central differences look one pixel to each side without smoothing across, unlike ``sobel_mean``.

    Args:
        image: (B, 3, H, W) or (B, 1, H, W) in [0, 1], or its ``Maps``.
        mask: (B, 1, H, W) of 0 and 1; a pixel counts if it and its four neighbours lie in it. 0 if none does.

    Returns:
        (B,) in [0, 0.71]; on 0..255 images 255 times as large.

    Raises:
        TypeError, ValueError: if the image or the mask is none.

    Source: [gao2007].
    """
    horizontal, vertical = Maps.of(image, mask).central
    return Map(root(sum_of_squares(horizontal.values, vertical.values)), horizontal.inside).mean() / 2


def _power(values: Tensor, exponent: float) -> Tensor:
    # 2^(p log2 x) takes half the time of x^p. 0^p has an infinite slope for p < 1, and its log is −∞: harmless for the
    # value, but not for gradients, so the base is then lifted to the smallest number there is.
    base = values.clamp_min(torch.finfo(values.dtype).tiny) if values.requires_grad else values
    return torch.log2(base).mul_(exponent).exp2_()


MEASURES: tuple[Measure, ...] = (
    *blur.MEASURES,
    *laplacian.MEASURES,
    *greys.MEASURES,
    *reblur.MEASURES,
    Measure("tenengrad", tenengrad, "sharpness", (0, 20), "I²", "higher", "krotkov1988", power=2),
    Measure(
        "tenengrad_corrected", tenengrad_corrected, "sharpness", (-68, 20), "I²", "higher", "immerkaer1996", power=2
    ),
    Measure("adaptive_tenengrad", adaptive_tenengrad, "sharpness", (0, 20), "I^3.2", "higher", "abaza2014", power=3.2),
    Measure(
        "kryszczuk_drygajlo_sharpness",
        kryszczuk_drygajlo_sharpness,
        "sharpness",
        (0, 1),
        "I",
        "higher",
        "abaza2014",
        power=1,
    ),
    Measure(
        "mean_gradient_magnitude", mean_gradient_magnitude, "sharpness", (0, 0.71), "I", "higher", "gao2007", power=1
    ),
)
