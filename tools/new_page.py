#!/usr/bin/env python3
"""Scaffold of a page in both languages: make new-page NAME=quality/symmetry EN="Symmetry" ZH="对称性".

Writes book/en/NAME.ipynb and book/zh/NAME.ipynb with the eight parts of a page and adds the page to _toc.yml, behind the
last page of its chapter.
"""

import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent

PARTS = {
    "en": """# {title}

One sentence with the question this page answers. One on why it matters. One on what the answer is.

**After this page you can** …

## Try it first
## The method
## An experiment
## Common mistakes
## What it was checked against
## Exercises

:::{{exercise}}
:label: ex-{slug}-1

The task.
:::

:::{{solution}} ex-{slug}-1
:class: dropdown

The solution.
:::

## References

```{{bibliography}}
:filter: docname in docnames
```""",
    "zh": """# {title}

用一句话提出本页要回答的问题。再用一句话说明它为什么重要。最后一句给出答案。

**读完本页，你将能够** ……

## 先动手试试
## 方法
## 实验
## 常见错误
## 核验依据
## 练习

:::{{exercise}}
:label: ex-{slug}-1

题目。
:::

:::{{solution}} ex-{slug}-1
:class: dropdown

参考答案。
:::

## 参考文献

```{{bibliography}}
:filter: docname in docnames
```""",
}
STYLE = "from course_lib.notebook import use_style\n\nuse_style()"


def notebook(language: str, title: str, slug: str, setup: str) -> nbformat.NotebookNode:
    """A page with its headings in place, one cell a part."""
    parts = re.split(r"\n(?=## )", PARTS[language].format(title=title, slug=slug))
    cells = [nbformat.v4.new_markdown_cell(parts[0], id="text-01")]
    cells.append(nbformat.v4.new_code_cell(setup, id="setup", metadata={"tags": ["remove-cell"]}))
    cells.append(nbformat.v4.new_code_cell(STYLE, id="code-01", metadata={"tags": ["hide-input"]}))
    cells += [nbformat.v4.new_markdown_cell(part, id=f"text-{i:02d}") for i, part in enumerate(parts[1:], 2)]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


def contents_with(root: Path, name: str) -> str:
    """Text of _toc.yml with the page behind the last entry of its folder, with that entry's indentation."""
    lines = (root / "_toc.yml").read_text(encoding="utf-8").splitlines()
    folder = name.split("/")[0] + "/"
    places = [i for i, line in enumerate(lines) if re.match(rf"\s*- file: {re.escape(folder)}", line)]
    if not places:
        raise SystemExit(f"_toc.yml has no chapter {folder!r} yet: add the first page of a chapter there by hand")
    last = lines[places[-1]]
    lines.insert(places[-1] + 1, last[: last.index("- file:")] + f"- file: {name}")
    return "\n".join(lines) + "\n"


def main(name: str, english: str, chinese: str, root: Path = ROOT) -> None:
    """Writes both editions of a new page; refuses to overwrite one."""
    if not re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", name):
        raise SystemExit("NAME is chapter/page in lower case, for example quality/symmetry")
    if not english or not chinese:
        raise SystemExit("give the title in both languages: EN=... ZH=...")
    contents = contents_with(root, name)  # before a file is written: a chapter that is not there yet is refused
    home = nbformat.read(root / "book" / "en" / "index.ipynb", as_version=4)
    setup = next(cell.source for cell in home.cells if cell.cell_type == "code")  # the same on every page
    for language, title in (("en", english), ("zh", chinese)):
        target = root / "book" / language / f"{name}.ipynb"
        if target.exists():
            raise SystemExit(f"{target} exists already")
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook(language, title, name.split("/")[1], setup), target)
    (root / "_toc.yml").write_text(contents, encoding="utf-8")
    print(f"Wrote book/en/{name}.ipynb and book/zh/{name}.ipynb and added them to _toc.yml. Next: make check")


if __name__ == "__main__":
    main(*[*sys.argv[1:4], "", "", ""][:3])
