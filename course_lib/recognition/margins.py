"""One function for every margin softmax, and the margins it takes."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.recognition.adaptive_margins import AdaFace, CurricularFace, MagFace
from course_lib.recognition.angles import unit
from course_lib.recognition.margin_kernels import margin_losses
from course_lib.recognition.margin_kinds import (
    ArcFace,
    Combined,
    CosFace,
    LSoftmax,
    Margin,
    NormFace,
    Softmax,
    SphereFace,
    SphereFaceR,
    SubCentreArcFace,
    annealed_lambda,
)

__all__ = [
    "AdaFace",
    "ArcFace",
    "Combined",
    "CosFace",
    "CurricularFace",
    "LSoftmax",
    "MagFace",
    "Margin",
    "NormFace",
    "Softmax",
    "SphereFace",
    "SphereFaceR",
    "SubCentreArcFace",
    "annealed_lambda",
    "least_scale",
    "margin_cross_entropy",
    "margin_logits",
]


def margin_cross_entropy(
    embeddings: Float[Tensor, "b d"],
    weight: Float[Tensor, "ck d"],
    labels: Int[Tensor, "b"],
    margin: Margin,
    scale: float = 64.0,
    *,
    grad: str = "exact",
    impl: str = "simple",
    reduction: str = "mean",
) -> Float[Tensor, "..."]:
    """Return the cross-entropy of logits ρ ω_j cos θ_j whose target entry is ρ ω_y f(cos θ_y).

    L = -log( e^{ρ f(cos θ_y)} / (e^{ρ f(cos θ_y)} + Σ_{j≠y} e^{ρ cos θ_j}) ) for margins that normalise both sides
    (ρ = s). The margin object supplies f; Softmax and L-Softmax keep |W_j| in the logits, and with SphereFace they
    keep |x| in place of the scale. The target cosine is computed in float32 even where the rest is in half precision.

    Args:
        embeddings: x, (B, D), any length, float16 to float64; a zero row has cosine 0 with every class.
        weight: W, (C, D) class rows ((C·K, D) with K sub-centres), any length.
        labels: y, (B,), in [0, C).
        margin: `ArcFace(0.5)`, `CosFace(0.35)`, ... A margin with running statistics updates them in training mode.
        scale: s > 0.
        grad: "exact" differentiates f; "detached" uses f only in the value, with f' replaced by 1 (what
            InsightFace's arcface_torch and opensphere do): the same loss, a slightly different direction.
        impl: "simple" is plain autograd; "fused" keeps one (B, C) buffer and allows one backward pass; "chunked"
            keeps none and computes the logits twice. All three agree to rounding.
        reduction: "mean", "sum" or "none".

    Returns:
        A scalar, or (B,) for "none", in nats, ≥ 0 for most margins; float32 for half-precision input.

    Raises:
        ValueError: for a shape, label, scale or option outside the above, or an `impl` that the margin doesn't allow.

    Source: [deng2019], [wang2018cosface], [liu2017]
    """
    _check(embeddings, weight, labels, margin, scale, grad, impl, reduction)
    if impl == "simple":
        logits = margin_logits(embeddings, weight, labels, margin, scale, grad=grad)
        losses = F.cross_entropy(logits, labels, reduction="none")
    else:
        losses = margin_losses(embeddings, weight, labels, margin, scale, grad == "detached", impl == "chunked")
    if type(margin).penalty is not Margin.penalty:
        penalty = margin.penalty(unit(embeddings)[1])
        losses = losses if penalty is None else losses + penalty
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def margin_logits(
    embeddings: Float[Tensor, "b d"],
    weight: Float[Tensor, "ck d"],
    labels: Int[Tensor, "b"],
    margin: Margin,
    scale: float = 64.0,
    *,
    grad: str = "exact",
) -> Float[Tensor, "b c"]:
    """Return the logits that `margin_cross_entropy` feeds to the softmax, margin included.

    z_bj = ρ ω_j cos θ_bj for j ≠ y, and ρ ω_y f(cos θ_by) for the target.

    Args:
        embeddings: (B, D).
        weight: (C, D), or (C·K, D) with K sub-centres.
        labels: (B,) in [0, C).
        margin: the margin.
        scale: s.
        grad: "exact" or "detached".

    Returns:
        (B, C) logits, float32 or float64.

    Source: [deng2019]
    """
    direction, length = unit(embeddings)
    rows = weight if margin.keeps_weight_length else unit(weight)[0]
    features = embeddings if margin.keeps_length else direction.to(embeddings.dtype)
    product = F.linear(features, rows.to(features.dtype))
    low = product.dtype in (torch.float16, torch.bfloat16)
    product = product.float() if low else product
    if margin.subcentres > 1:
        product = product.unflatten(1, (-1, margin.subcentres)).amax(2)
    index = labels[:, None]
    omega = torch.linalg.vector_norm(weight[labels], dim=1) if margin.keeps_weight_length else torch.ones_like(length)
    omega = omega.to(length.dtype)
    size = length * omega if margin.keeps_length else omega
    if low and margin.subcentres == 1:  # half precision would round the angle to 1-5 degrees near 0
        own = (direction * unit(weight[labels])[0]).sum(1)
    else:
        own = product.gather(1, index).squeeze(1) / torch.where(size > 1e-12, size, torch.ones_like(size))
    cosine = own.clamp(-1, 1)
    margin.observe(cosine.detach(), length.detach())
    value = margin.target(cosine, length)
    if grad == "detached":
        value = cosine + (value - cosine).detach()
    logits = margin.others(product, cosine).scatter(1, index, (value * size)[:, None])
    return logits if margin.keeps_length else logits * scale


def least_scale(classes: int, probability: float = 0.99) -> float:
    """Return the smallest scale with which a perfectly spread normalised softmax can reach a target probability.

    s ≥ (C-1)/C · ln((C-1) P / (1-P)): 13.9 for 10572 classes at P = 0.99, 16.0 for 85742.

    Args:
        classes: C ≥ 2.
        probability: P in (0, 1).

    Returns:
        s, a positive number for P above 1/C.

    Raises:
        ValueError: outside these ranges.

    Source: [wang2018cosface]
    """
    if classes < 2 or not 0 < probability < 1:
        raise ValueError(f"classes must be at least 2 and probability in (0, 1), got {classes} and {probability}")
    odds = torch.tensor((classes - 1) * probability / (1 - probability), dtype=torch.float64)
    return float((classes - 1) / classes * odds.log())


def _check(
    embeddings: Tensor,
    weight: Tensor,
    labels: Tensor,
    margin: Margin,
    scale: float,
    grad: str,
    impl: str,
    reduction: str,
) -> None:
    """Raise ValueError for what would otherwise fail later, or silently."""
    for name, value, allowed in (
        ("grad", grad, ("exact", "detached")),
        ("impl", impl, ("simple", "fused", "chunked")),
        ("reduction", reduction, ("mean", "sum", "none")),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {allowed}, got {value!r}")
    if embeddings.shape[1] != weight.shape[1]:
        raise ValueError(f"weight must have {embeddings.shape[1]} columns, as embeddings has, got {weight.shape[1]}")
    if len(embeddings) == 0:
        raise ValueError("embeddings must hold at least one sample, got none")
    if scale <= 0:
        raise ValueError(f"scale must be positive, got {scale}")
    if len(weight) % margin.subcentres:
        raise ValueError(f"weight must have a multiple of {margin.subcentres} rows (sub-centres), got {len(weight)}")
    if impl != "simple" and (margin.changes_others or margin.subcentres > 1):
        raise ValueError(f"impl must be 'simple' for {type(margin).__name__}, which changes more than the target logit")
    if not (torch.compiler.is_compiling() or torch.compiler.is_exporting()):
        low, high = labels.aminmax()
        if low < 0 or high >= len(weight) // margin.subcentres:
            raise ValueError(f"labels must lie in [0, {len(weight) // margin.subcentres}), got {int(low)}..{int(high)}")
