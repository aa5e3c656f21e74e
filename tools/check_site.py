#!/usr/bin/env python3
"""Rules for the built site: python tools/check_site.py _build/site.

Nothing on a page is fetched from another host, no link leads nowhere, every picture has a description, a page is light
until a live figure is touched, and no page takes longer to execute than it may.
Each rule is a function from the site's folder to a list of problems; tests/tools/test_check_site.py breaks every one.
"""

import functools
import gzip
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

sys.path.insert(0, str(Path(__file__).resolve().parent))
from serve import open_server

EDITIONS = ("en", "zh")
TRANSFER_LIMIT = 1_000_000  # bytes, gzipped, before a live figure is touched
EXECUTION_LIMIT = 60.0  # seconds for one page on two cores
BOOK_LIMIT = 900.0  # seconds for all pages of one edition
CHROMIUM_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-dev-shm-usage "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
RAW_MARKUP = re.compile(r"\|\s?:?(-{3,}|—):?\s?\||\{(doc|ref|numref|cite:[pt])\}`|:::\{")
OTHER_HOST = re.compile(r"^(https?:)?//", re.I)


def pages(site: Path) -> list[Path]:
    """Every page a reader can open."""
    return [
        p
        for p in sorted(site.rglob("*.html"))
        if not {"_static", "_sources", "shared"} & set(p.relative_to(site).parts)
    ]


@functools.lru_cache(maxsize=256)
def soup(page: Path) -> BeautifulSoup:
    """The parsed page."""
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def fetched(page: Path) -> Iterator[str]:
    """Addresses that a browser fetches by itself when it opens the page."""
    for tag in soup(page).find_all(["script", "img", "iframe", "source", "video", "audio", "embed"]):
        yield from (tag[name] for name in ("src", "poster") if tag.get(name))
    for tag in soup(page).find_all("link"):
        if set(tag.get("rel") or []) & {"stylesheet", "preload", "prefetch", "icon", "modulepreload", "preconnect"}:
            yield tag["href"]


# ---- rules about files ------------------------------------------------------------------------------------------------


def no_other_host(site: Path) -> list[str]:
    """No page and no style sheet of ours names another host as the place of something to load."""
    problems = [
        f"{page.relative_to(site)} fetches {address}"
        for page in pages(site)
        for address in fetched(page)
        if OTHER_HOST.match(address)
    ]
    for sheet in sorted(site.rglob("*.css")):
        for address in re.findall(
            r"(?:url\(|@import )\s*['\"]?((?:https?:)?//[^'\")\s]+)",
            sheet.read_text(encoding="utf-8", errors="replace"),
        ):
            problems.append(f"{sheet.relative_to(site)} fetches {address}")
    return problems


def links_lead_somewhere(site: Path) -> list[str]:
    """Internal links and their anchors exist."""
    problems = []
    for page in pages(site):
        for tag in soup(page).find_all("a", href=True):
            address = urlsplit(tag["href"])
            if address.scheme or address.netloc or tag["href"] in ("", "#"):
                continue
            target = (page.parent / unquote(address.path)).resolve() if address.path else page.resolve()
            if target.is_dir():
                target = target / "index.html"
            if not target.is_file():
                problems.append(f"{page.relative_to(site)}: link to {tag['href']} leads nowhere")
            elif address.fragment and target.suffix == ".html" and not anchor_exists(target, unquote(address.fragment)):
                problems.append(f"{page.relative_to(site)}: {tag['href']} names an anchor that does not exist")
    return problems


def anchor_exists(page: Path, name: str) -> bool:
    """Whether an element of the page has this id (or name)."""
    return name in anchors(page)


@functools.lru_cache(maxsize=256)
def anchors(page: Path) -> frozenset[str]:
    """Every id and name of a page."""
    tags = soup(page).find_all(lambda tag: tag.get("id") or tag.get("name"))
    return frozenset(value for tag in tags for value in (tag.get("id"), tag.get("name")) if value)


def pictures_are_described(site: Path) -> list[str]:
    """Every picture and live figure says what it shows; a Sphinx default such as a file name is no description."""
    problems = []
    for page in pages(site):
        for image in soup(page).find_all("img"):
            alt = (image.get("alt") or "").strip()
            link = image.find_parent("a")
            beside_text = image.get("alt") == "" and link is not None and bool(link.get_text(strip=True))
            decorative = beside_text or image.get("aria-hidden") == "true" or image.get("role") == "presentation"
            default = re.fullmatch(r"(\.\./)*_images/\S+|\S+\.(png|svg|jpe?g)", alt)
            if not decorative and (len(alt) < 2 or default):
                problems.append(f"{page.relative_to(site)}: picture {image.get('src', '')[:60]} has no alt text")
        for figure in soup(page).find_all("live-figure"):
            poster = figure.find("img")
            if poster is None or len(poster.get("alt", "")) < 12:
                problems.append(f"{page.relative_to(site)}: a live figure has no poster with alt text")
    return problems


