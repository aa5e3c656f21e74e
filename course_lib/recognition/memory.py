"""How much memory the last layer takes when there are millions of classes."""

from jaxtyping import Float
from torch import Tensor

Quantity = int | float | Float[Tensor, "..."]
STRATEGIES = ("data parallel", "model parallel", "partial fc")


def head_memory(
    classes: Quantity,
    width: Quantity = 512,
    gpus: Quantity = 8,
    batch: Quantity = 1024,
    *,
    rate: Quantity = 1.0,
    strategy: str = "model parallel",
    logit_copies: float = 8.0,
) -> float | Float[Tensor, "..."]:
    """Return the bytes a GPU needs for the margin softmax, without the backbone.

    Model parallel: each of N GPUs keeps C/N rows and sees the whole batch B:
    4 C/N · (2 d + r (3 d + κ B)); the 2 are weight and momentum, the 3 the gradient, the normalised weight and its
    gradient, and κ the number of copies of the logits that the training step holds at once. Data parallel: each keeps
    all C rows, one more copy for the exchange of gradients, and its own B/N samples: 4 C (6 d + κ B/N). Partial FC is
    model parallel with r < 1. κ = 8 fits InsightFace's published measurements; the "fused" kernel here has κ = 1 and
    no normalised copy.

    Args:
        classes: C.
        width: d.
        gpus: N.
        batch: B, over all GPUs.
        rate: r in (0, 1], used by model parallel and Partial FC.
        strategy: "data parallel", "model parallel" or "partial fc".
        logit_copies: κ.

    Returns:
        Bytes on each GPU: a float, or a tensor if an argument was one.

    Raises:
        ValueError: for another strategy.

    Source: [an2022]
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {STRATEGIES}, got {strategy!r}")
    if strategy == "data parallel":
        return 4 * classes * (6 * width + logit_copies * batch / gpus)
    return 4 * classes / gpus * (2 * width + rate * (3 * width + logit_copies * batch))
