"""The same section anchors in both editions.

An anchor is made from the English heading, in the Chinese edition too: a link with #the-noise-trap works in both, and
the language switch can keep the reader's place.
"""

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
FENCE = re.compile(r"^\s*(`{3,}|~{3,}|:{3,})")


def markdown_of(page: Path) -> str:
    """The Markdown text of a page, of its text cells if it is a notebook."""
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def headings(markdown: str) -> list[str]:
    """Texts of the headings, in order; those inside fences (code, directives) are none."""
    found: list[str] = []
    fence = ""
    for line in markdown.splitlines():
        if mark := FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1][0] == fence[0] and len(mark[1]) >= len(fence) and line.strip() == mark[1]:
                fence = ""
        elif not fence and (heading := HEADING.match(line)):
            found.append(heading[1])
    return found


def slug(heading: str) -> str:
    """An anchor for a heading: words joined by hyphens, without markup."""
    plain = re.sub(r"\{[\w:-]+\}`([^`]*)`|\[([^\]]*)\]\([^)]*\)", r"\1\2", heading)  # roles and links: their text
    return nodes.make_id(plain)


def english_page(app: Sphinx, docname: str) -> Path | None:
    """Source of the English page with this name, if it is there."""
    for suffix in (".ipynb", ".md"):
        page = app.srcdir.parent / "en" / (docname + suffix)
        if page.is_file():
            return page
    return None


def share_anchors(app: Sphinx, doctree: nodes.document) -> None:
    """Puts the English anchor first among the ids of each section of the page that has just been read."""
    page = english_page(app, app.env.docname)
    # sphinx-exercise wraps the text of an exercise in a section that has no heading.
    sections = [node for node in doctree.findall(nodes.section) if isinstance(node[0], nodes.title)]
    names = [slug(heading) for heading in headings(markdown_of(page))] if page else []
    if len(names) != len(sections):
        return  # the editions differ here; the checks of the sources say so
    taken: set[str] = set()
    for section, name in zip(sections, names, strict=True):
        unique, number = name, 1
        while unique in taken:
            number += 1
            unique = f"{name}-{number}"
        taken.add(unique)
        if not unique or doctree.ids.get(unique, section) is not section:
            continue  # nothing to name it by, or a label of another element has this name
        section["ids"] = [unique, *(old for old in section["ids"] if old != unique)]
        doctree.ids[unique] = section


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", share_anchors, priority=300)  # before the tables of contents are collected
    return {"parallel_read_safe": True, "parallel_write_safe": True}
