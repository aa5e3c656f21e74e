"""Two languages: labels of figures, widgets and tables, looked up in the glossary."""

import csv
import functools
import os
import re
from pathlib import Path

LANGUAGES = ("en", "zh")

Label = str | tuple[str, str] | dict[str, str]
"""A glossary key, an (English, Chinese) pair, or a mapping with the keys ``en`` and ``zh``."""


def data_root() -> Path:
    """Folder with weights, glossary and records: inside an installed package, or at the top of a checkout.

    Raises:
        FileNotFoundError: if neither place has it.
    """
    here = Path(__file__).resolve().parent
    for candidate in (here / "_data", here.parent / "data"):
        if (candidate / "glossary.csv").is_file():
            return candidate
    raise FileNotFoundError(
        f"course_lib has no data folder: looked for glossary.csv in {here / '_data'} and {here.parent / 'data'}"
    )


@functools.cache
def glossary() -> dict[str, dict[str, str]]:
    """All terms of the book: key -> {"en": English, "zh": Chinese, "abbr", "chapter", "note"}."""
    with open(data_root() / "glossary.csv", encoding="utf-8", newline="") as file:
        return {row.pop("key"): row for row in csv.DictReader(file)}


def label(text: Label) -> dict[str, str]:
    """Both languages of a label.

    Args:
        text: glossary key, (English, Chinese) pair or {"en": ..., "zh": ...}.

    Returns:
        {"en": ..., "zh": ...}.

    Raises:
        KeyError: if a string is no key of data/glossary.csv.
        TypeError: if ``text`` is none of the three forms.
    """
    if isinstance(text, str):
        if text not in glossary():
            raise KeyError(
                f"label: {text!r} is no key of data/glossary.csv; add it there or give an (English, Chinese) pair"
            )
        return {language: glossary()[text][language] for language in LANGUAGES}
    if isinstance(text, tuple) and len(text) == 2 and all(isinstance(part, str) for part in text):
        return dict(zip(LANGUAGES, text, strict=True))
    if isinstance(text, dict) and set(LANGUAGES) <= set(text):
        return {language: text[language] for language in LANGUAGES}
    raise TypeError(
        f"label: expected a glossary key, an (English, Chinese) pair or a dict with en and zh, got {text!r}"
    )


def language() -> str:
    """Language of the reader, "en" or "zh".

    ``COURSE_LANG`` decides when it is set; otherwise a notebook under a folder named ``zh`` (book/zh, labs/zh) is
    Chinese, and anything else is English.
    """
    chosen = os.environ.get("COURSE_LANG", "")
    if chosen:
        return "zh" if chosen.startswith("zh") else "en"
    # Colab and VS Code may start a kernel elsewhere: only the folder of the running notebook counts.
    place = os.environ.get("JPY_SESSION_NAME") or os.getcwd()
    parts = re.split(r"[\\/]+", place) + re.split(r"[\\/]+", os.getcwd())
    return "zh" if "zh" in parts else "en"


def say(text: Label) -> str:
    """A label in the reader's language."""
    return label(text)[language()]
