"""A recipe that trains in a blink: points around four centres."""

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.training import Recipe


@dataclasses.dataclass
class Toy(Recipe):
    """Four Gaussian blobs, a network with everything that makes resuming hard: normalisation, dropout, momentum."""

    name: str = "toy"
    title: tuple[str, str] = ("Toy", "玩具")
    data: tuple[str, str] = ("Four blobs.", "四团点。")
    steps: int = 40
    batch_size: int = 16
    learning_rate: float = 1e-2

    def build(self):
        return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 4))

    def batch(self, generator):
        labels = torch.randint(4, (self.batch_size,), generator=generator)
        noise = torch.randn(self.batch_size, 8, generator=generator)
        return F.one_hot(labels, 8) * 2.0 + noise, labels

    def loss(self, model, batch, step):
        points, labels = batch
        return F.cross_entropy(model(points + 0.01 * torch.randn_like(points)), labels)

    def evaluate(self, network):
        points, labels = self.batch(torch.Generator().manual_seed(99))
        return {"accuracy": float((network(points).argmax(1) == labels).double().mean())}
