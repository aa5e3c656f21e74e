"""Source code as a page shows it: the code unchanged, the text of docstrings wrapped to the column."""

import ast
import re
import textwrap
from collections.abc import Iterator

COLUMN = 84
"""Characters that fit beside each other in a page's column."""

ENTRY = re.compile(r"[\w*]+(, [\w*]+)*: \S")  # "name: what it is" or "one, other: what they are", as under Args


def wrap_docstrings(source: str, width: int = COLUMN) -> str:
    """The same code with each paragraph of a docstring that is wider than ``width`` wrapped to it.

    Args:
        source: Python code, as ``inspect.getsource`` gives it (it may be indented).
        width: characters in a line, indentation included.

    Returns:
        Code with the same tokens outside of docstrings, and the same words inside them.
    """
    lines = source.splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    for first, last in sorted(_docstrings(textwrap.dedent(source)), reverse=True):
        inside = lines[first - 1 : last]
        lines[first - 1 : last] = [line for part in _paragraphs(inside) for line in _wrapped(part, width + indent)]
    return "\n".join(lines)


def _docstrings(source: str) -> Iterator[tuple[int, int]]:
    """First and last line of each docstring."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            yield node.body[0].lineno, node.body[0].end_lineno or node.body[0].lineno


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _paragraphs(lines: list[str]) -> Iterator[list[str]]:
    """Lines that belong together: an entry with its indented continuation, or neighbours at one depth."""
    part: list[str] = []
    for line in lines:
        text = line.strip()
        goes_on = (
            part
            and text
            and part[-1].strip()
            and text != '"""'
            and not part[-1].rstrip().endswith((":", "::"))
            and (
                (_indent(line) == _indent(part[-1]) and not ENTRY.match(text))
                or (_indent(line) == _indent(part[0]) + 4 and ENTRY.match(part[0].strip()))
            )
        )
        if not goes_on and part:
            yield part
            part = []
        part.append(line)
    yield part


def _wrapped(part: list[str], width: int) -> list[str]:
    """The paragraph, wrapped if a line of it is too wide."""
    if max(map(len, part)) <= width:
        return part
    start = " " * _indent(part[0])
    hanging = start + ("    " if ENTRY.match(part[0].strip()) else "")
    text = " ".join(line.strip() for line in part)
    return textwrap.wrap(
        text, width, initial_indent=start, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )
