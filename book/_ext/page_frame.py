"""What stands around a page's text: the other language, Colab and download, logo, repository paths."""

import html
from pathlib import Path
from typing import Any

from docutils import nodes
from language import EDITIONS, SEARCH_BAR, SPHINX_LANGUAGE, TITLE, edition_of
from sphinx.application import Sphinx
from sphinx.config import Config

LANGUAGE_NAME = {"en": "English", "zh": "中文"}
SWITCH_TITLE = {"en": "This page in English", "zh": "本页的中文版"}  # in the language that it leads to
RUN = {
    "colab": {"en": "Open in Colab", "zh": "在 Colab 中打开"},
    "download": {"en": "Download notebook", "zh": "下载笔记本"},
}


def html_language(edition: str) -> str:
    """Language tag for HTML: ``en``, ``zh-CN``."""
    return SPHINX_LANGUAGE[edition].replace("_", "-")


def add_languages(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Gives the templates the addresses of this page in both editions."""
    edition = edition_of(app.srcdir)
    root = context["content_root"]
    addresses = {code: f"{root}../{code}/{app.builder.get_target_uri(pagename)}" for code in EDITIONS}
    other = next(code for code in EDITIONS if code != edition)
    context["alternates"] = {html_language(code): address for code, address in addresses.items()}
    context["other"] = {
        "edition": other,
        "language": html_language(other),
        "address": addresses[other],
        "name": LANGUAGE_NAME[other],
        "title": SWITCH_TITLE[other],
    }
    if "body" in context:  # MyST-NB's label would hide the visible words of these summaries from screen readers
        context["body"] = context["body"].replace('<summary aria-label="Toggle hidden content">', "<summary>")


def run_links(app: Sphinx, docname: str) -> str:
    """A line with the Colab badge and the download of the page's own notebook."""
    edition = edition_of(app.srcdir)
    options = app.config.html_theme_options
    repository = options["repository_url"].removeprefix("https://github.com/")
    path = f"{options['path_to_docs']}/{docname}.ipynb"
    colab = f"{options['launch_buttons']['colab_url']}/github/{repository}/blob/{options['repository_branch']}/{path}"
    up = "../" * docname.count("/")
    words = {key: html.escape(word[edition]) for key, word in RUN.items()}
    return (
        f'<p class="run-links d-print-none"><a class="run-colab" href="{html.escape(colab)}" target="_blank" '
        f'rel="noopener"><span class="colab-mark" aria-hidden="true"></span>{words["colab"]}</a>'
        f'<a href="{up}_sources/{docname}.ipynb" download><i class="fa-solid fa-download" aria-hidden="true"></i> '
        f"{words['download']}</a></p>"
    )


def add_run_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Puts that line below the title of each page that is a notebook."""
    if app.builder.format != "html" or Path(app.env.doc2path(docname)).suffix != ".ipynb" or docname == "index":
        return
    for title in doctree.findall(nodes.title):
        title.parent.insert(title.parent.index(title) + 1, nodes.raw("", run_links(app, docname), format="html"))
        return


def set_theme_options(app: Sphinx, config: Config) -> None:
    """Theme options that differ by language or hold absolute paths."""
    edition = edition_of(app.srcdir)
    here = Path(__file__).parent
    options = config.html_theme_options
    options["path_to_docs"] = f"book/{edition}"
    options["search_bar_text"] = SEARCH_BAR[edition]
    logo = str(here / "static/logo.svg")
    options["logo"] = {"image_light": logo, "image_dark": logo, "text": TITLE[edition]}
    config.html_favicon = str(here / "static/favicon.svg")
    config.html_static_path = [*config.html_static_path, str(here / "static")]
    config.templates_path = [str(here / "templates"), *config.templates_path]


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", set_theme_options)
    app.connect("html-page-context", add_languages)
    app.connect("doctree-resolved", add_run_links)
    app.add_css_file("site.css", priority=700)
    app.add_css_file("print.css", priority=701, media="print")
    app.add_js_file("page.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
