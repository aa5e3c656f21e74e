"""Every rule for the sources is broken once, and is seen to fail."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("check_sources", ROOT / "tools" / "check_sources.py")
rules = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rules)

SETUP = "try:\n    import google.colab\nexcept ImportError:\n    pass"


def cell(kind, text, id, **metadata):
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "id": id, "metadata": metadata, "source": text} | extra


def page(title, sentence, alt):
    figure = {"figure": {"caption": title, "name": "fig-a"}, "image": {"alt": alt}}
    cells = [
        cell("markdown", f"# {title}\n\n(here)=\n## 1\n\n{sentence} {{cite}}`someone2020`", "text-01"),
        cell("code", SETUP, "setup"),
        cell("code", "1 + 1", "sum", mystnb=figure),
        cell("markdown", ":::{exercise}\n:label: ex-a\n" + sentence + "\n:::", "text-02"),
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def project(tmp_path):
    """A tiny project in which every rule holds."""
    for tree in ("book", "labs"):
        for language in ("en", "zh"):
            (tmp_path / tree / language).mkdir(parents=True)
    write(tmp_path, "en", page("Blur", "A sentence.", "A bar chart that falls from left to right"))
    write(tmp_path, "zh", page("模糊", "一句话。", "一张条形图，数值从左到右逐渐下降到零"))
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: blur\n")
    return tmp_path


def write(root, language, notebook):
    (root / "book" / language / "blur.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def read(root, language):
    return json.loads((root / "book" / language / "blur.ipynb").read_text(encoding="utf-8"))


def test_all_rules_hold_for_a_good_project(project, capsys):
    assert rules.main(project) == 0, capsys.readouterr().out


def test_all_rules_hold_for_this_project(capsys):
    assert rules.main(ROOT) == 0, capsys.readouterr().out


def change(index, **updates):
    def apply(notebook):
        notebook["cells"][index].update(updates)

    return apply


BREAKS = {
    "no_outputs": change(2, execution_count=3),
    "stable_ids": change(2, id="setup"),
    "short_cells": change(2, source="x = 1\n" * 21),
    "same_first_cell": change(1, source="import torch"),
    "same_code": change(2, source="1 + 2"),
    "same_structure": change(0, source="# Blur\n\n(here)=\n### 1\n\nA sentence. {cite}`someone2020`"),
    "alt_texts": change(2, metadata={"mystnb": {"figure": {"caption": "Blur", "name": "fig-a"}}}),
}


@pytest.mark.parametrize("rule", sorted(BREAKS))
def test_a_broken_page_breaks_its_rule(project, rule):
    notebook = read(project, "en")
    BREAKS[rule](notebook)
    write(project, "en", notebook)
    assert getattr(rules, rule)(project), f"{rule} did not notice"


def test_stored_widget_state_breaks_no_outputs(project):
    notebook = read(project, "en")
    notebook["metadata"]["widgets"] = {}
    write(project, "en", notebook)
    assert rules.no_outputs(project)


def test_a_page_in_one_language_breaks_same_pages(project):
    (project / "book" / "zh" / "blur.ipynb").unlink()
    assert rules.same_pages(project) == ["book/zh/blur.ipynb is missing"]


def test_an_untranslated_paragraph_breaks_own_language(project):
    sentence = (
        "This paragraph was never translated although it is long enough to be noticed by anybody who reads the page."
    )
    write(project, "zh", page("模糊", sentence, "一张条形图，数值从左到右逐渐下降到零"))
    assert rules.own_language(project)


def test_alt_text_that_repeats_the_caption_is_none(project):
    write(project, "en", page("A bar chart that falls", "A sentence.", "A bar chart that falls"))
    assert rules.alt_texts(project)


def test_an_image_without_alt_text_is_found(project):
    notebook = read(project, "en")
    notebook["cells"][0]["source"] += "\n\n![](plot.png)"
    write(project, "en", notebook)
    assert any("plot.png" in problem for problem in rules.alt_texts(project))


def test_a_forgotten_page_breaks_the_table_of_contents(project):
    (project / "_toc.yml").write_text("format: jb-book\nroot: intro\n")
    assert len(rules.table_of_contents(project)) == 2
