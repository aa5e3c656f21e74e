"""Margins that look at more than the target angle: the feature's length, or how far training has come."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.recognition.angles import angle, cos_plus
from course_lib.recognition.margin_kinds import Margin


@dataclass(frozen=True)
class MagFace(Margin):
    """MagFace: ArcFace whose margin grows with the feature's length, and a term that draws good faces outwards.

    m(a) = l_m + (u_m - l_m)(a - l_a)/(u_a - l_a), a = |x| clamped to [l_a, u_a]; the penalty is λ (1/a + a/u_a²).
    Both are differentiated through |x|; outside [l_a, u_a] their gradient is zero.

    Args:
        lower_length: l_a > 0.
        upper_length: u_a > l_a.
        lower_margin: l_m, radians.
        upper_margin: u_m, radians.
        weight: λ of the penalty.
        beyond: "easy" in the authors' code: no margin past 90°.

    Source: [meng2021]
    """

    lower_length: float = 10.0
    upper_length: float = 110.0
    lower_margin: float = 0.45
    upper_margin: float = 0.8
    weight: float = 35.0
    beyond: str = "easy"

    def margin_of(self, length: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Return m(|x|) in radians, in [l_m, u_m]. Source: [meng2021]."""
        share = (length.clamp(self.lower_length, self.upper_length) - self.lower_length) / (
            self.upper_length - self.lower_length
        )
        return self.lower_margin + (self.upper_margin - self.lower_margin) * share

    def target(self, cosine: Float[Tensor, "*n"], length: Float[Tensor, "*n"] | None = None) -> Float[Tensor, "*n"]:
        """Return cos(θ + m(|x|)). Source: [meng2021]."""
        if length is None:
            raise ValueError("length must be given: MagFace's margin depends on the length of the feature")
        return cos_plus(cosine, self.margin_of(length), self.beyond)

    def penalty(self, length: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
        """Return λ (1/a + a/u_a²) per sample, smallest at a = u_a. Source: [meng2021]."""
        a = length.clamp(self.lower_length, self.upper_length)
        return self.weight * (1 / a + a / self.upper_length**2)


class AdaFace(nn.Module, Margin):
    """AdaFace: the feature's length, compared with a running mean, decides between an angular and an additive margin.

    z = clip(h (|x| - μ)/(σ + ε), -1, 1); target = cos(θ - m z) - (m + m z). A short feature (z = -1, a poor image)
    gets cos(θ + m), a long one (z = 1) cos(θ - m) - 2m. z carries no gradient.

    Args:
        margin: m; 0.4 in the paper.
        concentration: h; 0.333 in the paper.
        momentum: share of the newest batch in the running mean and deviation; 0.01 in the authors' recipe.

    Source: [kim2022]
    """

    def __init__(self, margin: float = 0.4, concentration: float = 0.333, momentum: float = 0.01):
        super().__init__()
        self.margin, self.concentration, self.momentum = margin, concentration, momentum
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(20.0))
        self.register_buffer("deviation", torch.tensor(100.0))

    @torch.no_grad()
    def observe(self, cosine: Float[Tensor, "b"], length: Float[Tensor, "b"]) -> None:
        """Move the running mean and deviation of |x| towards this batch; only in training mode. Source: [kim2022]."""
        if self.training:
            clipped = length.clamp(1e-3, 100.0).to(self.mean)
            self.mean.lerp_(clipped.mean(), self.momentum)
            if len(clipped) > 1:
                self.deviation.lerp_(clipped.std(), self.momentum)

    def target(self, cosine: Float[Tensor, "*n"], length: Float[Tensor, "*n"] | None = None) -> Float[Tensor, "*n"]:
        """Return cos(clip(θ - m z, ε, π - ε)) - (m + m z), ε = 1e-3. Source: [kim2022]."""
        if length is None:
            raise ValueError("length must be given: AdaFace's margin depends on the length of the feature")
        clipped = length.detach().clamp(1e-3, 100.0)
        z = self.concentration * (clipped - self.mean.to(clipped)) / (self.deviation.to(clipped) + 1e-3)
        z = z.clamp(-1.0, 1.0)  # floats, as the export to ONNX wants them
        moved = (angle(cosine) - self.margin * z).clamp(1e-3, math.pi - 1e-3)
        return moved.cos() - self.margin * (1 + z)


class CurricularFace(nn.Module, Margin):
    """CurricularFace: ArcFace, and classes that beat the target weigh more as training goes on.

    A cosine c of another class with c > cos(θ_y + m) becomes c (t + c); t is a running mean of cos θ_y, from 0 to
    about 1: easy samples first, hard ones later.

    Args:
        margin: m in radians.
        momentum: share of the newest batch in t; 0.01 in the paper.

    Source: [huang2020]
    """

    changes_others = True

    def __init__(self, margin: float = 0.5, momentum: float = 0.01):
        super().__init__()
        self.margin, self.momentum = margin, momentum
        self.t: Tensor
        self.register_buffer("t", torch.tensor(0.0))

    @torch.no_grad()
    def observe(self, cosine: Float[Tensor, "b"], length: Float[Tensor, "b"]) -> None:
        """Move t towards the batch's mean target cosine; only in training mode. Source: [huang2020]."""
        if self.training:
            self.t.lerp_(cosine.mean().to(self.t), self.momentum)

    def target(self, cosine: Float[Tensor, "*n"], length: Float[Tensor, "*n"] | None = None) -> Float[Tensor, "*n"]:
        """Return cos(θ + m), or cos θ - m sin m past π. Source: [huang2020]."""
        return cos_plus(cosine, self.margin, "linear")

    def others(self, cosines: Float[Tensor, "b c"], target_cosine: Float[Tensor, "b"]) -> Float[Tensor, "b c"]:
        """Return c (t + c) for every class with c > cos(θ_y + m), the rest unchanged. Source: [huang2020]."""
        with torch.no_grad():
            hard = cosines > cos_plus(target_cosine, self.margin, "none")[:, None]
        return torch.where(hard, cosines * (self.t.to(cosines) + cosines), cosines)
