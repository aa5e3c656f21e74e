"""Set-up of a Colab runtime: what the course needs and Colab lacks, the notebook's folder, the reader's language.

The first cell of every page and lab clones the repository and calls ``set_up``. This module imports the standard
library only, because nothing else is certain to be installed when it runs.
"""

import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from importlib.metadata import distributions
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
"""The checkout that this file belongs to."""

UNTOUCHED = ("torch", "numpy")
"""Colab brings these in builds that fit its GPU and each other: they are never installed, upgraded or downgraded."""

IMPORT_NAMES = {
    "opencv-python": "cv2",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
}
"""Import names of the packages whose name on PyPI is another one."""


def requirements(home: Path = HOME) -> list[str]:
    """Requirements of the pages and labs, with lower bounds only, from the course's pyproject.toml.

    Args:
        home: folder of the checkout.

    Returns:
        Requirement strings such as ``"jaxtyping>=0.2.34"``: the package's own and those of its training extra, which
        pages that train something import.
    """
    project = tomllib.loads((home / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["training"]]


def missing(wanted: Iterable[str], installed: Callable[[str], bool] | None = None) -> list[str]:
    """Requirements whose module cannot be imported; nothing is imported to find out.

    Args:
        wanted: requirement strings.
        installed: says of an import name whether it is there; by default it asks Python's import system.

    Returns:
        The missing ones, in the order given.

    Raises:
        RuntimeError: if torch or numpy is missing, which course_lib leaves to the runtime.
    """
    installed = installed or (lambda module: importlib.util.find_spec(module) is not None)
    lacking = []
    for requirement in wanted:
        name = re.match(r"[\w.-]+", requirement)[0].lower()  # type: ignore[index]
        if installed(IMPORT_NAMES.get(name, name.replace("-", "_"))):
            continue
        if name in UNTOUCHED:
            raise RuntimeError(
                f"{name} is missing: this is no standard Colab runtime. Choose Runtime > Change runtime type, Python 3."
            )
        lacking.append(requirement)
    return lacking


def constraints() -> list[str]:
    """Lines ``name==version`` of everything installed, so that pip may add packages but change none."""
    lines = set()
    for distribution in distributions():
        name, version = distribution.metadata["Name"], distribution.version
        # pip refuses the whole file for one version that PEP 440 does not know; some system packages have such.
        if name and re.fullmatch(r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[\w.]+)?", version or ""):
            lines.add(f"{name}=={version}")
    return sorted(lines)


def install(packages: list[str]) -> None:
    """Add packages with pip under the constraint that every installed version stays as it is.

    Args:
        packages: requirement strings; an empty list does nothing.

    Raises:
        RuntimeError: if pip fails; the message carries what pip said.
    """
    if not packages:
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "constraints.txt")
        file.write_text("\n".join(constraints()) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(file), *packages]
        result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"pip could not install {', '.join(packages)}:\n{result.stderr or result.stdout}")
    importlib.invalidate_caches()


def notebook_path(sources: list[str], home: Path = HOME) -> Path | None:
    """The notebook of the checkout that has most cells in common with the one that is open.

    Colab does not tell a kernel which file it runs, but it hands out the open notebook's cells.

    Args:
        sources: text of each cell of the open notebook.
        home: folder of the checkout.

    Returns:
        Path of the notebook, or None if no text cell agrees.
    """
    best, best_score = None, 0
    for path in sorted([*home.glob("book/??/**/*.ipynb"), *home.glob("labs/??/*.ipynb")]):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        # Code cells are the same in both languages: only the prose tells the two editions apart.
        texts = {"".join(cell["source"]).strip() for cell in cells if cell["cell_type"] == "markdown"}
        score = len(texts & {source.strip() for source in sources})
        if score > best_score:
            best, best_score = path, score
    return best


def open_cells() -> list[str]:
    """Text of each cell of the notebook that is open in Colab; empty if Colab does not answer."""
    try:
        from google.colab import _message

        answer = _message.blocking_request("get_ipynb", timeout_sec=10)
        return ["".join(cell["source"]) for cell in answer["ipynb"]["cells"]]
    except Exception:  # a private interface: whatever it does, the course goes on in English
        return []


def add_chinese_font() -> None:
    """Give Matplotlib a font with Chinese characters, by apt, unless there is one."""
    if not shutil.which("fc-list") or subprocess.run(["fc-list", ":lang=zh"], capture_output=True).stdout.strip():
        return
    result = subprocess.run(["apt-get", "install", "-y", "-qq", "fonts-noto-cjk"], capture_output=True)
    if result.returncode:
        print("没有找到中文字体，图中的汉字可能显示为方框。")
        return
    from matplotlib import font_manager

    for path in Path("/usr/share/fonts").rglob("NotoSansCJK-Regular*"):
        font_manager.fontManager.addfont(str(path))


def set_up() -> None:
    """Prepare a Colab runtime: packages, import path, notebook folder, language, custom widgets.

    Raises:
        RuntimeError: if torch or numpy is missing, or if pip fails.
    """
    if str(HOME) not in sys.path:
        sys.path.insert(0, str(HOME))
    install(missing(requirements()))
    path = notebook_path(open_cells())
    os.chdir(path.parent if path else HOME / "labs" / "en")
    os.environ["COURSE_LANG"] = "zh" if path and "zh" in path.relative_to(HOME).parts else "en"
    if os.environ["COURSE_LANG"] == "zh":
        add_chinese_font()
    from google.colab import output

    output.enable_custom_widget_manager()  # the camera is a custom widget
