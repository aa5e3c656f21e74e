"""Moves the live figures of a served page as a reader would, and compares what they show with torch.

    figures = figures_of(ROOT / "book/en/quality/blur.ipynb")           # the page's code, run once for both languages
    with chromium() as browser:
        for edition in ("en", "zh"):
            with opened(browser, f"{address}/{edition}/quality/blur.html") as page:
                for row in compared_with_torch(page, figures, cases=3):
                    assert row.difference <= row.tolerance, row

The code cells of both editions are the same bytes, and a figure carries its labels in both languages.
"""

import base64
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import torch
from torch import Tensor

from course_lib import live
from course_lib.live.graph import difference, random_values

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")

# Sets the inputs of a figure, waits for the step that shows them, and hands back its numbers as base64.
MOVE = """
async ([index, values, wait]) => {
  const figure = document.querySelectorAll("live-figure")[index];
  const base64 = (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return btoa(text);
  };
  const shown = new Promise((done, failed) => {
    const late = setTimeout(() => failed(new Error(`no step within ${wait} ms, state ${figure.dataset.state}`)), wait);
    figure.addEventListener("live-figure:update", function heard({ detail }) {
      if (JSON.stringify(detail.values) !== JSON.stringify(figure.values())) return;
      clearTimeout(late);
      figure.removeEventListener("live-figure:update", heard);
      done(detail);
    });
  });
  for (const [name, value] of Object.entries(values)) {
    const slider = figure.querySelector(`input[type=range][name="${name}"]`);
    const radio = figure.querySelectorAll(`fieldset[name="${name}"] input`)[value];
    if (slider) slider.value = value;
    if (radio) radio.checked = true;
    slider?.dispatchEvent(new Event("input", { bubbles: true }));
    radio?.dispatchEvent(new Event("change", { bubbles: true }));
  }
  if (figure.dataset.state !== "ready") figure.start();
  const { outputs, ms, values: taken } = await shown;
  const packed = Object.entries(outputs).map(([name, { data, dims }]) => [name, { dims, data: base64(data) }]);
  return { ms, values: taken, outputs: Object.fromEntries(packed) };
}
"""


@dataclass(frozen=True)
class Step:
    """What a figure showed after a movement: the values of its inputs, its outputs, the milliseconds it took."""

    values: dict[str, Any]
    outputs: dict[str, Tensor]
    ms: float


@dataclass(frozen=True)
class Comparison:
    """How far a figure of a page is from torch: relative difference of the worst output, and the times of its steps."""

    figure: str
    difference: float
    tolerance: float
    cases: int
    ms: tuple[float, ...]


@contextmanager
def chromium() -> Iterator[Any]:
    """Headless Chromium that can reach this machine only."""
    from check_site import CHROMIUM_FLAGS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_FLAGS, OFFLINE])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, address: str, **context: Any) -> Iterator[Any]:
    """A page in a context of its own; an error that a script throws meanwhile fails the test."""
    errors: list[str] = []
    made = browser.new_context(**context)
    page = made.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address, wait_until="load")
    yield page
    made.close()
    assert not errors, errors


def figures_of(notebook: Path) -> list[live.Figure]:
    """Runs the code cells of a page and gives back the live figures it shows, in their order.

    Raises:
        AssertionError: if a cell fails.
    """
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell, here = InteractiveShell(), os.getcwd()
    os.chdir(notebook.parent)
    try:
        with live.collecting() as shown, capture_output():
            for cell in nbformat.read(notebook, as_version=4).cells:
                if cell.cell_type == "code":
                    ran = shell.run_cell(cell.source)
                    assert ran.success, (
                        f"{notebook.name}, cell {cell.id}: {ran.error_in_exec or ran.error_before_exec!r}"
                    )
    finally:
        os.chdir(here)
    return list(shown)


def count(page: Any) -> int:
    """Number of live figures on a page."""
    return page.locator("live-figure").count()


