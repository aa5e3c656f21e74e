"""The built site, served; a browser that reaches nothing else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in ("tools", "book/_ext", "tests/book"):
    sys.path.insert(0, str(ROOT / folder))

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"


@pytest.fixture(scope="session")
def site() -> Path:
    """The built website; built now unless it is there and made from the sources as they are.

    COURSE_REUSE_SITE=1 takes it as it is, which is for somebody who works on its tests.
    """
    import build_book

    folder = ROOT / "_build/site"
    reuse = os.environ.get("COURSE_REUSE_SITE") and (folder / "index.html").is_file()
    if not reuse and not build_book.is_current(ROOT):
        built = subprocess.run([sys.executable, str(ROOT / "tools/build_book.py")], capture_output=True, text=True)
        assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Headless Chromium that can reach this machine only. Missing: skips, except in CI, where that is a failure."""
    # Scope: a Playwright that stays open is a running event loop, in which no second one and no asyncio.run can start.
    if not Path(CHROMIUM).is_file():
        message = f"no Chromium at {CHROMIUM}: `make chromium`, or set CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    from check_site import CHROMIUM_FLAGS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_FLAGS, OFFLINE])
        yield chromium
        chromium.close()
