"""The margin lab as a reader meets it: real JupyterLab, real Chromium, mouse and keyboard, training and Stop."""

import re

import pytest
from lab_browser import drag
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHORT = 20_000  # milliseconds: what follows one action of the reader
WORDS = {
    "en": {"train": "Train", "stop": "Stop", "detached": "detached", "add": "Add a person", "wrong": ", wrong"},
    "zh": {"train": "训练", "stop": "停止", "detached": "截断", "add": "增加一人", "wrong": "错误"},
}


class Lab:
    """What a reader finds in the lab."""

    def __init__(self, notebook, language):
        self.notebook, self.words = notebook, WORDS[language]
        self.root = notebook.panel.locator(".sf-margin-lab")
        self.pad = self.root.locator("svg.sf-pad")
        self.handles = self.pad.locator(".sf-handle")
        self.loss = self.root.locator("[data-value=loss]")
        self.push = self.root.locator("[data-value=push]")

    def button(self, word: str) -> Locator:
        return self.root.get_by_role("button", name=self.words[word], exact=True)

    def drag(self, handle: Locator, x: float, y: float) -> None:
        """Drag a handle to a place in radii, y upwards."""
        drag(self.notebook.page, handle, self.pad, 0.5 + x / 2.6, 0.5 - y / 2.6)


@pytest.fixture(scope="module", params=["en", "zh"])
def lab(jupyterlab, window, request):
    """The lab in one language, all its cells run."""
    notebook = jupyterlab.open(window, f"labs/{request.param}/margin_lab.ipynb")
    notebook.run_all()
    lab = Lab(notebook, request.param)
    expect(lab.handles).to_have_count(5, timeout=SHORT)
    yield lab
    assert notebook.errors() == [] and notebook.page_errors == []
    notebook.page.close()


@pytest.mark.parametrize("lab", ["en"], indirect=True)
def test_by_mouse_and_keyboard(lab):
    page, press = lab.notebook.page, lab.notebook.press
    expect(lab.loss).to_have_text("3.349", timeout=SHORT)
    expect(lab.root.locator("svg polyline").first).to_be_visible()

    # drag the feature to person 2: it is taken for person 2, and the loss grows
    lab.drag(lab.handles.last, 0.1, 0.7)
    expect(lab.root.get_by_text(re.compile(lab.words["wrong"]))).to_be_visible(timeout=SHORT)
    assert 80 < float(lab.handles.last.get_attribute("aria-valuenow")) < 84

    # drag a class weight away: its handle and its wedge follow
    wedge = lab.pad.locator(".sf-wedge").nth(1)
    before = wedge.get_attribute("d")
    lab.drag(lab.handles.nth(1), -0.6, 0.95)
    expect(wedge).not_to_have_attribute("d", before, timeout=SHORT)
    assert 118 < float(lab.handles.nth(1).get_attribute("aria-valuenow")) < 126

    # the same by keyboard, in whole degrees
    at = float(lab.handles.last.get_attribute("aria-valuenow"))
    press(lab.handles.last, "PageDown", "PageDown", "ArrowRight")
    expect(lab.handles.last).to_have_attribute("aria-valuenow", f"{at - 21:.0f}")
    expect(lab.handles.last).to_be_focused()

    # exact or detached: another push, the same loss
    expect(lab.loss).not_to_have_text("3.349", timeout=SHORT)
    page.wait_for_timeout(500)  # for the last of the messages about the handles
    loss, push = lab.loss.inner_text(), lab.push.inner_text()
    press(lab.button("detached"), "Enter")
    expect(lab.push).not_to_have_text(push, timeout=SHORT)
    expect(lab.loss).to_have_text(loss)

    press(lab.button("add"), "Enter")
    expect(lab.handles).to_have_count(6, timeout=SHORT)
    press(lab.root.get_by_role("button", name="CosFace: m₃ = 0.35"), "Enter")
    expect(lab.root.locator(".widget-readout").nth(2)).to_have_text("0.35", timeout=SHORT)


@pytest.mark.parametrize("lab", ["zh"], indirect=True)
def test_training_can_be_watched_and_stopped(lab):
    panels = lab.root.locator(".sf-runs figure")
    status = lab.root.locator("[role=status]")
    lab.notebook.press(lab.button("train"), "Enter")
    expect(panels).to_have_count(4, timeout=SHORT)
    lab.notebook.press(lab.button("stop"), "Enter")
    expect(status).to_contain_text("停止", timeout=SHORT)
    stopped = status.inner_text()
    lab.notebook.page.wait_for_timeout(1000)
    assert status.inner_text() == stopped  # nothing goes on behind the reader's back

    lab.notebook.press(lab.button("train"), "Enter")
    expect(status).to_contain_text("完成", timeout=90_000)
    expect(panels.first.locator("svg")).to_have_count(2)
    assert panels.first.locator("svg").first.get_attribute("aria-label")
