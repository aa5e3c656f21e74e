#!/usr/bin/env python3
"""Rules for the sources of pages and labs: python tools/check_sources.py [ROOT].

Both languages say the same thing with the same code, nobody commits outputs, and no figure is without alt text.
Each rule is a function from the project's root to a list of problems; tests/tools/test_check_sources.py breaks every one.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

TREES = ("book", "labs")
MOST_LINES = 20  # of a code cell: longer ones belong into course_lib
CJK = re.compile(r"[\u4e00-\u9fff]")


def pages(root: Path, tree: str, language: str) -> dict[str, Path]:
    """Relative name -> file of every page or lab notebook of one language."""
    folder = root / tree / language
    found = sorted(
        p for p in folder.rglob("*") if p.suffix in (".ipynb", ".md") and ".ipynb_checkpoints" not in p.parts
    )
    return {p.relative_to(folder).as_posix(): p for p in found}


def notebooks(root: Path) -> Iterator[tuple[str, dict]]:
    """Every notebook of book and labs, as (name from the root, its JSON)."""
    for tree in TREES:
        for path in sorted((root / tree).rglob("*.ipynb")):
            if ".ipynb_checkpoints" not in path.parts:
                yield path.relative_to(root).as_posix(), json.loads(path.read_text(encoding="utf-8"))


def source(cell: dict) -> str:
    """Text of a cell, however the notebook stores it."""
    return "".join(cell["source"])


def code_cells(notebook: dict) -> list[dict]:
    """The code cells of a notebook."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def prose(path: Path) -> str:
    """All Markdown of a page, with code blocks left out."""
    if path.suffix == ".ipynb":
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join(source(cell) for cell in cells if cell["cell_type"] == "markdown")
    else:
        text = path.read_text(encoding="utf-8")
    return re.sub(r"^(`{3,})(?!\{)[^\n]*\n.*?^\1\s*$", "", text, flags=re.S | re.M)


def figure_options(cell: dict) -> dict:
    """MyST-NB's options of a code cell: {"figure": {...}, "image": {...}}."""
    return cell["metadata"].get("mystnb", {})


# ---- rules ----------------------------------------------------------------------------------------------------------


def no_outputs(root: Path) -> list[str]:
    """Notebooks are committed without outputs, execution counts and widget state."""
    problems = []
    for name, notebook in notebooks(root):
        if "widgets" in notebook["metadata"]:
            problems.append(f"{name}: widget state is stored in it")
        for cell in code_cells(notebook):
            if cell.get("outputs") or cell.get("execution_count") is not None:
                problems.append(
                    f"{name}: cell {cell.get('id')} has outputs or a number; clear all outputs before committing"
                )
    return problems


def stable_ids(root: Path) -> list[str]:
    """Every cell has an id of its own, so that diffs and grading can follow it."""
    problems = []
    for name, notebook in notebooks(root):
        ids = [cell.get("id") for cell in notebook["cells"]]
        if None in ids or len(set(ids)) != len(ids):
            problems.append(f"{name}: cells without an id, or two cells with the same one")
    return problems


def short_cells(root: Path) -> list[str]:
    """A code cell on a page can be read at a glance."""
    return [
        f"{name}: cell {cell['id']} has {len(source(cell).splitlines())} lines, at most {MOST_LINES} are allowed"
        for name, notebook in notebooks(root)
        for cell in code_cells(notebook)
        if len(source(cell).splitlines()) > MOST_LINES
    ]


def same_first_cell(root: Path) -> list[str]:
    """Every notebook starts with the same set-up cell, which makes it run in Colab."""
    first = {name: source(code_cells(notebook)[0]) for name, notebook in notebooks(root) if code_cells(notebook)}
    usual = max(set(first.values()), key=list(first.values()).count, default="")
    return [
        f"{name}: the first code cell is not the usual set-up cell" for name, text in first.items() if text != usual
    ] + [
        f"{name}: the set-up cell does not mention google.colab"
        for name, text in first.items()
        if "google.colab" not in text
    ]


def same_pages(root: Path) -> list[str]:
    """Every page and lab exists in both languages."""
    return [
        f"{tree}/{missing}/{name} is missing"
        for tree in TREES
        for missing, present in (("en", "zh"), ("zh", "en"))
        for name in sorted(set(pages(root, tree, present)) - set(pages(root, tree, missing)))
    ]


def same_code(root: Path) -> list[str]:
    """Code cells are the same, byte for byte and id for id, in both languages."""
    problems = []
    for tree, name, en, zh in pairs(root, ".ipynb"):
        english, chinese = (code_cells(json.loads(path.read_text(encoding="utf-8"))) for path in (en, zh))
        if len(english) != len(chinese):
            problems.append(f"{tree}/{name}: {len(english)} code cells in English, {len(chinese)} in Chinese")
        for one, other in zip(english, chinese, strict=False):
            if (one["id"], source(one)) != (other["id"], source(other)):
                problems.append(f"{tree}/{name}: code cell {one['id']} differs between the languages")
    return problems


