"""The record of learnability: three seeds, each with its own people, network and thumbnails."""

import dataclasses
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import torch
from scipy.stats import t as student

from course_lib.faces.dataset import FaceDataset
from course_lib.training.learnability import (
    DAYS,
    FLOORS,
    GLASSES,
    LIMITS,
    RECIPE,
    LearnabilityRecipe,
    faces_of,
    thumbnail_errors,
)
from course_lib.training.loop import fit

SEEDS = (0, 1, 2)


def interval(values: list[float], confidence: float = 0.95) -> dict[str, float]:
    """Mean over seeds with Student's t interval, cut to [0, 1] (wide: three seeds)."""
    t = torch.tensor(values, dtype=torch.float64)
    half = 0.0
    if len(values) > 1:
        half = float(student.ppf(0.5 + confidence / 2, len(values) - 1) * t.std() / len(values) ** 0.5)
    mean = float(t.mean())
    return {"mean": round(mean, 5), "low": round(max(0.0, mean - half), 5), "high": round(min(1.0, mean + half), 5)}


def baselines(recipe: LearnabilityRecipe) -> dict[str, dict[str, float]]:
    """Thumbnails on the very test pictures of the network.

    With the look kept they are fitted on as many pictures of the same people in one look: what they are tested on.
    """
    plan, seed = recipe.plan(), recipe.seed
    found = {}
    for name, fitted, tested in (("kept", 1, 1), ("day", DAYS, 2)):
        errors = thumbnail_errors(faces_of(plan.training(seed, fitted)), faces_of(plan.test(seed, tested)))
        found[name] = {key: round(value, 5) for key, value in errors.items()}
    return found


def one_seed(recipe: LearnabilityRecipe, folder: Path, **options: Any) -> dict[str, Any]:
    """Renders, trains and measures one seed; raises KeyboardInterrupt when the training was interrupted."""
    begin = time.process_time()
    plan = recipe.plan()
    FaceDataset(plan.training(recipe.seed))
    rendering = time.process_time() - begin
    trained = fit(recipe, folder=folder, **options)
    if not trained.finished:
        raise KeyboardInterrupt
    return {
        "seed": recipe.seed,
        "eer": recipe.evaluate(trained.network),
        "thumbnails": baselines(recipe),
        "cpu_seconds": {"rendering": round(rendering, 1), "training": round(trained.cpu_seconds, 1)},
    }


def _key(recipe: LearnabilityRecipe) -> str:
    """Of settings and renderer: results of others are not ours."""
    text = json.dumps(recipe.settings(), sort_keys=True) + recipe.plan().training(recipe.seed).key()
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def record(
    folder: Path, seeds: tuple[int, ...] = SEEDS, recipe: LearnabilityRecipe = RECIPE, **options: Any
) -> dict[str, Any]:
    """Runs the seeds and returns the record.

    Args:
        folder: keeps what is done, one JSON file a seed.
        seeds: of people, weights and batches.
        recipe: what to run.
        options: of `fit`.

    Returns:
        {"settings", "limits", "floors", "seeds": [one entry each], "summary": {metric: mean and 95 % interval}}.
    """
    rows = []
    for seed in seeds:
        own = dataclasses.replace(recipe, seed=seed)
        path = folder / f"seed{seed}-{_key(own)}.json"
        if not path.is_file():
            row = one_seed(own, folder / f"seed{seed}-{_key(own)}", **options)
            draft = path.with_suffix(f".{os.getpid()}.tmp")
            draft.write_text(json.dumps(row), encoding="utf-8")
            os.replace(draft, path)
        rows.append(json.loads(path.read_text(encoding="utf-8")))
    summary = {name: interval([row["eer"][name] for row in rows]) for name in rows[0]["eer"]}
    for name in FLOORS:
        for kind in ("lda", "whitening", "best"):
            summary[f"thumbnails {name} {kind}"] = interval([row["thumbnails"][name][kind] for row in rows])
    summary["training seconds"] = {"mean": round(sum(row["cpu_seconds"]["training"] for row in rows) / len(rows), 1)}
    settings = recipe.settings() | {"days": DAYS, "glasses": GLASSES, "torch": torch.__version__}
    settings["parameters"] = sum(p.numel() for p in recipe.network(recipe.build()).parameters())
    del settings["seed"]
    return {"settings": settings, "limits": LIMITS, "floors": FLOORS, "seeds": rows, "summary": summary}
