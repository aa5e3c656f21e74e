"""Light: illumination, brightness, contrast and exposure; the measures live in a file for each."""

from course_lib.quality import brightness, contrast, exposure, illumination
from course_lib.quality.brightness import brightness_bezryadin, brightness_hsb, brightness_luma
from course_lib.quality.contrast import (
    contrast_range,
    local_weber_contrast,
    michelson_contrast,
    rms_contrast,
    weber_contrast,
)
from course_lib.quality.exposure import dynamic_range, luminance_range, over_exposure, under_exposure
from course_lib.quality.illumination import luminance_mean, luminance_variance, weighted_block_illumination
from course_lib.quality.record import Measure

__all__ = [
    "brightness_bezryadin",
    "brightness_hsb",
    "brightness_luma",
    "contrast_range",
    "dynamic_range",
    "local_weber_contrast",
    "luminance_mean",
    "luminance_range",
    "luminance_variance",
    "michelson_contrast",
    "over_exposure",
    "rms_contrast",
    "under_exposure",
    "weber_contrast",
    "weighted_block_illumination",
]

MEASURES: tuple[Measure, ...] = (*illumination.MEASURES, *brightness.MEASURES, *exposure.MEASURES, *contrast.MEASURES)
