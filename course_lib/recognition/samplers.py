"""Batches for metric learning: P identities with K images each."""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import Sampler


class IdentitySampler(Sampler[list[int]]):
    """Draws batches of P identities × K images, so that every anchor has K - 1 positives.

    An epoch visits each identity at most once; identities with fewer than K images repeat some. Give it to a
    DataLoader as `batch_sampler`.

    Args:
        labels: (N,) identity of each image.
        identities: P ≥ 2; TriHard's authors used 18.
        images: K ≥ 2; they used 4.
        seed: of the first epoch; epoch e draws with seed + e, so that a run can be repeated and resumed.

    Raises:
        ValueError: if P or K is below 2, or there are fewer than P identities.

    Source: [hermans2017]
    """

    def __init__(self, labels: Int[Tensor, "n"], identities: int = 18, images: int = 4, seed: int = 0):
        if identities < 2 or images < 2:
            raise ValueError(f"identities and images must be at least 2, got {identities} and {images}")
        order = labels.cpu().argsort(stable=True)
        counts = labels.cpu().unique(return_counts=True)[1]
        self.groups = order.split(counts.tolist())
        if len(self.groups) < identities:
            raise ValueError(f"identities must be at most {len(self.groups)}, as labels holds, got {identities}")
        self.identities, self.images, self.seed, self.epoch = identities, images, seed, 0

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.groups) // self.identities

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next pass draws; call it when training resumes."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of one epoch as lists of P·K image indices, identities together."""
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        self.epoch += 1
        order = torch.randperm(len(self.groups), generator=generator)
        for start in range(0, len(self) * self.identities, self.identities):
            chosen = order[start : start + self.identities].tolist()
            yield [i for identity in chosen for i in self._draw(self.groups[identity], generator)]

    def _draw(self, images: Tensor, generator: torch.Generator) -> list[int]:
        """Draw K images of one identity, without repeats while there are enough."""
        rounds = -(-self.images // len(images))
        picks = torch.cat([torch.randperm(len(images), generator=generator) for _ in range(rounds)])
        return images[picks[: self.images]].tolist()
