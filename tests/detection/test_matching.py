"""Average precision and landmark errors against scikit-learn, loops and cases worked out by hand."""

import pytest
import torch

from course_lib import data, detection
from course_lib.detection import Faces
from course_lib.geometry import five_points


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float32).view(-1, 4)


def test_worked_out_by_hand():
    truth = [boxes((0, 0, 40, 40), (100, 0, 140, 40)), boxes((0, 0, 50, 50))]
    found = [
        Faces(boxes((0, 0, 40, 40), (0, 0, 38, 40), (300, 0, 340, 40)), torch.tensor([0.9, 0.8, 0.3])),
        Faces(boxes((2, 0, 52, 50)), torch.tensor([0.5])),
    ]
    result = detection.average_precision(found, truth)
    # right, wrong (the second box for one face), right, wrong: precision 1, 1/2, 2/3, 1/2 at recall 1/3, 1/3, 2/3, 2/3
    assert result.faces == 3 and result.recall.tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])
    assert result.average == pytest.approx(1 / 3 + 2 / 9)


def test_small_faces_count_on_neither_side():
    truth = [boxes((0, 0, 40, 40), (60, 0, 70, 10))]
    found = [Faces(boxes((0, 0, 40, 40), (60, 0, 70, 10), (80, 80, 88, 88)), torch.tensor([0.5, 0.9, 0.8]))]
    result = detection.average_precision(found, truth, smallest=24)
    assert result.faces == 1 and result.average == 1 and len(result.scores) == 1


def test_average_precision_is_that_of_scikit_learn_before_it_is_made_monotone(record_check):
    metrics = pytest.importorskip("sklearn.metrics")
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for _ in range(20):
        right = torch.rand(50, generator=generator) < 0.6
        scores = torch.rand(50, generator=generator)
        place = torch.arange(50) * 100.0
        truth = torch.stack([place, place * 0, place + 40, place * 0 + 40], 1)[right]
        given = torch.stack([place, place * 0, place + 40, place * 0 + 40], 1)
        result = detection.average_precision([Faces(given, scores)], [truth])
        raw = float((result.precision * result.recall.diff(prepend=torch.zeros(1))).sum())
        worst = max(worst, abs(raw - float(metrics.average_precision_score(right.numpy(), scores.numpy()))))
        assert result.average >= raw - 1e-6
    record_check("detection.matching.average_precision", "scikit-learn average_precision_score", 20, worst, 1e-6)


def test_nothing_to_find_and_nothing_found():
    nothing = Faces(torch.zeros(0, 4), torch.zeros(0))
    assert detection.average_precision([nothing], [boxes((0, 0, 9, 9))]).average == 0
    assert torch.isnan(torch.tensor(detection.average_precision([nothing], [torch.zeros(0, 4)]).average))
    with pytest.raises(ValueError, match="same pictures"):
        detection.average_precision([nothing], [])


def test_errors_are_in_distances_between_the_eyes():
    truth = torch.stack([data.landmarks(name, 200) for name in data.PORTRAITS])
    apart = (five_points(truth)[:, 1] - five_points(truth)[:, 0]).norm(dim=1)
    moved = truth + torch.tensor([3.0, 4.0])
    assert torch.allclose(detection.landmark_errors(moved, truth), (5 / apart)[:, None].expand(-1, 68), atol=1e-5)
    assert float(detection.landmark_errors(truth, truth).max()) == 0
    with pytest.raises(ValueError, match="coincide"):
        detection.landmark_errors(truth, truth * 0)


def test_a_constant_offset_is_found_and_taken_away_whatever_the_pose():
    generator = torch.Generator().manual_seed(0)
    truth = five_points(data.landmarks("astronaut", 200)[None]).repeat(9, 1, 1)
    angle = torch.rand(9, generator=generator) * 2 - 1
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()], -1), torch.stack([angle.sin(), angle.cos()], -1)], -2)
    truth = (truth @ turn.mT) * (0.5 + torch.rand(9, 1, 1, generator=generator))
    # an offset that moves both eyes alike leaves their frame as it is
    offset = torch.tensor([[0.0, -0.08], [0.0, -0.08], [0.02, 0.03], [0.0, 0.0], [0.01, 0.05]])
    found = detection.apply_offset(truth, -offset)
    assert torch.allclose(detection.convention_offset(found, truth), offset, atol=1e-4)
    assert torch.allclose(detection.apply_offset(found, offset), truth, atol=1e-2)
