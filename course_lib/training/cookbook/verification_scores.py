"""Scores of the course's own network on people it never saw, for the page on evaluation and the threshold lab."""

from pathlib import Path
from typing import Any

import torch

from course_lib import data
from course_lib.recognition import backbones
from course_lib.recognition.face_report import all_pairs
from course_lib.recognition.pipeline import embed
from course_lib.training import aligned
from course_lib.training.recipe import Experiment

SPLITS = {"development": aligned.VALIDATION, "test": aligned.TEST}
PEOPLE = 60
"""The first so many of each."""
GENUINE, IMPOSTOR, DIGITS = 3000, 10_000, 4


def measure(folder: Path, device: str = "cpu", precision: str = "32-true", progress: bool = True) -> dict[str, Any]:
    """Embeds the validation and the test people and keeps scores of both kinds of pairs, drawn at random (seed 0).

    Args:
        folder: not needed: the whole takes a minute or two.
        device: where to embed.
        precision: not used; the network works in float32.
        progress: whether rendering tells how far it is.

    Returns:
        For "development" and "test": people, pictures, genuine and impostor scores, rounded; and what was measured.
    """
    network = backbones.load("coursenet").to("cpu" if device == "auto" else device)
    quiet = None if progress else (lambda done, blocks: None)
    record: dict[str, Any] = {
        "network": "coursenet",
        "flip": "sum",
        "seed": 0,
        "trained": data.card("coursenet")["name"],
    }
    for split, settings in SPLITS.items():
        faces = aligned.aligned_faces(settings, int(network.size), quiet)  # type: ignore[arg-type]
        asked = faces.identities < PEOPLE
        images, identities = faces.images[asked], faces.identities[asked]
        where = next(network.parameters()).device
        embeddings = torch.cat([embed(network, part.to(where).float() / 255).cpu() for part in images.split(64)])
        pairs = all_pairs(embeddings, identities)
        generator = torch.Generator().manual_seed(0)
        kept = {}
        for kind, same, most in (("genuine", True, GENUINE), ("impostor", False, IMPOSTOR)):
            scores = pairs.scores[pairs.same == same]
            chosen = torch.randperm(len(scores), generator=generator)[:most]
            kept[kind] = [round(score, DIGITS) for score in scores[chosen].tolist()]
        people = int(identities.unique().numel())
        record[split] = {"people": people, "pictures": len(images), "pairs": len(pairs.same), **kept}
    return record


EXPERIMENTS = (
    Experiment(
        "verification_scores",
        ("Scores of the course network on unseen people", "课程网络在未见过的人物上的分数"),
        measure,
        budget=2.0,
    ),
)
