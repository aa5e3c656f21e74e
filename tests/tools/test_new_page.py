"""The scaffold of a page obeys the rules that `make check` applies to pages."""

import importlib.util
import shutil
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


new_page, check_sources = load("new_page"), load("check_sources")


@pytest.fixture
def project(tmp_path):
    shutil.copytree(ROOT / "book", tmp_path / "book", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copytree(ROOT / "labs", tmp_path / "labs", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copy(ROOT / "_toc.yml", tmp_path)
    return tmp_path


def test_a_new_page_keeps_every_rule(project):
    new_page.main("quality/symmetry", "Symmetry", "对称性", root=project)
    assert [problem for rule in check_sources.RULES for problem in rule(project)] == []
    english = nbformat.read(project / "book/en/quality/symmetry.ipynb", as_version=4)
    assert english.cells[0].source.startswith("# Symmetry")
    assert "- file: quality/symmetry" in (project / "_toc.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ("Symmetry", "Symmetry", "对称性"),
        ("quality/symmetry", "Symmetry", ""),
        ("quality/blur", "Blur", "模糊"),
        ("no-such-chapter/page", "Page", "页"),
    ],
)
def test_wrong_names_missing_titles_existing_pages_and_unknown_chapters_are_refused(project, arguments):
    before = sorted(project.rglob("*"))
    with pytest.raises(SystemExit):
        new_page.main(*arguments, root=project)
    assert sorted(project.rglob("*")) == before  # nothing half done is left
