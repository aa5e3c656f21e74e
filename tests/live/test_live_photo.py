"""A photograph of the reader's own in a figure: in the browser, and in the widgets of a notebook."""

import base64
import datetime
import io
import re

import numpy as np
import pytest
import torch
from live_on_site import give, move, opened, state, touch
from live_samples import SIZE, blur_figure, face_figure, grey_figure, photo_figures
from PIL import Image
from skimage import data as pictures

from course_lib import images, live
from course_lib.live.graph import difference
from course_lib.live.notebook_view import View, uploaded
from course_lib.live.photo import fitted

CPU = torch.device("cpu")
# The browser decodes and resizes as images.load and images.resize do, with sums in another order.
SAME_KERNEL = 2e-4
DROP = """([index, kind, name, type, base64]) => {
  const file = new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name, { type });
  const carried = new DataTransfer();
  carried.items.add(file);
  const figure = document.querySelectorAll("live-figure")[index], options = { bubbles: true, cancelable: true };
  if (kind === "paste") return figure.dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: carried }));
  const seen = figure.querySelector("canvas");
  seen.dispatchEvent(new DragEvent("dragover", { ...options, dataTransfer: carried }));
  const marked = figure.classList.contains("lf-drop");
  seen.dispatchEvent(new DragEvent("drop", { ...options, dataTransfer: carried }));
  return marked && !figure.classList.contains("lf-drop");
}"""


