"""Numbers that come from a slider: a Python number in a notebook, a tensor without dimensions in an exported figure."""

import torch
from jaxtyping import Float
from torch import Tensor

Number = float | int | Float[Tensor, ""]


def number_like(value: Number, like: Tensor) -> Tensor:
    """Return a slider's value as a 0-d tensor with the dtype and device of ``like``."""
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)
