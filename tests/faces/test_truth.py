"""The truth beside the picture, against measurements of the picture itself: depth, normals, light, box, five points."""

import importlib

import pytest
import torch
import torch.nn.functional as F

from course_lib.faces import LABELS, Rendered, another_day, render, sample_identities, sample_nuisance
from course_lib.faces.raster import Layer, _dice_fixed


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def anyhow() -> Rendered:
    """40 pictures of any pose with glasses, hats, masks and things in front, one sample a pixel."""
    people = sample_identities(40, generator(81))
    circumstances = sample_nuisance(40, generator(82), yaw=70, pitch=20, roll=15, occlusion=1.0)
    return render(people, circumstances, size=96, supersample=1)


@pytest.fixture(scope="module")
def frontal() -> Rendered:
    """24 bald frontal faces, at rest."""
    people = sample_identities(24, generator(83)).replace(style=5, beard=0, moustache=0)
    return render(people, sample_nuisance(24, generator(84), yaw=0, pitch=0, roll=0, expression=0), supersample=1)


def around(image, points, reach):
    """The window of an image (B, S, S) about points (B, K, 2): (B, K, reach²), and which points lie inside."""
    side, half = image.shape[-1], reach // 2
    windows = F.unfold(F.pad(image[:, None], [half] * 4, mode="replicate"), reach)
    place = points.round().long()
    inside = ((points > -0.5) & (points < side - 0.5)).all(-1)
    index = place[..., 1].clamp(0, side - 1) * side + place[..., 0].clamp(0, side - 1)
    return windows.gather(2, index[:, None].expand(-1, reach * reach, -1)).transpose(1, 2), inside


def test_visible_flags_follow_from_depth_and_labels(anyhow, record_check):
    depth, inside = around(torch.where(anyhow.depth > 0, anyhow.depth, 1e4), anyhow.landmarks, 3)
    own = anyhow.landmarks3d[..., 2]
    label, _ = around(anyhow.labels.float(), anyhow.landmarks, 1)
    cover, _ = around(anyhow.occluder.float(), anyhow.landmarks, 1)
    # Behind all nine pixels by more than the jaw's margin: hidden. Near the middle one, with skin or a feature on it: seen.
    behind = own > depth.amax(2) + 1.5
    bare = torch.isin(label[..., 0].long(), torch.tensor([1, 2, 3, 4, 5, 7, 8, 10, 11, 12, 13]))
    before = inside & bare & (cover[..., 0] < 0.5) & ((own - depth[..., 4]).abs() < 0.45)
    wrong = (anyhow.visible & (behind | ~inside | (cover[..., 0] > 0.5))) | (~anyhow.visible & before)
    assert int(behind.sum()) > 100 and int(before.sum()) > 800
    record_check("faces.truth.visible_landmarks", "depth, labels and occluders", 40 * 68, int(wrong.sum()), 0)


def test_normals_are_those_of_the_depth(anyhow, record_check):
    n = anyhow.normals
    on = anyhow.depth > 0
    length = n.norm(dim=1)
    assert (length[~on] == 0).all() and ((length[on] - 1).abs() < 1e-3).all()
    k = anyhow.intrinsics
    column = torch.arange(96.0)
    x = (column.view(1, 1, -1) - k[:, 0, 2, None, None]) / k[:, 0, 0, None, None] * anyhow.depth
    y = (column.view(1, -1, 1) - k[:, 1, 2, None, None]) / k[:, 1, 1, None, None] * anyhow.depth
    points = torch.stack([x, y, anyhow.depth], 1)
    across, along = points[:, :, 2:-2, 4:] - points[:, :, 2:-2, :-4], points[:, :, 4:, 2:-2] - points[:, :, :-4, 2:-2]
    measured = F.normalize(torch.linalg.cross(along, across, dim=1), dim=1)
    skin = (anyhow.labels == LABELS.index("skin")) & ~anyhow.occluder
    smooth = -F.max_pool2d(-skin[:, None].float(), 7, 1, 3)[:, 0, 2:-2, 2:-2] > 0
    cosine = (measured * n[:, :, 2:-2, 2:-2]).sum(1)[smooth].clamp(-1, 1)
    assert smooth.sum() > 5000
    typical = float(cosine.acos().median()) * 180 / torch.pi
    # Normals carry the relief of the skin, which differences over four pixels smooth away.
    record_check("faces.rendered.normals", "cross product of depth differences, median degrees", 40, typical, 8.0)


