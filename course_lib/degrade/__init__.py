"""Degradations: each takes (B, 3, H, W) and a severity, one for all images or one for each, and returns (B, 3, H, W).

A severity is a number, a 0-d tensor or a (B,) tensor. Everything is differentiable, works on grey (B, 1, H, W) too, keeps
dtype and device, and goes through ``torch.onnx.export(dynamo=True)`` with a 0-d severity.
"""

from course_lib.degrade.blur import gaussian_blur, motion_blur
from course_lib.degrade.catalogue import Degradation, degradations
from course_lib.degrade.compression import jpeg
from course_lib.degrade.light import darken, expose, gamma, reduce_contrast
from course_lib.degrade.noise import gaussian_noise, poisson_noise, shot_noise
from course_lib.degrade.occlusion import occlude
from course_lib.degrade.resampling import downsample, rotate

__all__ = [
    "Degradation",
    "darken",
    "degradations",
    "downsample",
    "expose",
    "gamma",
    "gaussian_blur",
    "gaussian_noise",
    "jpeg",
    "motion_blur",
    "occlude",
    "poisson_noise",
    "reduce_contrast",
    "rotate",
    "shot_noise",
]
