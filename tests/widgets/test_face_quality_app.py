"""The lab's widgets without a browser: what reaches the reader, and how fast."""

import asyncio
import io
import re
import sys
import threading
import types

import numpy as np
import pytest
import torch
from PIL import Image
from widget_timing import usual_seconds

from course_lib import data, images, quality
from course_lib.i18n import glossary
from course_lib.live.photo import PROBLEMS, explain
from course_lib.widgets import curve_panel, experiment, face_quality_lab
from course_lib.widgets.experiment import steps
from course_lib.widgets.photo import PhotoInput
from course_lib.widgets.scores import row, verdict


@pytest.fixture(scope="module")
def lab():
    return face_quality_lab()


@pytest.fixture(autouse=True)
def at_rest(lab):
    lab.portraits.value, lab.axis.value = "astronaut", "gaussian_blur"
    lab.set(**{key: step.identity for key, step in steps().items()})


def file_of(array: np.ndarray, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, form)
    return file.getvalue()


def upload(lab, content: bytes, name: str = "file") -> str:
    """What the browser sends when a reader chooses a file; returns what the lab answers."""
    lab.photo._open(lab.photo, {"name": name}, [memoryview(content)])
    return lab.photo.message


def test_a_slider_changes_picture_sheet_curves_and_file(lab):
    before = (lab.picture.value, lab.sheet.values, lab.curves.value, lab.export.value)
    lab.sliders["gaussian_blur"].value = 2.0
    after = (lab.picture.value, lab.sheet.values, lab.curves.value, lab.export.value)
    assert all(one != other for one, other in zip(before, after, strict=True))
    shown = images.load(lab.picture.value)
    assert (shown - lab.experiment.image).abs().max() <= 0.5 / 255 + 1e-6  # a PNG has 8 bits
    assert lab.sheet.values["tenengrad"]["verdict"] == "worse"
    assert lab.clean_picture.value == lab_png_of_clean(lab)


def lab_png_of_clean(lab) -> bytes:
    return images.to_png(lab.experiment.picture.image)


def test_the_sheet_has_every_measure_in_the_readers_language(lab, monkeypatch):
    assert set(lab.sheet.values) == {measure.name for measure in quality.measures()}
    for language in ("en", "zh"):
        monkeypatch.setenv("COURSE_LANG", language)
        sheet = face_quality_lab().sheet
        labels = {entry["name"]: entry["label"] for family in sheet.families for entry in family["measures"]}
        for measure in quality.measures():
            assert labels[measure.name].lower() == measure.label[language].lower()
        assert sheet.families[0]["label"] == {"en": "Blur", "zh": "模糊"}[language]


def test_verdicts_follow_the_direction():
    by_direction = {measure.direction: measure for measure in quality.measures()}
    assert verdict(by_direction["higher"], 2.0, 1.0) == verdict(by_direction["lower"], 1.0, 2.0) == "better"
    assert verdict(by_direction["higher"], 1.0, 2.0) == verdict(by_direction["lower"], 2.0, 1.0) == "worse"
    assert verdict(by_direction["target"], 2.0, 1.0) == "moved"
    assert verdict(by_direction["higher"], 1.001, 1.0) == "same"
    assert row(by_direction["higher"], None, None)["text"] == "–"


def test_several_sliders_move_at_once_from_a_cell(lab):
    lab.set(gaussian_blur=1.0, jpeg=30.0)
    assert (lab.sliders["gaussian_blur"].value, lab.sliders["jpeg"].value) == (1.0, 30.0)
    assert lab.experiment.settings["jpeg"] == 30.0
    lab.reset.click()
    assert torch.equal(lab.experiment.image, lab.experiment.picture.image)
    with pytest.raises(ValueError, match="fog"):
        lab.set(fog=1.0)


def test_curves_are_drawn_for_the_ticked_boxes_over_the_chosen_degradation(lab):
    lab.sheet.chosen = ["rms_contrast"]
    assert lab.curves.value.count("<svg") == 1 and "RMS contrast" in lab.curves.value
    lab.axis.value = "reduce_contrast"
    assert "Low contrast" in lab.curves.value
    lab.sheet.chosen = []
    assert "<svg" not in lab.curves.value and "Tick the box" in lab.curves.value
    lab.sheet.chosen = [measure.name for measure in quality.measures()][:8]
    assert lab.curves.value.count("<svg") == 6 and "first 6" in lab.curves.value
    lab.sheet.chosen, lab.axis.value = ["tenengrad"], "gaussian_blur"


