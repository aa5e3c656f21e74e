"""The recognition recipes: batches, heads of every loss, and the comparison on a handful of faces."""

import dataclasses
import json

import pytest
import torch

from course_lib.faces.dataset import FaceSettings
from course_lib.recognition import margins
from course_lib.training import aligned, comparison, fit
from course_lib.training.aligned import AlignedFaces, draw_batch, varied
from course_lib.training.cookbook import faces, losses
from course_lib.training.face_losses import FAMILIES, face_losses
from course_lib.training.loss_heads import Classified


def drawn(people=6, each=4, size=64, seed=0):
    """Faces that a network can tell apart at a glance: a colour each, with noise."""
    generator = torch.Generator().manual_seed(seed)
    identity = torch.arange(people).repeat_interleave(each)
    colour = torch.rand(people, 3, 1, 1, generator=generator) * 200
    noise = torch.rand(len(identity), 3, size, size, generator=generator) * 55
    truth = {
        "day": torch.arange(each).repeat(people) * 2 // each,
        "yaw": torch.linspace(-40, 40, len(identity)),
        "light": torch.randn(len(identity), 6, generator=generator),
        "occlusion": torch.linspace(0, 0.4, len(identity)),
    }
    return AlignedFaces((colour[identity] + noise).byte(), identity, truth)


def test_batches_hold_people_with_different_pictures():
    faces = drawn(10, 8)
    images, labels = draw_batch(faces, 5, 4, torch.Generator().manual_seed(1))
    assert images.shape == (20, 3, 64, 64) and labels.view(5, 4).eq(labels.view(5, 4)[:, :1]).all()
    assert len(labels.unique()) == 5
    whole = torch.cat([faces.images, faces.images.flip(3)]).flatten(1)
    found = [(whole == image.flatten()).all(1).nonzero().squeeze(1) for image in images]
    assert all(len(f) == 1 for f in found), "each is one of the set's pictures, some of them mirrored"
    numbers = torch.cat(found)
    assert bool((numbers >= len(faces)).any()) and bool((numbers < len(faces)).any())
    assert len((numbers % len(faces)).unique()) == 20, "no picture twice"
    assert torch.equal(faces.identities[numbers % len(faces)], labels)


def test_varied_moves_and_lights_within_bounds():
    images = drawn().images
    out = varied(images, torch.Generator().manual_seed(0), shift=2, light=0.15)
    assert out.shape == images.shape and out.min() >= 0 and out.max() <= 1
    still = varied(images, torch.Generator().manual_seed(0), shift=0, light=0.0)
    assert torch.allclose(still, images.float() / 255, atol=1e-6)
    moved = varied(images, torch.Generator().manual_seed(0), shift=2, light=0.0)
    shifts = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]
    inner = slice(2, -2)
    for before, after in zip(images.float() / 255, moved, strict=True):
        assert any(
            torch.allclose(before.roll(s, (1, 2))[:, inner, inner], after[:, inner, inner], atol=1e-5) for s in shifts
        )


