"""Plotly figures of notebook cells, drawn by the Plotly that the site itself serves.

The library is large (1.5 MB gzipped), so a figure stands as a box with its description until the reader has touched the
page and the box is in view (static/plotly-figure.js). Prefer Matplotlib for pictures that nobody needs to hover over,
and live figures for what should move.
"""

import html
import json
from collections.abc import Sequence
from typing import Any, ClassVar

import myst_nb.core.render as rendering
from docutils import nodes
from language import edition_of
from sphinx.application import Sphinx

MIME = "application/vnd.plotly.v1+json"
WORDS = {
    "draw": {"en": "Draw this figure", "zh": "绘制此图"},
    "noscript": {"en": "This figure needs JavaScript.", "zh": "此图需要 JavaScript。"},
}


def figure_html(content: dict[str, Any], alt: str, edition: str) -> str:
    """The box of one figure: its description, its data, and a button that draws it."""
    figure = {key: value for key, value in content.items() if key in ("data", "layout", "frames")}
    layout = {key: value for key, value in figure.get("layout", {}).items() if key != "template"}  # ours: 7 kB less
    data = json.dumps({**figure, "layout": layout}, separators=(",", ":")).replace("</", "<\\/")
    height = int(layout.get("height") or 450)
    words = {key: html.escape(word[edition]) for key, word in WORDS.items()}
    return (
        f'<div class="plotly-figure" style="min-height:{height}px">'
        f'<script type="application/json">{data}</script>'
        f'<div class="plotly-canvas" role="img" aria-label="{html.escape(alt)}" style="height:{height}px"></div>'
        f'<p class="plotly-note">{html.escape(alt)}</p>'
        f'<button type="button" class="plotly-draw pst-js-only">{words["draw"]}</button>'
        f"<noscript><p>{words['noscript']}</p></noscript></div>"
    )


class PlotlyFigures:
    """MyST-NB's plugin protocol: takes Plotly's MIME type, leaves the others alone."""

    mime_priority_overrides: ClassVar[Sequence[tuple[str, str, int | None]]] = [
        (builder, MIME, 4) for builder in ("html", "dirhtml", "singlehtml")
    ]

    @staticmethod
    def handle_mime(renderer, data, inline) -> list[nodes.Element] | None:
        """The figure's box, or nothing for another type."""
        if inline or data.mime_type != MIME:
            return None
        options = renderer.renderer.get_cell_level_config("render_image_options", data.cell_metadata, line=data.line)
        edition = edition_of(renderer.renderer.sphinx_env.srcdir)
        return [nodes.raw(text=figure_html(data.content, str(options.get("alt", "")), edition), format="html")]


def setup(app: Sphinx) -> dict:
    others = rendering.load_mime_renders
    rendering.load_mime_renders = lambda: [PlotlyFigures, *others()]
    app.add_js_file("plotly-figure.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
