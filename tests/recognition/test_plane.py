"""Checks of the toy: every loss learns, runs repeat, and margins draw classes together."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.recognition import margins, plane


def spread(run):
    """Mean angle, in degrees, between test digits and the mean direction of their class."""
    x = F.normalize(run.embeddings[-1])
    angles = []
    for label in run.labels.unique():
        own = x[run.labels == label]
        angles.append(torch.rad2deg((own @ F.normalize(own.mean(0), dim=0)).clamp(-1, 1).acos()).median())
    return float(torch.stack(angles).mean())


@pytest.fixture(scope="module")
def runs():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # steps of a millisecond: a second thread only waits
    yield {name: plane.train_plane(name, classes=6, steps=150, snapshots=3) for name in plane.plane_losses(6)}
    torch.set_num_threads(threads)


def test_every_loss_learns(runs):
    for name, run in runs.items():
        assert run.embeddings.shape == (3, len(run.labels), 2) and run.weights.shape == (3, 6, 2)
        assert torch.isfinite(run.embeddings).all()
        assert float(run.accuracy[-1]) > 0.75, (name, run.accuracy)
        assert run.steps.tolist() == [50, 100, 150]


def test_margins_draw_classes_together(runs):
    assert max(spread(runs["arcface"]), spread(runs["cosface"])) < spread(runs["softmax"])


def test_runs_repeat_and_leave_the_global_generator_alone():
    state = torch.random.get_rng_state()
    a, b = (plane.train_plane("arcface", classes=4, steps=30, snapshots=2, seed=7) for _ in range(2))
    assert torch.equal(a.embeddings, b.embeddings)
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_run_can_be_watched_and_stopped():
    whole = plane.train_plane("cosface", classes=4, steps=30, snapshots=3)
    seen = []
    for part in plane.plane_run("cosface", classes=4, steps=30, snapshots=3):
        seen.append(part)
        if len(seen) == 2:
            break
    assert [len(part.steps) for part in seen] == [1, 2] and seen[1].steps.tolist() == [10, 20]
    assert torch.equal(seen[1].embeddings, whole.embeddings[:2])


def test_a_margin_object_and_its_scale_are_used():
    named = plane.train_plane("arcface", classes=4, steps=20, snapshots=1)
    given = plane.train_plane(margins.ArcFace(0.3), classes=4, steps=20, snapshots=1)
    softer = plane.train_plane(margins.ArcFace(0.3), classes=4, steps=20, snapshots=1, scale=4.0)
    own = plane.train_plane(
        lambda x, w, y: margins.margin_cross_entropy(x, w, y, margins.ArcFace(0.3), 16.0),
        classes=4,
        steps=20,
        snapshots=1,
    )
    assert torch.equal(named.embeddings, given.embeddings) and torch.equal(named.embeddings, own.embeddings)
    assert not torch.equal(given.embeddings, softer.embeddings)


def test_angles_to_means_by_hand():
    turn = torch.deg2rad(torch.tensor([-10.0, 10.0, 80.0, 100.0]))
    points = torch.tensor([[1.0], [5.0], [2.0], [2.0]]) * torch.stack([turn.cos(), turn.sin()], 1)
    own, other = plane.angles_to_means(points, torch.tensor([0, 0, 1, 1]))
    torch.testing.assert_close(own, torch.full((4,), 10.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(other, torch.tensor([100.0, 80.0, 80.0, 100.0]), atol=1e-3, rtol=0)


def test_errors():
    for wrong in (dict(loss="hinge"), dict(classes=1), dict(snapshots=0), dict(steps=2, snapshots=3)):
        with pytest.raises(ValueError):
            plane.train_plane(**({"loss": "softmax", "steps": 5} | wrong))