def test_alignment_of_a_rendered_set(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    settings = FaceSettings(identities=2, per_identity=2, size=64, split="validation")
    faces = aligned.aligned_faces(settings, 64)
    assert faces.images.shape == (4, 3, 64, 64) and faces.identities.tolist() == [0, 0, 1, 1]
    assert set(faces.truth) == {"day", "yaw", "light", "occlusion"}


@pytest.mark.parametrize("name", face_losses())
def test_each_head_gives_finite_gradients(name):
    loss = face_losses()[name]
    torch.manual_seed(0)
    embeddings = torch.randn(16, 32, requires_grad=True)
    labels = torch.arange(4).repeat_interleave(4)
    head = loss.head(6, 32, 12.0)
    for done in (0.0, 0.5, 0.99):
        value = head(embeddings, labels, done)
        gradients = torch.autograd.grad(value, [embeddings, *head.parameters()])
        assert value.ndim == 0 and value.isfinite() and all(g.isfinite().all() for g in gradients)
        assert any(g.abs().max() > 0 for g in gradients)
    assert loss.family in FAMILIES


def test_names_of_the_losses_cover_the_chapter():
    assert len(face_losses()) == 28
    assert {loss.family for loss in face_losses().values()} == set(FAMILIES)


def test_annealing_runs_through_in_the_training():
    head = face_losses()["sphereface"].head(6, 32, 1.0)
    assert head.margin(0.0) == margins.SphereFace(4, lam=1000.0)
    assert head.margin(0.999).lam == 5.0 and 5 < head.margin(0.01).lam < 1000
    assert face_losses()["l-softmax"].head(6, 32, 1.0).margin(0.999).lam < 1e-2


def test_a_loss_learns_and_the_plain_head_is_softmax():
    recipe = comparison.ComparedRecipe(steps=12, people=6, loss_name="softmax", learning_rate=1e-2, size=64)
    recipe.faces = drawn()
    trained = fit(recipe, device="cpu", progress=False)
    assert trained.losses[-1][1] < 0.7 * trained.losses[0][1]
    head = Classified(5, 8, margins.Softmax())
    x, y = torch.randn(4, 8), torch.tensor([0, 1, 2, 3])
    assert torch.allclose(head(x, y, 0.0), torch.nn.functional.cross_entropy(x @ head.weight.t(), y))


@pytest.fixture
def small(monkeypatch):
    """The experiments on drawn faces, four steps each."""
    monkeypatch.setattr(
        aligned, "aligned_faces", lambda settings, size: drawn(16 if settings.split == "train" else 8, size=size)
    )
    monkeypatch.setattr(comparison, "PILOT", {f: rows[:2] for f, rows in comparison.PILOT.items()})
    original = comparison.Budget
    monkeypatch.setattr(comparison, "Budget", lambda *a: dataclasses.replace(original(*a), steps=4))
    monkeypatch.setattr(losses, "FIRST", 3)
    monkeypatch.setattr(losses, "SECOND", 1)


def test_comparison_is_kept_and_goes_on(small, tmp_path, monkeypatch):
    options = {"device": "cpu", "precision": "32-true", "progress": False}
    names = ("softmax", "arcface")
    record = comparison.compare(tmp_path / "losses", names, (0, 1), **options)
    json.dumps(record, allow_nan=False)
    assert [row["loss"] for row in record["rows"]] == list(names)
    softmax = record["rows"][0]
    assert [row["seed"] for row in softmax["seeds"]] == [0, 1] and softmax["label"]["zh"]
    mean = sum(row["eer"] for row in softmax["seeds"]) / 2
    assert softmax["summary"]["eer"]["mean"] == pytest.approx(mean, abs=1e-4)
    assert set(record["pilot"]) == set(FAMILIES)

    def refuse(*arguments, **changes):
        raise AssertionError("trained twice")

    monkeypatch.setattr(comparison, "fit", refuse)
    again = comparison.compare(tmp_path / "losses", names, (0, 1), **options)
    assert again == record


def test_two_step_goes_on_from_the_first_network(small, tmp_path, monkeypatch):
    started = []
    original = comparison.fit

    def watched(recipe, **options):
        started.append((recipe.loss_name, recipe.start))
        return original(recipe, **options)

    monkeypatch.setattr(comparison, "fit", watched)
    record = losses.two_step(tmp_path / "two-step", (0,), device="cpu", precision="32-true", progress=False)
    json.dumps(record, allow_nan=False)
    assert set(record["stages"]) == {"first", "second", "softmax", "triplet"}
    assert [loss for loss, start in started if start is not None] == ["batch-hard-soft"]


def test_summary_is_students_interval():
    rows = [{name: value for name in comparison.METRICS} for value in (0.1, 0.2, 0.3)]
    found = comparison.summary(rows)["eer"]
    assert found["mean"] == 0.2 and found["high"] - 0.2 == pytest.approx(4.302653 * 0.1 / 3**0.5, abs=1e-4)
    assert found["low"] == 0
    assert "tar_1e-3" not in comparison.summary([row | {"tar_1e-3": None} for row in rows])


@pytest.mark.parametrize("recipe", faces.RECIPES)
def test_the_recognisers_build_what_they_say(recipe):
    recipe = dataclasses.replace(recipe)
    recipe.faces = drawn(size=recipe.size)
    model = recipe.build()
    assert recipe.network(model) is model.network and model.network.size == recipe.size
    assert recipe.batch_size == 64
