"""The records of the last test run and of the last benchmark, as tables for the book's appendix."""

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any

from course_lib.i18n import data_root, say

Row = dict[str, Any]

COLUMNS = {
    "what": ("function", "函数"),
    "against": ("compared with", "比较对象"),
    "cases": ("cases", "次数"),
    "difference": ("difference", "最大差异"),
    "tolerance": ("allowed", "允许值"),
}


def checks(prefix: str = "") -> list[Row]:
    """Rows of the checks that the last recorded test run made.

    Args:
        prefix: only functions whose dotted name begins so, such as "quality.".

    Returns:
        dictionaries with what, against, cases, difference, tolerance, note and test, in alphabetical order.
    """
    path = data_root() / "checks.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [row for row in rows if row["what"].startswith(prefix)]


def benchmarks(name: str) -> Row:
    """The record of a benchmark run.

    Args:
        name: file name in data/benchmarks without ".json", such as "quality-cpu".

    Raises:
        FileNotFoundError: if no such record is there.
    """
    path = data_root() / "benchmarks" / f"{name}.json"
    if not path.is_file():
        there = sorted(file.stem for file in path.parent.glob("*.json"))
        raise FileNotFoundError(f"name: no benchmark record {name!r}; there are {there}. `make bench` writes them")
    return json.loads(path.read_text(encoding="utf-8"))


def uncovered(rows: Iterable[Row], names: Iterable[str]) -> list[str]:
    """Those of ``names`` that no row's function ends with: what has not been compared with anything."""
    known = {row["what"].rsplit(".", 1)[-1] for row in rows}
    return [name for name in names if name not in known]


class Table:
    """Rows as an HTML table that reads well on the website, in Jupyter and on a phone."""

    def __init__(self, head: Sequence[str], body: Sequence[Sequence[str]], numbers: Sequence[int] = ()):
        """``head`` titles the columns, ``body`` holds escaped text, ``numbers`` says which columns are right-aligned."""
        self.head, self.body, self.numbers = list(head), [list(row) for row in body], set(numbers)

    def _repr_html_(self) -> str:
        def cells(row: Sequence[str], tag: str) -> str:
            style = ' style="text-align:right"'
            return "".join(f"<{tag}{style if i in self.numbers else ''}>{text}</{tag}>" for i, text in enumerate(row))

        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in self.body)
        head = f"<thead><tr>{cells(self.head, 'th')}</tr></thead>"
        return f'<div class="pst-scrollable-table-container"><table class="table">{head}<tbody>{body}</tbody></table></div>'


def html_table(rows: Sequence[Row], measures: Sequence[Any] = ()) -> Table:
    """Check rows as a table; measures that no row covers are listed at its end, so that a gap shows.

    Args:
        rows: from ``checks``.
        measures: records with a ``name`` and a ``label`` that should all be covered.

    Returns:
        an object that notebooks show as HTML.
    """
    titles = {measure.name: say(measure.label) for measure in measures}
    body = [[_function(row, titles), _against(row), f"{row['cases']}", *map(_number, (row["difference"], row["tolerance"]))]
            for row in rows]  # fmt: skip
    gap = say(("not compared with anything yet", "尚未与任何来源比较"))
    body += [[f"<code>{name}</code>", gap, "0", "", ""] for name in uncovered(rows, titles)]
    return Table([say(title) for title in COLUMNS.values()], body, numbers=(2, 3, 4))


def _function(row: Row, titles: dict[str, str]) -> str:
    short = row["what"].rsplit(".", 1)[-1]
    title = f"{html.escape(titles[short])}<br>" if short in titles else ""
    return f"{title}<code>{html.escape(row['what'])}</code>"


def _against(row: Row) -> str:
    note = f"<br><small>{html.escape(row['note'])}</small>" if row.get("note") else ""
    return html.escape(row["against"]) + note


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:.1e}" if value < 1e-3 or value >= 1e4 else f"{value:.3g}"
