"""What a recipe is: data, network, loss, schedule and evaluation of one trained network, in one small object."""

import dataclasses
import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.i18n import Label


@dataclass
class Recipe(ABC):
    """One network to train: subclass it, give the fields defaults, write the five methods.

    A step depends on the recipe, the seed and the number of the step alone: `batch` draws from a generator that the
    loop seeds for that step, and so does everything random in `loss`. That is why a run that was interrupted and resumed
    ends with the very same weights.

    Attributes:
        name: of the recipe, of its weights and of its card.
        title: (English, Chinese).
        data: what it learns from, one or two English sentences for the card.
        seed: of the initial weights and of every batch.
        steps: optimiser steps.
        batch_size: samples a step.
        learning_rate: the highest of the schedule.
        weight_decay: of matrices and kernels; biases and normalisation have none.
        warm_up: share of the steps in which the learning rate rises; it falls to zero as a cosine afterwards.
        clip: largest norm of the gradient, None for no limit.
        budget: CPU minutes that the whole may take on one thread.
        licence: of the weights.
    """

    name: str
    title: Label
    data: Label
    seed: int = 0
    steps: int = 1000
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 5e-4
    warm_up: float = 0.1
    clip: float | None = 5.0
    budget: float = 10.0
    licence: str = "MIT"

    def prepare(self) -> None:  # noqa: B027  (not every recipe has something to prepare)
        """Renders or loads what `batch` draws from; called once before training, not counted as training."""

    @abstractmethod
    def build(self) -> nn.Module:
        """Returns the fresh network with whatever else has parameters (a head, class weights)."""

    @abstractmethod
    def batch(self, generator: torch.Generator) -> Any:
        """Draws one batch: tensors, or tuples, lists and dicts of them, on the CPU."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: Any, step: int) -> Tensor:
        """Returns the scalar to minimise; `model` is what `build` made, in training mode, on the batch's device."""

    def network(self, model: nn.Module) -> nn.Module:
        """Returns the part whose weights are kept: `model.network` where there is one, else the whole."""
        inner = getattr(model, "network", None)
        return inner if isinstance(inner, nn.Module) else model

    @abstractmethod
    def evaluate(self, network: nn.Module) -> dict[str, Any]:
        """Returns the metrics of the kept part, in evaluation mode, on data it has not seen; JSON types only."""

    def optimiser(self, model: nn.Module) -> torch.optim.Optimizer:
        """Returns the optimiser: AdamW, with weight decay on matrices and kernels only."""
        matrices = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
        vectors = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": self.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        return torch.optim.AdamW([g for g in groups if g["params"]], lr=self.learning_rate)

    def factor(self, step: int) -> float:
        """Returns what the optimiser's learning rates are multiplied by at a step: linear up, then a cosine down."""
        rising = max(1, round(self.warm_up * self.steps))
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, self.steps - rising)))

    def settings(self) -> dict[str, Any]:
        """Returns the fields that shape the outcome, as JSON types, for the card and the checkpoints."""
        told = ("title", "data", "licence", "budget")
        kept = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in told}
        return {name: value for name, value in kept.items() if isinstance(value, str | int | float | bool | None)}


@dataclass(frozen=True)
class Experiment:
    """Several trainings that end in one record, data/records/NAME.json.

    Attributes:
        name: of the experiment and its record.
        title: (English, Chinese).
        run: called as run(folder=Path, device=str, precision=str, progress=bool); keeps what is done in the folder, so
            that it can go on after an interruption, and returns the record (JSON types).
        budget: CPU minutes on one thread.
        folder: name of the folder that it works in; its own name when empty. Experiments may share one.
    """

    name: str
    title: Label
    run: Callable[..., dict[str, Any]]
    budget: float = 10.0
    folder: str = ""


def step_seed(seed: int, step: int) -> int:
    """Returns the seed of a step: a hash, so that neighbouring steps and seeds share nothing."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{step}".encode()).digest()[:7], "big")