def png(array: np.ndarray, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def upload(content: bytes, name: str = "mine.png", kind: str = "image/png") -> dict:
    return {"name": name, "mimeType": kind, "buffer": content}


def texts(page, index: int, selector: str) -> list[str]:
    return page.locator("live-figure").nth(index).locator(selector).all_inner_texts()


FACE = pictures.astronaut()
SHAPES = {"wide": FACE[:200, 90:390], "tall": FACE[:301, 130:333], "small": FACE[60:97, 180:211]}


@pytest.mark.browser
@pytest.mark.parametrize("shape", SHAPES)
def test_a_photo_of_another_size_gives_what_torch_gives(browser, address, photo_page, shape, record_check):
    content = png(SHAPES[shape])
    with opened(browser, f"{address}/en/pages/{photo_page}.html") as page:
        for index, values in ((0, {"sigma": 1.2, "noise": 0.02}), (1, {"stops": -1.0})):
            figure = photo_figures()[index]
            touch(page, index)
            own = give(page, index, upload(content))
            step = move(page, index, values)
            assert step.values["image"] == own == len(figure.inputs[0].tensors)
            photo = fitted(images.load(content), tuple(figure.inputs[0].tensors[0].shape))
            expected = figure.compute({"image": photo, **values}, CPU)
            worst = max(difference(o.kind, [(expected[o.name], step.outputs[o.name])]) for o in figure.outputs)
            note = f"{shape} photograph, cut and resized in Chromium"
            record_check(f"<live-figure> ({figure.name}), own photo", "torch", 1, worst, SAME_KERNEL, note)


@pytest.mark.browser
def test_a_photo_of_the_very_size_is_taken_pixel_by_pixel(browser, address, photo_page):
    content = png(FACE[40 : 40 + SIZE, 180 : 180 + SIZE])
    with opened(browser, f"{address}/en/pages/{photo_page}.html") as page:
        touch(page, 0)
        give(page, 0, upload(content))
        step = move(page, 0, {"sigma": 0, "noise": 0})
        assert (step.outputs["seen"] - images.load(content)).abs().max() < 1e-6  # the graph adds 0 · noise
        assert set(
            page.locator("live-figure").first.locator("[data-trend]").evaluate_all("r => r.map((x) => x.dataset.trend)")
        ) == {"same"}


@pytest.mark.browser
def test_a_photo_is_turned_upright_and_what_is_transparent_is_white(browser, address, photo_page):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = png(FACE[:224, 100:300], "JPEG", quality=95, exif=exif)
    clear = png(np.dstack([FACE[:96, :96], np.tile(np.arange(96, dtype=np.uint8), (96, 1))]))
    with opened(browser, f"{address}/en/pages/{photo_page}.html") as page:
        touch(page, 0)
        for content, name, kind in ((turned, "a.jpg", "image/jpeg"), (clear, "b.png", "image/png")):
            give(page, 0, upload(content, name, kind))
            seen = move(page, 0, {"sigma": 0, "noise": 0}).outputs["seen"]
            apart = (seen - fitted(images.load(content), (1, 3, SIZE, SIZE))).square().mean().sqrt()
            assert apart < 0.01, name  # decoders of JPEG differ by a level, canvases round what shines through


@pytest.mark.browser
def test_the_photo_stays_while_sliders_move_and_a_portrait_comes_back(browser, address, photo_page):
    with opened(browser, f"{address}/en/pages/{photo_page}.html") as page:
        for index in reversed(range(len(photo_figures()))):
            touch(page, index)  # a figure in sight starts by itself: what it needs must not come later
        page.wait_for_load_state("networkidle")
        before = move(page, 0, {"sigma": 1.0})
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        own = give(page, 0, upload(png(SHAPES["wide"]), "holiday.png"))
        assert texts(page, 0, "fieldset[name=image] .lf-options span")[-1] == "holiday.png"
        moved = [move(page, 0, {"sigma": sigma}) for sigma in (2.0, 1.0)]
        assert [step.values["image"] for step in moved] == [own, own]
        assert not moved[1].outputs["seen"].allclose(before.outputs["seen"], atol=0.05)
        assert give(page, 0, upload(png(SHAPES["tall"]), "other.png")) == own + 1  # nothing of the first one is kept
        assert not move(page, 0, {"sigma": 1.0}).outputs["seen"].allclose(moved[1].outputs["seen"], atol=0.05)
        assert move(page, 0, {"image": 0}).outputs["seen"].equal(before.outputs["seen"])
        assert move(page, 0, {"image": 2}).values["image"] == own + 1  # the photograph is one of the options now
        page.locator("live-figure").first.locator(".lf-reset").click()
        page.wait_for_function("document.querySelector('live-figure').values().image === 0")
        assert asked == []  # nothing leaves the browser, nothing more is fetched


@pytest.mark.browser
@pytest.mark.parametrize(("edition", "words"), [("en", "not an image that"), ("zh", "不是浏览器能够打开的图像")])
def test_what_is_no_image_is_told_and_nothing_changes(browser, address, photo_page, edition, words):
    with opened(browser, f"{address}/{edition}/pages/{photo_page}.html") as page:
        touch(page, 0)
        own, before = give(page, 0, upload(png(SHAPES["wide"]))), move(page, 0, {"sigma": 1.0})
        figure = page.locator("live-figure").first
        note = figure.locator(".lf-note")
        calm = note.inner_text()
        figure.locator("input[type=file]").set_input_files(
            upload(b"%PDF-1.7 no picture", "bill.pdf", "application/pdf")
        )
        page.wait_for_selector(".lf-note.lf-problem")
        assert note.inner_text().startswith("bill.pdf: ") and words in note.inner_text()
        assert note.get_attribute("role") == "status" and state(page) == "ready"
        after = move(page, 0, {"sigma": 1.0})
        assert after.values["image"] == own and after.outputs["seen"].equal(before.outputs["seen"])
        give(page, 0, upload(png(SHAPES["tall"])))
        assert note.inner_text() == calm and "lf-problem" not in note.get_attribute("class")


@pytest.mark.browser
@pytest.mark.parametrize(("edition", "words"), [("en", "Your photo…"), ("zh", "你的照片…")])
def test_the_button_is_reached_and_opened_by_keyboard(browser, address, photo_page, edition, words):
    with opened(browser, f"{address}/{edition}/pages/{photo_page}.html") as page:
        choosers: list = []
        page.on("filechooser", lambda chooser: choosers.append(chooser))
        figure = page.locator("live-figure").first
        file = figure.get_by_label(words)
        assert file.count() == 1 and file.get_attribute("accept") == "image/*"
        described = page.locator(f"#{file.get_attribute('aria-describedby')}").inner_text()
        assert re.search("nothing is uploaded|不会上传", described)
        touch(page, 0)
        figure.locator("fieldset[name=image] input[type=radio]").first.focus()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.type") == "file"
        ring = "getComputedStyle(document.activeElement.nextElementSibling).outlineStyle"
        assert page.evaluate(ring) == "solid"
        page.keyboard.press("Enter")
        for _ in range(300):  # not expect_file_chooser, which may begin to listen after the key has come
            if choosers:
                break
            page.wait_for_timeout(100)
        choosers[0].set_files(upload(png(SHAPES["wide"])))
        page.wait_for_function("document.querySelector('live-figure').values().image === 2")


@pytest.mark.browser
def test_a_photo_can_be_dropped_and_pasted(browser, address, photo_page):
    content = base64.b64encode(png(SHAPES["wide"])).decode()
    with opened(browser, f"{address}/en/pages/{photo_page}.html") as page:
        assert page.evaluate(DROP, [0, "drop", "a.png", "image/png", content])  # starts a figure nobody touched
        page.wait_for_function("document.querySelector('live-figure').dataset.state === 'ready'", timeout=60_000)
        page.wait_for_function("document.querySelector('live-figure').values().image === 2")
        page.evaluate(DROP, [0, "paste", "b.png", "image/png", content])
        page.wait_for_function("document.querySelector('live-figure').values().image === 3")
        assert texts(page, 0, "fieldset[name=image] .lf-options span")[-1] == "b.png"


@pytest.mark.browser
@pytest.mark.parametrize(("edition", "words"), [("en", "No face was found."), ("zh", "未检测到人脸。")])
def test_a_face_is_read_where_it_is_and_its_absence_is_said(browser, address, photo_page, edition, words):
    with opened(browser, f"{address}/{edition}/pages/{photo_page}.html") as page:
        touch(page, 2)
        for content, found in ((png(FACE), True), (png(pictures.coffee()), False), (png(FACE[:300, 150:450]), True)):
            give(page, 2, upload(content))
            step = move(page, 2, {"blur": 0})
            photo = fitted(images.load(content), (1, 3, 224, 224))
            expected = photo_figures()[2].compute({"image": photo}, CPU)
            assert bool(step.outputs["angles"].isfinite().all()) is found
            assert difference("readout", [(expected["angles"], step.outputs["angles"])]) < 1e-2
            assert texts(page, 2, ".lf-missing")[0] == ("" if found else words)
            assert ("–" in texts(page, 2, "dd")) is not found


def file_of(content: bytes, name: str = "mine.png") -> tuple:
    when = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    described = {"name": name, "type": "image/png", "size": len(content), "last_modified": when}
    return ({**described, "content": memoryview(content)},)


def test_a_notebook_takes_a_photo_and_keeps_it(monkeypatch):
    monkeypatch.setenv("COURSE_LANG", "en")
    figure, content = blur_figure(), png(SHAPES["wide"])
    view = View(figure)
    upload = view.uploads["image"]
    assert upload.accept == "image/*" and upload.description == "Your photo…"
    before = bytes(view.shown["seen"].value)
    upload.value = file_of(content)
    photo = fitted(images.load(content), (1, 3, SIZE, SIZE))
    assert view.values()["image"].equal(photo) and view.controls["image"].label == "mine.png"
    assert bytes(view.shown["seen"].value) != before and "▲" not in view.shown["scores"].value
    view.controls["sigma"].value = 2.0
    assert view.values()["image"].equal(photo) and "▼" in view.shown["scores"].value
    view.reset.click()
    assert view.values()["image"] == 0 and bytes(view.shown["seen"].value) == before


def test_bars_in_a_notebook_compare_with_the_picture_that_is_chosen():
    view = View(blur_figure())
    view.controls["image"].value = 1
    assert "▲" not in view.shown["scores"].value and "▼" not in view.shown["scores"].value


@pytest.mark.parametrize(("language", "words"), [("en", "This file is not an image."), ("zh", "该文件不是图像。")])
def test_a_notebook_tells_what_is_no_image(monkeypatch, language, words):
    monkeypatch.setenv("COURSE_LANG", language)
    view = View(grey_figure())
    view.uploads["image"].value = file_of(png(SHAPES["wide"]))
    photo = view.values()["image"]
    assert photo.shape == (1, 1, SIZE, SIZE)
    view.uploads["image"].value = file_of(b"no picture <at all>", "<bill>.pdf")
    assert f"&lt;bill&gt;.pdf: {words}" in view.message.value and view.values()["image"] is photo
    view.uploads["image"].value = file_of(png(SHAPES["tall"]))
    assert view.message.value == ""


def test_files_of_both_versions_of_ipywidgets():
    assert uploaded(file_of(b"abc", "a.png")) == ("a.png", b"abc")
    assert uploaded({"a.png": {"metadata": {"name": "a.png"}, "content": b"abc"}}) == ("a.png", b"abc")
    assert uploaded(()) is uploaded({}) is None


def test_a_notebook_says_that_there_is_no_face():
    view = View(face_figure())
    assert "No face was found." not in view.shown["angles"].value
    view.uploads["image"].value = file_of(png(pictures.coffee()))
    assert "No face was found." in view.shown["angles"].value and "nan" not in view.shown["angles"].value
    view.uploads["image"].value = file_of(png(FACE))
    assert "No face was found." not in view.shown["angles"].value


def test_the_middle_is_taken_and_the_very_size_is_left_alone():
    photo = torch.rand(1, 3, 6, 4, generator=torch.Generator().manual_seed(0))
    assert fitted(photo, (1, 3, 6, 4)) is photo or fitted(photo, (1, 3, 6, 4)).equal(photo)
    assert fitted(photo, (1, 3, 4, 4)).equal(photo[:, :, 1:5]) and fitted(photo, (1, 1, 2, 4)).shape == (1, 1, 2, 4)
    assert fitted(photo, (1, 3, 6, 2)).equal(photo[:, :, :, 1:3])


def test_a_figure_can_do_without():
    image = live.Image("image", torch.rand(1, 3, 8, 8), own=False)
    assert image.spec()["own"] is False and live.Image("image", torch.rand(1, 1, 8, 8)).spec()["shape"] == [1, 1, 8, 8]
