"""Running the pages' code: the kernels' environment, what the cache goes by, and the time that each page took."""

import json
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import myst_nb.core.execute.cache
from jupyter_cache.cache.main import JupyterCacheBase
from jupyter_cache.executors.utils import single_nb_execution
from language import edition_of
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]


def set_environment(edition: str) -> None:
    """What kernels inherit: the language, that a website is built, and where course_lib is."""
    os.environ["COURSE_SITE"] = "1"
    os.environ["COURSE_LANG"] = edition
    paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))


def know_pages_by_their_code() -> None:
    """Lets the cache ignore captions and alt texts, which jupyter-cache counts as part of the code.

    They are metadata of cells. A page whose caption has changed does not run again, and shows its own caption rather
    than the one that was stored. Tags stay part of the code: they can say that a cell is skipped or may fail.
    """
    hashed, merged = JupyterCacheBase.create_hashed_notebook, JupyterCacheBase.merge_match_into_notebook

    def create_hashed_notebook(self, nb, nb_metadata=("kernelspec",), cell_metadata=("tags",)):
        return hashed(self, nb, nb_metadata, cell_metadata)

    def merge_match_into_notebook(self, nb, nb_meta=("kernelspec", "language_info", "widgets"), cell_meta=()):
        return merged(self, nb, nb_meta, cell_meta)

    JupyterCacheBase.create_hashed_notebook = create_hashed_notebook
    JupyterCacheBase.merge_match_into_notebook = merge_match_into_notebook


def start_again(run: Callable[..., Any], attempts: int = 3) -> Callable[..., Any]:
    """Running a notebook, begun anew if its kernel died before the first cell.

    A kernel is told which ports to use before it opens them. With two editions built side by side another kernel may
    have taken one by then; the second attempt gets other ports.
    """

    @wraps(run)
    def run_until_started(*args, **kwargs):
        for attempt in range(1, attempts + 1):
            try:
                return run(*args, **kwargs)
            except RuntimeError as error:
                if "before replying" not in str(error) or attempt == attempts:
                    raise

    return run_until_started


def execution_seconds(app: Sphinx) -> dict[str, float]:
    """Seconds that each page with code took when it last ran."""
    data = {name: page.get("exec_data") for name, page in NbMetadataCollector.get_doc_data(app.env).items()}
    return {
        name: round(run["runtime"], 3) for name, run in sorted(data.items()) if run and run.get("runtime") is not None
    }


def write_report(app: Sphinx, exception: Exception | None) -> None:
    """Writes execution.json beside the folder of the built edition: page -> seconds."""
    if exception is None and app.builder.name == "html":
        target = Path(app.outdir).parents[1] / "execution.json"
        target.write_text(json.dumps(execution_seconds(app), indent=1) + "\n", encoding="utf-8")


def setup(app: Sphinx) -> dict:
    set_environment(edition_of(app.srcdir))
    know_pages_by_their_code()
    myst_nb.core.execute.cache.single_nb_execution = start_again(single_nb_execution)
    app.connect("build-finished", write_report)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
