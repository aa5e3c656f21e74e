"""What a scale or a margin implies before anything is trained: floors, bounds, starting losses, the margin that is left.

Pure functions of a few numbers; those that figures use take 0-d tensors and export to ONNX.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.recognition.slider_values import Number


def loss_floor(classes: Number, scale: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Return the smallest mean loss that a normalised softmax can reach with a scale, however well it is trained.

    log(1 + (C-1) exp(-C s/(C-1))): every feature on its class weight, the weights at the corners of a simplex.

    Args:
        classes: C ≥ 2.
        scale: s ≥ 0, any shape.

    Returns:
        Nats, same shape, in (0, ln C].

    Source: [wang2017normface]
    """
    count = torch.as_tensor(classes, dtype=scale.dtype, device=scale.device)
    return torch.nn.functional.softplus((count - 1).log() - scale * count / (count - 1))


def effective_multiple(target: Float[Tensor, "*n"], angle: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Return the m for which ψ(mθ) equals a target value: what an annealed or combined margin really multiplies by.

    With k = floor((1-t)/2) the continued cosine takes the value t at φ = kπ + arccos(t + 2k); m = φ/θ.

    Args:
        target: t ≤ 1, the value that replaces cos θ.
        angle: θ in (0, π], radians.

    Returns:
        m, same shape; 1 where t = cos θ.

    Source: [liu2017], [deng2019]
    """
    piece = torch.floor((1 - target) / 2)
    return (piece * math.pi + (target + 2 * piece).clamp(-1.0, 1.0).acos()) / angle


def largest_cosine_margin(classes: int, width: int) -> float:
    """Return the largest m of CosFace with which every class can still win at its own weight.

    1 - cos(2π/C) in the plane; C/(C-1) where the C weights fit into a simplex (C ≤ D + 1). In between no closed form
    is known and 1 - max cos of the best packing is below C/(C-1).

    Args:
        classes: C ≥ 2.
        width: D ≥ 2, dimensions of the embedding.

    Returns:
        m; for C > D + 1 > 3 the simplex value, an upper bound that is not reached.

    Raises:
        ValueError: outside these ranges.

    Source: [wang2018cosface]
    """
    if classes < 2 or width < 2:
        raise ValueError(f"classes and width must be at least 2, got {classes} and {width}")
    if width == 2 and classes > 3:
        return 1 - math.cos(2 * math.pi / classes)
    return classes / (classes - 1)


def starting_loss(classes: Number, target: Number, scale: Number) -> Float[Tensor, ""]:
    """Return the loss of an untrained network: all angles 90°, the target's value already lowered by the margin.

    log(1 + (C-1) e^{-s f(0)}) with f(cos 90°) = -sin m for ArcFace, -m for CosFace: for 85742 classes, s = 64 and
    m = 0.5 it is 42, and no sign of a mistake.

    Args:
        classes: C ≥ 2.
        target: f(0), the value at 90°.
        scale: s.

    Returns:
        Nats.

    Source: [deng2019]
    """
    count, value, s = (torch.as_tensor(n, dtype=torch.float32) for n in (classes, target, scale))
    return torch.nn.functional.softplus((count - 1).log() - s * value)
