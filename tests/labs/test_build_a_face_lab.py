"""The lab "Build a face": the numbers of its answers, and the lab as a reader meets it, by keyboard in a real JupyterLab."""

import json
import re

import pytest
import torch
from PIL import Image
from playwright.sync_api import expect

from course_lib.faces import LABELS
from course_lib.widgets import FaceBuilder

SHORT = 15_000  # milliseconds: what follows one action of the reader


# ---- the answers ----------------------------------------------------------------------------------------------------


@pytest.fixture
def face():
    """Person 3, whose numbers the answers give."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield FaceBuilder(3)
    torch.set_num_threads(threads)


def parts(face: FaceBuilder) -> set[str]:
    return {LABELS[int(code)] for code in face.rendered.labels.unique()}


def test_1_the_same_person(face):
    face.keep()
    for _ in range(3):
        face.other_day()
        assert face.anatomical_distance() == 0
    distances = []
    for person in (4, 5, 6, 7):
        face.random_person(person)
        distances.append(round(face.anatomical_distance(), 2))
    assert (min(distances), max(distances)) == (1.39, 1.56)


def test_2_landmarks_round_the_corner(face):
    seen = []
    for yaw in (0, 30, 60, 75):
        face.set(yaw=yaw)
        seen.append(int(face.rendered.visible.sum()))
    assert seen == [64, 60, 46, 39]


def test_3_light_leaves_the_truth_alone(face):
    before = face.rendered
    face.set(light_azimuth=80)
    for name in ("labels", "landmarks", "depth", "normals", "visible"):
        assert torch.equal(getattr(before, name), getattr(face.rendered, name)), name
    assert (before.image - face.rendered.image).abs().mean() == pytest.approx(0.06, abs=0.005)


def test_4_hidden(face):
    for worn, points, share in (
        ({"mask": 1}, 27, 0.60),
        ({"mask": 0, "glasses": 1}, 64, 0.05),
        ({"glasses": 5}, 50, 0.23),
    ):
        face.set(**worn)
        assert int(face.rendered.visible.sum()) == points
        assert float(face.rendered.occlusion[0]) == pytest.approx(share, abs=0.005)
        if worn.get("mask"):
            assert not {"upper_lip", "lower_lip"} & parts(face) and face.rendered.occluder.any()
    assert not {"left_eye", "right_eye"} & parts(face) and "glasses" in parts(face)


def test_5_a_selfie(face):
    found = []
    for distance in (30, 250):
        face.set(distance=distance)
        p = face.rendered.landmarks[0]
        ears = [int((face.rendered.labels == LABELS.index(name)).sum()) for name in ("left_ear", "right_ear")]
        eyes = (p[45] - p[36]).norm()
        found.append((float((p[35] - p[31]).norm() / eyes), float((p[16] - p[0]).norm() / eyes), sum(ears) / 2))
    assert found[0] == pytest.approx((0.28, 1.21, 15), abs=0.6)
    assert found[0][:2] == pytest.approx((0.28, 1.21), abs=0.005) and found[1][:2] == pytest.approx(
        (0.25, 1.37), abs=0.005
    )
    assert found[1][2] == pytest.approx(150, abs=8)


def test_6_one_slider_moves_twenty_one_parameters(face):
    face.keep()
    before = face.values
    face.set(feminine=1 - before["feminine"])
    moved = [name for name, value in face.values.items() if abs(value - before[name]) > 1e-6]
    assert len(moved) - 1 == 21 and face.anatomical_distance() == 0


# ---- in JupyterLab --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(jupyterlab, window):
    """The lab, all its cells run."""
    notebook = jupyterlab.open(window, "labs/en/build_a_face_lab.ipynb")
    notebook.run_all()
    yield notebook
    notebook.page.close()


@pytest.mark.browser
@pytest.mark.slow
def test_by_keyboard(opened):
    page, press, root = opened.page, opened.press, opened.panel.locator(".sf-builder")
    button = lambda name: root.get_by_role("button", name=name, exact=True)  # noqa: E731
    picture = root.locator(".sf-face img").first
    expect(picture).to_have_attribute("alt", re.compile("yaw 0°"), timeout=SHORT)

    # a slider of the picture: its picture, its truth
    press(button("Pose and expression"), "Enter")
    handle = root.locator(".noUi-handle").first
    expect(handle).to_have_attribute("aria-label", re.compile("Yaw"), timeout=SHORT)
    before = picture.get_attribute("src")
    press(handle, *["ArrowRight"] * 12)
    expect(picture).to_have_attribute("alt", re.compile("yaw 12°"), timeout=SHORT)
    assert picture.get_attribute("src") != before
    expect(root.get_by_text("ready from before")).to_be_visible()
    press(button("Landmarks"), "Enter")
    expect(root.locator(".sf-face img").nth(1)).to_have_attribute("alt", "Landmarks", timeout=SHORT)

    # a slider of the person, another day, a face beside
    press(button("Nose"), "Enter")
    expect(root.locator(".noUi-handle").first).to_have_attribute("aria-label", re.compile("Nose length"), timeout=SHORT)
    press(button("Keep beside"), "Enter")
    expect(root.locator(".sf-beside img")).to_have_count(2, timeout=SHORT)
    press(root.locator(".noUi-handle").first, "ArrowRight")
    expect(root.get_by_text("prepared anew")).to_be_visible(timeout=SHORT)
    press(button("Same person, other day"), "Space")
    expect(root.locator(".sf-beside")).to_be_visible()

    # both files
    for name, kind in (("Save parameters (JSON)", "json"), ("Save picture (PNG)", "png")):
        with page.expect_download() as download:
            press(root.get_by_role("link", name=name), "Enter")
        assert download.value.suggested_filename == f"face-3.{kind}"
        path = download.value.path()
        if kind == "json":
            assert json.loads(path.read_text(encoding="utf-8"))["picture"]["yaw"] == pytest.approx(12)
        else:
            assert Image.open(path).size == (144, 144)

    # Tab alone walks from the person's number to the sliders
    root.locator("input[type=number]").first.focus()
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.getAttribute('role') || document.activeElement.tagName"))
        if {"BUTTON", "slider", "A"} <= seen:
            break
    else:
        pytest.fail(f"Tab reached only {seen}")
    assert opened.errors() == [] and opened.page_errors == []
