"""The record of verification scores: what it holds, from a network and people made small."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from course_lib import data
from course_lib.recognition import backbones
from course_lib.training import aligned, experiments
from course_lib.training.cookbook import verification_scores as V


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    torch.manual_seed(0)
    network = backbones.CourseNet(size=64).eval()
    monkeypatch.setattr(backbones, "load", lambda name: network)
    monkeypatch.setattr(data, "card", lambda name: {"name": name})
    few = dataclasses.replace(aligned.VALIDATION, identities=3, per_identity=4, size=48)
    monkeypatch.setattr(V, "SPLITS", {"development": few, "test": dataclasses.replace(few, split="test")})
    monkeypatch.setattr(V, "IMPOSTOR", 20)
    return network


def test_the_record_holds_cosines_of_both_kinds(small, tmp_path):
    record = V.measure(tmp_path, progress=False)
    for split in ("development", "test"):
        part = record[split]
        assert (part["people"], part["pictures"], part["pairs"]) == (3, 12, 66)
        assert len(part["genuine"]) == 18 and len(part["impostor"]) == 20  # 3 · 4·3/2, and as many as may be kept
        assert all(-1 <= score <= 1 for score in part["genuine"] + part["impostor"])
    assert record["development"]["genuine"] != record["test"]["genuine"]
    faces = aligned.aligned_faces(V.SPLITS["test"], 64, lambda done, blocks: None)
    with torch.no_grad():
        x = faces.images.float() / 255
        unit = F.normalize(small(x) + small(x.flip(3)))
    expected = sorted((unit[:4] @ unit[:4].T)[tuple(torch.triu_indices(4, 4, 1))].tolist())
    assert all(min(abs(score - kept) for kept in record["test"]["genuine"]) < 1e-3 for score in expected)


def test_the_experiment_is_listed():
    assert experiments()["verification_scores"].run is V.measure
