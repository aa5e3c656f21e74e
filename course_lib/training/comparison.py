"""One budget for every loss: the same small network, people, batches and steps; what is done is kept and not done twice."""

import copy
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import torch
from scipy.stats import t as student
from torch import nn

from course_lib.i18n import Label, label
from course_lib.recognition.backbones import CourseNet
from course_lib.training import aligned
from course_lib.training.face_losses import FAMILIES, FaceLoss, face_losses
from course_lib.training.face_recipe import FaceRecipe
from course_lib.training.loop import Trained, fit

SEEDS = (0, 1, 2)
METRICS = ("eer", "tar_1e-2", "tar_1e-3")
CHANNELS = (8, 16, 32, 64)
SIZE = 48
PILOT: dict[str, list[tuple[str, float, float]]] = {
    "softmax": [("softmax", 1.0, 3e-3), ("softmax", 1.0, 1e-2)],
    "angular": [("arcface", 12.0, 3e-3), ("arcface", 12.0, 1e-2), ("arcface", 24.0, 3e-3), ("arcface", 24.0, 1e-2)],
    "metric": [
        ("batch-hard-soft", 1.0, 3e-3),
        ("batch-hard-soft", 1.0, 1e-2),
        ("multi-similarity", 1.0, 3e-3),
        ("multi-similarity", 1.0, 1e-2),
    ],
}
"""What the pilot tries: (loss, scale, learning rate), by family; chosen by the EER on validation people, seed 100."""


@dataclasses.dataclass
class ComparedRecipe(FaceRecipe):
    """A small course network on 48-pixel faces, for any loss.

    `start`, when it is set, is the network to go on from (the second step of the two-step recipe).
    """

    name: str = "compared"
    title: Label = ("One loss under the common budget", "同一预算下的一种损失")
    steps: int = 800
    size: int = SIZE
    people: int = 12
    budget: float = 0.5

    def __post_init__(self) -> None:
        """No network to start from."""
        super().__post_init__()
        self.start: nn.Module | None = None

    def embedder(self) -> nn.Module:
        """Returns the small network, fresh or a copy of `start`."""
        return copy.deepcopy(self.start) if self.start is not None else CourseNet(self.width, CHANNELS, self.size)


@dataclasses.dataclass
class Budget:
    """What the trainings of a comparison share.

    Attributes:
        folder: one JSON file a finished training.
        train, test: aligned faces of 48 pixels.
        options: of `fit`.
        steps: of each training.
    """

    folder: Path
    train: aligned.AlignedFaces
    test: aligned.AlignedFaces
    options: dict[str, Any]
    steps: int = ComparedRecipe.steps

    def fitted(self, loss: str, seed: int, scale: float, rate: float, **changes: Any) -> Trained:
        """Trains one loss; raises KeyboardInterrupt when it was interrupted."""
        start = changes.pop("start", None)
        settings: dict[str, Any] = {
            "steps": self.steps,
            "loss_name": loss,
            "seed": seed,
            "scale": scale,
            "learning_rate": rate,
        }
        recipe = ComparedRecipe(**(settings | changes))
        recipe.faces, recipe.start = self.train, start
        trained = fit(recipe, **self.options)
        if not trained.finished:
            raise KeyboardInterrupt
        return trained

    def row(self, loss: str, seed: int, scale: float, rate: float) -> dict[str, Any]:
        """Returns {"seed", the metrics, "cpu_seconds"} of one training, from the folder if it was done before."""
        key = f"{loss}-s{scale:g}-lr{rate:g}-{self.steps}-{len(self.test)}-seed{seed}"
        return self.kept(key, lambda: self.measured(self.fitted(loss, seed, scale, rate)) | {"seed": seed})

    def kept(self, key: str, make: Any) -> dict[str, Any]:
        """Returns the result under a key, made now if it isn't there."""
        path = self.folder / f"{key}.json"
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
        result = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(result), encoding="utf-8")
        os.replace(draft, path)
        return result

    def measured(self, trained: Trained) -> dict[str, Any]:
        """Returns the metrics of a training on the test people, without flip test and intervals."""
        report = aligned.evaluate_on(self.test, trained.network, flip="none", replicates=0)
        days = {f"tar_1e-2 {row['label']}": row["tar"]["value"] for row in report["bins"]["day"]}
        rates = {name: report[name]["value"] for name in METRICS}
        return rates | days | {"cpu_seconds": round(trained.cpu_seconds, 1)}


