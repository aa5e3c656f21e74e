"""The face quality lab as a reader meets it: real JupyterLab, real Chromium, keyboard, files and a (fake) camera."""

import csv
import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from course_lib import data, images
from course_lib.i18n import glossary

pytestmark = [pytest.mark.browser, pytest.mark.slow]
BLUR, NOISE = 2, 3  # places of these sliders in the lab
SHORT = 15_000  # milliseconds: what follows one action of the reader


class Lab:
    """What a reader finds in the lab."""

    def __init__(self, notebook, language):
        self.notebook, self.language, self.root = notebook, language, notebook.panel.locator(".sf-lab")
        self.status = self.root.locator(".sf-photo .sf-status")
        self.picture = self.root.locator("img.sf-picture, .sf-picture img").first
        self.original = self.root.locator("img.sf-picture, .sf-picture img").nth(1)
        self.handles = self.root.locator(".noUi-handle")

    def row(self, name: str) -> Locator:
        return self.root.locator(f'tr[title^="quality.{name} "]')

    def value(self, name: str) -> str:
        return self.row(name).locator(".sf-value").inner_text()

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def source(self) -> str:
        return self.picture.get_attribute("src")


def words(key: str, language: str) -> str:
    return glossary()[key][language]


@pytest.fixture(scope="module", params=["en", "zh"])
def opened(jupyterlab, window, request):
    """The lab in one language, all its cells run."""
    notebook = jupyterlab.open(window, f"labs/{request.param}/face_quality_lab.ipynb")
    notebook.run_all()
    lab = Lab(notebook, request.param)
    expect(lab.row("tenengrad")).to_be_visible(timeout=SHORT)
    expect(lab.root.locator(".sf-curves svg").first).to_be_visible(timeout=SHORT)
    yield lab
    notebook.page.close()


@pytest.fixture
def lab(opened):
    """The lab with its sliders at rest; whatever a test does, no cell and no script of the page may fail."""
    opened.notebook.press(opened.button(words("reset_all", opened.language)), "Enter")
    expect(opened.root.locator('tr[data-verdict="worse"]')).to_have_count(0, timeout=SHORT)
    yield opened
    assert opened.notebook.errors() == [] and opened.notebook.page_errors == []


def move_blur(lab: Lab) -> None:
    """Arrow keys on the slider change the picture and the score; the last position is the one that stays."""
    before, picture = lab.value("tenengrad"), lab.source()
    lab.notebook.press(lab.handles.nth(BLUR), *["ArrowRight"] * 20)
    expect(lab.handles.nth(BLUR)).to_have_attribute("aria-valuenow", "2.0")
    expect(lab.root.locator(".widget-readout").nth(BLUR)).to_have_text("2.00")
    expect(lab.row("tenengrad").locator(".sf-value")).not_to_have_text(before, timeout=SHORT)
    expect(lab.row("tenengrad")).to_have_attribute("data-verdict", "worse")
    expect(lab.picture).to_have_attribute("alt", re.compile("2(\\.0+)? (px|像素)$"), timeout=SHORT)
    assert lab.source() != picture


@pytest.mark.parametrize("opened", ["en"], indirect=True)
def test_by_keyboard(lab):
    page, press = lab.notebook.page, lab.notebook.press
    expect(lab.handles.nth(BLUR)).to_have_attribute("aria-label", re.compile("blur", re.I))
    move_blur(lab)

    # the noise trap: the picture gets worse, Laplacian variance calls it better
    press(lab.button("Reset all"), "Enter")
    expect(lab.root.locator('tr[data-verdict="worse"]')).to_have_count(0, timeout=SHORT)
    press(lab.handles.nth(NOISE), *["ArrowRight"] * 8)
    expect(lab.row("laplacian_variance")).to_have_attribute("data-verdict", "better", timeout=SHORT)

    # another portrait, another axis of the curves, another curve
    alt = lab.picture.get_attribute("alt")
    press(lab.button("Grace Hopper"), "Enter")
    expect(lab.picture).not_to_have_attribute("alt", alt, timeout=SHORT)
    press(lab.button("Gaussian noise"), "Space")
    curves = lab.root.locator(".sf-curves svg")
    expect(curves.first).to_have_attribute("aria-label", re.compile("Gaussian noise"), timeout=SHORT)
    press(lab.row("rms_contrast").locator("input"), "Space")
    expect(curves).to_have_count(4, timeout=SHORT)
    assert "×" in lab.row("laplacian_variance").locator(".sf-change").inner_text()

    # keep a row, export
    press(lab.button("Keep this row"), "Enter")
    expect(lab.root.locator(".sf-kept tbody tr")).to_have_count(1, timeout=SHORT)
    link = lab.root.get_by_role("link", name="Export CSV")
    with page.expect_download() as download:
        press(link, "Enter")
    assert download.value.suggested_filename == "face-quality-hopper.csv"
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))))
    assert {line["row"] for line in lines} == {"1", "2"}
    noisy = next(line for line in lines if line["measure"] == "laplacian_variance")
    assert (noisy["picture"], float(noisy["gaussian_noise"])) == ("hopper", pytest.approx(0.08))
    assert float(noisy["value"]) > float(noisy["clean"])

    # Tab alone walks from the portraits through the sliders to the export
    seen = set()
    lab.button("Eileen Collins").focus()
    for _ in range(80):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.getAttribute('role') || document.activeElement.tagName"))
        if link.evaluate("node => node === document.activeElement"):
            break
    else:
        pytest.fail("Tab did not reach the export")
    assert {"BUTTON", "slider", "INPUT"} <= seen


