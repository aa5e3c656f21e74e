"""The smallest book that has one of everything (tests/book/specimen), built in both languages by jupyter-book itself."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import build_book
import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
BOOK = Path(sysconfig.get_path("scripts")) / "jupyter-book"
pytestmark = pytest.mark.slow


def build(source: Path, target: Path, edition: str) -> str:
    """Builds one edition as a person would; gives back what the build printed."""
    command = [BOOK, "build", source / edition, "--path-output", target / edition, "-W", "--keep-going"]
    command += ["--config", ROOT / "_config.yml", "--toc", source / "_toc.yml"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


class Specimen:
    """Both built editions."""

    def __init__(self, source: Path, target: Path):
        self.source, self.target = source, target

    def page(self, edition: str, name: str = "chapter/page") -> BeautifulSoup:
        html = self.target / edition / "_build/html" / f"{name}.html"
        return BeautifulSoup(html.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def specimen(tmp_path_factory) -> Specimen:
    folder = tmp_path_factory.mktemp("specimen")
    shutil.copytree(ROOT / "tests/book/specimen", folder / "source")
    for edition in ("en", "zh"):
        build(folder / "source", folder / "built", edition)
    return Specimen(folder / "source", folder / "built")


def text_of(tag) -> str:
    return " ".join(tag.get_text().split())


def test_language_and_titles(specimen):
    for edition, language, title in (("en", "en", "Seeing Faces"), ("zh", "zh-CN", "看懂人脸")):
        page = specimen.page(edition)
        assert page.html["lang"] == language and title in page.title.text
        assert text_of(page.select_one(".logo__title")) == title


def test_words_of_the_theme_are_translated(specimen):
    page = specimen.page("zh")
    visible = text_of(page.body)
    for word in (
        "正文",
        "本页内容",
        "上一页",
        "下一页",
        "说明",
        "警告",
        "提示",
        "搜索",
        "图 1.1",
        "练习 1.1",
        "参考答案",
    ):
        assert word in visible, word
    english = {"Contents", "Search", "Note", "Warning", "Tip", "Next", "Previous", "Exercise", "Solution", "Copyright"}
    assert not english & set(re.findall(r"[A-Za-z]+", visible))
    titles = {tag.get("title") or tag.get("aria-label") for tag in page.select("[title], [aria-label]")} - {None}
    assert not [title for title in titles if re.fullmatch(r"[\x00-\x7f]+", title) and title not in ALLOWED], titles


ALLOWED = {"This page in English", "#", "English"}


def test_pages_are_numbered_headings_are_not(specimen):
    for edition in ("en", "zh"):
        numbers = [text_of(tag) for tag in specimen.page(edition).select(".section-number")]
        assert numbers[0] == "1" and len(specimen.page(edition).select("h2 .section-number")) == 0
        assert text_of(specimen.page(edition, "chapter/plain").select_one(".section-number")) == "1.1"


def test_anchors_are_those_of_the_english_headings(specimen):
    headings = "article section:has(> :is(h1, h2, h3))"
    ids = [[tag["id"] for tag in specimen.page(edition).select(headings)] for edition in ("en", "zh")]
    assert ids[0] == ids[1] == ["measuring-a-specimen", "the-noise-trap", "code-and-its-figure", "exercises"]
    for edition in ("en", "zh"):
        toc = [tag["href"] for tag in specimen.page(edition).select("#pst-page-toc-nav a")]
        assert toc == ["#the-noise-trap", "#code-and-its-figure", "#exercises"]


def test_figures_have_captions_and_descriptions(specimen):
    for edition, alt, caption in (("en", "A sine wave", "Two waves"), ("zh", "一个周期内", "两个波")):
        figure = specimen.page(edition).select_one("figure#fig-waves")
        assert figure.img["alt"].startswith(alt) and caption in text_of(figure.figcaption)
        assert figure.img["loading"] == "lazy" and int(figure.img["width"]) > 300
        picture = specimen.target / edition / "_build/html/chapter" / figure.img["src"]
        assert picture.suffix == ".webp" and picture.is_file() and not list(picture.parent.glob("*.png"))
        plot = specimen.page(edition).select_one(".plotly-figure .plotly-canvas")
        assert plot["role"] == "img" and len(plot["aria-label"]) > 5


def test_what_a_page_loads(specimen):
    page, plain = specimen.page("en"), specimen.page("en", "chapter/plain")
    scripts = [tag.get("src", "") for tag in page.select("script[src]")]
    assert sum("mathjax" in src for src in scripts) == 1
    assert not any("mathjax" in tag["src"] for tag in plain.select("script[src]"))
    sources = scripts + [tag["href"] for tag in page.select("link[rel=stylesheet]")]
    for unwanted in ("//", "fontawesome", "searchindex", "thebe", "require", "plotly.min"):
        assert not [source for source in sources if unwanted in source], unwanted
    built = specimen.target / "en/_build/html"
    for source in sources:
        assert (built / "chapter" / source.split("?")[0]).resolve().is_file(), source


def test_run_links_only_where_there_is_something_to_run(specimen):
    for edition in ("en", "zh"):
        page = specimen.page(edition)
        address = f"https://colab.research.google.com/github/seeing-faces/seeing-faces/blob/main/book/{edition}/chapter/page.ipynb"
        assert page.select_one("a.run-colab")["href"] == address
        assert address in [tag.get("href") for tag in page.select(".dropdown-launch-buttons a")]
        notebook = specimen.target / edition / "_build/html/chapter" / page.select_one(".run-links a[download]")["href"]
        assert json.loads(notebook.read_text())["cells"][0]["cell_type"] == "markdown"
        plain = str(specimen.page(edition, "chapter/plain"))
        assert "colab" not in plain


def test_each_page_names_its_other_language(specimen):
    page = specimen.page("zh", "chapter/plain")
    assert page.select_one("a.language-switch")["href"] == "../../en/chapter/plain.html"
    assert page.select_one("a.language-switch")["lang"] == "en"
    found = {tag["hreflang"]: tag["href"] for tag in page.select("link[rel=alternate]")}
    assert found == {"en": "../../en/chapter/plain.html", "zh-CN": "../../zh/chapter/plain.html"}
    assert not page.select("link[rel=canonical]")


def test_kernels_know_the_language_and_the_time_they_took_is_recorded(specimen):
    for edition in ("en", "zh"):
        assert f"('1', '{edition}')" in text_of(specimen.page(edition))
        seconds = json.loads((specimen.target / edition / "execution.json").read_text())
        assert set(seconds) == {"chapter/page"} and 0 < seconds["chapter/page"] < 120


def test_search_index_of_the_chinese_edition(specimen):
    index = (specimen.target / "zh/_build/html/searchindex.js").read_text(encoding="utf-8")
    found = json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))
    assert {"模糊", "人脸识别", "人脸", "blur"} <= {*found["terms"], *found["titleterms"]}


def test_a_new_caption_shows_without_running_the_code_again(specimen):
    source = specimen.source / "en/chapter/page.ipynb"
    original = source.read_text()
    try:
        source.write_text(original.replace("one half as high as the other", "the caption has changed"))
        output = build(specimen.source, specimen.target, "en")
    finally:
        source.write_text(original)
    assert "Executing notebook" not in output
    assert "the caption has changed" in text_of(specimen.page("en").select_one("figure#fig-waves figcaption"))


def test_one_warning_fails_the_edition(tmp_path):
    """The builder itself, on two books of one page, of which the English one links to a page that is not there."""
    for edition in build_book.EDITIONS:
        (tmp_path / "book" / edition).mkdir(parents=True)
        link = "{doc}`nowhere`" if edition == "en" else ""
        (tmp_path / "book" / edition / "index.md").write_text(f"# A page\n\nSome text. {link}\n")
    (tmp_path / "book/_ext").symlink_to(ROOT / "book/_ext")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    shutil.copy(ROOT / "_config.yml", tmp_path)
    assert build_book.build_editions(tmp_path) == ["en"]
    assert "nowhere" in (tmp_path / "_build/en/build.log").read_text()
