"""The margins as small objects: each says what becomes of the target cosine, and which lengths stay in the logits."""

import dataclasses
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from course_lib.recognition.angles import cos_plus, cos_times_capped, psi, psi_real


class Margin:
    """What `margin_cross_entropy` asks of a margin: the base class of all of them.

    The logit of class j is ρ ω_j cos θ_j, with ρ = |x| if `keeps_length` and the scale s if not, and ω_j = |W_j| if
    `keeps_weight_length` and 1 if not. Only the target's cosine is changed, unless `changes_others` is true.

    Source: [deng2019]
    """

    keeps_length = False
    keeps_weight_length = False
    changes_others = False
    subcentres = 1

    def target(self, cosine: Float[Tensor, "*n"], length: Float[Tensor, "*n"] | None = None) -> Float[Tensor, "*n"]:
        """Map cos θ_y, in [-1, 1], to the target value that replaces it; `length` is |x|. Source: [deng2019]."""
        return cosine

    def others(self, cosines: Float[Tensor, "b c"], target_cosine: Float[Tensor, "b"]) -> Float[Tensor, "b c"]:
        """Map the cosines of the other classes; most margins leave them alone. Source: [huang2020]."""
        return cosines

    def penalty(self, length: Float[Tensor, "b"]) -> Float[Tensor, "b"] | None:
        """Return a term of |x| added to each sample's loss, or None. Source: [meng2021]."""
        return None

    def observe(self, cosine: Float[Tensor, "b"], length: Float[Tensor, "b"]) -> None:
        """Update running statistics from a training batch; most margins keep none. Source: [huang2020]."""


@dataclass(frozen=True)
class Softmax(Margin):
    """Plain softmax: the logit is W_y·x, both lengths kept, no margin. Source: [wen2016]."""

    keeps_length = True
    keeps_weight_length = True


@dataclass(frozen=True)
class NormFace(Margin):
    """Normalised softmax: the logit is s cos θ.

    With s = 1 the loss can't fall below log(1 + (C-1) exp(-C/(C-1))), 8.27 for 10575 classes: hence the scale.
    Source: [wang2017normface]
    """


@dataclass(frozen=True)
class _Multiple(Margin):
    """The multiplicative margins share λ: the target is (λ cos θ + ψ(θ)) / (1 + λ)."""

    margin: int = 4
    lam: float = 0.0
    keeps_length = True

    def __post_init__(self) -> None:
        if self.margin < 1 or self.margin != int(self.margin):
            raise ValueError(f"margin must be a whole number of at least 1, got {self.margin}")
        if self.lam < 0:
            raise ValueError(f"lam must not be negative, got {self.lam}")

    def target(self, cosine: Float[Tensor, "*n"], length: Float[Tensor, "*n"] | None = None) -> Float[Tensor, "*n"]:
        """Return (λ cos θ + ψ(θ)) / (1 + λ), in [1 - 2m, 1]. Source: [liu2017]."""
        return (self.lam * cosine + psi(cosine, int(self.margin))) / (1 + self.lam)


@dataclass(frozen=True)
class LSoftmax(_Multiple):
    """Large-margin softmax: the target logit is |W_y||x| ψ(θ), the weights keep their lengths.

    Args:
        margin: m, an integer ≥ 1 (2 to 4 in the paper).
        lam: λ ≥ 0, the share of plain softmax mixed in; `at(step)` anneals it.

    Source: [liu2016]
    """

    margin: int = 2
    keeps_weight_length = True

    def at(self, step: int) -> "LSoftmax":
        """Return the margin with λ of a training step: base 1000, growth 2.5e-5, power 35, minimum 0. [liu2016]."""
        return dataclasses.replace(self, lam=annealed_lambda(step, 1000.0, 2.5e-5, 35.0, 0.0))


@dataclass(frozen=True)
class SphereFace(_Multiple):
    """SphereFace (A-Softmax): the target logit is |x| ψ(θ), weights of unit length, Chebyshev form of ψ.

    The official recipe never lets λ fall below 5, where m = 4 acts like a real margin of only 1.34 to 1.87.

    Args:
        margin: m, an integer ≥ 1.
        lam: λ ≥ 0, the share of plain softmax mixed in; `at(step)` anneals it.

    Source: [liu2017]
    """

    def at(self, step: int) -> "SphereFace":
        """Return the margin with λ of a training step: base 1000, growth 0.12, power 1, minimum 5. [liu2017]."""
        return dataclasses.replace(self, lam=annealed_lambda(step))


