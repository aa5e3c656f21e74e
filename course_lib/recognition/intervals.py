"""Confidence intervals of a share: exact, by Clopper and Pearson."""

import torch
from jaxtyping import Float, Int
from scipy.special import betaincinv
from torch import Tensor


def clopper_pearson(
    successes: Int[Tensor, "*n"], trials: int | Int[Tensor, "*n"], confidence: float = 0.95
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """Return the exact confidence interval of a binomial share.

    low = Beta⁻¹(α/2; k, n-k+1), high = Beta⁻¹(1-α/2; k+1, n-k), with 0 at k = 0 and 1 at k = n. With no error in n
    trials and 95 %, the one-sided bound is about 3/n: the "rule of three".

    Args:
        successes: k, any shape, in [0, n].
        trials: n ≥ 1, a number or the same shape.
        confidence: 1 - α in (0, 1).

    Returns:
        Lower and upper limits, same shape, float64, in [0, 1]. The few counts go through SciPy on the CPU.

    Raises:
        ValueError: for a confidence outside (0, 1), or counts outside [0, n].

    Source: [clopper1934]
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    k = successes.double().cpu()
    n = torch.as_tensor(trials).double().cpu().expand_as(k)
    if bool(((k < 0) | (k > n) | (n < 1)).any()):
        raise ValueError("successes must lie in [0, trials] and trials be at least 1")
    tail = (1 - confidence) / 2
    low = torch.as_tensor(betaincinv(k.clamp_min(1).numpy(), (n - k + 1).numpy(), tail), dtype=torch.float64)
    high = torch.as_tensor(betaincinv((k + 1).numpy(), (n - k).clamp_min(1).numpy(), 1 - tail), dtype=torch.float64)
    low, high = low.reshape(k.shape), high.reshape(k.shape)
    low = torch.where(k == 0, torch.zeros_like(low), low)
    high = torch.where(k == n, torch.ones_like(high), high)
    return low.to(successes.device), high.to(successes.device)
