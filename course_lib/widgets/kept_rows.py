"""The rows that a reader keeps: as a table in the lab, and as a CSV file behind a link."""

import base64
import html
from collections.abc import Sequence

from course_lib.i18n import Label, say
from course_lib.widgets.curve_panel import measure_title
from course_lib.widgets.experiment import Experiment, Row, steps
from course_lib.widgets.numbers import number, short

TEXT: dict[str, Label] = {
    "row": ("Row", "行"),
    "portrait": ("Portrait", "人像"),
    "settings": ("Settings", "设置"),
    "clean": ("clean image", "原图"),
}


def settings_text(settings: dict[str, float]) -> str:
    """The sliders that were moved, with their values; "clean image" if none was."""
    moved = [
        f"{say(step.label)} {short(settings[key])} {say(step.unit)}".strip()
        for key, step in steps().items()
        if settings[key] != step.identity
    ]
    return ", ".join(moved) or say(TEXT["clean"])


def rows_html(rows: Sequence[Row], names: Sequence[str]) -> str:
    """The kept rows as an HTML table.

    Args:
        rows: what was kept.
        names: measures that get a column; the CSV file has all.

    Returns:
        HTML; nothing if there is no row.
    """
    if not rows:
        return ""
    head = [*(say(TEXT[key]) for key in ("row", "portrait", "settings")), *map(measure_title, names)]
    top = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    body = ""
    for index, row in enumerate(rows, start=1):
        scores = (number(row.scores[name]) if name in row.scores else "–" for name in names)
        cells = [str(index), say(row.picture.title), settings_text(row.settings), *scores]
        body += "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
    return f'<div class="sf-kept"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def export_link(experiment: Experiment) -> str:
    """A link that saves ``Experiment.csv``: a data URL, which needs no file and no server, in JupyterLab as in Colab."""
    content = base64.b64encode(experiment.csv().encode("utf-8")).decode("ascii")
    name = html.escape(f"face-quality-{experiment.picture.key}.csv", quote=True)
    url = f"data:text/csv;charset=utf-8;base64,{content}"
    return f'<a class="sf-button" download="{name}" href="{url}">{say("export_csv")}</a>'
