"""Composed scenes and their truth."""

import pytest
import torch

from course_lib.faces.scenes import COVERED, CUT, ROTATED, TINY, compose_scenes


@pytest.fixture(scope="module")
def scenes():
    return compose_scenes(12, torch.Generator().manual_seed(3), size=200, faces=(0, 6), rotated=0.2)


def test_shapes_and_ranges(scenes):
    assert scenes.image.shape == (12, 3, 200, 200) and 0 <= scenes.image.min() and scenes.image.max() <= 1
    assert scenes.boxes.shape == (12, 6, 4) and scenes.landmarks.shape == (12, 6, 68, 2)
    assert scenes.labels.max() <= 18 and int(scenes.count.max()) <= 6
    again = compose_scenes(12, torch.Generator().manual_seed(3), size=200, faces=(0, 6), rotated=0.2)
    assert torch.equal(scenes.image, again.image) and torch.equal(scenes.labels, again.labels)


def test_boxes_hold_the_visible_face_and_its_landmarks(scenes):
    checked = 0
    for k in range(12):
        for j in range(int(scenes.count[k])):
            x0, y0, x1, y1 = scenes.boxes[k, j].tolist()
            inside = scenes.landmarks[k, j, 17:]
            slack = 0.06 * (y1 - y0) + 1
            assert inside[:, 0].min() > x0 - slack and inside[:, 0].max() < x1 + slack
            assert inside[:, 1].min() > y0 - slack and inside[:, 1].max() < y1 + slack
            if scenes.visible[k, j] > 0.8 and not scenes.difficulty[k, j] & (ROTATED | CUT | TINY):
                yy, xx = (scenes.instances[k] == j + 1).nonzero(as_tuple=True)
                middle = torch.stack([xx.float().mean(), yy.float().mean()])
                assert (middle - torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2])).norm() < 0.25 * (y1 - y0)
                checked += 1
    assert checked >= 5


def test_difficult_cases_occur_and_are_flagged():
    scenes = compose_scenes(40, torch.Generator().manual_seed(5), size=160, faces=(4, 8), rotated=0.3)
    flags = scenes.difficulty[scenes.boxes.abs().sum(-1) > 0]
    for bit in (TINY, CUT, COVERED, ROTATED):
        assert (flags & bit > 0).float().mean() > 0.02
    place = torch.arange(8)[None] < scenes.count[:, None]
    assert (scenes.visible[~place] == 0).all() and (scenes.visible[place] <= 1).all()


def test_the_largest_scene():
    full = compose_scenes(1, torch.Generator().manual_seed(2), size=640, faces=(12, 12))
    assert full.image.shape == (1, 3, 640, 640) and full.count.tolist() == [12]
    there = full.instances.flatten().bincount(minlength=13)[1:] > 0
    assert (there | (full.visible[0] == 0)).all() and (full.visible[0] > 0.3).sum() >= 8


def test_a_scene_may_be_empty():
    empty = compose_scenes(2, torch.Generator().manual_seed(1), size=160, faces=(0, 0))
    assert (empty.count == 0).all() and (empty.instances == 0).all() and (empty.labels == 0).all()


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="size"):
        compose_scenes(1, torch.Generator(), size=100)
    for faces in ((3, 1), (0, 13), (-1, 2)):
        with pytest.raises(ValueError, match="faces"):
            compose_scenes(1, torch.Generator(), faces=faces)