def no_raw_markup(site: Path) -> list[str]:
    """No table, role or directive of MyST reaches the reader as the characters it was written with."""
    problems = []
    for page in pages(site):
        for text in soup(page).find_all(string=RAW_MARKUP):
            if not text.find_parent(["pre", "code", "script", "style", "title"]):
                found = RAW_MARKUP.search(text)
                problems.append(f"{page.relative_to(site)}: the text shows {found[0] if found else text!r}")
    return problems


def editions_match(site: Path) -> list[str]:
    """Both editions have the same pages, each in its own language."""
    names = {edition: {p.relative_to(site / edition).as_posix() for p in pages(site / edition)} for edition in EDITIONS}
    problems = [f"{name} exists in one language only" for name in sorted(names["en"] ^ names["zh"])]
    for edition in EDITIONS:
        for name in sorted(names[edition]):
            html = soup(site / edition / name).find("html")
            if html is not None and not (html.get("lang") or "").lower().startswith(edition):
                problems.append(f"{edition}/{name}: its lang attribute is {html.get('lang')!r}")
    return problems


def execution_budget(site: Path) -> list[str]:
    """No page needs more time to execute than a reader would wait, and the book as a whole neither."""
    problems = []
    for edition in EDITIONS:
        record = site.parent / edition / "execution.json"
        if not record.is_file():
            problems.append(f"{record} is missing: was the site built with `make book`?")
            continue
        seconds = json.loads(record.read_text(encoding="utf-8"))
        problems += [
            f"{edition}/{name} took {took:.0f} s to execute" for name, took in seconds.items() if took > EXECUTION_LIMIT
        ]
        if sum(seconds.values()) > BOOK_LIMIT:
            problems.append(f"the {edition} edition took {sum(seconds.values()):.0f} s to execute")
    return problems


# ---- rules that need a browser ------------------------------------------------------------------------------------------


@contextmanager
def serving(site: Path) -> Iterator[str]:
    """Serves the site on loopback, on a free port; gives its address."""
    server = open_server(site, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@functools.lru_cache(maxsize=1024)
def gzipped(file: Path) -> int:
    """Bytes that a web server with compression sends for a file."""
    return len(gzip.compress(file.read_bytes(), 6)) if file.is_file() else 0


def light_and_self_contained(site: Path) -> list[str]:
    """Opened in a browser, a page asks nobody else, misses nothing, throws nothing and moves at most 1 MB gzipped.

    A live figure loads its runtime when it is touched or has been looked at for a while; a page is measured before that.
    """
    from playwright.sync_api import sync_playwright

    problems = []
    with serving(site) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=CHROMIUM_FLAGS
        )
        for page in pages(site):
            name, requests, errors = page.relative_to(site).as_posix(), [], []
            tab = browser.new_context().new_page()
            tab.on("request", lambda request, to=requests: to.append(request.url))
            tab.on("pageerror", lambda error, to=errors: to.append(str(error)))
            tab.on(
                "response",
                lambda response, to=errors: response.status >= 400 and to.append(f"{response.status} {response.url}"),
            )
            tab.goto(f"{address}/{name}", wait_until="networkidle")
            requests = [url for url in dict.fromkeys(requests) if not url.startswith(("data:", "blob:"))]
            tab.context.close()
            problems += [f"{name} asks another host: {url}" for url in requests if not url.startswith(address)]
            problems += [f"{name}: {error[:200]}" for error in errors]
            sent = sum(
                gzipped(site / unquote(urlsplit(url).path).lstrip("/")) for url in requests if url.startswith(address)
            )
            if sent > TRANSFER_LIMIT:
                problems.append(f"{name} transfers {sent / 1e6:.2f} MB gzipped before a live figure is touched")
        browser.close()
    return problems


RULES: tuple[Callable[[Path], list[str]], ...] = (
    no_other_host,
    links_lead_somewhere,
    pictures_are_described,
    no_raw_markup,
    editions_match,
    execution_budget,
    light_and_self_contained,
)


def main(site: Path) -> int:
    """Runs all rules and prints what they found."""
    if not pages(site):
        print(f"{site} has no pages: run `make book` first")
        return 1
    problems = [f"{rule.__name__}: {problem}" for rule in RULES for problem in rule(site)]
    print("\n".join(problems) or f"{len(RULES)} rules hold for the {len(pages(site))} pages of {site}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path("_build/site").resolve()))
