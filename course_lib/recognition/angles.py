"""Cosines of changed angles: cos(θ + m), ψ(mθ), cos(min(mθ, π)), with gradients that stay finite at θ = 0 and θ = π.

Every function maps the cosine to its target, elementwise and for any shape, without the angle itself where it can:
the arccosine has an infinite derivative exactly where training wants to go.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

BEYOND = ("linear", "continue", "easy", "none")


def unit(vectors: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n"]]:
    """Return each row divided by its Euclidean length, and the lengths, in at least single precision.

    x̂ = x / |x|. Half-precision rows are raised to float32 first, because the sum of squares of 512 numbers near 12
    already overflows float16. A row shorter than 1e-12 (1e-3 for float16) counts as zero and stays zero.

    Args:
        vectors: (N, D) any floating dtype.

    Returns:
        The unit rows (N, D) and their lengths (N,), float32 or float64. The gradient at a zero row is finite.

    Source: [wang2017normface]
    """
    shortest = 1e-3 if vectors.dtype == torch.float16 else 1e-12
    raised = vectors.float() if vectors.dtype in (torch.float16, torch.bfloat16) else vectors
    squares = raised.square().sum(1)
    # The square root must never see a zero: its infinite slope times the zero that torch.where passes back is NaN.
    live = squares > shortest**2
    length = torch.where(live, squares, torch.ones_like(squares)).sqrt()
    return raised / length[:, None], torch.where(live, length, squares)


def sine(cosine: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Return sin θ ≥ 0 of an angle in [0, π] from its cosine, with a finite gradient everywhere.

    sin θ = sqrt(max(1 - cos²θ, ε)), ε = 1e-7 (float32) or 1e-14 (float64). The floor comes before the root; a clamp
    after it would leave the infinite slope in place.

    Args:
        cosine: any shape, in [-1, 1] up to rounding.

    Returns:
        Same shape, in [sqrt(ε), 1]; the gradient is zero where the floor acts.

    Source: [deng2019]
    """
    floor = 1e-14 if cosine.dtype == torch.float64 else 1e-7
    return (1 - cosine * cosine).clamp_min(floor).sqrt()


def angle(cosine: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Return θ = arccos(cos θ) with the cosine kept a rounding step away from ±1, so that the gradient is finite.

    Args:
        cosine: any shape.

    Returns:
        Angles in radians, same shape, in (0, π); the gradient is zero where the cosine was moved.

    Source: [deng2019]
    """
    step = 1e-14 if cosine.dtype == torch.float64 else 6e-8
    return cosine.clamp(-1 + step, 1 - step).acos()


def cos_plus(
    cosine: Float[Tensor, "*n"], margin: float | Float[Tensor, "..."], beyond: str = "linear"
) -> Float[Tensor, "*n"]:
    """Return cos(θ + m) = cos θ cos m - sin θ sin m, and what replaces it where θ + m > π.

    Past π the cosine would rise again and reward larger angles. `beyond` says what happens there:
    "linear": cos θ - m sin m (the usual choice; monotone, but jumps at θ = π - m);
    "continue": -2 - cos(θ + m) (continuous and monotone);
    "easy": no margin at all where cos θ ≤ 0 (MagFace's choice; jumps at 90°);
    "none": nothing replaces it (not monotone).

    Args:
        cosine: cos θ, any shape, in [-1, 1].
        margin: m in radians, [0, π]; a number or a tensor that broadcasts.
        beyond: the policy.

    Returns:
        Same shape as cosine, in [-2, 1] for m ≤ 1.

    Raises:
        ValueError: if `beyond` is not one of the four.

    Source: [deng2019]
    """
    if beyond not in BEYOND:
        raise ValueError(f"beyond must be one of {BEYOND}, got {beyond!r}")
    m = torch.as_tensor(margin, dtype=cosine.dtype, device=cosine.device)
    added = cosine * m.cos() - sine(cosine) * m.sin()
    if beyond == "none":
        return added
    if beyond == "easy":
        return torch.where(cosine > 0, added, cosine)
    replacement = cosine - m * m.sin() if beyond == "linear" else -2 - added
    return torch.where(cosine > -m.cos(), added, replacement)


def chebyshev(cosine: Float[Tensor, "*n"], order: int) -> Float[Tensor, "*n"]:
    """Return cos(nθ) as the Chebyshev polynomial T_n(cos θ): no arccosine, so the gradient is exact everywhere.

    T_0 = 1, T_1 = c, T_{n+1} = 2c T_n - T_{n-1}.

    Args:
        cosine: c = cos θ, any shape.
        order: n ≥ 0.

    Returns:
        Same shape, in [-1, 1].

    Raises:
        ValueError: if the order is negative.

    Source: [liu2017]
    """
    if order < 0:
        raise ValueError(f"order must be at least 0, got {order}")
    before, now = torch.ones_like(cosine), cosine
    if order == 0:
        return before
    for _ in range(order - 1):
        before, now = now, 2 * cosine * now - before
    return now


def psi(cosine: Float[Tensor, "*n"], multiple: int) -> Float[Tensor, "*n"]:
    """Return SphereFace's ψ(θ) = (-1)^k cos(mθ) - 2k, kπ/m ≤ θ ≤ (k+1)π/m: cos(mθ) continued so that it only falls.

    The piece k is found by comparing the cosine with cos(kπ/m), so no arccosine is needed; it carries no gradient.

    Args:
        cosine: cos θ, any shape, in [-1, 1].
        multiple: m, an integer ≥ 1.

    Returns:
        Same shape, from 1 at θ = 0 to 1 - 2m at θ = π.

    Raises:
        ValueError: if the multiple is below 1.

    Source: [liu2016], [liu2017]
    """
    if multiple < 1:
        raise ValueError(f"multiple must be an integer of at least 1, got {multiple}")
    piece = torch.zeros_like(cosine)
    with torch.no_grad():
        for k in range(1, multiple):
            piece = piece + (cosine <= math.cos(k * math.pi / multiple)).to(cosine.dtype)
    sign = 1 - 2 * torch.remainder(piece, 2)
    return sign * chebyshev(cosine, multiple) - 2 * piece


def psi_real(
    cosine: Float[Tensor, "*n"], multiple: float | Float[Tensor, ""], shift: float | Float[Tensor, ""] = 0.0
) -> Float[Tensor, "*n"]:
    """Return (-1)^k cos φ - 2k with φ = m₁θ + m₂ and k = floor(φ/π): the continued cosine for any real m₁ and m₂.

    Args:
        cosine: cos θ, any shape, in [-1, 1].
        multiple: m₁ > 0.
        shift: m₂ ≥ 0 in radians.

    Returns:
        Same shape, continuous and falling in θ, in [1 - 2(k+1), 1].

    Source: [deng2019], [liu2017]
    """
    changed = multiple * angle(cosine) + shift
    piece = torch.floor(changed.detach() / math.pi)
    return (1 - 2 * torch.remainder(piece, 2)) * changed.cos() - 2 * piece


def cos_times_capped(cosine: Float[Tensor, "*n"], multiple: float | Float[Tensor, ""]) -> Float[Tensor, "*n"]:
    """Return cos(min(mθ, π)), the characteristic function of SphereFace-R, version 1.

    Args:
        cosine: cos θ, any shape, in [-1, 1].
        multiple: m ≥ 1, any real number.

    Returns:
        Same shape, in [-1, 1]; the gradient is zero where mθ > π.

    Source: [liu2022sphereface]
    """
    return (multiple * angle(cosine)).clamp_max(math.pi).cos()
