"""Every live figure of the built site, moved in a browser without network, shows what torch computes."""

import sys
from pathlib import Path

import pytest
from site_server import serving

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "live"))
import live_on_site

ROOT = Path(__file__).resolve().parents[2]
STEP_MS = 50  # what a step may take on two idle cores
NOTEBOOKS = sorted(
    p.relative_to(ROOT / "book/en").with_suffix("").as_posix() for p in (ROOT / "book/en").rglob("*.ipynb")
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(site):
    with serving(site) as address:
        yield address


@pytest.fixture(scope="module", params=NOTEBOOKS)
def page(request):
    """Name of a page that shows live figures, and the figures that its code declares."""
    if "live.Figure" not in (ROOT / f"book/en/{request.param}.ipynb").read_text(encoding="utf-8"):
        return request.param, []
    return request.param, live_on_site.figures_of(ROOT / f"book/en/{request.param}.ipynb")


@pytest.mark.parametrize("edition", ["en", "zh"])
def test_figures_show_what_torch_computes(served, browser, page, edition, record_check):
    name, figures = page
    with live_on_site.opened(browser, f"{served.address}/{edition}/{name}.html") as tab:
        assert live_on_site.count(tab) == len(figures)
        for row in live_on_site.compared_with_torch(tab, figures, cases=3):
            what = f"live.{name.replace('/', '.')}.{row.figure}"
            note = f"{edition}, relative to the size of each output"
            record_check(what, "PyTorch, in Chromium on the built site", row.cases, row.difference, row.tolerance, note)
            # Other work on the machine makes a step slower, never faster: the quickest one tells what the figure costs.
            assert min(row.ms) < 3 * STEP_MS, f"{name}: the fastest step of {row.figure} took {min(row.ms):.0f} ms"


def test_there_are_live_figures_on_every_page_that_promises_some(served, browser):
    for name, least in {
        "index": 1,
        "quality/index": 1,
        "quality/blur": 2,
        "quality/light": 2,
        "quality/pose": 1,
    }.items():
        with live_on_site.opened(browser, f"{served.address}/en/{name}.html") as tab:
            assert live_on_site.count(tab) >= least, name


def test_a_figure_answers_the_keyboard(served, browser):
    with live_on_site.opened(browser, f"{served.address}/zh/quality/blur.html") as tab:
        live_on_site.touch(tab, 0)
        before = live_on_site.press(tab, 0, "sigma", times=0)
        after = live_on_site.press(tab, 0, "sigma", times=10)
        assert before != after