def state(page: Any, index: int = 0) -> str:
    """poster, loading, ready or error."""
    return page.locator("live-figure").nth(index).get_attribute("data-state")


def touch(page: Any, index: int = 0, wait: float = 60) -> None:
    """Touches a figure and waits until it is ready.

    Raises:
        AssertionError: if it ends in an error; with the words the reader sees.
    """
    figure = page.locator("live-figure").nth(index)
    figure.scroll_into_view_if_needed()
    figure.locator("input").first.focus()
    settled = "index => ['ready', 'error'].includes(document.querySelectorAll('live-figure')[index].dataset.state)"
    page.wait_for_function(settled, arg=index, timeout=wait * 1000)
    assert state(page, index) == "ready", figure.locator(".lf-status").inner_text()


def move(page: Any, index: int, values: dict[str, Any], wait: float = 60) -> Step:
    """Sets inputs of a figure (starting it where necessary) and waits for the step that shows them."""
    taken = page.evaluate(MOVE, [index, values, wait * 1000])
    outputs = {}
    for name, output in taken["outputs"].items():
        data = np.frombuffer(base64.b64decode(output["data"]), dtype=np.float32).copy()
        outputs[name] = torch.from_numpy(data).reshape(output["dims"])
    return Step(taken["values"], outputs, taken["ms"])


def give(page: Any, index: int, file: Any, image: str = "image", wait: float = 60) -> int:
    """Gives a figure a photograph through its file button and waits until that is chosen; its number among the pictures.

    Args:
        page: an open page.
        index: which figure, touched before.
        file: what Playwright's ``set_input_files`` takes.
        image: name of the input.
        wait: seconds.
    """
    figure = page.locator("live-figure").nth(index)
    before = figure.evaluate("(figure, name) => figure.values()[name]", image)
    figure.locator("input[type=file]").set_input_files(file)
    chosen = "([index, name, old]) => document.querySelectorAll('live-figure')[index].values()[name] !== old"
    page.wait_for_function(chosen, arg=[index, image, before], timeout=wait * 1000)
    return figure.evaluate("(figure, name) => figure.values()[name]", image)


def press(page: Any, index: int, slider: str, key: str = "ArrowRight", times: int = 1) -> str:
    """Moves a slider with the keyboard; gives back what the page says its value is now."""
    control = page.locator("live-figure").nth(index).locator(f'input[name="{slider}"]')
    control.focus()
    for _ in range(times):
        page.keyboard.press(key)
    return control.evaluate("slider => slider.nextElementSibling.textContent")


def compared_with_torch(
    page: Any, figures: Sequence[live.Figure], cases: int = 3, generator: torch.Generator | None = None
) -> list[Comparison]:
    """Moves every live figure of a page to random settings and computes the same with torch.

    Args:
        page: an open page.
        figures: the page's figures, see ``figures_of``.
        cases: number of settings for each figure, besides its start.
        generator: source of the settings; one with seed 0 by default.

    Raises:
        AssertionError: if the page shows other figures, or one of them ends in an error.
    """
    generator = generator or torch.Generator().manual_seed(0)
    names = page.locator("live-figure").evaluate_all("figures => figures.map((f) => f.getAttribute('name'))")
    assert names == [figure.name for figure in figures], f"the page shows {names}"
    rows = []
    for index, figure in enumerate(figures):
        touch(page, index)
        settings = [figure.initial, *(random_values(figure, generator) for _ in range(cases))]
        steps = [move(page, index, values) for values in settings]
        expected = [figure.compute(step.values, torch.device("cpu")) for step in steps]
        worst = max(
            difference(o.kind, [(e[o.name], s.outputs[o.name]) for e, s in zip(expected, steps, strict=True)])
            for o in figure.outputs
        )
        times = tuple(step.ms for step in steps)
        rows.append(Comparison(figure.name, worst, figure.tolerance, len(settings), times))
    return rows
