"""The parts of the Sphinx extension that can be tried without a build."""

import json
import xml.etree.ElementTree
from pathlib import Path
from urllib.parse import unquote

import anchors
import execution
import icons
import jieba
import language
import numbering
import plotly_offline
import pytest
import search_words
import web_pictures
from PIL import Image
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[2]


def test_edition_is_the_name_of_the_folder():
    assert language.edition_of(Path("/somewhere/book/zh")) == "zh"
    with pytest.raises(ValueError, match="book/en or book/zh"):
        language.edition_of(Path("/somewhere/book"))


def test_caption_is_split_by_language():
    assert language.split_caption("Appendix | 附录", "en") == "Appendix"
    assert language.split_caption("Appendix | 附录", "zh") == "附录"
    for bad in ("Appendix", "a | b | c", "Appendix |"):
        with pytest.raises(ValueError, match=r"English \| Chinese"):
            language.split_caption(bad, "en")


def test_our_words_come_before_those_of_other_catalogs():
    words = language.Words({"Note": "说明"})
    other = language.Words({"Note": "备注", "Figure": "图"})
    words.add_fallback(other)
    assert [words.gettext(word) for word in ("Note", "Figure", "Table")] == ["说明", "图", "Table"]


def test_every_page_of_the_table_of_contents_exists_in_both_languages():
    for edition in language.EDITIONS:
        for name in parse_toc_yaml(ROOT / "_toc.yml"):
            found = [suffix for suffix in (".md", ".ipynb") if (ROOT / "book" / edition / (name + suffix)).is_file()]
            assert len(found) == 1, f"{edition}/{name} has {found or 'no source'}"


def test_only_pages_are_numbered(tmp_path):
    toc = tmp_path / "_toc.yml"
    toc.write_text(
        "format: jb-book\nroot: index\nparts:\n- chapters: [{file: how-to-use}]\n- numbered: 2\n  chapters:\n"
        "  - file: quality/index\n    sections: [{file: quality/blur}, {file: quality/light}]\n  - file: detection/index\n"
    )
    assert numbering.page_numbers(parse_toc_yaml(toc)) == {
        "quality/index": (1,),
        "quality/blur": (1, 1),
        "quality/light": (1, 2),
        "detection/index": (3,),  # as in the document, though aesthetics is missing here
    }


def test_a_kernel_whose_port_was_taken_starts_again():
    answers = [RuntimeError("Kernel died before replying to kernel_info"), "done"]

    def run(*args):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert execution.start_again(run)("notebook") == "done"
    answers[:] = [RuntimeError("Kernel died before replying to kernel_info")] * 3
    with pytest.raises(RuntimeError, match="before replying"):
        execution.start_again(run)("notebook")
    answers[:] = [RuntimeError("something else")]
    with pytest.raises(RuntimeError, match="something else"):
        execution.start_again(run)("notebook")


def test_headings_outside_of_code_and_boxes_only():
    text = "# One\n```python\n# comment\n```\n## Two `code`\n:::{note}\n## inside\n:::\n"
    text += "````{exercise}\n```py\n# no\n```\n````\n### Three #\n"
    assert anchors.headings(text) == ["One", "Two `code`", "Three"]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("The noise trap", "the-noise-trap"),
        ("What `tenengrad` sees", "what-tenengrad-sees"),
        ("A [link](page.md) and {cite}`keys1981`", "a-link-and-keys1981"),
        ("1.2 Numbers", "numbers"),
    ],
)
def test_anchor_of_a_heading(heading, expected):
    assert anchors.slug(heading) == expected


def test_markdown_of_a_notebook_leaves_out_its_code(tmp_path):
    cells = [("markdown", ["# A\n", "text"]), ("code", ["# no heading"]), ("markdown", ["## B"])]
    page = tmp_path / "page.ipynb"
    page.write_text(json.dumps({"cells": [{"cell_type": kind, "source": source} for kind, source in cells]}))
    assert anchors.headings(anchors.markdown_of(page)) == ["A", "B"]


