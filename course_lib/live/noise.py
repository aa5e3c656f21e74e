"""Noise that torch and the browser draw alike."""

import functools
import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

TABLE = 8192


@functools.lru_cache(maxsize=32)
def _tables(rows: int, columns: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    values = generator.standard_normal(TABLE)
    down, across = (generator.integers(0, TABLE // 2, count) for count in (rows, columns))
    return ((values - values.mean()) / values.std()).astype(np.float32), down, across


def noise(*shape: int, seed: int = 0, device: torch.device | None = None) -> Float[Tensor, "..."]:
    """Standard normal noise that a figure's function can add: the same in torch and in the exported graph.

    A tensor from ``torch.randn`` would travel to the reader inside the graph, 0.6 MB for a 224 px image, and a call of
    it inside the function would differ between the two. Here one table of 8192 normal numbers (33 kB) is read at
    ``down[y] + across[x]`` with random offsets for each row and each column, which looks white to the eye and to any
    measure that compares pixels at fixed distances.

    Args:
        shape: sizes of the result, such as 1, 3, 224, 224.
        seed: another seed gives another field.
        device: where to put it.

    Returns:
        float32 tensor of ``shape``, mean about 0, variance about 1.

    Raises:
        ValueError: if the shape is empty.
    """
    if not shape or min(shape) < 1:
        raise ValueError(f"noise: every size should be at least 1, got {shape}")
    values, down, across = (torch.tensor(t, device=device) for t in _tables(math.prod(shape[:-1]), shape[-1], seed))
    return values[down[:, None] + across[None, :]].reshape(shape)
