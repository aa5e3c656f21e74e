"""The triplet lab as a reader meets it: real JupyterLab, real Chromium, mouse, keyboard, sliders."""

import re

import pytest
from lab_browser import drag
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHORT = 20_000  # milliseconds: what follows one action of the reader
WORDS = {
    "en": {"easy": "easy", "hard": "hard", "soft": "Soft margin", "lifted": "Lifted, smooth", "hardest": "hardest"},
    "zh": {"easy": "易", "hard": "难", "soft": "软间隔", "lifted": "提升结构，平滑", "hardest": "最难"},
}


class Lab:
    """What a reader finds in the lab."""

    def __init__(self, notebook, language):
        self.notebook, self.words, self.root = notebook, WORDS[language], notebook.panel.locator(".sf-triplet-lab")
        self.triplet, self.batch = (self.root.locator("svg.sf-plane").nth(k) for k in (0, 1))
        self.kind, self.edges, self.drawn = (self.root.locator(f"[data-value={v}]") for v in ("kind", "edges", "drawn"))

    def button(self, word: str) -> Locator:
        return self.root.get_by_role("button", name=self.words[word], exact=True)

    def drag(self, plane: Locator, handle: Locator, x: float, y: float) -> None:
        """Drag a point to a place of the plane, y upwards."""
        drag(self.notebook.page, handle.locator("circle"), plane, 0.5 + x / 2.7, 0.5 - y / 2.7)


@pytest.fixture(scope="module", params=["en", "zh"])
def lab(jupyterlab, window, request):
    """The lab in one language, all its cells run."""
    notebook = jupyterlab.open(window, f"labs/{request.param}/triplet_lab.ipynb")
    notebook.run_all()
    lab = Lab(notebook, request.param)
    expect(lab.root.locator(".sf-dot")).to_have_count(12, timeout=SHORT)
    yield lab
    assert notebook.errors() == [] and notebook.page_errors == []
    notebook.page.close()


def test_drag_keys_sliders_and_edges(lab):
    press, negative = lab.notebook.press, lab.triplet.locator(".sf-dot-negative")
    # by mouse, through the rings
    lab.drag(lab.triplet, negative, 1.0, 1.0)
    expect(lab.kind).to_have_text(lab.words["easy"], timeout=SHORT)
    expect(lab.triplet.locator("line.sf-step")).to_have_count(0)
    lab.drag(lab.triplet, negative, -0.2, 0.1)
    expect(lab.kind).to_have_text(lab.words["hard"], timeout=SHORT)
    expect(lab.triplet.locator("line.sf-step")).to_have_count(3, timeout=SHORT)

    # by keyboard, twenty steps to the right: easy again
    press(negative, *["ArrowRight"] * 20)
    expect(negative).to_have_attribute("aria-label", re.compile(r"0\.[89]\d, 0\.1"), timeout=SHORT)
    expect(lab.kind).to_have_text(lab.words["easy"], timeout=SHORT)
    expect(negative).to_be_focused()
    # the soft margin still pushes
    press(lab.button("soft"), "Enter")
    expect(lab.triplet.locator("line.sf-step")).to_have_count(3, timeout=SHORT)

    # by slider: "across" of the triplet moves the same point
    handle = lab.root.locator(".noUi-handle").nth(1)
    press(handle, *["ArrowLeft"] * 4)
    expect(negative).to_have_attribute("aria-label", re.compile(r"0\.[67]\d, 0\.1"), timeout=SHORT)

    # the batch: edges of another loss, a moved sample, a sampler's choice
    before = lab.edges.inner_text()
    press(lab.button("lifted"), "Enter")
    expect(lab.edges).not_to_have_text(before, timeout=SHORT)
    expect(lab.batch.locator("line.sf-pull, line.sf-push")).to_have_count(36, timeout=SHORT)
    press(lab.button("hardest"), "Enter")
    expect(lab.drawn).to_have_text(re.compile(r"^\d \(100\s?%\)$"), timeout=SHORT)
    chosen = lab.drawn.inner_text()
    lab.drag(lab.batch, lab.batch.locator(".sf-dot").nth(0), 0.8, 0.1)
    expect(lab.drawn).not_to_have_text(chosen, timeout=SHORT)
    expect(lab.batch.locator("circle.sf-drawn")).to_have_count(1)
