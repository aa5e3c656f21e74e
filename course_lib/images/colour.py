"""Colour: sRGB and linear light, luma, luminance, YUV, YCbCr, HSV, XYZ, Lab, each with its way back."""

import functools
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.images.checks import check_images

BT601 = (0.299, 0.587, 0.114)
BT709 = (0.2126, 0.7152, 0.0722)
XYZ_FROM_LINEAR = ((0.4124, 0.3576, 0.1805), BT709, (0.0193, 0.1192, 0.9505))
"""The matrix printed in IEC 61966-2-1; its rows sum to the white point D65."""
WHITE_D65 = tuple(sum(row) for row in XYZ_FROM_LINEAR)

# Where line and curve of sRGB meet. The standard rounds it to 0.04045, where they lie 2e-9 apart.
SRGB_KNEE = 0.0404482362771082

# U, V and Cb, Cr are B − Y' and R − Y', scaled: to ±0.436 and ±0.615, or both to ±0.5.
YUV_SCALES = (0.492111, 0.877283)
YCBCR_SCALES = (0.5 / (1 - BT601[2]), 0.5 / (1 - BT601[0]))


def _safely(convert: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """float16 and bfloat16 are computed in float32: powers and small differences need the digits."""

    @functools.wraps(convert)
    def wrapper(image: Tensor) -> Tensor:
        if isinstance(image, Tensor) and image.dtype in (torch.float16, torch.bfloat16):
            return convert(image.float()).to(image.dtype)
        return convert(image)

    return wrapper


@_safely
def linear_from_srgb(image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Linear light from sRGB values: v / 12.92 up to 0.04045, then ((v + 0.055) / 1.055)^2.4.

    Args:
        image: (B, 1 or 3, H, W) sRGB values in [0, 1].

    Returns:
        (B, C, H, W) in [0, 1], proportional to the light.

    Raises:
        ValueError, TypeError: see ``check_images``.

    Source:
        [iec1999]
    """
    check_images(image)
    # The curve from the knee on, plus the straight line up to it: clamping is much faster than choosing with where,
    # and no gradient of a branch that is not taken is computed. 2^(2.4 log2 v) takes half the time of v^2.4.
    knee = _curve(image.new_full((1,), SRGB_KNEE))
    return (_curve(image.clamp(min=SRGB_KNEE)) - knee).add_(image.clamp(max=SRGB_KNEE), alpha=1 / 12.92)


def _curve(image: Tensor) -> Tensor:
    shifted = torch.add(image.new_full((), 0.055 / 1.055), image, alpha=1 / 1.055)
    return shifted.log2_().mul_(2.4).exp2_()


@_safely
def srgb_from_linear(linear: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """SRGB values from linear light: 12.92 v up to 0.0031308, then 1.055 v^(1/2.4) − 0.055.

    Args:
        linear: (B, C, H, W); values outside [0, 1] (colours that sRGB lacks) are continued, not clamped.

    Returns:
        (B, C, H, W), in [0, 1] for light in [0, 1].

    Source:
        [iec1999]
    """
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)


def luma(image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 h w"]:
    """Luma Y' = 0.299 R + 0.587 G + 0.114 B of the coded values, as OpenCV and JPEG make grey.

    Args:
        image: (B, 3, H, W) RGB in [0, 1]; grey (B, 1, H, W) comes back as it is.

    Returns:
        (B, 1, H, W) in [0, 1].

    Raises:
        ValueError, TypeError: see ``check_images``.

    Source:
        [itu2011]
    """
    check_images(image)
    return image if image.shape[1] == 1 else weighted(image, BT601)


@_safely
def luminance(image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 h w"]:
    """Relative luminance Y = 0.2126 R + 0.7152 G + 0.0722 B of linear light.

    Args:
        image: (B, 3, H, W) sRGB or (B, 1, H, W) grey in [0, 1].

    Returns:
        (B, 1, H, W) in [0, 1], 1 for white.

    Raises:
        ValueError, TypeError: see ``check_images``.

    Source:
        [itu2015]
    """
    linear = linear_from_srgb(image)
    return linear if linear.shape[1] == 1 else weighted(linear, BT709)


@_safely
def yuv_from_rgb(image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Y', U = 0.492111 (B − Y') and V = 0.877283 (R − Y'), the components of analogue television.

    Args:
        image: (B, 3, H, W) RGB in [0, 1].

    Returns:
        (B, 3, H, W): Y' in [0, 1], U in [−0.436, 0.436], V in [−0.615, 0.615] (no offset; OpenCV adds 0.5).

    Raises:
        ValueError, TypeError: see ``check_images``.

    Source:
        [itu2011], [poynton2012]
    """
    return _colour_differences(image, YUV_SCALES)


@_safely
def rgb_from_yuv(yuv: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """RGB from Y', U, V: the inverse of ``yuv_from_rgb``.

    Args:
        yuv: (B, 3, H, W), as ``yuv_from_rgb`` returns it.

    Returns:
        (B, 3, H, W) RGB, not clamped.

    Source:
        [itu2011], [poynton2012]
    """
    return _from_colour_differences(yuv, YUV_SCALES)


@_safely
def ycbcr_from_rgb(image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Y', Cb = (B − Y') / 1.772 and Cr = (R − Y') / 1.402, the components that JPEG compresses.

    Args:
        image: (B, 3, H, W) RGB in [0, 1].

    Returns:
        (B, 3, H, W): Y' in [0, 1], Cb and Cr in [−0.5, 0.5] (no offset; a JPEG file adds 128/255).

    Raises:
        ValueError, TypeError: see ``check_images``.

    Source:
        [hamilton1992]
    """
    return _colour_differences(image, YCBCR_SCALES)


@_safely
def rgb_from_ycbcr(ycbcr: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """RGB from Y', Cb, Cr: the inverse of ``ycbcr_from_rgb``.

    Args:
        ycbcr: (B, 3, H, W), as ``ycbcr_from_rgb`` returns it.

    Returns:
        (B, 3, H, W) RGB, not clamped.

    Source:
        [hamilton1992]
    """
    return _from_colour_differences(ycbcr, YCBCR_SCALES)


@_safely
def hsv_from_rgb(image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Hue, saturation and value (HSV, also called HSB): V = max, S = (max − min) / max, H the angle in turns.

    With c = max − min, H is (G − B)/c, 2 + (B − R)/c or 4 + (R − G)/c sixths of a turn where R, G or B is largest.
    Grey (c below 1e-8) has no hue and black no saturation: both are set to 0, with finite gradients.

    Args:
        image: (B, 3, H, W) RGB in [0, 1].

    Returns:
        (B, 3, H, W): H in [0, 1] turns (times 360 for degrees), S in [0, 1], V in [0, 1].

    Raises:
        ValueError, TypeError: see ``check_images``.

    Source:
        [smith1978]
    """
    check_images(image, channels=(3,))
    red, green, blue = image.unbind(1)
    value = image.amax(1)
    chroma = value - image.amin(1)
    coloured = chroma > 1e-8
    divisor = torch.where(coloured, chroma, 1)
    warm = (green - blue) / divisor
    sixths = torch.where(warm < 0, warm + 6, warm)
    sixths = torch.where(
        value == red, sixths, torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor)
    )
    hue = torch.where(coloured, sixths / 6, 0)
    saturation = chroma / torch.where(value > 1e-8, value, 1)
    return torch.stack((hue, saturation, value), 1)


@_safely
def rgb_from_hsv(hsv: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """RGB from hue, saturation and value: V − V·S·max(0, min(k, 4 − k, 1)), k = (n + 6H) mod 6, n = 5, 3, 1 for R, G, B.

    Args:
        hsv: (B, 3, H, W): hue in turns (whole turns don't matter), saturation and value in [0, 1].

    Returns:
        (B, 3, H, W) RGB in [0, 1].

    Source:
        [smith1978]
    """
    hue, saturation, value = hsv.unbind(1)
    channels = []
    for offset in (5, 3, 1):
        sixths = offset + 6 * hue
        sixths = sixths - 6 * torch.floor(sixths / 6)
        ramp = torch.minimum(sixths, 4 - sixths).clamp(0, 1)
        channels.append(value - value * saturation * ramp)
    return torch.stack(channels, 1)


@_safely
def xyz_from_rgb(image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """CIE XYZ (D65, 2° observer): linear light times the sRGB matrix.

    Args:
        image: (B, 3, H, W) sRGB in [0, 1].

    Returns:
        (B, 3, H, W): X in [0, 0.9505], Y in [0, 1] (the luminance), Z in [0, 1.089].

    Raises:
        ValueError, TypeError: see ``check_images``.

    Source:
        [iec1999]
    """
    check_images(image, channels=(3,))
    return _mixed(linear_from_srgb(image), XYZ_FROM_LINEAR)


@_safely
def rgb_from_xyz(xyz: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """SRGB values from CIE XYZ: the inverse of ``xyz_from_rgb``.

    Args:
        xyz: (B, 3, H, W), as ``xyz_from_rgb`` returns it.

    Returns:
        (B, 3, H, W) sRGB, not clamped: colours that sRGB lacks leave [0, 1].

    Source:
        [iec1999]
    """
    return srgb_from_linear(_mixed(xyz, LINEAR_FROM_XYZ))


@_safely
def lab_from_rgb(image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """CIE L*a*b* (D65): L = 116 f(Y) − 16, a = 500 (f(X) − f(Y)), b = 200 (f(Y) − f(Z)), each over white's.

    f(t) = t^(1/3) above (6/29)³, and its tangent t / (3 (6/29)²) + 4/29 below, so gradients stay finite at black.

    Args:
        image: (B, 3, H, W) sRGB in [0, 1].

    Returns:
        (B, 3, H, W): L in [0, 100], a in about [−86, 98], b in about [−108, 95]; grey has a = b = 0.

    Raises:
        ValueError, TypeError: see ``check_images``.

    Source:
        [cie2018]
    """
    xyz = xyz_from_rgb(image)
    ratio = xyz / xyz.new_tensor(WHITE_D65)[:, None, None]
    edge = 6 / 29
    root = torch.where(ratio > edge**3, ratio.clamp(min=edge**3) ** (1 / 3), ratio / (3 * edge**2) + 4 / 29)
    x, y, z = root.unbind(1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), 1)


@_safely
def rgb_from_lab(lab: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """SRGB values from CIE L*a*b*: the inverse of ``lab_from_rgb``.

    Args:
        lab: (B, 3, H, W), as ``lab_from_rgb`` returns it.

    Returns:
        (B, 3, H, W) sRGB, not clamped: colours that sRGB lacks leave [0, 1].

    Source:
        [cie2018]
    """
    lightness, a, b = lab.unbind(1)
    y = (lightness + 16) / 116
    root = torch.stack((y + a / 500, y, y - b / 200), 1)
    edge = 6 / 29
    ratio = torch.where(root > edge, root**3, (root - 4 / 29) * (3 * edge**2))
    return rgb_from_xyz(ratio * lab.new_tensor(WHITE_D65)[:, None, None])


def weighted(image: Float[Tensor, "b 3 h w"], weights: tuple[float, ...]) -> Float[Tensor, "b 1 h w"]:
    """One weighted sum of the three channels; takes any values, and checks none.

    Args:
        image: (B, 3, H, W).
        weights: one for each channel.

    Returns:
        (B, 1, H, W).
    """
    red, green, blue = image.split(1, dim=1)
    # In place and with alpha, so that each channel is read once and nothing else is written.
    return (red * weights[0]).add_(green, alpha=weights[1]).add_(blue, alpha=weights[2])


def _mixed(image: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.cat([weighted(image, row) for row in matrix], 1)


def _inverse(matrix: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in torch.linalg.inv(torch.tensor(matrix, dtype=torch.float64)).tolist())


LINEAR_FROM_XYZ = _inverse(XYZ_FROM_LINEAR)


def _colour_differences(image: Tensor, scales: tuple[float, float]) -> Tensor:
    check_images(image, channels=(3,))
    grey = weighted(image, BT601)
    return torch.cat((grey, (image[:, 2:] - grey) * scales[0], (image[:, :1] - grey) * scales[1]), 1)


def _from_colour_differences(image: Tensor, scales: tuple[float, float]) -> Tensor:
    grey, first, second = image.split(1, dim=1)
    red, blue = grey + second / scales[1], grey + first / scales[0]
    green = (grey - BT601[0] * red - BT601[2] * blue) / BT601[1]
    return torch.cat((red, green, blue), 1)
