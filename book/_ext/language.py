"""The edition's language: found from the folder that is built, and set in Sphinx before anything else asks for it."""

from gettext import NullTranslations
from pathlib import Path

import sphinx.locale
from sphinx.application import Sphinx
from sphinx.config import Config

EDITIONS = ("en", "zh")
SPHINX_LANGUAGE = {"en": "en", "zh": "zh_CN"}
TITLE = {"en": "Seeing Faces", "zh": "看懂人脸"}
AUTHOR = {"en": "The Seeing Faces authors", "zh": "《看懂人脸》编写组"}
CODE_PROMPTS = {"en": ("Show {type}", "Hide {type}"), "zh": ("展开代码", "收起代码")}
SEARCH_BAR = {"en": "Search this book", "zh": "搜索全书"}

# What Sphinx, the theme and the extensions do not translate themselves, or translate in another way than the book.
CHINESE = {
    "© Copyright %(copyright)s.": "© %(copyright)s",
    "Back to top": "返回顶部",
    "By": "作者：",
    "Click to hide": "点击收起",
    "Click to show": "点击展开",
    "Color mode": "颜色模式",
    "Contents": "本页内容",
    "Dark": "深色",
    "Download notebook file": "下载笔记本文件",
    "Download source file": "下载源文件",
    "Download this page": "下载本页",
    "Exercise": "练习",
    "Expand navigation": "展开目录",
    "Fullscreen mode": "全屏",
    "Hide Search Matches": "隐藏搜索结果高亮",
    "Launch interactive content": "运行本页代码",
    "Launch on": "打开于",
    "Light": "浅色",
    "Link to this code": "指向此段代码的链接",
    "Link to this definition": "指向此定义的链接",
    "Link to this equation": "指向此公式的链接",
    "Link to this heading": "指向本节的链接",
    "Link to this image": "指向此图的链接",
    "Link to this table": "指向此表的链接",
    "Link to this term": "指向此术语的链接",
    "Main": "全书目录",
    "Navigation": "导航",
    "Note": "说明",
    "On this page": "本页内容",
    "Page": "本页",
    "Print to PDF": "打印或存为 PDF",
    "Repository": "代码仓库",
    "Search": "搜索",
    "Skip to main content": "跳到正文",
    "Solution": "参考答案",
    "Solution to": "参考答案：",
    "Source repository": "代码仓库",
    "See also": "另见",
    "System Settings": "跟随系统",
    "Tip": "提示",
    "Toggle in-page Table of Contents": "显示或隐藏本页内容",
    "Toggle primary sidebar": "显示或隐藏全书目录",
    "Toggle secondary sidebar": "显示或隐藏本页内容",
    "next page": "下一页",
    "previous page": "上一页",
}
CATALOGS = ("sphinx", "booktheme", "exercise", "togglebutton")


class Words(NullTranslations):
    """A message catalog from a dictionary; what it lacks, the catalogs that are added later translate."""

    def __init__(self, words: dict[str, str]):
        super().__init__()
        self.words = words

    def gettext(self, message: str) -> str:
        """The translated message; the message itself if nobody knows it."""
        return self.words.get(message) or super().gettext(message)


def edition_of(source: Path) -> str:
    """``en`` or ``zh``: the name of the folder that is built.

    Raises:
        ValueError: if the folder is neither.
    """
    if source.name not in EDITIONS:
        raise ValueError(f"build book/en or book/zh; {source} is the source of neither edition")
    return source.name


def split_caption(caption: str, edition: str) -> str:
    """One language of a caption of _toc.yml, which reads "English | Chinese".

    Raises:
        ValueError: if the caption does not have two parts.
    """
    parts = [part.strip() for part in caption.split("|")]
    if len(parts) != 2 or not all(parts):
        raise ValueError(f"_toc.yml: the caption {caption!r} should read 'English | Chinese'")
    return parts[EDITIONS.index(edition)]


def set_language(app: Sphinx, edition: str) -> None:
    """Switches Sphinx itself and all message catalogs to the language of the edition."""
    app.config.language = SPHINX_LANGUAGE[edition]
    if edition == "zh":
        # Sphinx has loaded English words by now: forget them, put ours first, and load its Chinese ones behind.
        for catalog in CATALOGS:
            sphinx.locale.translators["general", catalog] = Words(CHINESE)
    app._init_i18n()


def set_titles(app: Sphinx, config: Config) -> None:
    """Titles, and the captions of the table of contents, in the language of the edition."""
    edition = edition_of(app.srcdir)
    config.project = config.html_title = TITLE[edition]
    config.html_short_title = TITLE[edition]
    config.author = AUTHOR[edition]
    config.nb_code_prompt_show, config.nb_code_prompt_hide = CODE_PROMPTS[edition]
    for document in config.external_site_map.values():
        for tree in document.subtrees:
            if tree.caption:
                tree.caption = split_caption(tree.caption, edition)


def setup(app: Sphinx) -> dict:
    set_language(app, edition_of(app.srcdir))
    app.connect("config-inited", set_titles, priority=950)  # after sphinx_external_toc has read _toc.yml
    return {"parallel_read_safe": True, "parallel_write_safe": True}
