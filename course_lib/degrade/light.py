"""Too dark, too bright, too flat."""

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib import images
from course_lib.degrade.common import Severity, degradation, per_image


@degradation
def darken(image: Float[Tensor, "b c h w"], amount: Severity) -> Float[Tensor, "b c h w"]:
    """Darker: (1 − amount) · image, on coded values.

    Args:
        image: (B, 1 or 3, H, W) in [0, 1].
        amount: 0 (nothing, exactly) to 1 (black).

    Returns:
        (B, C, H, W) in [0, 1].

    Raises:
        ValueError: if ``amount`` leaves [0, 1]; see also ``check_images``.
        TypeError: see ``check_images``.
    """
    return image * (1 - per_image(amount, image, "amount", 0, 1))


@degradation
def gamma(image: Float[Tensor, "b c h w"], exponent: Severity) -> Float[Tensor, "b c h w"]:
    """Gamma curve: image^exponent. Above 1 darkens the mid-tones, below 1 lightens them; black and white stay.

    Below 10⁻⁶ the curve goes straight to 0, since its slope at black is infinite for exponents below 1.

    Args:
        image: (B, 1 or 3, H, W) in [0, 1].
        exponent: from 0.05 to 20; 1 changes nothing, exactly.

    Returns:
        (B, C, H, W) in [0, 1].

    Raises:
        ValueError: if ``exponent`` leaves [0.05, 20]; see also ``check_images``.
        TypeError: see ``check_images``.
    """
    power = per_image(exponent, image, "exponent", 0.05, 20)
    tiny = 1e-6
    # Values may be over the ends by rounding; a negative base has no power.
    base = image.clamp(min=tiny)
    curve = torch.where(image > tiny, base**power, image * tiny ** (power - 1))
    return torch.where(power == 1, image, curve)


@degradation
def expose(image: Float[Tensor, "b c h w"], stops: Severity) -> Float[Tensor, "b c h w"]:
    """Exposure: the light times 2^stops, clipped at white. Computed in linear light, as in a camera.

    Args:
        image: (B, 1 or 3, H, W) sRGB in [0, 1].
        stops: exposure values from −16 to 16; +1 doubles the light, 0 changes nothing, exactly.

    Returns:
        (B, C, H, W) sRGB in [0, 1].

    Raises:
        ValueError: if ``stops`` leaves [−16, 16]; see also ``check_images``.
        TypeError: see ``check_images``.
    """
    change = per_image(stops, image, "stops", -16, 16)
    light = images.linear_from_srgb(image) * torch.exp2(change)
    return torch.where(change == 0, image, images.srgb_from_linear(light.clamp(0, 1)))


@degradation
def reduce_contrast(image: Float[Tensor, "b c h w"], amount: Severity) -> Float[Tensor, "b c h w"]:
    """Lower contrast: image + amount · (mean luma − image); the mean brightness stays.

    Args:
        image: (B, 1 or 3, H, W) in [0, 1].
        amount: 0 (nothing, exactly) to 1 (uniform grey).

    Returns:
        (B, C, H, W) in [0, 1].

    Raises:
        ValueError: if ``amount`` leaves [0, 1]; see also ``check_images``.
        TypeError: see ``check_images``.
    """
    mean = images.luma(image).mean((1, 2, 3), keepdim=True)
    return image + per_image(amount, image, "amount", 0, 1) * (mean - image)