@pytest.mark.parametrize("opened", ["en"], indirect=True)
def test_camera_refused_or_absent(lab):
    page = lab.notebook.page
    for name, message in (
        ("NotAllowedError", words("camera_denied", "en")),
        ("NotFoundError", words("camera_missing", "en")),
        ("NotReadableError", "in use by another program"),
        ("TypeError", "could not be started"),
    ):
        page.evaluate(
            "name => { navigator.mediaDevices.getUserMedia = () => Promise.reject(Object.assign(new Error(name), {name})); }",
            name,
        )
        lab.notebook.press(lab.button(words("use_camera", "en")), "Enter")
        expect(lab.status).to_contain_text(message, timeout=SHORT)
    expect(lab.button(words("use_camera", "en"))).to_be_enabled()


@pytest.mark.parametrize("opened", ["zh"], indirect=True)
def test_photographs(lab, tmp_path):
    move_blur(lab)
    expect(lab.root.locator(".sf-photo .sf-note")).to_have_text(words("photo_stays_local", "zh"))
    assert lab.root.get_by_text("拉普拉斯方差", exact=True).first.is_visible()
    files = lab.root.locator('.sf-photo input[type="file"]')

    # what is no image, is empty or is damaged gets a sentence, and the lab stays as it was
    before = lab.source()
    for name, content, message in (
        ("notes.txt", b"This is not a picture.", words("not_an_image", "zh")),
        ("empty.png", b"", "该文件是空的。"),
        ("half.jpg", jpeg(400)[:3000], "该图像文件已损坏或不完整。"),
        ("tiny.png", png(8, 8), words("image_too_small", "zh")),
        ("wide.png", png(20000, 3000), words("image_too_large", "zh")),
    ):
        files.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})
        expect(lab.status).to_contain_text(message, timeout=SHORT)
        expect(lab.status).to_have_class(re.compile("sf-problem"))
    assert lab.source() == before

    # by keyboard through the button: a photograph, which then is chosen and measured
    path = tmp_path / "me.png"
    path.write_bytes(png(700, 500))
    with lab.notebook.page.expect_file_chooser() as chooser:
        lab.notebook.press(lab.button(words("upload_photo", "zh")), "Enter")
    chooser.value.set_files(path)
    expect(lab.root.locator(".widget-toggle-button.mod-active").first).to_have_text("你的照片", timeout=SHORT)
    expect(lab.status).to_have_text(words("no_face_found", "zh"), timeout=SHORT)
    assert lab.value("head_pose_yaw") == "–"  # no face, no pose
    assert shape(lab.original) == [512, 366]

    # one with a face: found, aligned, its pose read
    files.set_input_files({"name": "hopper.png", "mimeType": "image/png", "buffer": portrait_png("hopper")})
    expect(lab.root.locator(".sf-face svg")).to_be_visible(timeout=SHORT)
    expect(lab.status).to_have_text("")
    assert lab.root.locator(".sf-reading td").count() == 6 and lab.value("head_pose_yaw") != "–"

    # a file beyond what Jupyter's connection carries is made smaller in the browser
    large = noisy_bmp(2400, 1500)
    assert len(large) > 10 * 2**20
    files.set_input_files({"name": "large.bmp", "mimeType": "image/bmp", "buffer": large})
    lab.notebook.page.wait_for_function("image => image.naturalHeight === 320", arg=lab.original.element_handle())

    # the camera
    lab.notebook.press(lab.button(words("use_camera", "zh")), "Enter")
    expect(lab.root.locator("video")).to_be_visible(timeout=SHORT)
    expect(lab.button(words("use_camera", "zh"))).to_be_hidden()
    expect(lab.button(words("take_photo", "zh"))).to_be_focused()
    lab.notebook.page.keyboard.press("Enter")
    expect(lab.root.locator("video")).to_be_hidden(timeout=SHORT)
    expect(lab.root.locator('a[download="face-quality-camera.csv"]')).to_be_visible(timeout=SHORT)
    assert lab.root.locator("video").evaluate("video => video.srcObject") is None  # the camera's light is off


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(file, "PNG")
    return file.getvalue()


def portrait_png(name: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(images.to_array(data.portrait(name, 300))).save(file, "PNG")
    return file.getvalue()


def jpeg(side: int) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((side, side), 50).save(file, "JPEG")
    return file.getvalue()


def noisy_bmp(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((width, height), 50).convert("RGB").save(file, "BMP")
    return file.getvalue()


def shape(image: Locator) -> list[int]:
    return image.evaluate("image => [image.naturalWidth, image.naturalHeight]")
