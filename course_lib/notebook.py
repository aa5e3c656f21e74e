"""What a page needs around its figures: shown source, fonts that know Chinese, one Plotly style."""

import inspect
from collections.abc import Callable

from IPython.display import Markdown

from course_lib.source import wrap_docstrings


def show_source(*functions: Callable) -> Markdown:
    """The code of ``functions`` as it stands in course_lib, as a highlighted block; text of docstrings is wrapped.

    Args:
        functions: functions or classes defined in Python files.

    Returns:
        Markdown with one Python block, which Jupyter and the website both render.
    """
    blocks = [wrap_docstrings(inspect.getsource(inspect.unwrap(function))) for function in functions]
    return Markdown("```python\n" + "\n\n\n".join(blocks) + "\n```")


def use_style() -> None:
    """Matplotlib and Plotly defaults of the book: CJK-capable fonts, quiet axes, transparent paper."""
    import matplotlib
    import plotly.io

    matplotlib.rcParams.update(
        {
            "font.family": "sans-serif",
            "font.sans-serif": ["Noto Sans CJK SC", "Noto Sans CJK JP", "DejaVu Sans"],
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.unicode_minus": False,
            "axes.grid": True,
            "grid.alpha": 0.25,
            "figure.dpi": 110,
            "savefig.bbox": "tight",
        }
    )
    plotly.io.templates.default = "plotly_white"
