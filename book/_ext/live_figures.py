"""Live figures on the website: what a cell hands over becomes <live-figure>, its graph and pictures become files.

A cell that shows a ``course_lib.live.Figure`` while the site is built has an output of our own MIME type: a description
(JSON) and files by the hash of their content (course_lib/live/bundle.py). The files go to shared/live, beside the
editions, so what two figures or two languages share is there once; the description stays in the page, where
static/live-figure.js finds it.
"""

import base64
import html
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import myst_nb.core.render as rendering
from docutils import nodes
from language import edition_of
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

MIME = "application/vnd.seeing-faces.live+json"
SHARED = "../shared"  # from the root of an edition, as in vendor_files
VERSION = 1
BUILDERS = ("html", "dirhtml", "singlehtml")


class live_figure(nodes.General, nodes.Element):
    """A figure in the document tree; ``bundle`` is what the cell handed over."""


class LiveFigures:
    """MyST-NB's plugin protocol: takes our MIME type, leaves the others alone."""

    mime_priority_overrides: ClassVar[Sequence[tuple[str, str, int | None]]] = [
        (builder, MIME, 1) for builder in BUILDERS
    ]

    @staticmethod
    def handle_mime(renderer, data, inline) -> list[nodes.Element] | None:
        """A figure's node for our MIME type, nothing for any other."""
        if inline or data.mime_type != MIME:
            return None
        found = data.content.get("spec", {}).get("version")
        if found != VERSION:
            raise ValueError(f"live figure of version {found!r}, this extension draws {VERSION}: clear the cache")
        return [live_figure(bundle=json.dumps(data.content, ensure_ascii=False))]


def write_once(target: Path, content: bytes) -> None:
    """Writes a file whose name tells its content; both editions may do so at the same time."""
    if target.is_file() and target.stat().st_size == len(content):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.chmod(draft, 0o644)  # mkstemp gives 0600, which a web server of another user could not read
    os.replace(draft, target)


def write_files(bundle: dict[str, Any], folder: Path) -> None:
    """The figure's graph, weights, pictures and poster."""
    for name, content in bundle["files"].items():
        write_once(folder / name, base64.b64decode(content))


def element(bundle: dict[str, Any], edition: str, up: str) -> str:
    """The HTML of a figure: the poster with its description, and the JSON that live-figure.js reads.

    Args:
        bundle: what the cell handed over.
        edition: language of the page.
        up: way from the page to the root of its edition, such as "../".
    """
    spec = bundle["spec"]
    base = f"{up}{SHARED}/"
    # "</script>" or "<!--" inside a label would end or confuse the script element.
    data = json.dumps(spec, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    words = {key: html.escape(text[edition]) for key, text in (*spec["words"].items(), ("alt", spec["alt"]))}
    width, height = bundle["size"]
    return (
        f'<live-figure name="{html.escape(spec["name"])}" data-state="poster" base="{base}">'
        f'<img class="lf-poster" src="{base}live/{bundle["poster"]}" alt="{words["alt"]}" width="{width}" '
        f'height="{height}" decoding="async"><noscript><p class="lf-status">{words["javascript_off"]}</p></noscript>'
        f'<script type="application/json">{data}</script></live-figure>'
    )


def visit_html(self: HTML5Translator, node: live_figure) -> None:
    """Writes the files beside the edition and the element into the page."""
    bundle = json.loads(node["bundle"])
    write_files(bundle, (Path(self.builder.app.outdir) / SHARED / "live").resolve())
    page = self.builder.get_target_uri(self.builder.current_docname)
    self.body.append(element(bundle, edition_of(self.builder.app.srcdir), "../" * page.count("/")))
    raise nodes.SkipNode


def visit_words(self: Any, node: live_figure) -> None:
    """Where there are no pages, such as gettext or plain text: nothing."""
    raise nodes.SkipNode


def add_script(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Loads the element's code on pages that have a figure."""
    if doctree is not None and any(True for _ in doctree.findall(live_figure)):
        app.add_js_file("live-photo.js")
        app.add_js_file("live-figure.js")  # not deferred: figures are drawn before the page is painted
        app.add_css_file("live-figure.css")


def setup(app: Sphinx) -> dict:
    others = rendering.load_mime_renders
    rendering.load_mime_renders = lambda: [LiveFigures, *others()]
    skip = (visit_words, None)
    app.add_node(live_figure, html=(visit_html, None), latex=skip, text=skip, man=skip, texinfo=skip)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
