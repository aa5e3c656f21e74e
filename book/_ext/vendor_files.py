"""Files of other projects that the site serves itself, once for both editions: MathJax, onnxruntime-web, Plotly."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "node_modules"
MATHJAX = "mathjax/tex-chtml.js"
SHARED = "../shared/vendor"  # from the root of an edition
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")  # of 139 MB, all we need


def sources() -> dict[str, Path]:
    """Target name below shared/vendor -> file or folder to copy."""
    plotly = importlib.util.find_spec("plotly")
    assert plotly is not None and plotly.origin is not None
    mathjax, runtime = MODULES / "mathjax/es5", MODULES / "onnxruntime-web/dist"
    return {
        MATHJAX: mathjax / "tex-chtml.js",
        "mathjax/output/chtml/fonts/woff-v2": mathjax / "output/chtml/fonts/woff-v2",
        "mathjax/input/tex/extensions": mathjax / "input/tex/extensions",  # loaded when a formula needs one
        "plotly.min.js": Path(plotly.origin).parent / "package_data/plotly.min.js",  # always fits the Python side
        **{name: runtime / name for name in RUNTIME},
    }


def publish(target: Path) -> None:
    """Copies all vendor files below ``target``, leaving alone what is already there."""
    files = sources()
    if not all(source.exists() for source in files.values()):
        subprocess.run([sys.executable, str(ROOT / "tools/vendor.py")], check=True)
    for name, source in files.items():
        for file in [source] if source.is_file() else sorted(source.iterdir()):
            copy = target / name if source.is_file() else target / name / file.name
            if not copy.is_file() or copy.stat().st_size != file.stat().st_size:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)


def shared_folder(app: Sphinx) -> Path:
    """Where this build puts what both editions share: beside the edition's folder."""
    return (Path(app.outdir) / SHARED).resolve()


def set_paths(app: Sphinx, config: Config) -> None:
    """Tells Sphinx where MathJax is; it is loaded only by pages that have formulas."""
    config.mathjax_path = f"../{SHARED}/{MATHJAX}"  # Sphinx counts from _static
    config.mathjax_options = {"defer": "defer"}


def publish_for(app: Sphinx) -> None:
    if app.builder.format == "html":
        publish(shared_folder(app))


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", set_paths)
    app.connect("builder-inited", publish_for)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
