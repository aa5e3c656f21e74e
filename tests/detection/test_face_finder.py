"""The trained face finder: what it finds in the two portraits and what it leaves alone, whatever the picture's size."""

import itertools
from pathlib import Path

import pytest
import torch

from course_lib import data, detection, images, live
from course_lib.detection.face_finder import pyramid_scales, trained
from course_lib.live.graph import compare
from course_lib.training.textures import HELD_OUT, TEXTURES, photograph


@pytest.fixture(scope="module")
def truth():
    return {name: detection.face_box(data.landmarks(name)[None]) for name in data.PORTRAITS}


def test_it_is_small():
    assert sum(p.numel() for p in trained().parameters()) <= 100_000


@pytest.mark.parametrize("name", data.PORTRAITS)
def test_the_surest_find_in_both_portraits_is_the_face(name, truth):
    faces = detection.find_faces(data.portrait(name))[0]
    assert 1 <= len(faces) <= 2  # the eagle on Hopper's cap is taken for a small face
    assert float(detection.box_iou(faces.boxes[:1], truth[name])) > 0.75
    assert float((faces.boxes[:, 3] - faces.boxes[:, 1]).argmax()) == 0  # and it is the largest


@pytest.mark.parametrize("name", data.PORTRAITS)
@pytest.mark.parametrize("size", [64, 112, 180, 320, 500])
def test_the_size_of_the_picture_hardly_matters(name, size, truth):
    """The face is half as high as the picture: 32 to 250 pixels."""
    faces = detection.find_faces(data.portrait(name, size), score=0.3)[0]
    side = data.PORTRAITS[name].crop[2]
    expected = (truth[name] + 0.5) * (size / side) - 0.5
    assert len(faces) and float(detection.box_iou(faces.boxes[:1], expected)) > 0.5


def test_where_there_is_no_face_it_finds_none():
    import skimage.data

    generator = torch.Generator().manual_seed(0)
    pictures = [torch.full((1, 3, 96, 160), 0.5), torch.rand(1, 3, 96, 160, generator=generator)]
    pictures += [images.from_array(skimage.data.brick())[..., :256, :256].expand(1, 3, -1, -1).contiguous()]
    for picture in pictures:
        assert len(detection.find_faces(picture)[0]) == 0


def without_people():
    """Photographs without a face: two that the threshold was chosen on, two that nothing has seen, and the textures.

    Crops of the textures stood behind the rendered faces in training, never a whole photograph. What is no photograph
    of things at the scale of people, but of the sky or through a microscope, is in them as well.
    """
    sklearn = Path(pytest.importorskip("sklearn").__file__).parent / "datasets" / "images"
    yield from ((name, images.load(sklearn / name)) for name in ("china.jpg", "flower.jpg"))
    yield from ((name, photograph(name)) for name in HELD_OUT + TEXTURES)


def test_photographs_without_a_face_give_no_alarm():
    alarms = {name: len(detection.find_faces(picture)[0]) for name, picture in without_people()}
    assert len(alarms) == 20 and not any(alarms.values()), alarms


def test_the_card_states_the_threshold_in_use():
    metrics = data.card("face-finder")["metrics"]
    assert metrics["threshold_in_use"] == detection.SURE
    assert metrics["false_alarms"][f"at_score_{detection.SURE}"] == 0


def test_a_batch_is_as_good_as_one_after_the_other():
    pictures = data.portraits(160)
    together = detection.find_faces(pictures, score=0.2)
    for k in range(2):
        alone = detection.find_faces(pictures[k : k + 1], score=0.2)[0]
        assert torch.allclose(together[k].boxes, alone.boxes, atol=1e-2)
        assert torch.allclose(together[k].scores, alone.scores, atol=1e-4)


def test_in_a_mirror_the_face_is_at_the_other_side(truth):
    picture = data.portrait("astronaut")
    straight, mirrored = detection.find_faces(picture)[0].boxes, detection.find_faces(picture.flip(3))[0].boxes
    back = 239 - mirrored[:1, [2, 1, 0, 3]]
    back[:, [1, 3]] = mirrored[:1, [1, 3]]
    assert float(detection.box_iou(straight[:1], back)) > 0.75


def test_the_pyramid_keeps_within_bounds():
    for height, width in ((32, 40), (240, 240), (600, 800), (4000, 3000), (20, 20)):
        scales = pyramid_scales(height, width)
        longest = [scale * max(height, width) for scale in scales]
        assert scales == sorted(scales, reverse=True) and max(longest) <= 2048
        assert min(longest) >= 60 or len(scales) == 1
        assert all(abs(a / b - 2) < 1e-9 for a, b in itertools.pairwise(scales))


def test_searching_for_large_faces_only_costs_fewer_levels():
    assert len(pyramid_scales(512, 512, 80)) < len(pyramid_scales(512, 512, 40)) < len(pyramid_scales(512, 512, 24))


def test_the_browser_runs_the_same_network(record_check):
    figure = live.Figure(
        lambda image: trained()(image),
        [live.Image("image", {name: data.portrait(name, 256) for name in data.PORTRAITS})],
        [Map("map")],
        title=("Map", "图"),
        alt=("The map of the finder for one portrait.", "一幅人像的检测响应图与框。"),
        name="finder",
    )
    # float32 sums in another order
    record_check("detection.face_finder.FaceFinder", "onnxruntime, 256 px", 2, compare(figure, 3), 1e-4)


class Map(live.Curves):
    """Raw tensors out of a figure, so that its own export and comparison serve for a network."""

    def __init__(self, name):
        self.name, self.kind, self.marker = name, "wire", None

    def shape(self, value):
        return tuple(value.shape)

    def spec(self):
        return {}


@pytest.mark.parametrize(
    ("options", "words"),
    [({"score": 0.0}, "score is 0"), ({"score": 1.0}, "score is 1"), ({"smallest": 3}, "smallest is 3")],
)
def test_settings_out_of_range_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        detection.find_faces(torch.zeros(1, 3, 64, 64), **options)


def test_local_contrast_does_not_see_how_bright_it_is():
    picture = images.luma(data.portrait("astronaut", 120))
    dark, bright = detection.local_contrast(picture * 0.5), detection.local_contrast(picture)
    # the .04 that keeps noise in flat places small makes the rest
    assert float((dark - bright).abs().median()) < 0.25 * float(bright.abs().median())
    assert torch.allclose(detection.local_contrast(picture + 0.0), bright)
    assert float(detection.local_contrast(torch.full((1, 1, 40, 40), 0.3)).abs().max()) < 1e-3
