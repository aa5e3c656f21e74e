import csv
import io
import math

import pytest
import torch

from course_lib import data, degrade, images, quality
from course_lib.widgets import experiment
from course_lib.widgets.experiment import Experiment, photograph, portrait, steps, turned


@pytest.fixture(scope="module")
def lab() -> Experiment:
    return Experiment()


@pytest.fixture(autouse=True)
def sliders_at_rest(lab):
    lab.show(portrait("astronaut"))
    lab.kept.clear()
    lab.set(**{key: step.identity for key, step in steps().items()})


def test_at_rest_the_picture_and_its_scores_are_the_clean_ones(lab):
    assert torch.equal(lab.image, lab.picture.image)
    assert lab.scores == lab.clean
    assert list(lab.scores) == [measure.name for measure in quality.measures()]


def test_the_sliders_are_those_that_the_lab_promises():
    assert {step.label["en"] for step in steps().values()} == {
        "Rotation", "Darkness", "Gaussian blur", "Gaussian noise", "Low contrast", "JPEG quality",
    }  # fmt: skip
    catalogue = [record.key for record in degrade.degradations()]
    assert sorted(steps(), key=catalogue.index) == list(steps())


def test_degradations_are_applied_one_after_the_other(lab):
    lab.set(gaussian_blur=1.5, gaussian_noise=0.05, jpeg=40)
    expected = degrade.gaussian_blur(lab.picture.image, 1.5)
    expected = degrade.jpeg(degrade.gaussian_noise(expected, 0.05, noise=lab.noise), 40)
    assert torch.equal(lab.image, expected)
    assert lab.scores["laplacian_variance"] == quality.measure(expected)["laplacian_variance"].item()


def test_noise_is_one_draw_so_that_a_setting_always_gives_the_same_scores(lab):
    lab.set(gaussian_noise=0.1)
    first = lab.scores
    lab.set(gaussian_noise=0.0)
    lab.set(gaussian_noise=0.1)
    assert lab.scores == first
    assert first["laplacian_variance"] > lab.clean["laplacian_variance"]  # the noise trap


@pytest.mark.parametrize("key", steps())
def test_a_curve_passes_through_what_the_bars_show(lab, key):
    lab.set(gaussian_blur=1.0, reduce_contrast=0.2)
    points = list(lab.curve(key, ["tenengrad", "head_pose_roll"]))
    severities = [severity for severity, _ in points]
    assert severities == sorted(severities) and len(points) == experiment.POINTS
    assert (severities[0], severities[-1]) == pytest.approx(steps()[key].range)
    severity, scores = points[4]
    lab.set(**{key: severity})
    assert scores == {name: lab.scores[name] for name in ("tenengrad", "head_pose_roll")}


def test_a_curve_that_is_under_way_does_not_follow_the_sliders(lab):
    curve = lab.curve("jpeg", ["tenengrad"])
    first = next(curve)
    lab.set(gaussian_blur=4.0)
    rest = [scores["tenengrad"] for _, scores in curve]
    assert rest[-1] == lab.clean["tenengrad"] and first[1]["tenengrad"] != rest[-1]


def test_an_unknown_slider_is_refused(lab):
    with pytest.raises(ValueError, match=r"settings: expected some of rotate, .* got fog"):
        lab.set(fog=1.0)


@pytest.mark.parametrize("degrees", [-37.0, 20.0])
def test_landmarks_turn_with_their_picture(degrees):
    image, point = torch.zeros(1, 3, 81, 101), (70, 22)
    image[0, :, point[1], point[0]] = 1
    spot = images.luma(degrade.rotate(image, degrees))[0, 0]
    y, x = torch.meshgrid(torch.arange(81.0), torch.arange(101.0), indexing="ij")
    seen = torch.stack([(spot * x).sum(), (spot * y).sum()]) / spot.sum()
    moved = turned(torch.tensor([[70.0, 22.0]]), degrees, 81, 101)[0]
    # bilinear interpolation smears the spot over neighbouring pixels, unevenly by up to a quarter pixel
    assert (seen - moved).abs().max() < 0.25


def test_turning_the_picture_turns_the_head(lab):
    lab.set(rotate=20.0)
    # counter-clockwise by 20 degrees takes 20 from a roll that counts clockwise; weak perspective is exact in that
    assert lab.scores["head_pose_roll"] - lab.clean["head_pose_roll"] == pytest.approx(-20, abs=1e-3)


def test_a_photograph_keeps_its_shape_and_gets_small(lab):
    picture = photograph(torch.rand(1, 3, 300, 1024), "me.jpg")
    assert picture.image.shape == (1, 3, 150, 512) and picture.landmarks is None
    assert picture.title == {"en": "me.jpg", "zh": "me.jpg"}
    assert photograph(torch.rand(1, 3, 64, 48)).image.shape == (1, 3, 64, 48)
    lab.show(picture)
    assert not any(name.startswith("head_pose") for name in lab.scores)
    assert set(lab.scores) | {m.name for m in quality.measures() if m.family == "pose"} == {
        m.name for m in quality.measures()
    }


@pytest.mark.parametrize(("language", "words"), [("en", "The image is too small."), ("zh", "图像过小。")])
def test_a_photograph_that_is_too_small_is_refused_in_the_readers_language(monkeypatch, language, words):
    monkeypatch.setenv("COURSE_LANG", language)
    with pytest.raises(ValueError, match=f"^{words} \\(2000 × 40\\)$"):
        photograph(torch.rand(1, 3, 40, 2000))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_table_has_every_score_and_a_spreadsheet_can_read_it(lab, monkeypatch, language):
    monkeypatch.setenv("COURSE_LANG", language)
    lab.set(gaussian_blur=2.0)
    lab.keep()
    lab.show(portrait("hopper"))
    text = lab.csv()
    assert text.startswith("\ufeffrow,picture,") and text.count("\r\n") == 1 + 2 * len(quality.measures())
    lines = list(csv.DictReader(io.StringIO(text[1:])))
    assert [line["picture"] for line in lines[:: len(quality.measures())]] == ["astronaut", "hopper"]
    by_name = {line["measure"]: line for line in lines if line["row"] == "2"}
    for measure in quality.measures():
        line = by_name[measure.name]
        assert float(line["value"]) == lab.scores[measure.name]
        assert float(line["clean"]) == lab.clean[measure.name]
        assert (line["label"], line["direction"]) == (measure.label[language], measure.direction)
        assert math.isfinite(float(line["value"]))


def test_portraits_are_compared_at_one_size():
    assert {portrait(name).image.shape for name in data.PORTRAITS} == {(1, 3, experiment.SIDE, experiment.SIDE)}
    assert experiment.SIDE == min(about.crop[2] for about in data.PORTRAITS.values())  # no pixel is invented
