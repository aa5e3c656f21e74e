"""Weights with their cards: what is measured is what is stored."""

import dataclasses
import datetime
import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from course_lib.i18n import label
from course_lib.training.loop import Trained, fit
from course_lib.training.recipe import Recipe


def train(
    recipe: Recipe, *, folder: Path | str, seed: int | None = None, **options: Any
) -> tuple[Trained, Path | None]:
    """Fits a recipe, evaluates what will be stored and writes folder/NAME.safetensors with its card NAME.json.

    Args:
        recipe: what to train.
        folder: for the weights; checkpoints go to its subfolder NAME-seedN.
        seed: replaces the recipe's.
        options: passed on to `fit`.

    Returns:
        The training, and the path of the weights (None after an interrupt).
    """
    recipe = recipe if seed is None else dataclasses.replace(recipe, seed=seed)
    trained = fit(recipe, folder=Path(folder) / f"{recipe.name}-seed{recipe.seed}", **options)
    return trained, write(trained, folder) if trained.finished else None


def write(trained: Trained, folder: Path | str, metrics: dict[str, Any] | None = None) -> Path:
    """Writes weights and card. Kernels are stored in half precision, and the metrics are those of the stored weights.

    Args:
        trained: a finished training.
        folder: made if missing.
        metrics: the evaluation; the recipe's own, of the stored weights, when None.

    Returns:
        Path of the weights; the card lies next to it as JSON.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    recipe, network = trained.recipe, trained.network
    path = folder / f"{recipe.name}.safetensors"
    save_file(halved(network), path)
    put(network, load_file(path))
    network.eval()
    if metrics is None:
        metrics = recipe.evaluate(network)
    card = {
        "name": recipe.name,
        "title": label(recipe.title),
        "network": type(network).__name__,
        "parameters": sum(p.numel() for p in network.parameters()),
        "recipe": f"{type(recipe).__module__}.{type(recipe).__qualname__}",
        "settings": recipe.settings(),
        "seed": recipe.seed,
        "steps": trained.step,
        "data": label(recipe.data),
        "metrics": metrics,
        "last_losses": [[step, round(loss, 4)] for step, loss in trained.losses[-5:]],
        "cpu_minutes": round(trained.cpu_seconds / 60, 2),
        "device": trained.device,
        "precision": trained.precision,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "date": datetime.date.today().isoformat(),
        "licence": recipe.licence,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    return path


def halved(network: nn.Module) -> dict[str, Tensor]:
    """Returns the network's state for storing: kernels and matrices in float16, vectors (norms, biases) as they are.

    The running variance of a batch normalisation may leave the range of float16, and vectors weigh nothing anyway.
    """
    return {
        name: (t.half() if t.is_floating_point() and t.ndim > 1 else t).detach().cpu().contiguous().clone()
        for name, t in network.state_dict().items()
    }


def put(network: nn.Module, stored: dict[str, Tensor]) -> nn.Module:
    """Loads stored weights into a network of the same shape, in the network's own precision, and returns it."""
    network.load_state_dict(stored)
    return network
