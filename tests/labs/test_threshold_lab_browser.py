"""The threshold lab as a reader meets it: real JupyterLab, real Chromium, keyboard."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from course_lib.i18n import say
from course_lib.widgets.threshold_lab import TEXT

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHORT = 15_000  # milliseconds: what follows one action of the reader


@pytest.mark.parametrize("language", ["en", "zh"])
def test_by_keyboard(jupyterlab, window, language, monkeypatch):
    monkeypatch.setenv("COURSE_LANG", language)
    notebook = jupyterlab.open(window, f"labs/{language}/threshold_lab.ipynb")
    notebook.run_all()
    root = notebook.panel.locator(".sf-lab")
    numbers, handles = root.locator(".sf-numbers"), root.locator(".noUi-handle")
    expect(root.locator(".sf-curves svg")).to_have_count(4, timeout=SHORT)

    def rate(name):
        row = numbers.locator("tr", has=notebook.page.get_by_role("rowheader", name=name, exact=True))
        return row.locator("td").first

    # the threshold slider: FAR falls, FRR rises, the drawings follow
    threshold = handles.nth(4)
    far, drawing = rate("FAR").inner_text(), root.locator(".sf-curves svg").nth(1).get_attribute("aria-label")
    notebook.press(threshold, *["ArrowRight"] * 10)
    expect(threshold).to_have_attribute("aria-valuenow", "2.5")
    expect(rate("FAR")).not_to_have_text(far, timeout=SHORT)
    expect(root.locator(".sf-curves svg").nth(1)).not_to_have_attribute("aria-label", drawing, timeout=SHORT)

    # a target that the pairs cannot show is called undefined
    assert numbers.locator(".sf-problem").count() == 0
    notebook.press(handles.nth(5), *["ArrowRight"] * 4)
    expect(numbers.locator(".sf-problem")).to_have_count(3, timeout=SHORT)

    for key in ("to_eer", "keep"):
        notebook.press(root.get_by_role("button", name=say(TEXT[key]), exact=True), "Enter")
    expect(root.locator(".sf-table-area tbody tr")).to_have_count(1, timeout=SHORT)
    with notebook.page.expect_download() as download:
        root.locator("a[download]").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 2 and re.match(r"simulated", rows[0]["source"])
    assert notebook.errors() == [] and notebook.page_errors == []
    notebook.page.close()
