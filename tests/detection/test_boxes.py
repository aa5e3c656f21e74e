"""Boxes against OpenCV and against loops, the centre map against itself."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib import data, detection, geometry


def random_boxes(n: int, generator: torch.Generator) -> torch.Tensor:
    corner = torch.rand(n, 2, generator=generator) * 60
    return torch.cat([corner, corner + 1 + torch.rand(n, 2, generator=generator) * 40], 1)


def by_loop(a, b) -> float:
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * high
    return wide * high / union


def test_overlap_is_that_of_a_loop(record_check):
    generator = torch.Generator().manual_seed(0)
    a, b = random_boxes(40, generator).double(), random_boxes(50, generator).double()
    expected = torch.tensor([[by_loop(p, q) for q in b.tolist()] for p in a.tolist()], dtype=torch.float64)
    # the same few operations in another order
    record_check(
        "detection.boxes.box_iou", "a loop in Python floats", 2000, float((detection.box_iou(a, b) - expected).abs().max()), 1e-12
    )  # fmt: skip


@given(st.integers(0, 10_000))
def test_overlap_is_symmetric_and_one_with_itself(seed):
    boxes = random_boxes(7, torch.Generator().manual_seed(seed))
    share = detection.box_iou(boxes, boxes)
    assert torch.allclose(share, share.T) and torch.allclose(share.diagonal(), torch.ones(7))
    assert float(share.min()) >= 0 and float(share.max()) <= 1 + 1e-6
    assert torch.allclose(detection.box_iou(boxes * 3 + 5, boxes * 3 + 5), share, atol=1e-5)  # moving and scaling


@pytest.mark.parametrize("overlap", [0.2, 0.35, 0.6])
def test_suppression_keeps_what_opencv_keeps(overlap, record_check):
    cv2 = pytest.importorskip("cv2")
    generator = torch.Generator().manual_seed(3)
    different = 0
    for _ in range(20):
        boxes, scores = random_boxes(60, generator), torch.rand(60, generator=generator)
        kept = detection.nms(boxes, scores, overlap).tolist()
        sides = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1).double().tolist()
        theirs = cv2.dnn.NMSBoxes(sides, scores.tolist(), 0.0, overlap)
        different += kept != [int(k) for k in theirs]
    record_check("detection.boxes.nms", "OpenCV dnn.NMSBoxes", 20, different, 0, "sets of 60 boxes kept differently")


def test_a_small_sure_box_inside_does_not_take_the_right_one_away():
    boxes = torch.tensor([[20.0, 20.0, 50.0, 60.0], [10.0, 10.0, 90.0, 110.0]])
    assert detection.nms(boxes, torch.tensor([0.8, 0.77])).tolist() == [0, 1]


def test_no_boxes_are_no_faces():
    assert detection.nms(torch.zeros(0, 4), torch.zeros(0)).tolist() == []
    assert detection.box_iou(torch.zeros(0, 4), torch.zeros(2, 4)).shape == (0, 2)


@pytest.mark.parametrize(
    ("boxes", "error"), [(torch.zeros(3, 5), "N, 4"), (torch.full((1, 4), math.nan), "nan"), (torch.zeros(4), "N, 4")]
)
def test_what_is_no_box_is_refused(boxes, error):
    with pytest.raises((ValueError, Exception), match=error):
        detection.boxes.check_boxes(boxes)
    with pytest.raises(TypeError, match="floating"):
        detection.boxes.check_boxes(torch.zeros(2, 4, dtype=torch.long))


def test_the_box_of_a_face_holds_its_landmarks_and_moves_with_them():
    for name in data.PORTRAITS:
        points = data.landmarks(name)[None]
        x0, y0, x1, y1 = detection.face_box(points)[0].tolist()
        inner = points[0, 17:]
        assert x0 < inner[:, 0].min() and inner[:, 0].max() < x1 and y0 < inner[:, 1].min() and inner[:, 1].max() < y1
        assert abs(y1 - float(points[0, 8, 1])) < 0.12 * (y1 - y0)  # the chin
        assert torch.allclose(detection.face_box(points * 2 + 7), detection.face_box(points) * 2 + 7, atol=1e-2)
        mirrored = points[:, list(geometry.MIRROR68)] * torch.tensor([-1.0, 1.0])
        assert torch.allclose(
            detection.face_box(mirrored)[0, [2, 0]], -detection.face_box(points)[0, [0, 2]], atol=1e-3
        )


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    boxes = torch.tensor(
        [[[10.0, 12.0, 34.0, 44.0], [60.0, 30.0, 111.0, 96.0]], [[5.0, 5.0, 45.0, 57.0], [0.0, 0.0, 0.0, 0.0]]]
    )
    return boxes, torch.tensor([2, 1])


def perfect(heat, wanted):
    """What a network that is always right would say."""
    height, width = heat.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height) + 0.0, torch.arange(width) + 0.0, indexing="ij")
    centre, side = (wanted[:, :2] + wanted[:, 2:]) / 2, wanted[:, 2:] - wanted[:, :2]
    offset = (centre + 0.5) / 8 - 0.5 - torch.stack([x, y])
    out = torch.cat([torch.logit(heat.clamp(1e-4, 1 - 1e-4))[:, None], offset, (side / 32).log()], 1)
    return out.nan_to_num(0.0)


def test_targets_decode_to_the_boxes_they_were_made_from():
    boxes, count = scene()
    heat, wanted = detection.centre_targets(boxes, count, (128, 128))
    assert heat.shape == (2, 16, 16) and float(heat.max()) == 1 and float(heat[1, 10:].max()) < 1e-3
    found = detection.decode_centres(perfect(heat, wanted), 0.9)
    for k, (got, scores) in enumerate(found):
        assert len(scores) == count[k]
        share = detection.box_iou(got, boxes[k, : count[k]])
        assert torch.allclose(share.amax(0), torch.ones(int(count[k])), atol=1e-4)


def test_being_right_costs_nothing_and_being_wrong_costs():
    heat, wanted = detection.centre_targets(*scene(), (128, 128))
    right = perfect(heat, wanted)
    of_map, of_boxes = detection.centre_map_loss(right, heat, wanted)
    # saying exactly the map still costs a little beside the middles, where it lies between 0 and 1
    assert float(of_map) < 0.05 and float(of_boxes) < 1e-4
    shifted = right.clone()
    shifted[:, 1] += 0.5
    silent = right.clone()
    silent[:, 0] = -6.0
    assert float(detection.centre_map_loss(shifted, heat, wanted)[1]) > 0.4
    assert float(detection.centre_map_loss(silent, heat, wanted)[0]) > 3
    output = torch.zeros(2, 5, 16, 16, requires_grad=True)
    sum(detection.centre_map_loss(output, heat, wanted)).backward()
    assert output.grad.isfinite().all() and float(output.grad.abs().sum()) > 0


def test_a_scene_without_faces_has_a_loss():
    heat, wanted = detection.centre_targets(torch.zeros(1, 0, 4), torch.zeros(1, dtype=torch.long), (64, 64))
    assert heat.shape == (1, 8, 8) and wanted.isnan().all()
    of_map, of_boxes = detection.centre_map_loss(torch.zeros(1, 5, 8, 8), heat, wanted)
    assert float(of_map) > 0 and float(of_boxes) == 0
