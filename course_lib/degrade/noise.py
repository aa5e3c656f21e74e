"""Noise of the sensor's electronics, and of light itself."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.degrade.common import Severity, degradation, per_image, values_are_known


@degradation
def gaussian_noise(
    image: Float[Tensor, "b c h w"],
    sigma: Severity,
    generator: torch.Generator | None = None,
    noise: Float[Tensor, "b c h w"] | None = None,
) -> Float[Tensor, "b c h w"]:
    """Gaussian noise: image + σ · n with n ~ N(0, 1) in each pixel and channel, clipped to [0, 1].

    Args:
        image: (B, 1 or 3, H, W) in [0, 1].
        sigma: standard deviation σ, in units of the intensity (0.04 is 10 of 255 levels), ≥ 0; 0 changes nothing, exactly.
        generator: where n is drawn from, on the image's device.
        noise: n itself, (B, C, H, W), instead of drawing it. An exported graph needs it given.

    Returns:
        (B, C, H, W) in [0, 1].

    Raises:
        ValueError: if ``sigma`` is negative, or ``noise`` has another shape or is missing in an export; see also
            ``check_images``.
        TypeError: see ``check_images``.
    """
    deviation = per_image(sigma, image, "sigma", 0, math.inf)
    return (image + deviation * _normal(image, generator, noise)).clamp(0, 1)


@degradation
def poisson_noise(
    image: Float[Tensor, "b c h w"],
    photons: Severity,
    generator: torch.Generator | None = None,
    noise: Float[Tensor, "b c h w"] | None = None,
) -> Float[Tensor, "b c h w"]:
    """Shot noise: a pixel of value v counts k ~ Poisson(v · photons) photons and shows k / photons, at most 1.

    The count comes from a standard normal number n, so that given n it is fixed, which a draw by ``torch.poisson`` would not be.
    With λ = v · photons: below λ = 2, k is how many of the sums P(0), P(0) + P(1), … lie below Φ(n), which is exact (up to
    8 photons); above, the Cornish–Fisher expansion k = round(λ + √λ n + (n² − 1) / 6), less than 1 % off in total variation.
    The gradient is that of the expansion before rounding.

    Args:
        image: (B, 1 or 3, H, W) in [0, 1], proportional to the light (convert sRGB first where that matters).
        photons: mean count of a white pixel, > 0: the fewer, the noisier; inf changes nothing, exactly.
        generator: where n is drawn from, on the image's device.
        noise: n itself, standard normal, (B, C, H, W), instead of drawing it. An exported graph needs it given.

    Returns:
        (B, C, H, W) in [0, 1].

    Raises:
        ValueError: if ``photons`` is not positive, or ``noise`` has another shape or is missing in an export; see also
            ``check_images``.
        TypeError: see ``check_images``.

    Source:
        [cornish1938]
    """
    tiny = torch.finfo(image.dtype).tiny
    count = per_image(photons, image, "photons", tiny, math.inf)
    return _counted(image, 1 / count, _normal(image, generator, noise))


@degradation
def shot_noise(
    image: Float[Tensor, "b c h w"],
    level: Severity,
    generator: torch.Generator | None = None,
    noise: Float[Tensor, "b c h w"] | None = None,
) -> Float[Tensor, "b c h w"]:
    """``poisson_noise`` by its level at white, 1 / √photons: a severity that grows with the noise, from 0.

    Args:
        image: (B, 1 or 3, H, W) in [0, 1].
        level: standard deviation of a white pixel, from 0 (nothing, exactly) to 10; 0.1 is 100 photons.
        generator: where the noise is drawn from, on the image's device.
        noise: standard normal, (B, C, H, W), instead of drawing it. An exported graph needs it given.

    Returns:
        (B, C, H, W) in [0, 1].

    Raises:
        ValueError: if ``level`` leaves [0, 10], or ``noise`` has another shape or is missing in an export; see also
            ``check_images``.
        TypeError: see ``check_images``.
    """
    return _counted(image, per_image(level, image, "level", 0, 10) ** 2, _normal(image, generator, noise))


def _counted(image: Tensor, photon: Tensor, normal: Tensor) -> Tensor:
    """``photon`` is the intensity that one photon adds, 1 / photons; 0 stands for endless light."""
    quantum = photon.clamp(min=1e-12)
    mean = image.clamp(min=0) / quantum
    # The root's slope is infinite at no light, so its argument is kept off 0.
    expansion = mean + mean.clamp(min=1e-6).sqrt() * normal + (normal**2 - 1) / 6
    with torch.no_grad():
        count = torch.where(mean < 2, _few(mean.clamp(max=2), normal), torch.round(expansion).clamp(min=0))
    count = expansion + (count - expansion).detach()  # straight through
    return torch.where(photon == 0, image, (count * quantum).clamp(0, 1))


def _few(mean: Tensor, normal: Tensor) -> Tensor:
    """The count k for which Φ(n) lies between the probabilities of fewer than k and of at most k photons."""
    rank = 0.5 * torch.erfc(normal * -math.sqrt(0.5))
    share = torch.exp(-mean)
    total, count = share, torch.zeros_like(mean)
    for photon in range(1, 9):  # more than 8 come once in 4000 times at most
        count = count + (rank > total)
        share = share * mean / photon
        total = total + share
    return count


def _normal(image: Tensor, generator: torch.Generator | None, noise: Tensor | None) -> Tensor:
    if noise is None:
        if not values_are_known():
            raise ValueError(
                "noise: expected a tensor of standard normal numbers, since an exported graph can't draw them"
            )
        return torch.randn(image.shape, generator=generator, dtype=image.dtype, device=image.device)
    if noise.shape != image.shape:
        raise ValueError(f"noise: expected the image's shape {tuple(image.shape)}, got {tuple(noise.shape)}")
    return noise.to(image)
