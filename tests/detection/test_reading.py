"""From a picture to a reading, and the same way as one graph for the browser."""

import pytest
import torch

from course_lib import data, degrade, detection, images, live, quality
from course_lib.geometry import ARCFACE_TEMPLATE, five_points, similarity_transform, transform_points
from course_lib.live.graph import compare
from course_lib.quality.face_reading import FACE_LINES, FaceReader


@pytest.mark.parametrize("name", data.PORTRAITS)
def test_a_portrait_is_read_and_aligned(name):
    reading = detection.read_face(data.portrait(name))
    assert reading is not None and reading.score >= detection.SURE
    assert reading.crop.shape == (1, 3, 112, 112) and reading.points68.shape == (68, 2)
    truth = five_points(data.landmarks(name)[None])
    template = torch.tensor(ARCFACE_TEMPLATE)[None]
    placed = transform_points(truth, similarity_transform(reading.points5[None], template))
    # The true eyes land where the template wants them, within a share of its 35 px between the eyes: their own error,
    # which test_face_landmarks bounds, and that of nose and mouth, which the alignment weighs alike.
    limit = {"astronaut": 0.10, "hopper": 0.15}[name]
    assert float((placed - template)[0, :2].norm(dim=1).mean()) < limit * 35.2
    # by hand both heads look within ten degrees of straight into the camera
    assert float(quality.pose.yaw_pitch_roll(reading.points68[None]).abs().max()) < 20


def test_without_a_face_there_is_no_reading():
    assert detection.read_face(torch.full((1, 3, 80, 80), 0.4)) is None


def test_the_largest_of_two_faces_is_read():
    picture = torch.zeros(1, 3, 240, 400)
    picture[..., :240, :240] = data.portrait("astronaut")
    picture[..., 40:200, 240:400] = data.portrait("hopper", 160)
    reading = detection.read_face(picture)
    assert len(detection.find_faces(picture)[0]) == 2 and float(reading.box[2]) < 240


def test_the_score_of_a_box_falls_when_the_face_goes():
    picture = data.portrait("astronaut")
    box = detection.face_box(data.landmarks("astronaut")[None])
    elsewhere = torch.tensor([[0.0, 150.0, 60.0, 230.0]])
    scores = detection.face_score(picture, torch.cat([box, elsewhere]))
    assert float(scores[0]) > detection.SURE > float(scores[1])
    ruined = degrade.gaussian_blur(degrade.darken(picture, 0.9), 8.0)
    assert float(detection.face_score(ruined, box)) < float(scores[0])
    assert detection.face_score(picture, torch.zeros(0, 4)).shape == (0,)


def test_openness_is_gap_over_width_and_does_not_care_for_size_or_tilt():
    points = torch.zeros(1, 68, 2)
    eye = torch.tensor([[0.0, 0], [10, -4], [20, -4], [30, 0], [20, 5], [10, 5]])
    points[0, 36:42], points[0, 42:48] = eye, eye * torch.tensor([1.0, 0.1]) + 60
    assert detection.eye_openness(points)[0].tolist() == pytest.approx([0.3, 0.03], abs=1e-6)
    turned = transform_points(points, torch.tensor([[[1.2, -1.6, 5.0], [1.6, 1.2, -3.0]]]))
    assert torch.allclose(detection.eye_openness(turned), detection.eye_openness(points), atol=1e-6)
    assert detection.eye_openness(torch.zeros(1, 68, 2)).tolist() == [[0.0, 0.0]]


def figure() -> live.Figure:
    reader, steps = FaceReader(), {record.key: record for record in degrade.degradations()}

    def read(image, rotate, darken, blur):
        seen = degrade.gaussian_blur(degrade.darken(degrade.rotate(image, rotate), darken), blur)
        score, points, numbers = reader(seen)
        return seen, points[0], torch.cat([numbers[0], score])

    sliders = [live.Slider.of(steps[key], key) for key in ("rotate", "darken", "gaussian_blur")]
    edges = [edge for lines in FACE_LINES.values() for edge in lines]
    return live.Figure(
        read,
        [live.Image("image", {name: data.portrait(name, 224) for name in data.PORTRAITS}), *sliders],
        [
            live.Picture("seen"),
            live.Wire("face", edges, (224, 224), over="seen"),
            live.Readout("numbers", [("n", "n")] * 6),
        ],
        title=("Read", "读"),
        alt=("A portrait with the landmarks that are read in it.", "一幅人像及读出的关键点。"),
    )


def test_the_browser_reads_what_torch_reads(record_check):
    # coordinates and angles relative to the largest; the darkest states lie near ties of the finder's map
    record_check("quality.face_reading.FaceReader", "onnxruntime, 224 px", 9, compare(figure(), 8), 1e-3)


@pytest.mark.parametrize("name", data.PORTRAITS)
def test_the_graph_does_what_the_networks_do_one_after_the_other(name):
    picture = data.portrait(name, 224)
    score, points, numbers = FaceReader()(picture)
    box = torch.cat([points[:, 68], points[:, 70]], 1)
    assert float(detection.box_iou(box, detection.face_box(data.landmarks(name, 224)[None]))) > 0.5
    read, _ = detection.find_landmarks(picture, box)
    assert float(score) > detection.SURE and float((points[:, :68] - read).norm(dim=2).mean()) < 1.0
    assert torch.allclose(numbers[:, 3:], detection.eye_openness(points[:, :68]))
    assert torch.allclose(numbers[:, :3], quality.pose.yaw_pitch_roll(points[:, :68]))


def test_turning_the_picture_turns_what_is_read():
    picture = data.portrait("astronaut", 224)
    reader = FaceReader()
    rolls = [float(reader(degrade.rotate(picture, angle))[2][0, 2]) for angle in (-15.0, 0.0, 15.0)]
    assert rolls[0] - rolls[1] == pytest.approx(15, abs=4) and rolls[2] - rolls[1] == pytest.approx(-15, abs=4)


@pytest.mark.parametrize("tilt", [-30.0, 0.0, 30.0])
def test_a_tilted_face_is_still_one(tilt):
    assert float(FaceReader()(degrade.rotate(data.portrait("hopper", 224), tilt))[0]) > detection.SURE


def test_a_photograph_without_a_face_has_none():
    from skimage import data as pictures

    whole = pictures.astronaut()
    for array, least, most in (
        (whole, detection.SURE, 1.0),  # a face of 55 px
        (whole[:300, 150:450], detection.SURE, 1.0),  # at the edge
        (pictures.coffee()[:, 100:500], 0.0, 0.5),  # a cup, which the search alone took for a face (0.73)
        (pictures.chelsea()[:, 75:375], 0.0, 0.5),  # a cat
    ):
        score = FaceReader()(images.resize(images.from_array(array), 224))[0]
        assert least < float(score) < most
