"""The Sphinx plugin: a notebook with live figures becomes pages and shared files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from live_samples import figures

from course_lib.live import MIME
from course_lib.live.bundle import bundle

ROOT = Path(__file__).resolve().parents[2]
CONF = """
import sys
sys.path.insert(0, {ext!r})
extensions = ["myst_nb", "live_figures"]
nb_execution_mode = "off"
exclude_patterns = ["_build"]
html_static_path = [{static!r}]
html_theme = "basic"
language = {language!r}
"""


def notebook(prefix, *outputs) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_markdown_cell("# A page", id="text-01")]
    for number, data in enumerate(outputs):
        shown = nbformat.v4.new_output("execute_result", data, execution_count=1)
        options = {"mystnb": {"figure": {"caption": "A caption.", "name": f"fig-{prefix}-{number}"}}}
        cells.append(nbformat.v4.new_code_cell("figure", id=f"code-{number}", outputs=[shown], metadata=options))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def build(folder: Path, edition: str, *more: str) -> subprocess.CompletedProcess:
    source, target = folder / "book" / edition, folder / "site" / edition
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", *more, str(source), str(target)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Two editions with the same two figures on a page at the top and one of them on a page in a folder."""
    folder = tmp_path_factory.mktemp("plugin")
    one, two = ({MIME: bundle(figure), "text/plain": "words"} for figure in figures()[1:3])
    for edition, language in (("en", "en"), ("zh", "zh_CN")):
        source = folder / "book" / edition
        (source / "part").mkdir(parents=True)
        ext, static = str(ROOT / "book/_ext"), str(ROOT / "book/_ext/static")
        (source / "conf.py").write_text(CONF.format(ext=ext, static=static, language=language), encoding="utf-8")
        nbformat.write(notebook("top", one, two), source / "index.ipynb")
        nbformat.write(notebook("deep", two), source / "part/deep.ipynb")
        (source / "plain.md").write_text("# Plain\n\n```{toctree}\npart/deep\nindex\n```\n", encoding="utf-8")
        (source / "conf.py").write_text((source / "conf.py").read_text() + "root_doc = 'plain'\n", encoding="utf-8")
        made = build(folder, edition)
        assert made.returncode == 0, made.stderr
    return folder


def elements(page: Path) -> list:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").find_all("live-figure")


@pytest.mark.parametrize("edition", ["en", "zh"])
def test_each_figure_is_an_element_with_a_described_poster(built, edition):
    site = built / "site"
    shown = {"index.html": figures()[1:3], "part/deep.html": figures()[2:3]}
    for name, expected in shown.items():
        page = site / edition / name
        found = elements(page)
        assert [element["name"] for element in found] == [figure.name for figure in expected]
        for element, figure in zip(found, expected, strict=True):
            assert element["data-state"] == "poster"
            poster = element.find("img")
            assert poster["alt"] == figure.alt[edition] and (page.parent / poster["src"]).is_file()
            assert (page.parent / element["base"]).resolve() == (site / "shared").resolve()
            spec = json.loads(element.find("script").string)
            needed = [spec["graph"], *spec["weights"], *(name for i in spec["inputs"] for name in i.get("files", []))]
            needed += [output["still"] for output in spec["outputs"] if "still" in output]
            assert all((page.parent / element["base"] / "live" / name).is_file() for name in needed)


def test_editions_and_pages_share_files(built):
    names = [file.name for file in (built / "site/shared/live").iterdir()]
    graphs = [name for name in names if name.endswith(".onnx")]
    assert len(graphs) == 2 and not [name for name in names if name.startswith("tmp")]
    assert all(os.stat(built / "site/shared/live" / name).st_mode & 0o044 for name in names)


def test_captions_stay_and_scripts_are_only_where_needed(built):
    page = BeautifulSoup((built / "site/en/index.html").read_text(encoding="utf-8"), "html.parser")
    assert "A caption." in page.find("figcaption").text
    assert [s for s in page.find_all("script", src=True) if "live-figure.js" in s["src"]]
    assert "live-figure" not in (built / "site/en/plain.html").read_text(encoding="utf-8")


def test_the_search_index_holds_no_json(built):
    index = (built / "site/en/searchindex.js").read_text(encoding="utf-8")
    assert "javascript_off" not in index and "needs_http" not in index


def test_files_come_back_when_the_site_was_deleted(built):
    import shutil

    doctrees = built / "site/zh/.doctrees"
    kept = built / "kept"
    shutil.move(doctrees, kept)
    shutil.rmtree(built / "site/zh")
    shutil.rmtree(built / "site/shared")
    (built / "site/zh").mkdir()
    shutil.move(kept, doctrees)
    assert build(built, "zh").returncode == 0
    assert len([f for f in (built / "site/shared/live").iterdir() if f.suffix == ".onnx"]) == 2


def test_a_label_cannot_end_the_script():
    import live_figures

    made = bundle(figures()[2])
    made["spec"]["title"] = {"en": "</script><b>", "zh": "<!--"}
    html = live_figures.element(made, "en", "")
    assert html.count("</script>") == 1 and "<!--" not in html
    assert json.loads(BeautifulSoup(html, "html.parser").find("script").string)["title"]["en"] == "</script><b>"


def test_an_old_cache_is_refused(tmp_path, built):
    source = tmp_path / "book/en"
    source.mkdir(parents=True)
    (source / "conf.py").write_text((built / "book/en/conf.py").read_text().replace("plain", "index"), encoding="utf-8")
    old = bundle(figures()[2])
    old["spec"]["version"] = 0
    nbformat.write(notebook("old", {MIME: old}), source / "index.ipynb")
    made = build(tmp_path, "en")
    assert made.returncode != 0 and "version 0" in made.stderr
