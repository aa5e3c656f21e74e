"""Checkpoints: a folder a step, weights as safetensors, the optimiser's state without pickled code."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn


def save(folder: Path, step: int, model: nn.Module, optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Writes folder/step-NNNNNNN and then removes the older ones: whenever the power fails, one whole checkpoint is there.

    Args:
        folder: of the run.
        step: steps done.
        model: its state goes to model.safetensors.
        optimiser: its state goes to optimiser.pt.
        state: JSON types, to state.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"step-{step:07d}"
    draft = folder / f"draft-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    save_file(
        {name: t.detach().cpu().contiguous().clone() for name, t in model.state_dict().items()},
        draft / "model.safetensors",
    )
    torch.save(optimiser.state_dict(), draft / "optimiser.pt")
    (draft / "state.json").write_text(json.dumps(state), encoding="utf-8")
    shutil.rmtree(final, ignore_errors=True)
    os.replace(draft, final)
    for older in folder.glob("step-*"):
        if older != final:
            shutil.rmtree(older, ignore_errors=True)


def newest(folder: Path) -> Path | None:
    """Returns the folder of the last checkpoint, or None."""
    return max(folder.glob("step-*"), default=None)


def load(checkpoint: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Puts a checkpoint back into model and optimiser and returns its state. Nothing in it can run code."""
    model.load_state_dict(load_file(checkpoint / "model.safetensors"))
    optimiser.load_state_dict(torch.load(checkpoint / "optimiser.pt", weights_only=True, map_location="cpu"))
    return json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