@dataclass(frozen=True)
class SphereFaceR(Margin):
    """SphereFace-R: s cos(min(mθ, π)) for any real m, features of unit length; no annealing is needed.

    Args:
        margin: m ≥ 1 (1.5 to 1.7 in the authors' experiments, with s = 30).

    Source: [liu2022sphereface]
    """

    margin: float = 1.7

    def target(self, cosine: Float[Tensor, "*n"], length: Float[Tensor, "*n"] | None = None) -> Float[Tensor, "*n"]:
        """Return cos(min(mθ, π)), in [-1, 1]. Source: [liu2022sphereface]."""
        return cos_times_capped(cosine, self.margin)


@dataclass(frozen=True)
class CosFace(Margin):
    """CosFace, also AM-softmax: the target logit is s (cos θ - m).

    Args:
        margin: m ≥ 0; 0.35 with s = 64 in the paper.

    Source: [wang2018cosface], [wang2018additive]
    """

    margin: float = 0.35

    def target(self, cosine: Float[Tensor, "*n"], length: Float[Tensor, "*n"] | None = None) -> Float[Tensor, "*n"]:
        """Return cos θ - m. Source: [wang2018cosface]."""
        return cosine - self.margin


@dataclass(frozen=True)
class ArcFace(Margin):
    """ArcFace: the target logit is s cos(θ + m).

    Args:
        margin: m in radians, [0, π); 0.5 in the paper.
        beyond: what happens where θ + m > π; see `angles.cos_plus`.

    Source: [deng2019]
    """

    margin: float = 0.5
    beyond: str = "linear"

    def target(self, cosine: Float[Tensor, "*n"], length: Float[Tensor, "*n"] | None = None) -> Float[Tensor, "*n"]:
        """Return cos(θ + m), or its replacement past π. Source: [deng2019]."""
        return cos_plus(cosine, self.margin, self.beyond)


@dataclass(frozen=True)
class SubCentreArcFace(ArcFace):
    """Sub-centre ArcFace: K weight rows a class, the nearest one counts; noisy samples gather at the other rows.

    The weight has C·K rows, those of one class next to each other.

    Args:
        margin: m in radians.
        beyond: what happens where θ + m > π.
        subcentres: K ≥ 1; 3 in the paper.

    Source: [deng2020subcenter]
    """

    subcentres: int = 3


@dataclass(frozen=True)
class Combined(Margin):
    """The combined margin s (cos(m₁θ + m₂) - m₃), of which SphereFace, ArcFace and CosFace are corners.

    Args:
        m1: multiplies the angle, > 0.
        m2: is added to the angle, radians.
        m3: is taken from the cosine.
        beyond: what happens where m₁θ + m₂ > π: any policy of `angles.cos_plus` when m₁ = 1; otherwise "continue"
            (the ψ continuation, for which m₂ must not be negative). "auto" is "linear" when m₁ = 1, else "continue".

    Source: [deng2019]
    """

    m1: float = 1.0
    m2: float = 0.3
    m3: float = 0.2
    beyond: str = "auto"

    def __post_init__(self) -> None:
        if self.m1 <= 0:
            raise ValueError(f"m1 must be positive, got {self.m1}")
        if self.m1 != 1 and self.beyond not in ("auto", "continue"):
            raise ValueError(f"beyond must be 'auto' or 'continue' when m1 is not 1, got {self.beyond!r}")

    def target(self, cosine: Float[Tensor, "*n"], length: Float[Tensor, "*n"] | None = None) -> Float[Tensor, "*n"]:
        """Return cos(m₁θ + m₂) - m₃, continued past π. Source: [deng2019]."""
        if self.m1 != 1:
            return psi_real(cosine, self.m1, self.m2) - self.m3
        return cos_plus(cosine, self.m2, "linear" if self.beyond == "auto" else self.beyond) - self.m3


def annealed_lambda(
    step: int, base: float = 1000.0, growth: float = 0.12, power: float = 1.0, minimum: float = 5.0
) -> float:
    """Return λ(step) = max(minimum, base (1 + growth·step)^(-power)), the weight of plain softmax in early training.

    The defaults are those of SphereFace's official training file; L-Softmax used growth 2.5e-5, power 35, minimum 0.

    Args:
        step: training step ≥ 0.
        base: λ at step 0.
        growth: rate ≥ 0.
        power: exponent ≥ 0.
        minimum: λ never falls below it.

    Returns:
        λ ≥ minimum.

    Raises:
        ValueError: if the step is negative.

    Source: [liu2017], [liu2016]
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    return max(minimum, base * (1 + growth * step) ** -power)
