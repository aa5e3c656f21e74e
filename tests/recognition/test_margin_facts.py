"""Checks of the closed forms: a simplex built by hand, the margins themselves, published numbers."""

import math

import pytest
import torch
import torch.nn.functional as F

from course_lib.recognition import margin_facts as facts
from course_lib.recognition import margins as M


@pytest.mark.parametrize("classes", [2, 5, 12])
def test_the_floor_is_reached_on_a_simplex(classes, record_check):
    corners = F.normalize(torch.eye(classes, dtype=torch.float64) - 1 / classes)
    scales = torch.tensor([0.5, 1.0, 8.0], dtype=torch.float64)
    reached = [M.margin_cross_entropy(corners, corners, torch.arange(classes), M.NormFace(), float(s)) for s in scales]
    difference = float((facts.loss_floor(float(classes), scales) - torch.stack(reached)).abs().max())
    record_check("recognition.margin_facts.loss_floor", "the loss on a simplex", 3, difference, 1e-12)


def test_published_floors_and_starting_losses():
    assert float(facts.loss_floor(10575.0, torch.tensor([1.0]))) == pytest.approx(8.27, abs=0.005)
    for classes, loss in ((10572, 39.9), (85742, 42.0), (1_000_000, 44.5)):
        assert float(facts.starting_loss(classes, -math.sin(0.5), 64.0)) == pytest.approx(loss, abs=0.06)


def test_starting_loss_is_that_of_right_angles():
    x, w = torch.eye(9, dtype=torch.float64)[:1], torch.eye(9, dtype=torch.float64)[1:]
    loss = M.margin_cross_entropy(x, w, torch.tensor([3]), M.CosFace(0.35), 30.0)
    assert float(facts.starting_loss(8, -0.35, 30.0)) == pytest.approx(float(loss), rel=1e-6)


def test_effective_multiple_undoes_psi_and_shows_what_annealing_leaves(record_check):
    angle = torch.deg2rad(torch.linspace(1, 179, 90, dtype=torch.float64))
    worst = max(
        float((facts.effective_multiple(M.SphereFace(m).target(angle.cos()), angle) - m).abs().max()) for m in (1, 2, 4)
    )
    record_check("recognition.margin_facts.effective_multiple", "ψ itself", 270, worst, 1e-6, "arccosine near ±1")
    angle = torch.deg2rad(torch.tensor([0.5, 45.0, 60.0], dtype=torch.float64))
    left = facts.effective_multiple(M.SphereFace(4, lam=5.0).target(angle.cos()), angle)
    assert [round(v, 2) for v in left.tolist()] == [1.87, 1.44, 1.34]  # why others reimplement SphereFace with 1.35


def test_largest_cosine_margin():
    assert facts.largest_cosine_margin(8, 2) == pytest.approx(0.293, abs=1e-3)
    assert facts.largest_cosine_margin(3, 2) == pytest.approx(1.5)
    assert facts.largest_cosine_margin(4, 2) == pytest.approx(1.0)
    assert facts.largest_cosine_margin(11, 512) == pytest.approx(1.1)
    for wrong in ((1, 2), (3, 1)):
        with pytest.raises(ValueError, match="classes and width"):
            facts.largest_cosine_margin(*wrong)
