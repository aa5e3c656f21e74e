"""The list of degradations that the lab and the figures go through."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.degrade.blur import gaussian_blur, motion_blur
from course_lib.degrade.common import Severity
from course_lib.degrade.compression import jpeg
from course_lib.degrade.light import darken, expose, gamma, reduce_contrast
from course_lib.degrade.noise import gaussian_noise, shot_noise
from course_lib.degrade.occlusion import occlude
from course_lib.degrade.resampling import downsample, rotate


@dataclass(frozen=True)
class Degradation:
    """One degradation with the slider it wants. Calling it degrades; at ``identity`` the image comes back exactly.

    Attributes:
        key: its name in tables and code, that of its function.
        label: {"en", "zh"}.
        unit: {"en", "zh"}, of the severity; empty where it has none.
        range: smallest and largest severity of the slider.
        step: distance between two positions.
        identity: the severity that changes nothing.
        function: function(image, severity, **options), from course_lib.degrade.
        options: what else the function gets.
        random: True if it takes ``noise``, a standard normal tensor of the image's shape.
        exact: True if the function itself changes nothing at ``identity``.
    """

    key: str
    label: dict[str, str]
    unit: dict[str, str]
    range: tuple[float, float]
    step: float
    identity: float
    function: Callable[..., Tensor]
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    random: bool = False
    exact: bool = True

    def __call__(
        self, image: Float[Tensor, "b c h w"], severity: Severity, noise: Float[Tensor, "b c h w"] | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Degrades (B, C, H, W) by a severity; ``noise`` only matters where ``random`` is True."""
        if not isinstance(severity, Tensor) and severity == self.identity:
            return image
        drawn = {"noise": noise} if self.random else {}
        result = self.function(image, severity, **drawn, **self.options)
        if self.exact or not isinstance(severity, Tensor):
            return result
        return torch.where(severity.to(image.device).reshape(-1, 1, 1, 1) == self.identity, image, result)


@functools.cache
def degradations() -> tuple[Degradation, ...]:
    """All degradations, in the order in which a picture meets them: scene, optics, sensor, file.

    Poisson noise goes by its level at white (``shot_noise``), so that 0 means none. JPEG's 100 stands for "no
    compression": a real file of quality 100 is not the same image.

    Returns:
        records with key, label, unit, range, step, identity and function.
    """
    none, pixels = ("", ""), ("px", "像素")
    area, times, white = ("of the area", "面积占比"), ("× smaller", "倍缩小"), ("of white", "（相对于白色）")
    return (
        _record(("Occlusion", "遮挡"), area, (0, 0.6, 0.02, 0), occlude, centre=(0.5, 0.4), colour=0.05),
        _record(("Rotation", "旋转"), ("°", "°"), (-45, 45, 1, 0), rotate),
        _record(("Darkness", "变暗"), none, (0, 0.95, 0.05, 0), darken),
        _record(("Exposure", "曝光"), ("stops", "挡"), (-4, 4, 0.25, 0), expose),
        _record(("Gaussian blur", "高斯模糊"), pixels, (0, 8, 0.1, 0), gaussian_blur),
        _record(("Motion blur", "运动模糊"), pixels, (1, 33, 1, 1), motion_blur, angle=30.0, radius=16),
        _record(("Low resolution", "低分辨率"), times, (1, 16, 0.5, 1), downsample),
        _record(("Gaussian noise", "高斯噪声"), none, (0, 0.3, 0.01, 0), gaussian_noise, random=True),
        _record(("Poisson noise", "泊松噪声"), white, (0, 0.5, 0.01, 0), shot_noise, random=True),
        _record(("Gamma", "伽马"), none, (0.25, 4, 0.05, 1), gamma),
        _record(("Low contrast", "低对比度"), none, (0, 0.95, 0.05, 0), reduce_contrast),
        _record(("JPEG quality", "JPEG 质量"), none, (1, 100, 1, 100), jpeg, exact=False),
    )


def _record(
    label: tuple[str, str],
    unit: tuple[str, str],
    scale: tuple[int | float, ...],
    function: Callable[..., Tensor],
    random: bool = False,
    exact: bool = True,
    **options: Any,
) -> Degradation:
    low, high, step, identity = map(float, scale)
    return Degradation(
        key=function.__name__,
        label={"en": label[0], "zh": label[1]},
        unit={"en": unit[0], "zh": unit[1]},
        range=(low, high),
        step=step,
        identity=identity,
        function=function,
        options=MappingProxyType(options),
        random=random,
        exact=exact,
    )
