"""Every rule for the built site is broken once, and is seen to fail."""

import importlib.util
import json
import os
import random
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("check_site", ROOT / "tools" / "check_site.py")
rules = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rules)

PAGE = """<html lang={lang}><head><link rel="icon" href="dot.png"><link rel="stylesheet" href="style.css"></head>
<body><h1 id="top">Blur</h1><a href="blur.html#top">up</a><img src="dot.png" alt="A dot that stands in the middle">
<live-figure><img src="dot.png" alt="A portrait beside eleven bars"></live-figure>{more}</body></html>"""
BREAKS = {
    "no_other_host": "<script src='https://cdn.example.org/x.js'></script>",
    "links_lead_somewhere": "<a href='gone.html'>gone</a>",
    "pictures_are_described": "<img src='dot.png'>",
    "no_raw_markup": "<p>| loss | EER | |—|—| | ArcFace | 26 |</p>",  # smart quotes made a dash of it
}
browser = pytest.mark.skipif(not shutil.which(os.environ.get("CHROMIUM", "chromium")), reason="no Chromium")


@pytest.fixture
def site(tmp_path):
    """A tiny site in which every rule holds."""
    for edition in ("en", "zh"):
        folder = tmp_path / "site" / edition
        folder.mkdir(parents=True)
        (folder / "blur.html").write_text(PAGE.format(lang=edition, more=""))
        (folder / "style.css").write_text("body { color: black }")
        shutil.copy(ROOT / "tests" / "tools" / "dot.png", folder / "dot.png")
        (tmp_path / edition).mkdir()
        (tmp_path / edition / "execution.json").write_text(json.dumps({"blur": 3.0}))
    rules.soup.cache_clear()
    rules.anchors.cache_clear()
    rules.gzipped.cache_clear()
    return tmp_path / "site"


def spoil(site, more):
    (site / "en" / "blur.html").write_text(PAGE.format(lang="en", more=more))


@pytest.mark.browser
@browser
def test_all_rules_hold_for_a_good_site(site, capsys):
    assert rules.main(site) == 0, capsys.readouterr().out


@pytest.mark.parametrize("rule", sorted(BREAKS))
def test_a_broken_page_breaks_its_rule(site, rule):
    spoil(site, BREAKS[rule])
    assert getattr(rules, rule)(site), f"{rule} did not notice"


def test_code_may_show_markup(site):
    spoil(site, "<pre>|---|---|</pre><p><code>{doc}`arcface`</code></p>")
    assert not rules.no_raw_markup(site)


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        ("links_lead_somewhere", "<a href='#nowhere'>x</a>"),
        ("pictures_are_described", "<img src='dot.png' alt='_images/dot.png'>"),
        ("pictures_are_described", "<live-figure></live-figure>"),
        ("no_raw_markup", "<p>see {doc}`arcface`</p>"),
    ],
)
def test_less_obvious_breaks(site, rule, more):
    spoil(site, more)
    assert getattr(rules, rule)(site)


def test_a_style_sheet_may_not_import_a_font(site):
    (site / "en" / "style.css").write_text("@import url(https://fonts.example.org/a.css);")
    assert rules.no_other_host(site)


def test_a_page_in_one_language_is_found(site):
    (site / "zh" / "blur.html").unlink()
    assert rules.editions_match(site)


def test_a_wrong_lang_attribute_is_found(site):
    (site / "zh" / "blur.html").write_text(PAGE.format(lang="en", more=""))
    assert rules.editions_match(site)


def test_a_slow_page_breaks_the_budget(site):
    (site.parent / "zh" / "execution.json").write_text(json.dumps({"blur": 61.0}))
    assert rules.execution_budget(site) == ["zh/blur took 61 s to execute"]


def test_a_site_without_execution_record_breaks_the_budget(site):
    (site.parent / "en" / "execution.json").unlink()
    assert rules.execution_budget(site)


@pytest.mark.browser
@browser
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("<script>fetch('http://localhost:9/x')</script>", "asks another host"),
        ("<script>null.x</script>", "Cannot read"),
        ("<img src='missing.png' alt='not here'>", "404"),
        ("<script src='heavy.js'></script>", "MB gzipped"),
    ],
)
def test_what_only_a_browser_sees(site, more, expected):
    noise = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=2_000_000))
    (site / "en" / "heavy.js").write_text(f"// {noise}")
    spoil(site, more)
    assert any(expected in problem for problem in rules.light_and_self_contained(site))
