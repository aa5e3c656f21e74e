"""Learnability: the whole experiment in miniature, its measures on known toys, and the record against its limits."""

import dataclasses

import pytest
import torch

from course_lib import data
from course_lib.training import experiments
from course_lib.training.learnability import (
    FLOORS,
    LIMITS,
    RECIPE,
    Faces,
    error_rate,
    mixed_degradation,
    thumbnail_errors,
)
from course_lib.training.learnability_record import interval, record

TINY = dataclasses.replace(
    RECIPE, steps=3, batch_size=8, people=6, pictures=4, strangers=5, probes=4, size=32, width=16
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))


def test_the_whole_runs_in_miniature_and_goes_on(tmp_path):
    options = {"device": "cpu", "precision": "32-true", "progress": False}
    first = record(tmp_path, (3,), TINY, **options)
    row = first["seeds"][0]
    assert row["seed"] == 3 and set(row["eer"]) == {"kept", "kept_degraded", "day", "day_degraded"}
    assert all(0 <= rate <= 1 for rate in row["eer"].values())
    assert set(row["thumbnails"]) == {"kept", "day"} and row["cpu_seconds"]["training"] > 0
    both = record(tmp_path, (3, 4), TINY, **options)
    assert both["seeds"][0] == row, "a finished seed is not run again"
    assert both["settings"]["parameters"] == first["settings"]["parameters"]
    assert record(tmp_path, (4,), TINY, **options)["seeds"] == both["seeds"][1:]


def test_an_error_rate_by_hand():
    # Two people on two directions; one picture of the second lies with the first.
    features = torch.tensor([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0], [1.0, 0.02]])
    identity, day = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 0])
    # Genuine cosines: about 1 and .02; impostors: two about 1, two about 0. FAR .5 meets FRR .5.
    assert error_rate(features, identity, day) == pytest.approx(0.5)
    assert error_rate(features[[0, 1, 2, 2]], identity, day) == 0
    # On two days only the pairs across them count as genuine.
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [-1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]])
    identity, day = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 1, 1, 0, 1, 1])
    across = error_rate(features, identity, day)
    assert across != error_rate(features, identity, torch.zeros_like(day))


def _striped(people, each, seed, quiet):
    """Flat pictures in random colours; a person's stripe is faint, and `quiet` people have none."""
    generator = torch.Generator().manual_seed(seed)
    identity = torch.arange(people).repeat_interleave(each)
    images = 0.5 + 0.25 * torch.rand(people * each, 3, 1, 1, generator=generator).expand(-1, -1, 32, 32).clone()
    pattern = 0.03 * torch.randn(people, 1, 8, 8, generator=generator)[identity] * (not quiet)
    images += torch.nn.functional.interpolate(pattern, scale_factor=4, mode="nearest")
    images += 0.01 * torch.randn(images.shape, generator=generator)
    return Faces(images.clamp(0, 1), identity, torch.zeros_like(identity))


def test_thumbnails_find_a_faint_pattern_and_nothing_where_there_is_none():
    found = thumbnail_errors(_striped(80, 12, 1, False), _striped(20, 6, 2, False))
    assert found["pixels"] > 0.2 and found["best"] < 0.02
    assert found["best"] == min(found.values())
    nothing = thumbnail_errors(_striped(80, 12, 1, True), _striped(20, 6, 2, True))
    assert nothing["best"] > 0.4


def test_mixed_degradation_stays_in_range_and_depends_on_the_generator_alone():
    images = torch.rand(40, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    first = mixed_degradation(images, torch.Generator().manual_seed(2))
    assert torch.equal(first, mixed_degradation(images, torch.Generator().manual_seed(2)))
    assert 0 <= first.min() and first.max() <= 1
    changed = (first - images).abs().flatten(1).amax(1) > 1e-6
    assert 0.8 < changed.float().mean() <= 1  # all four left out: one in sixteen


def test_interval_of_three_seeds():
    found = interval([0.03, 0.04, 0.05])
    # Student's t with two degrees of freedom: 4.3027 times .01 / √3.
    assert found["mean"] == 0.04 and found["high"] == pytest.approx(0.04 + 4.3027 * 0.01 / 3**0.5, abs=1e-5)


def test_it_is_listed():
    assert experiments()["learnability"].run is record


def test_the_record_keeps_its_limits():
    kept = data.record("learnability")
    assert len(kept["seeds"]) == 3 and kept["settings"]["people"] == 300 and kept["settings"]["pictures"] == 20
    assert 0.45e6 < kept["settings"]["parameters"] < 0.55e6
    for row in kept["seeds"]:
        for name, limit in LIMITS.items():
            assert row["eer"][name] <= limit
        # The degraded pictures of another day keep the limit of the look kept too.
        assert row["eer"]["day_degraded"] <= LIMITS["kept_degraded"]
        for name, floor in FLOORS.items():
            assert row["thumbnails"][name]["best"] > floor
        assert row["cpu_seconds"]["training"] < 360
