"""Search in the Chinese edition: words cut by jieba, which learns the book's terms from the glossary first.

Without jieba Sphinx indexes no Chinese at all, and says nothing; here the import fails loudly.
"""

import csv
import logging
import re
from collections.abc import Iterable
from pathlib import Path

import jieba
from sphinx.application import Sphinx
from sphinx.search.zh import SearchChinese

GLOSSARY = Path(__file__).resolve().parents[2] / "data" / "glossary.csv"
CHINESE_RUN = re.compile(r"[\u3400-\u9fff]+")


def glossary_words(file: Path = GLOSSARY) -> list[str]:
    """Chinese words of the glossary's terms, without duplicates: "AVA 美学数据集" gives 美学数据集."""
    with open(file, encoding="utf-8", newline="") as table:
        runs = (run for row in csv.DictReader(table) for run in CHINESE_RUN.findall(row["zh"]))
        return list(dict.fromkeys(run for run in runs if len(run) > 1))


def teach(words: Iterable[str]) -> None:
    """Makes jieba keep these words whole (their parts stay searchable)."""
    jieba.setLogLevel(logging.WARNING)
    for word in words:
        jieba.add_word(word)


class ChineseAndEnglish(SearchChinese):
    """Index words for Chinese text with English terms in it.

    The browser has no dictionary, so a query is cut into the longest words that the index knows (search-words.js).
    """

    lang = "zh_CN"
    language_name = "Chinese"
    js_splitter_code = (Path(__file__).parent / "static" / "search-words.js").read_text(encoding="utf-8")

    def init(self, options: dict[str, str]) -> None:
        """Loads the glossary's words."""
        super().init(options)
        teach(glossary_words())


def setup(app: Sphinx) -> dict:
    app.add_search_language(ChineseAndEnglish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