def same_structure(root: Path) -> list[str]:
    """Headings, figures, labels, exercises, citations and notes on the source stand in the same order in both languages."""
    problems = []
    for tree, name, en, zh in pairs(root):
        for what, one, other in zip(STRUCTURE, structure(en), structure(zh), strict=True):
            if one != other:
                problems.append(f"{tree}/{name}: {what} differ between the languages: {one} and {other}")
    return problems


STRUCTURE = ("heading levels", "labels", "directives", "figures", "citations")


def structure(path: Path) -> tuple[list, ...]:
    """What must be equal in both languages, in the order of STRUCTURE."""
    text = prose(path)
    figures = []
    if path.suffix == ".ipynb":
        cells = code_cells(json.loads(path.read_text(encoding="utf-8")))
        figures = [
            (cell["id"], sorted(figure_options(cell)), figure_options(cell).get("figure", {}).get("name"))
            for cell in cells
        ]
        figures = [figure for figure in figures if figure[1]]
    outside_code = re.sub(r"^(`{3,})\{code.*?^\1\s*$", "", text, flags=re.S | re.M)
    return (
        [len(marks) for marks in re.findall(r"^(#{1,6}) ", outside_code, flags=re.M)],
        re.findall(r"^\(([\w-]+)\)=|^:(?:label|name): *([\w-]+)", text, flags=re.M),
        re.findall(r"^(?::{3,}|`{3,})\{([\w-]+)\}", text, flags=re.M),
        figures,
        sorted(key for group in re.findall(r"\{cite[\w:]*\}`([^`]+)`", text) for key in re.split(r"[,\s]+", group)),
    )


def pairs(root: Path, suffix: str = "") -> Iterator[tuple[str, str, Path, Path]]:
    """(tree, name, English file, Chinese file) of everything that exists in both languages."""
    for tree in TREES:
        english, chinese = pages(root, tree, "en"), pages(root, tree, "zh")
        for name in sorted(set(english) & set(chinese)):
            if name.endswith(suffix):
                yield tree, name, english[name], chinese[name]


def own_language(root: Path) -> list[str]:
    """English pages are in English and Chinese pages in Chinese: no paragraph was left untranslated."""
    problems = []
    for tree, name, _, zh in pairs(root):
        for paragraph in re.split(r"\n\s*\n", prose(zh)):
            plain = re.sub(r"\$[^$]*\$|`[^`]*`|\([^)]*\)|<[^>]*>|https?:\S+", "", paragraph)
            words = re.findall(r"[A-Za-z]{3,}", plain)
            opaque = paragraph.lstrip().startswith(("```{bibliography", ":::{", "```{", "$$", "|", "("))
            if len(words) > 12 and not CJK.search(plain) and not opaque:
                problems.append(f"{tree}/zh/{name}: an English paragraph: {' '.join(words[:8])} …")
    return problems


def alt_texts(root: Path) -> list[str]:
    """Every figure says in its alt text what it shows, in more than a label."""
    problems = []
    for name, notebook in notebooks(root):
        for cell in code_cells(notebook):
            options = figure_options(cell)
            alt = options.get("image", {}).get("alt", "")
            if "figure" in options and len(alt) < 12:
                problems.append(
                    f"{name}: the figure of cell {cell['id']} has no alt text (mystnb.image.alt) that describes it"
                )
            elif alt and alt.strip() == options.get("figure", {}).get("caption", "").strip():
                problems.append(f"{name}: the alt text of cell {cell['id']} only repeats its caption")
    for tree in TREES:
        for language in ("en", "zh"):
            for page, path in pages(root, tree, language).items():
                empty = re.findall(r"!\[\s*\]\(([^)]*)\)", prose(path))
                problems += [f"{tree}/{language}/{page}: image {image} has no alt text" for image in empty]
    return problems


def table_of_contents(root: Path) -> list[str]:
    """Every page is in _toc.yml, and every entry of _toc.yml is a page."""
    listed = set(
        re.findall(r"^\s*-?\s*(?:file|root):\s*(\S+)", (root / "_toc.yml").read_text(encoding="utf-8"), flags=re.M)
    )
    existing = {re.sub(r"\.(ipynb|md)$", "", name) for name in pages(root, "book", "en")}
    return [f"_toc.yml names {name}, which does not exist" for name in sorted(listed - existing)] + [
        f"book/en/{name} is not in _toc.yml" for name in sorted(existing - listed)
    ]


RULES: tuple[Callable[[Path], list[str]], ...] = (
    no_outputs,
    stable_ids,
    short_cells,
    same_first_cell,
    same_pages,
    same_code,
    same_structure,
    own_language,
    alt_texts,
    table_of_contents,
)


def main(root: Path) -> int:
    """Runs all rules and prints what they found."""
    problems = [f"{rule.__name__}: {problem}" for rule in RULES for problem in rule(root)]
    print("\n".join(problems) or f"{len(RULES)} rules hold for the sources of pages and labs")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent))
