"""The triplet lab without a browser: its state against the losses, its widgets against the state."""

import pytest
import torch

from course_lib.recognition import batch_2d, miners, pairs, sampling_2d
from course_lib.widgets.triplet_lab import SAMPLER_NAMES, batch_shapes, triplet_lab, triplet_shapes
from course_lib.widgets.triplet_lab_state import TRIPLET_LOSSES, BatchState, TripletState


@pytest.fixture
def lab(monkeypatch):
    monkeypatch.setenv("COURSE_LANG", "en")
    return triplet_lab()


def test_kinds_change_at_the_drawn_circles():
    for loss in ("squared", "plain", "soft", "contrastive"):
        state = TripletState(loss=loss, margin=0.4)
        inner, outer = state.radii()
        anchor = state.points[0]
        expected = {inner - 0.02: "hard", (inner + outer) / 2: "semi_hard", outer + 0.02: "easy"}
        for radius, kind in expected.items():
            if radius > 0 and not (loss == "soft" and kind == "semi_hard"):
                state.points[2] = anchor + torch.tensor([radius, 0.0])
                assert state.kind() == kind, (loss, radius)


def test_easy_triplets_have_no_loss_and_no_arrows():
    state = TripletState(margin=0.2)
    state.move(2, 1.2, 1.0)
    assert state.kind() == "easy" and state.value() == 0 and float(state.steps().abs().max()) == 0
    assert not [shape for shape in triplet_shapes(state) if shape["kind"] == "arrow"]
    assert state.value("soft") > 0


def test_steps_have_the_sizes_of_the_book():
    state = TripletState()
    _, n = state.distances()
    assert float(state.steps("squared").norm(dim=1)[2]) == pytest.approx(2 * n, rel=1e-5)
    assert float(state.steps("plain").norm(dim=1)[1]) == pytest.approx(1, rel=1e-5)
    state.margin = 1.0
    assert float(state.steps("contrastive").norm(dim=1)[2]) == pytest.approx(1 - n, rel=1e-4)
    assert float(state.steps("squared").sum(0).abs().max()) < 1e-6  # forces balance
    with pytest.raises(ValueError, match="loss"):
        state.value("cubic")
    with pytest.raises(IndexError):
        state.move(3, 0, 0)


def test_points_stay_in_the_plane_and_may_coincide():
    state = TripletState()
    state.move(1, 9, -9)
    assert state.points[1].tolist() == [1.25, -1.25]
    for k in range(3):
        state.move(k, 0.1, 0.1)
    for loss in TRIPLET_LOSSES:
        assert torch.isfinite(state.steps(loss)).all()


def test_batch_steps_are_those_of_the_losses():
    state = BatchState()
    for loss in batch_2d.BATCH_LOSSES:
        state.loss = loss
        h, before = 1e-3, state.points.clone()
        state.points = before + h * state.steps() / state.steps().norm()
        after = state.value()
        state.points = before
        assert after < state.value(), loss  # a small step along the arrows lowers the loss


def test_chances_are_those_of_the_miners():
    state = BatchState(strategy="hard", anchor=2)
    d = batch_2d.plane_distances(state.points)
    anchors, partners, nearest = miners.hard_indices(d, state.labels)
    row = anchors.tolist().index(2)
    assert state.drawn() == {int(nearest[row]): 1.0} and state.positive() == int(partners[row])
    for strategy in sampling_2d.STRATEGIES:
        state.strategy = strategy
        assert sum(state.drawn().values()) == pytest.approx(1, abs=1e-3)
        assert all(state.labels[i] != state.labels[2] for i in state.drawn())
    state.strategy = "uniform"
    assert len(state.drawn()) == 6


def test_sliders_points_and_plane_follow_each_other(lab):
    panel = lab.triplet
    panel.plane.points = [[0.0, 0.0], [0.5, 0.0], [0.0, 1.2]]
    assert panel.state.distances() == pytest.approx((0.5, 1.2)) and "easy" in panel.text.value
    assert panel.up.value == pytest.approx(1.2)
    panel.up.value = 0.3
    assert panel.plane.points[2] == [0.0, 0.3] and ">hard<" in panel.text.value
    panel.point.value = 1
    assert panel.across.value == pytest.approx(0.5)
    panel.plane.chosen = 0
    assert panel.point.value == 0
    before = panel.plane.shapes
    panel.loss.value = "soft"
    assert panel.state.loss == "soft" and panel.plane.shapes != before
    assert panel.text.value.count("data-loss") == 4
    with pytest.raises(AttributeError, match="fog"):
        panel.set(fog=1)


def test_the_batch_shows_edges_and_chances(lab):
    panel = lab.batch
    counts = {}
    for loss in batch_2d.BATCH_LOSSES:
        panel.loss.value = loss
        counts[loss] = sum(shape["name"] in ("sf-pull", "sf-push") for shape in panel.plane.shapes)
        assert f"{panel.state.value():.3f}" in panel.text.value
    assert counts["batch_hard"] < counts["triplet"] <= counts["lifted"] == 36
    panel.plane.chosen = 4
    assert panel.state.anchor == 4 and panel.point.value == 4
    for strategy in SAMPLER_NAMES:
        panel.sampler.value = strategy
        rings = [shape for shape in batch_shapes(panel.state) if shape["name"] == "sf-drawn"]
        assert len(rings) == len(panel.state.drawn()) > 0
    panel.dimension.value = 256
    assert panel.state.dimension == 256


def test_chinese(monkeypatch):
    monkeypatch.setenv("COURSE_LANG", "zh")
    assert "该负样本为" in triplet_lab().triplet.text.value


def test_batch_value_is_the_function_of_the_book():
    state = BatchState(loss="lifted")
    expected = pairs.lifted_structure_loss(state.points, state.labels, 0.5, normalise=False)
    assert state.value() == pytest.approx(float(expected))
