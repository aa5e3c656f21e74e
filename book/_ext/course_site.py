"""The Sphinx extension of the website: everything that Jupyter Book does not do by itself.

language        language and titles of the edition, from the folder that is built
numbering       numbers of chapters and pages
anchors         the same section anchors in both editions
search_words    Chinese search
page_frame      language switch, Colab link, logo
icons           the icons, without Font Awesome's 1.5 MB
vendor_files    MathJax, onnxruntime-web and Plotly, served by the site itself
plotly_offline  Plotly figures without a request to another host
web_pictures    outputs as WebP, loaded when the reader comes near
live_figures    figures whose sliders run course_lib's own functions in the browser
execution       running the pages' code, and how long it took
"""

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "language",
    "numbering",
    "anchors",
    "search_words",
    "page_frame",
    "icons",
    "vendor_files",
    "plotly_offline",
    "web_pictures",
    "execution",
)


def set_references(app: Sphinx, config: Config) -> None:
    """One bibliography for both editions."""
    config.bibtex_bibfiles = [str(ROOT / "book/references.bib")]


def setup(app: Sphinx) -> dict:
    for part in PARTS:
        app.setup_extension(part)
    if (Path(__file__).parent / "live_figures.py").is_file():
        app.setup_extension("live_figures")
    # Jupyter Book sets this for sphinx_comments, which we leave out; an unknown value would be a warning.
    app.add_config_value("comments_config", {}, "html")
    app.connect("config-inited", set_references, priority=100)  # before sphinxcontrib.bibtex looks
    return {"parallel_read_safe": True, "parallel_write_safe": True}