def pilot(budget: Budget) -> dict[str, dict[str, Any]]:
    """Returns per family the tried (loss, scale, rate, EER) and the chosen scale and rate: lowest mean EER over its losses."""
    found = {}
    for family, tried in PILOT.items():
        rows = [
            {"loss": loss, "scale": scale, "rate": rate, "eer": budget.row(loss, 100, scale, rate)["eer"]}
            for loss, scale, rate in tried
        ]
        pairs = list(dict.fromkeys((row["scale"], row["rate"]) for row in rows))
        mean = {p: sum(r["eer"] for r in rows if (r["scale"], r["rate"]) == p) for p in pairs}
        scale, rate = min(pairs, key=lambda p: mean[p])
        found[family] = {"tried": rows, "scale": scale, "rate": rate}
    return found


def budgets(folder: Path, options: dict[str, Any]) -> tuple[Budget, Budget]:
    """Returns the pilot's budget, which measures on validation people, and the comparison's, on test people."""
    folder = folder / aligned.TRAINING.key()[:8]  # another renderer makes other faces: their results are no longer ours
    sets = [aligned.aligned_faces(s, SIZE) for s in (aligned.TRAINING, aligned.VALIDATION, aligned.TEST)]
    return Budget(folder, sets[0], sets[1], options), Budget(folder, sets[0], sets[2], options)


def summary(rows: list[dict[str, Any]], confidence: float = 0.95) -> dict[str, dict[str, float]]:
    """Returns {metric: {"mean", "low", "high"}} over seeds: Student's t interval of the mean (wide: three seeds)."""
    found = {}
    for name in METRICS:
        if any(row[name] is None for row in rows):
            continue  # too few impostors for this rate
        values = torch.tensor([row[name] for row in rows], dtype=torch.float64)
        mean, half = float(values.mean()), 0.0
        if len(values) > 1:
            half = float(student.ppf(0.5 + confidence / 2, len(values) - 1) * values.std() / len(values) ** 0.5)
        found[name] = {
            "mean": round(mean, 5),
            "low": round(max(0.0, mean - half), 5),
            "high": round(min(1.0, mean + half), 5),
        }
    return found


def compare(
    folder: Path, names: tuple[str, ...] = (), seeds: tuple[int, ...] = SEEDS, **options: Any
) -> dict[str, Any]:
    """Trains every loss with every seed and returns the record of the comparison.

    Args:
        folder: keeps the result of each training.
        names: losses; all when empty.
        seeds: of weights and batches.
        options: of `fit`.
    """
    trial, budget = budgets(folder, options)
    chosen = pilot(trial)
    losses = [face_losses()[name] for name in names] or list(face_losses().values())
    done: dict[str, list[dict[str, Any]]] = {loss.name: [] for loss in losses}
    for seed in seeds:  # seed by seed, so that an early look sees every loss
        for loss in losses:
            choice = chosen[loss.family]
            done[loss.name].append(budget.row(loss.name, seed, choice["scale"], choice["rate"]))
    rows = [_entry(loss, chosen[loss.family], done[loss.name]) for loss in losses]
    return {
        "settings": _settings(budget),
        "pilot": chosen,
        "families": {k: label(v) for k, v in FAMILIES.items()},
        "rows": rows,
    }


def _entry(loss: FaceLoss, choice: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    told = {"loss": loss.name, "label": label(loss.label), "family": loss.family, "settings": loss.settings}
    return told | {"scale": choice["scale"], "rate": choice["rate"], "seeds": rows, "summary": summary(rows)}


def _settings(budget: Budget) -> dict[str, Any]:
    network = CourseNet(128, CHANNELS, SIZE)
    recipe = ComparedRecipe(steps=budget.steps)
    return recipe.settings() | {
        "parameters": sum(p.numel() for p in network.parameters()),
        "train": {"people": int(budget.train.identities.max()) + 1, "pictures": len(budget.train)},
        "test": {"people": int(budget.test.identities.max()) + 1, "pictures": len(budget.test)},
        "seeds": list(SEEDS),
        "torch": torch.__version__,
    }