def test_moving_along_a_curve_only_moves_its_marker(lab, monkeypatch):
    lab.set(gaussian_blur=1.0)
    monkeypatch.setattr(lab.experiment, "curve", lambda *_: pytest.fail("measured again"))
    before = lab.curves.value
    lab.sliders["gaussian_blur"].value = 3.0
    assert lab.curves.value != before


def test_no_curve_mixes_two_states_when_a_slider_moves_in_another_thread(lab, monkeypatch):
    """JupyterLab handles widget messages in threads of their own."""
    lab.set(gaussian_blur=0.0, darken=0.1)
    real, moved = curve_panel.chart, []

    def slow_chart(*args, **options):
        if not moved:
            moved.append(threading.Thread(target=lambda: setattr(lab.axis, "value", "gaussian_noise")))
            moved[0].start()
            moved[0].join(0.3)
            assert moved[0].is_alive()  # it waits until the chart is drawn
        return real(*args, **options)

    monkeypatch.setattr(curve_panel, "chart", slow_chart)
    lab.set(darken=0.3)
    moved[0].join()
    assert lab.status.value == "" and lab.curves.key == "gaussian_noise"
    for (_, key, _, _), drawn in lab.curves.charts.items():
        assert steps()[key].label["en"] in drawn.description


def test_a_curve_under_way_gives_way_to_a_slider(lab, monkeypatch):
    """In an event loop, as in a kernel: many moves, one curve."""
    monkeypatch.setattr(curve_panel, "REST", 0.01)
    measured = []
    real = lab.experiment.curve
    monkeypatch.setattr(lab.experiment, "curve", lambda *args: measured.append(args) or real(*args))

    async def drag():
        lab.axis.value = "jpeg"
        for step in range(1, 6):
            lab.sliders["darken"].value = step / 20
        await asyncio.sleep(0.02)  # the first points of a curve
        lab.sliders["darken"].value = 0.5
        while not lab.curves.task.done() or lab.curves.missing():
            await asyncio.sleep(0.01)

    asyncio.run(drag())
    assert 1 <= len(measured) <= 3 and lab.status.value == ""
    assert "JPEG quality" in lab.curves.value and "<svg" in lab.curves.value


def test_kept_rows_stay_when_the_picture_changes(lab):
    lab.set(gaussian_noise=0.1)
    lab.keep.click()
    lab.portraits.value = "hopper"
    lab.keep.click()
    rows = re.findall(r"<tr>(.*?)</tr>", lab.kept.value)[1:]
    assert "Eileen Collins" in rows[0] and "Gaussian noise 0.1" in rows[0] and "Grace Hopper" in rows[1]
    assert 'download="face-quality-hopper.csv"' in lab.export.value
    lab.experiment.kept.clear()


def test_a_photograph_is_shown_and_can_be_chosen_again(lab):
    generator = np.random.default_rng(0)
    said = upload(lab, file_of(generator.integers(0, 256, (90, 120, 3), np.uint8)), "me.png")
    assert said == "No face was found."
    assert lab.portraits.value == "photo" and not lab.photo.problem
    assert lab.experiment.picture.image.shape == (1, 3, 90, 120)
    assert lab.sheet.values["head_pose_yaw"]["text"] == "–"
    lab.portraits.value = "hopper"
    lab.portraits.value = "photo"
    assert lab.experiment.picture.title["en"] == "me.png"
    upload(lab, file_of(generator.integers(0, 256, (50, 60, 3), np.uint8)), "")  # the camera
    assert lab.experiment.picture.key == "camera"
    assert [key for _, key in lab.portraits.options] == ["astronaut", "hopper", "photo"]


def test_in_a_photograph_the_face_is_found_and_its_pose_read(lab):
    assert upload(lab, file_of(images.to_array(data.portrait("hopper", 300))), "me.png") == ""
    for axis in ("yaw", "pitch", "roll"):
        assert abs(lab.experiment.clean[f"head_pose_{axis}"]) < 20
    assert "<svg" in lab.reading.value and "face finder's score" in lab.reading.value
    straight, before = lab.experiment.reading, lab.reading.value
    lab.sliders["rotate"].value = 10.0
    assert lab.experiment.reading.angles[2] - straight.angles[2] == pytest.approx(-10, abs=4)
    assert lab.experiment.scores["head_pose_roll"] == pytest.approx(lab.experiment.reading.angles[2], abs=1e-3)
    assert lab.reading.value != before
    curve = dict(lab.experiment.curve("rotate", ["head_pose_roll"]))
    assert len(curve) == experiment.POINTS and all(scores for scores in curve.values())


