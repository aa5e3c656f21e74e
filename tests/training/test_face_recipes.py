"""What the face finder and the landmark network learn from: scenes and crops, and that they do learn."""

import dataclasses

import pytest
import torch

from course_lib import detection
from course_lib.detection.face_landmarks import CROP
from course_lib.faces import render, sample_identities, sample_nuisance
from course_lib.training import fit, recipes
from course_lib.training.augment import blurred, photographic
from course_lib.training.cookbook import face_finder, face_landmarks
from course_lib.training.face_crops import cut_crops, draw_crops, jittered_boxes
from course_lib.training.face_scenes import SceneMaker
from course_lib.training.heads import EXTENT, SIDE, heads_of
from course_lib.training.textures import HELD_OUT, TEXTURES, texture_crops


@pytest.fixture(scope="module")
def heads():
    generator = torch.Generator().manual_seed(0)
    out = render(
        sample_identities(12, generator),
        sample_nuisance(12, generator, yaw=40),
        size=SIDE,
        supersample=1,
        extent=EXTENT,
    )
    return heads_of((out.image * 255).byte(), ((out.depth > 0) | out.occluder).byte(), out.landmarks)


@pytest.fixture(scope="module")
def textures():
    return texture_crops(40, SIDE, torch.Generator().manual_seed(0))


def test_a_head_is_cut_out_of_its_background(heads):
    share = heads.image[:, 3].float() / 255
    inside = heads.landmarks[:, 17:].mean(1).round().long()  # the middle of the face
    assert all(float(share[k, y, x]) > 0.9 for k, (x, y) in enumerate(inside.tolist()))
    assert float(share[:, :4, :4].max()) == 0 and 0.1 < float(share.mean()) < 0.8
    assert [level.shape[-1] for level in heads.levels] == [96, 48, 24]
    assert (heads.image[:, :3].amax(1) <= heads.image[:, 3].int() + 1).all()  # colours times share


def test_scenes_have_faces_where_their_boxes_are(heads, textures):
    maker = SceneMaker(heads, textures, 128)
    scenes, boxes, count = maker.draw(10, torch.Generator().manual_seed(1))
    again = maker.draw(10, torch.Generator().manual_seed(1))
    assert torch.equal(scenes, again[0]) and torch.equal(boxes, again[1])
    assert scenes.shape == (10, 3, 128, 128) and 0 <= float(scenes.min()) and float(scenes.max()) <= 1
    tall = torch.cat([boxes[k, :n, 3] - boxes[k, :n, 1] for k, n in enumerate(count)])
    assert len(tall) and 11 < float(tall.min()) and float(tall.max()) < 105


def test_a_pasted_face_has_the_box_of_its_landmarks(heads):
    """Enlarged without turn or stretch, the pasted head lies under the box that comes back."""
    maker = SceneMaker(heads, torch.zeros(1, 3, 96, 96, dtype=torch.uint8), 128)
    generator = torch.Generator().manual_seed(2)
    scene, owner = torch.zeros(3, 128, 128), torch.zeros(128, 128, dtype=torch.long)
    box = maker._paste(scene, 3, 60.0, 64.0, 64.0, generator, owner, 1)
    x0, y0, x1, y1 = box.round().long().tolist()
    assert y1 - y0 == pytest.approx(60, abs=12) and (x0 + x1) / 2 == pytest.approx(64, abs=1)
    assert float((owner[y0:y1, x0:x1] == 1).float().mean()) > 0.6 > float((owner == 1).float().mean())


def test_crops_hold_the_face_upright_or_mirrored(heads, textures):
    crops, points = draw_crops(heads, textures, 64, torch.Generator().manual_seed(3))
    assert crops.shape == (64, 1, CROP, CROP) and 0 <= float(crops.min()) and float(crops.max()) <= 1
    eyes = detection.face_landmarks.five_points(points)
    assert (
        eyes[:, 0, 0] < eyes[:, 1, 0]
    ).float().mean() > 0.9  # the person's right eye stays on the left when mirrored
    middle = points[:, 17:].mean(1)
    assert float((middle / CROP - 0.52).abs().mean()) < 0.125


def test_an_untouched_crop_shows_the_landmarks_where_they_are(heads):
    """A dot painted at each nose tip is found there in the crop."""
    painted = dataclasses.replace(heads, image=torch.zeros_like(heads.image))
    tip = heads.landmarks[:, 30]
    for k, (x, y) in enumerate(tip.round().long().tolist()):
        painted.image[k, :, y - 1 : y + 2, x - 1 : x + 2] = 255
    grey, _, points = cut_crops(painted, torch.arange(len(heads)), heads.box, torch.zeros(len(heads)))
    y, x = torch.meshgrid(torch.arange(float(CROP)), torch.arange(float(CROP)), indexing="ij")
    mass = grey[:, 0].sum((1, 2))
    seen = torch.stack([(grey[:, 0] * x).sum((1, 2)) / mass, (grey[:, 0] * y).sum((1, 2)) / mass], 1)
    assert float((seen - points[:, 30]).norm(dim=1).max()) < 0.8  # rounding to whole pixels: up to .7


def test_jitter_is_as_wide_as_it_says():
    boxes = torch.tensor([[0.0, 0.0, 80.0, 100.0]]).repeat(4000, 1)
    moved = jittered_boxes(boxes, torch.Generator().manual_seed(0), shift=0.07, scale=0.1)
    middle, tall = (moved[:, 0] + moved[:, 2]) / 2, moved[:, 3] - moved[:, 1]
    assert float(middle.std()) == pytest.approx(7, rel=0.05) and float((tall / 100).log().std()) == pytest.approx(
        0.1, rel=0.05
    )


def test_what_is_trained_with_holds_no_person_and_not_what_is_counted_on():
    assert not set(TEXTURES) & set(HELD_OUT)
    assert not {"astronaut.png", "camera.png", "coins.png", "lfw_subset.npy"} & set(TEXTURES)


def test_spoiling_keeps_the_range_and_blur_keeps_the_mean():
    picture = torch.rand(8, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    out = photographic(picture, torch.Generator().manual_seed(1))
    assert out.shape == picture.shape and 0 <= float(out.min()) and float(out.max()) <= 1
    flat = torch.full((2, 1, 20, 20), 0.3)
    assert torch.allclose(blurred(flat, torch.tensor([0.4, 1.2])), flat, atol=1e-6)


@pytest.mark.parametrize("name", ["face-finder", "face-landmarks"])
def test_a_few_steps_help(name, heads, textures, monkeypatch):
    module = face_finder if name == "face-finder" else face_landmarks
    monkeypatch.setattr(module, "rendered_heads", lambda *_, **__: heads)
    monkeypatch.setattr(module, "texture_crops", lambda n, size, generator: texture_crops(20, size, generator))
    recipe = dataclasses.replace(recipes()[name], steps=25, batch_size=8)
    if name == "face-finder":
        recipe = dataclasses.replace(recipe, size=64, candidates=4, hardest=2)
    trained = fit(recipe, device="cpu", progress=False)
    losses = [loss for _, loss in trained.losses]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