def test_light_comes_from_where_it_is_said_to():
    people = sample_identities(8, generator(85)).replace(style=5, beard=0, moustache=0, age=0.2)
    shots = sample_nuisance(8, generator(86), yaw=30, expression=0, light=0).replace(ambient=0.15, light_elevation=20)
    for azimuth in (-60.0, 60.0):
        out = render(people, shots.replace(light_azimuth=azimuth), size=64, supersample=1)
        direction = out.light[:, :3]
        torch.testing.assert_close(direction.norm(dim=1), torch.ones(8))
        towards = (out.normals * direction[:, :, None, None]).sum(1)
        skin = out.labels == LABELS.index("skin")
        grey = out.image.mean(1)
        for k in range(8):
            pair = torch.stack([towards[k][skin[k]], grey[k][skin[k]]])
            assert torch.corrcoef(pair)[0, 1] > 0.6
        assert ((direction[:, 0] > 0) == (azimuth > 0)).all()


def test_box_holds_the_bare_face(frontal):
    x0, y0, x1, y1 = frontal.box.T
    inner = frontal.landmarks[:, 17:]
    assert (inner[..., 0] > x0[:, None]).all() and (inner[..., 0] < x1[:, None]).all()
    assert (inner[..., 1] > y0[:, None]).all() and (inner[..., 1] < y1[:, None]).all()
    # Chin and cheeks end where the box ends: the jaw's points reach its lower edge.
    lowest = frontal.landmarks[:, :17, 1].amax(1)
    assert ((lowest - y1).abs() < 0.05 * (y1 - y0)).all()
    assert ((x1 - x0) / (y1 - y0) > 0.6).all() and ((x1 - x0) / (y1 - y0) < 1.1).all()


def test_five_points_are_the_landmarks_means(frontal, record_check):
    expected = torch.stack(
        [
            frontal.landmarks[:, 36:42].mean(1),
            frontal.landmarks[:, 42:48].mean(1),
            frontal.landmarks[:, 30],
            frontal.landmarks[:, 48],
            frontal.landmarks[:, 54],
        ],
        1,
    )
    difference = float((expected - frontal.points).abs().max())
    record_check("faces.rendered.points", "eye centres, nose tip and mouth corners of the 68", 24 * 5, difference, 1e-3)


@pytest.mark.parametrize(
    ("part", "names", "first", "last", "limit"),
    [
        ("lips", ("upper_lip", "lower_lip", "mouth"), 48, 60, 1.0),
        # The landmarks run along the upper edge of the brows, half their thickness above the middle.
        ("right brow", ("right_brow",), 17, 22, 2.5),
        ("left brow", ("left_brow",), 22, 27, 2.5),
    ],
)
def test_centroids_of_lips_and_brows(frontal, record_check, part, names, first, last, limit):
    columns = torch.arange(float(frontal.labels.shape[-1]))
    wanted = torch.isin(frontal.labels, torch.tensor([LABELS.index(name) for name in names])).float()
    area = wanted.sum((1, 2))
    assert (area > 5).all()
    centre = torch.stack([wanted.sum(1) @ columns, wanted.sum(2) @ columns], 1) / area[:, None]
    # Middle of the rectangle around the landmarks: their mean depends on how they are spaced.
    chosen = frontal.landmarks[:, first:last]
    middle = (chosen.amin(1) + chosen.amax(1)) / 2
    worst = float((centre - middle).norm(dim=1).max())
    record_check(f"faces.truth.labels ({part})", "middle of its landmarks, px at 112", 24, worst, limit)


def test_a_second_rendering_prepares_nothing_again(monkeypatch):
    module = importlib.import_module("course_lib.faces.render")  # the function hides the module of its name
    people, shots = sample_identities(3, generator(87)), sample_nuisance(6, generator(88))
    index = torch.tensor([0, 1, 2, 0, 1, 2])
    first = render(people, shots, index=index, size=32, supersample=1)
    monkeypatch.setattr(module, "bake", lambda *_: pytest.fail("prepared twice"))
    again = render(people, shots, index=index, size=32, supersample=1)
    assert torch.equal(first.image, again.image) and torch.equal(first.index, index)


def test_years_change_the_age_alone():
    people = sample_identities(20, generator(89), age=0.3)
    older = another_day(people, generator(90), years=31)
    torch.testing.assert_close(older["age"], torch.full((20,), 0.8))
    assert torch.equal(older.vector, people.vector) and torch.equal(older["iris"], people["iris"])
    kept = {name for name in people.values if torch.equal(people[name], older[name])}
    assert {"eye_x", "nose_width", "jaw_width", "skin", "freckles", "tone", "feminine"} <= kept


def test_dicing_on_an_accelerator_waits_for_nothing():
    """On the meta device every step that needs a value raises, just as it would wait for a GPU."""
    with torch.device("meta"):
        x, y, depth = (torch.empty(2, 40, 30) for _ in range(3))
        best = torch.empty(2 * 32 * 32 + 1, dtype=torch.long)
        _dice_fixed(Layer(x, y, depth, True), 32, 0, best)
        with pytest.raises((NotImplementedError, RuntimeError)):
            best.nonzero()
