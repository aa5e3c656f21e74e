"""What all tests share: shape checking on every call, devices, and the rows of the book's checks page."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Every call of course_lib in every test checks the shapes and types written in its signature.
with install_import_hook("course_lib", "beartype.beartype"):
    # The hook stays in sys.meta_path only inside this block, so import what the tests use here.
    import importlib
    import pkgutil

    import course_lib

    for module in pkgutil.walk_packages(course_lib.__path__, "course_lib."):
        importlib.import_module(module.name)

import torch

torch.set_num_threads(min(2, os.cpu_count() or 1))
settings.register_profile("course", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("course")

DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
ROWS: list[dict] = []


def pytest_addoption(parser):
    parser.addoption("--record-checks", default=None, help="write the rows of the book's checks page to this JSON file")


@pytest.fixture(params=DEVICES)
def device(request) -> torch.device:
    """Each device of this machine: the CPU, and CUDA where there is one."""
    return torch.device(request.param)


@pytest.fixture
def record_check(request):
    """Asserts that a difference from something we did not write is small, and keeps the row for the checks page."""

    def record(what: str, against: str, cases: int, difference: float, tolerance: float, note: str = "") -> None:
        row = {
            "what": what,
            "against": against,
            "cases": int(cases),
            "difference": float(difference),
            "tolerance": float(tolerance),
        }
        ROWS.append(row | {"note": note, "test": request.node.nodeid.split("[")[0]})
        assert difference <= tolerance, f"{what} differs from {against} by {difference:.3g}, allowed {tolerance:.3g}"

    return record


def pytest_sessionfinish(session):
    target = session.config.getoption("--record-checks")
    workers = getattr(session.config, "workerinput", None)
    if not target:
        return
    if workers is not None:  # under pytest-xdist each worker hands its rows to the controller
        workers_output = session.config.workeroutput
        workers_output["check_rows"] = json.dumps(ROWS)
        return
    rows = sorted(ROWS, key=lambda row: (row["what"], row["against"], row["test"]))
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a browser test that is skipped has not watched anything: it fails."""
    outcome = yield
    report = outcome.get_result()
    if (
        os.environ.get("CI")
        and report.skipped
        and item.get_closest_marker("browser")
        and not hasattr(report, "wasxfail")
    ):
        report.outcome = "failed"
        report.longrepr = f"a browser test may not be skipped in CI: {report.longrepr}"


def pytest_testnodedown(node, error):
    ROWS.extend(json.loads(getattr(node, "workeroutput", {}).get("check_rows", "[]")))
