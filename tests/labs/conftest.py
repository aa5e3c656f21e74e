"""JupyterLab and Chromium, started once for all browser tests of labs."""

import shutil
from pathlib import Path

import pytest
from lab_browser import JupyterLab, chromium_path, launch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def chromium():
    """Headless Chromium with a fake camera that may be used."""
    # Scope: a Playwright that stays open is a running event loop, in which no second one and no asyncio.run can start.
    chromium_path()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory):
    """JupyterLab on a copy of the labs."""
    chromium_path()
    work = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "labs", work / "labs", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    lab = JupyterLab(work, tmp_path_factory.mktemp("jupyter"))
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def window(chromium):
    """A browser window for the tests of one file, 1300 pixels wide, with its storage thrown away at the end."""
    context = chromium.new_context(viewport={"width": 1300, "height": 1000}, accept_downloads=True)
    yield context
    context.close()
