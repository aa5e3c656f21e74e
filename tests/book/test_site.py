"""The built site in a real browser that can reach nothing but this machine."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from site_server import Site, serving

pytestmark = pytest.mark.browser
TRANSFER_LIMIT = 1_000_000  # bytes gzipped before a live figure is touched
SETTLE = 800  # milliseconds in which a page could start to load something by itself


@pytest.fixture(scope="module")
def served(site) -> Iterator[Site]:
    with serving(site) as found:
        yield found


@pytest.fixture
def tab(browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def pages(folder: Path) -> list[str]:
    """Every page of both editions, from the root of the site."""
    found = (
        path.relative_to(folder).as_posix() for edition in ("en", "zh") for path in (folder / edition).rglob("*.html")
    )
    return sorted(name for name in found if "/_" not in name)


def content_pages(folder: Path) -> list[str]:
    return [name for name in pages(folder) if Path(name).name not in ("genindex.html", "search.html")]


def watch(tab: Page, served: Site) -> list[str]:
    """A list that fills with errors that a page throws and with requests to other hosts."""
    problems: list[str] = []
    tab.on("pageerror", lambda error: problems.append(f"throws {error}"))
    own = (served.address, "data:", "blob:")
    tab.on("request", lambda request: request.url.startswith(own) or problems.append(f"asks {request.url}"))
    return problems


def test_each_page_is_light_alone_and_without_errors(served, browser):
    problems = []
    for name in pages(served.folder):
        context = browser.new_context()
        tab = context.new_page()
        seen = watch(tab, served)
        served.requests.clear()
        tab.goto(f"{served.address}/{name}", wait_until="load")
        tab.wait_for_timeout(SETTLE)
        context.close()
        seen += [f"misses {path}" for path in served.missing()]
        if served.weight() > TRANSFER_LIMIT:
            seen.append(f"moves {served.weight() / 1e6:.2f} MB gzipped")
        problems += [f"{name} {problem}" for problem in seen]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_sticks_out_sideways(served, browser, width):
    context = browser.new_context(viewport={"width": width, "height": 800})
    tab = context.new_page()
    wide = {}
    for name in content_pages(served.folder):
        tab.goto(f"{served.address}/{name}", wait_until="load")
        if (over := tab.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
            wide[name] = over
    context.close()
    assert not wide


@pytest.mark.parametrize("edition", ["en", "zh"])
@pytest.mark.parametrize(("width", "height", "seen"), [(1280, 800, "live-figure"), (390, 844, "live-figure canvas")])
def test_the_first_screen_has_a_live_figure(served, browser, edition, width, height, seen):
    """All of it on a laptop, its picture on a phone; and it comes to life without being touched."""
    context = browser.new_context(viewport={"width": width, "height": height})
    tab = context.new_page()
    tab.goto(f"{served.address}/{edition}/index.html", wait_until="load")
    tab.wait_for_selector('live-figure[data-state="ready"]', timeout=60_000)
    box = tab.locator(seen).first.bounding_box()
    context.close()
    assert box is not None and box["y"] >= 0 and box["y"] + box["height"] <= height


@pytest.mark.parametrize(("languages", "edition"), [("zh-TW", "zh"), ("en-GB", "en"), ("fr-FR", "en")])
def test_front_door_leads_to_the_language_of_the_browser(served, browser, languages, edition):
    context = browser.new_context(locale=languages)
    tab = context.new_page()
    tab.goto(served.address)
    tab.wait_for_url(f"{served.address}/{edition}/index.html")
    context.close()


def test_front_door_without_javascript_offers_both(served, browser):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(served.address)
    expect(tab.get_by_role("link", name="阅读中文版")).to_have_attribute("href", "zh/index.html")
    expect(tab.get_by_role("link", name="Read in English")).to_be_visible()
    context.close()


def anchors_of(tab: Page) -> list[str]:
    return tab.eval_on_selector_all("article section:has(> :is(h1, h2, h3))", "found => found.map(one => one.id)")


def test_language_switch_keeps_page_and_anchor_and_is_remembered(served, tab):
    tab.goto(f"{served.address}/en/how-to-use.html")
    anchor = anchors_of(tab)[2]
    tab.goto(f"{served.address}/en/how-to-use.html#{anchor}")
    tab.get_by_role("link", name="中文").click()
    tab.wait_for_url(f"{served.address}/zh/how-to-use.html#{anchor}")
    assert tab.evaluate("document.documentElement.lang") == "zh-CN"
    assert anchor in anchors_of(tab)
    assert tab.evaluate(f"document.getElementById('{anchor}').getBoundingClientRect().top") < 200
    tab.goto(served.address)  # next time the front door leads to Chinese, although the browser speaks English
    tab.wait_for_url(f"{served.address}/zh/index.html")
    tab.get_by_role("link", name="English").first.click()
    tab.wait_for_url(f"{served.address}/en/index.html")


def test_language_switch_goes_to_the_section_on_screen(served, tab):
    tab.set_viewport_size({"width": 1280, "height": 500})
    tab.goto(f"{served.address}/zh/how-to-use.html")
    anchor = anchors_of(tab)[len(anchors_of(tab)) // 2]
    tab.evaluate(f"document.getElementById('{anchor}').scrollIntoView({{behavior: 'instant'}})")
    tab.wait_for_timeout(200)
    box = tab.get_by_role("link", name="English").bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)  # Locator.click scrolls the page first
    tab.wait_for_url(f"{served.address}/en/how-to-use.html#{anchor}")


def test_both_editions_have_the_same_anchors(served, tab):
    for name in content_pages(served.folder):
        if name.startswith("en/"):
            tab.goto(f"{served.address}/{name}")
            english = anchors_of(tab)
            tab.goto(f"{served.address}/zh/{name.removeprefix('en/')}")
            assert anchors_of(tab) == english, name


# 人脸图像质量 is several words of the index; a query of two words finds pages that have both.
@pytest.mark.parametrize(
    ("edition", "query"),
    [("en", "blur"), ("zh", "模糊"), ("zh", "人脸识别"), ("zh", "blur"), ("zh", "人脸图像质量"), ("zh", "模糊 噪声")],
)
def test_search_finds(served, tab, edition, query):
    tab.goto(f"{served.address}/{edition}/index.html")
    tab.keyboard.press("Control+k")
    tab.locator("#pst-search-dialog input").fill(query)
    tab.keyboard.press("Enter")
    tab.wait_for_url(re.compile("search.html"))
    results = tab.locator("#search-results ul.search li a")
    expect(results.first).to_be_visible(timeout=10_000)
    results.first.click()
    tab.wait_for_load_state()
    text = tab.locator("article").inner_text().lower()
    assert all(word in text for word in query.split())


def test_search_results_quote_the_text_only(served, tab):
    tab.goto(f"{served.address}/zh/search.html?q=模糊")
    quotes = tab.locator("#search-results ul.search li p.context")
    expect(quotes.first).to_be_visible(timeout=10_000)
    text = " ".join(quotes.all_inner_texts())
    for unwanted in ("Colab", ".pdf", "展开代码", "\\("):
        assert unwanted not in text, unwanted


def test_search_for_nonsense_finds_nothing(served, tab):
    for query in ("鼹鼠汽水", "模糊鼹鼠"):
        tab.goto(f"{served.address}/zh/search.html?q={query}")
        expect(tab.locator("#search-results .search-summary")).to_contain_text("没有")
        assert tab.locator("#search-results ul.search li").count() == 0


def test_dark_mode_turns_and_is_remembered(served, tab):
    tab.goto(f"{served.address}/en/how-to-use.html")
    switch, background = tab.locator(".theme-switch-button"), "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for _ in range(3):
        switch.click()
        theme = tab.evaluate("document.documentElement.dataset.theme")
        tab.wait_for_timeout(400)
        seen[theme] = tab.evaluate(background)
    assert set(seen) == {"light", "dark"} and seen["light"] != seen["dark"]
    while tab.evaluate("document.documentElement.dataset.theme") != "dark":
        switch.click()
    tab.goto(f"{served.address}/zh/how-to-use.html")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert tab.locator(".theme-switch:visible").count() == 1


def test_dark_mode_text_is_readable(served, browser):
    context = browser.new_context(color_scheme="dark")
    tab = context.new_page()
    tab.goto(f"{served.address}/en/how-to-use.html")
    colours = (
        "[getComputedStyle(document.querySelector('article p')).color, getComputedStyle(document.body).backgroundColor]"
    )
    text, ground = (luminance(colour) for colour in tab.evaluate(colours))
    assert (text + 0.05) / (ground + 0.05) > 7
    context.close()


def luminance(colour: str) -> float:
    """Relative luminance (WCAG) of a CSS colour rgb(r, g, b)."""
    values = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return sum(weight * v for weight, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_keyboard_reaches_the_text_and_shows_where_it_is(served, tab):
    tab.goto(f"{served.address}/zh/how-to-use.html")
    tab.keyboard.press("Tab")
    skip = tab.evaluate("[document.activeElement.textContent.trim(), document.activeElement.getAttribute('href')]")
    assert skip == ["跳到正文", "#main-content"]
    tab.keyboard.press("Enter")
    for _ in range(3):
        tab.keyboard.press("Tab")
        outline = tab.evaluate(
            "getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth"
        )
        assert outline == "solid3px"
    assert tab.evaluate("!!document.activeElement.closest('#main-content')")


def test_phone_opens_and_closes_the_table_of_contents(served, browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    tab = context.new_page()
    tab.goto(f"{served.address}/zh/how-to-use.html")
    link = tab.locator("nav.bd-links a", has_text="模糊").first
    expect(link).not_to_be_visible()
    tab.locator(".primary-toggle:visible").click()
    expect(link).to_be_visible()
    tab.keyboard.press("Escape")
    expect(link).not_to_be_visible()
    context.close()


def test_paper_has_the_text_only(served, tab):
    tab.goto(f"{served.address}/en/how-to-use.html")
    tab.emulate_media(media="print")
    for part in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article", ".prev-next-footer"):
        assert tab.locator(part).is_hidden(), part
    assert tab.locator("h1:visible").count() == 1
    assert tab.locator("article p").first.is_visible()
