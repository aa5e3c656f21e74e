"""What the labs' widgets share: CSS classes in one expression, scripts put together from their files."""

from pathlib import Path

import ipywidgets


def styled(widget: ipywidgets.Widget, *classes: str) -> ipywidgets.Widget:
    """The widget with CSS classes."""
    for name in classes:
        widget.add_class(name)
    return widget


def script(*files: str) -> str:
    """The JavaScript files of this folder, one after the other, as the one module that an anywidget takes."""
    return "\n".join((Path(__file__).parent / file).read_text(encoding="utf-8") for file in files)
