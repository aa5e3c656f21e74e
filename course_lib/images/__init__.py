"""Images: load, validate, convert. (B, 3, H, W) float RGB in [0, 1]; grey is (B, 1, H, W)."""

from course_lib.images.arrays import from_array, resize, to_array, to_png
from course_lib.images.checks import check_images, values_checked
from course_lib.images.colour import (
    BT601,
    BT709,
    XYZ_FROM_LINEAR,
    hsv_from_rgb,
    lab_from_rgb,
    linear_from_srgb,
    luma,
    luminance,
    rgb_from_hsv,
    rgb_from_lab,
    rgb_from_xyz,
    rgb_from_ycbcr,
    rgb_from_yuv,
    srgb_from_linear,
    weighted,
    xyz_from_rgb,
    ycbcr_from_rgb,
    yuv_from_rgb,
)
from course_lib.images.files import MAX_PIXELS, load

__all__ = [
    "BT601",
    "BT709",
    "MAX_PIXELS",
    "XYZ_FROM_LINEAR",
    "check_images",
    "from_array",
    "hsv_from_rgb",
    "lab_from_rgb",
    "linear_from_srgb",
    "load",
    "luma",
    "luminance",
    "resize",
    "rgb_from_hsv",
    "rgb_from_lab",
    "rgb_from_xyz",
    "rgb_from_ycbcr",
    "rgb_from_yuv",
    "srgb_from_linear",
    "to_array",
    "to_png",
    "values_checked",
    "weighted",
    "xyz_from_rgb",
    "ycbcr_from_rgb",
    "yuv_from_rgb",
]
