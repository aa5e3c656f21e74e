"""Glasses, hats, masks and things held: each kind is seen, labelled and counted as occlusion."""

import pytest
import torch

from course_lib.faces import LABELS, render, sample_identities, sample_nuisance
from course_lib.faces.maths import Columns
from course_lib.faces.nuisance import CLOTHES, GLASSES, HATS, MASKS, OBJECTS
from course_lib.faces.occluders import glasses_shape


@pytest.fixture(scope="module")
def bare():
    identities = sample_identities(1, torch.Generator().manual_seed(2)).replace(style=0, beard=0.0, fringe=0.0)
    nuisance = sample_nuisance(1, torch.Generator().manual_seed(3), yaw=0, pitch=0, roll=0, expression=0)
    return identities, nuisance, render(identities, nuisance, size=80, supersample=1)


def worn(bare, framing="face", extent=22.0, **kinds):
    identities, nuisance, _ = bare
    return render(identities, nuisance.replace(**kinds), size=80, supersample=1, framing=framing, extent=extent)


def pixels(out, name):
    return int((out.labels == LABELS.index(name)).sum())


@pytest.mark.parametrize("kind", range(1, len(GLASSES)))
def test_glasses(bare, kind):
    out = worn(bare, glasses=kind)
    assert pixels(out, "glasses") > 15
    dark = GLASSES[kind] == "sunglasses"
    assert out.visible[:, 36:48].any() != dark
    assert (pixels(out, "left_eye") == 0) == dark


def test_low_and_swept_glasses(bare):
    """In cm: a drop of 1 moves the lens' upper edge down by .25 and its lower edge by 1.25; a sweep lifts the outer end."""
    identities, nuisance, _ = bare

    def lens(**changes):
        q = nuisance.replace(glasses=GLASSES.index("thin"), **changes)
        _, lenses = glasses_shape(Columns(identities.values | q.values, 3))
        edges = [points[0, -1] for points in lenses]  # (points, 3), the viewer's left first
        outer, inner = (edges[0][:, 0].argmin(), edges[0][:, 0].argmax())
        assert torch.allclose(edges[0][:, 1].amax(), edges[1][:, 1].amax(), atol=0.01)  # between points
        return edges[0][:, 1].amax(), edges[0][:, 1].amin(), edges[0][outer, 1], edges[0][inner, 1]

    plain, low, swept = lens(), lens(glasses_drop=1.0), lens(glasses_sweep=1.0)
    assert float(plain[0] - low[0]) == pytest.approx(0.25, abs=1e-5)
    assert float(plain[1] - low[1]) == pytest.approx(1.25, abs=1e-5)
    assert swept[2] - plain[2] > 0.2 and swept[3] - plain[3] < -0.2
    assert torch.equal(worn(bare, glasses=1, glasses_drop=0.0, glasses_sweep=0.0).image, worn(bare, glasses=1).image)
    assert not torch.equal(worn(bare, glasses=1, glasses_drop=1.0).image, worn(bare, glasses=1).image)


@pytest.mark.parametrize("kind", range(1, len(HATS)))
def test_hats(bare, kind):
    out = worn(bare, hat=kind)
    assert pixels(out, "hat") > 100
    assert out.visible[:, 36:68].all()


@pytest.mark.parametrize("kind", range(1, len(MASKS)))
def test_masks(bare, kind):
    out = worn(bare, mask=kind)
    assert not out.visible[:, 48:68].any()
    assert out.visible[:, 36:48].all()
    assert out.occlusion > bare[2].occlusion + 0.15
    assert bool(out.occluder.any()) == (MASKS[kind] != "scarf")


@pytest.mark.parametrize("kind", range(1, len(OBJECTS)))
def test_objects(bare, kind):
    out = worn(bare, object=kind, object_place=torch.full((1, 3), 0.5))
    assert out.occluder.any() and out.occlusion > bare[2].occlusion
    changed = (out.image - bare[2].image).abs().amax(1) > 0.02
    assert (changed & ~out.occluder).float().mean() < 0.02  # nothing changes where the object is not, but at its edge


def test_clothes_differ(bare):
    images = [worn(bare, "portrait", 40.0, cloth_style=k).image for k in range(len(CLOTHES))]
    for a in range(len(images)):
        for b in range(a):
            assert (images[a] - images[b]).abs().max() > 0.02


def test_camera_effects_change_the_picture_a_little(bare):
    for change in (
        {"sensor_noise": 0.02},
        {"defocus": 0.5},
        {"compression": 0.6},
        {"exposure": 1.3},
        {"white_balance": 1.05},
    ):
        difference = (worn(bare, **change).image - bare[2].image).abs().mean()
        assert 0.0003 < difference < 0.1
