"""Code as pages show it: nothing but line breaks in docstrings may differ."""

import ast
import inspect

import pytest

from course_lib import degrade, source
from course_lib.quality import light, sharpness
from course_lib.recognition import margins, verification


def _functions():
    for module in (degrade, light, sharpness, margins, verification):
        yield from (f for _, f in inspect.getmembers(module, inspect.isfunction) if f.__module__ == module.__name__)


def _words(tree):
    """The syntax tree with each docstring as the list of its words."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = " ".join(node.value.split())
    return ast.dump(tree)


@pytest.mark.parametrize("function", list(_functions()), ids=lambda f: f.__qualname__)
def test_only_line_breaks_of_docstrings_change(function):
    before = inspect.getsource(inspect.unwrap(function))
    after = source.wrap_docstrings(before, 60)
    assert _words(ast.parse(before)) == _words(ast.parse(after))


def test_an_entry_is_wrapped_with_its_continuation():
    code = 'def f(a):\n    """One.\n\n    Args:\n        a: some words that go on\n            and on.\n    """\n    return a'
    assert source.wrap_docstrings(code, 26).splitlines()[4:8] == [
        "        a: some words that",
        "            go on and on.",
        '    """',
        "    return a",
    ]


def test_what_fits_stays_as_it_is():
    code = 'def f(a):\n    """One.\n\n    x = 1\n    y = 2\n    """\n    return a'
    assert source.wrap_docstrings(code, 40) == code