def test_what_is_read_in_the_portraits_is_near_what_was_placed_by_hand(lab):
    for name in data.PORTRAITS:
        lab.portraits.value = name
        reading = lab.experiment.reading
        assert reading.found and reading.dots.shape == (68, 2)
        by_hand = [lab.experiment.clean[f"head_pose_{axis}"] for axis in ("yaw", "pitch", "roll")]
        assert max(abs(a - b) for a, b in zip(reading.angles, by_hand, strict=True)) < 15


@pytest.mark.parametrize(
    ("language", "none", "several"),
    [("en", "No face was found.", "Several faces"), ("zh", "未检测到人脸。", "检测到多张人脸")],
)
def test_no_face_and_several_faces_are_said_in_the_readers_language(lab, monkeypatch, language, none, several):
    monkeypatch.setenv("COURSE_LANG", language)
    assert upload(lab, file_of(np.full((90, 120, 3), 120, np.uint8)), "wall.png") == none
    assert lab.reading.value.startswith('<p class="sf-status" role="status">') and "<svg" not in lab.reading.value
    assert ("Pose and eyes cannot be read" in lab.reading.value) == (language == "en")
    assert lab.sheet.values["head_pose_yaw"]["text"] == "–"
    two = np.concatenate([images.to_array(data.portrait(name, 200)) for name in data.PORTRAITS], 1)
    assert upload(lab, file_of(two)).startswith(several)
    assert lab.sheet.values["head_pose_yaw"]["text"] != "–"


def test_a_face_that_is_ruined_is_said_to_be_lost(lab):
    lab.set(gaussian_blur=8.0, darken=0.9, gaussian_noise=0.2)
    assert not lab.experiment.reading.found and 'role="status"' in lab.reading.value
    lab.reset.click()
    assert lab.experiment.reading.found and 'role="status"' not in lab.reading.value


def bad_files() -> dict[str, bytes]:
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    deep = Image.new("F", (40, 40), -5.0)
    tiff = io.BytesIO()
    deep.save(tiff, "TIFF")
    return {
        "not_an_image": b"hello",
        "empty": b"",
        "damaged": file_of(noise, "JPEG")[:2000],
        "image_too_large": file_of(np.zeros((6000, 9000), np.uint8)),
        "image_too_small": file_of(noise[:8, :8]),
        "range": tiff.getvalue(),
    }


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_no_usable_image_is_said_in_the_readers_words(lab, monkeypatch, language):
    monkeypatch.setenv("COURSE_LANG", language)
    before = lab.picture.value
    for kind, content in bad_files().items():
        said = upload(lab, content, "x.dat")
        assert lab.photo.problem, kind
        assert said.startswith("x.dat: ") and "source:" not in said
        assert bool(re.search("[\u4e00-\u9fff]", said)) == (language == "zh"), said
        if kind in glossary():
            assert glossary()[kind][language] in said
    assert lab.picture.value == before


def test_an_error_that_nobody_foresaw_is_passed_on():
    assert explain(ValueError("odd"), "a.png") == "a.png: odd"
    assert len({part for part, _ in PROBLEMS}) == len(PROBLEMS)


def test_where_the_photograph_goes_is_said_and_differs_in_colab(monkeypatch):
    assert "stays on this computer" in PhotoInput(print).text["local"]
    assert "runs this notebook's kernel" in PhotoInput(print).text["remote"]
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    assert "Google" in PhotoInput(print).text["remote"]


def test_the_photograph_is_no_state_that_a_saved_notebook_would_hold(lab):
    upload(lab, file_of(np.zeros((64, 64, 3), np.uint8)))
    assert not any(isinstance(value, (bytes, memoryview)) for value in lab.photo.get_state().values())


def test_an_update_at_512_pixels_takes_less_than_150_ms():
    """All six sliders moved."""
    prepare = """
from course_lib import data
from course_lib.widgets import face_quality_lab
lab = face_quality_lab()
lab._receive(data.portrait("hopper", 512), "large.png")
assert lab.experiment.image.shape[-1] == 512
lab.set(rotate=10.0, darken=0.2, gaussian_noise=0.05, reduce_contrast=0.2, jpeg=40.0)
"""
    assert usual_seconds(prepare, 'lab.sliders["gaussian_blur"].value = 1.0 + step / 10') < 0.150