def test_search_knows_the_glossary():
    words = search_words.glossary_words()
    assert "人脸识别" in words and "图像质量" in "".join(words)
    assert all(len(word) > 1 and search_words.CHINESE_RUN.fullmatch(word) for word in words)
    search_words.teach(words)
    assert "人脸识别" in list(jieba.cut("用于人脸识别的图像"))


def test_chinese_text_is_indexed_by_its_words_and_english_terms():
    cutter = search_words.ChineseAndEnglish({})
    found = cutter.split("图像模糊（blur）时，人脸识别的分数下降")
    assert {"模糊", "blur", "人脸", "识别", "人脸识别"} <= set(found)


def test_icons_are_drawings_of_the_right_kind():
    sheet = icons.style_sheet(icons.SCRIPT.read_text(encoding="utf-8"))
    assert len(sheet) < 40_000 and "CC BY 4.0" in sheet
    for name in icons.NAMES:
        assert f".fa-{name}{{" in sheet
    drawing = sheet.split('--icon-magnifying-glass:url("data:image/svg+xml,')[1].split('"')[0]
    assert xml.etree.ElementTree.fromstring(unquote(drawing)).get("viewBox") == "0 0 512 512"
    with pytest.raises(KeyError, match="no-such-icon"):
        icons.shape("no-such-icon", icons.SCRIPT.read_text(encoding="utf-8"))


def test_theme_sheet_keeps_no_font():
    original = (icons.THEME / "styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")
    assert "fa-solid-900.woff2" in original and ".fa-sun:before" in original
    left = icons.without_fonts(original)
    assert "woff2" not in left and ".fa-sun:before" not in left and len(left) > 250_000


def test_plotly_figure_carries_its_description_and_escapes_its_data():
    content = {"data": [{"name": "</script><b>"}], "layout": {"height": 300, "template": {"data": {}}}, "config": {}}
    text = plotly_offline.figure_html(content, 'A "curve" & more', "zh")
    assert text.count("</script>") == 1 and "template" not in text
    assert 'aria-label="A &quot;curve&quot; &amp; more"' in text and "绘制此图" in text and "300px" in text


@pytest.fixture
def outputs(tmp_path):
    """Two outputs of cells: a flat drawing, and noise that no lossless code makes small."""
    names = {kind: f"{kind * 64}.png" for kind in "ab"}
    flat = Image.new("RGB", (320, 200), "white")
    flat.paste("navy", (40, 40, 90, 120))
    flat.save(tmp_path / names["a"])
    Image.effect_noise((400, 400), 60).convert("RGB").save(tmp_path / names["b"])
    return {name: tmp_path / name for name in names.values()}


def test_outputs_become_small_webp_with_their_size(outputs, tmp_path):
    body = "".join(f'<p><img alt="{name[0]} of some height" src="../_images/{name}" /></p>' for name in outputs)
    improved = web_pictures.improve(body, outputs, tmp_path / "site")
    assert improved.count('loading="lazy"') == 2 and ".png" not in improved
    assert (
        'alt="a of some height" src="../_images/' + "a" * 64 + '.webp"' in improved
        and 'width="320" height="200"' in improved
    )
    flat, noise = (tmp_path / "site" / f"{kind * 64}.webp" for kind in "ab")
    original = outputs["a" * 64 + ".png"]
    assert Image.open(flat).convert("RGB").tobytes() == Image.open(original).tobytes()  # lossless
    assert noise.stat().st_size < outputs["b" * 64 + ".png"].stat().st_size / 1.5


def test_other_pictures_are_left_as_they_are(outputs, tmp_path):
    for body in (
        '<img class="lf-poster" src="../_images/x.png">',
        '<img loading="eager" src="_images/x.png">',
        '<img src="https://example.org/x.png">',
        '<img src="_images/unknown.png">',
    ):
        assert web_pictures.improve(body, outputs, tmp_path) == body
