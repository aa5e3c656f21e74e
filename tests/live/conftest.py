"""A tiny website with the sample figures in both languages, and a browser that reaches nothing else."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in ("tools", "book/_ext", "tests/live"):
    sys.path.insert(0, str(ROOT / folder))

PAGE = """<!doctype html><html lang="{lang}" data-theme="light"><head><meta charset="utf-8"><title>Test</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width,initial-scale=1">
<link rel="stylesheet" href="../_static/live-figure.css">
<script src="../_static/live-photo.js"></script><script src="../_static/live-figure.js"></script></head>
<body style="margin:1rem;font-family:sans-serif">{body}</body></html>"""


from live_samples import NAMES, figures, photo_figures  # noqa: E402


@pytest.fixture(params=range(len(NAMES)), ids=NAMES)
def figure(request):
    """Each of the sample figures."""
    return figures()[request.param]


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium. Missing: skips, except in CI, where that is a failure."""
    # Scope: a Playwright that stays open is a running event loop, in which no second one and no asyncio.run can start.
    from live_on_site import CHROMIUM, chromium

    if not Path(CHROMIUM).is_file():
        message = f"no Chromium at {CHROMIUM}: `make chromium`, or set CHROMIUM"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def live_site(tmp_path_factory) -> Path:
    """<site>/{en,zh}/pages/live.html with all sample figures, and twin.html with one figure twice."""
    import live_figures
    import vendor_files

    from course_lib.live.bundle import bundle

    site = tmp_path_factory.mktemp("site")
    vendor_files.publish(site / "shared/vendor")
    before = os.environ.get("COURSE_LANG")
    for edition in ("en", "zh"):
        os.environ["COURSE_LANG"] = edition
        (site / edition / "pages").mkdir(parents=True)
        (site / edition / "_static").mkdir()
        for name in ("live-photo.js", "live-figure.js", "live-figure.css"):
            content = (ROOT / "book/_ext/static" / name).read_bytes()
            (site / edition / "_static" / name).write_bytes(content)
        elements = []
        for figure in figures():
            made = bundle(figure)
            live_figures.write_files(made, site / "shared/live")
            elements.append(live_figures.element(made, edition, "../"))
        for page, body in {"live": "<p>Text.</p>".join(elements), "twin": elements[2] * 2}.items():
            html = PAGE.format(lang={"en": "en", "zh": "zh-CN"}[edition], body=body)
            (site / edition / "pages" / f"{page}.html").write_text(html, encoding="utf-8")
    os.environ.pop("COURSE_LANG") if before is None else os.environ.update(COURSE_LANG=before)
    return site


@pytest.fixture(scope="session")
def photo_page(live_site) -> str:
    """Name of a page of the tiny website, with the figures that are given photographs in the tests."""
    import live_figures

    from course_lib.live.bundle import bundle

    made = [bundle(figure) for figure in photo_figures()]
    for each in made:
        live_figures.write_files(each, live_site / "shared/live")
    for edition in ("en", "zh"):
        body = "".join(live_figures.element(each, edition, "../") for each in made)
        html = PAGE.format(lang={"en": "en", "zh": "zh-CN"}[edition], body=body)
        (live_site / edition / "pages/photo.html").write_text(html, encoding="utf-8")
    return "photo"


@pytest.fixture(scope="session")
def address(live_site):
    """Where the tiny site is served."""
    from check_site import serving

    with serving(live_site) as url:
        yield url
