"""The commands of `make check` that others wrote, each seen to fail on a tiny project with this project's settings."""

import importlib.util
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sysconfig.get_path("scripts"))
LAYERS = ("cli", "bench", "widgets", "live", "training", "quality", "data", "degrade", "geometry", "images")
GOOD = '"""One value."""\n\nVALUE: int = 1\n'
COMMANDS = {
    "ruff check .": '"""One value."""\n\nimport os\n\nVALUE: int = 1\n',
    "ruff format --check .": '"""One value."""\n\nVALUE: int   =  1\n',
    "mypy": '"""One value."""\n\nVALUE: int = "one"\n',
    "lint-imports --no-cache": '"""One value."""\n\nfrom course_lib.quality import VALUE\n\n__all__ = ["VALUE"]\n',
}


@pytest.fixture
def project(tmp_path):
    """A package with the layers of course_lib and one line in each."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for layer in LAYERS:
        (tmp_path / "course_lib" / layer).mkdir(parents=True)
        (tmp_path / "course_lib" / layer / "__init__.py").write_text(GOOD)
    (tmp_path / "course_lib" / "__init__.py").write_text('"""A package."""\n')
    return tmp_path


def run(command: str, project: Path) -> subprocess.CompletedProcess:
    name, *options = command.split()
    env = {"PYTHONPATH": str(project), "PATH": str(BIN), "HOME": str(project)}
    return subprocess.run([BIN / name, *options], cwd=project, env=env, capture_output=True, text=True)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_each_command_of_make_check_passes_good_code_and_fails_bad_code(project, command):
    assert re.search(rf"^\t\$\(VENV\)/bin/{re.escape(command)}$", (ROOT / "Makefile").read_text(), re.M)
    passed = run(command, project)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    (project / "course_lib/images/__init__.py").write_text(COMMANDS[command])
    failed = run(command, project)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "images" in failed.stdout + failed.stderr


@pytest.mark.parametrize(
    ("ci", "marked", "outcome"), [("1", True, "failed"), ("1", False, "skipped"), ("", True, "skipped")]
)
def test_a_skipped_browser_test_fails_in_ci_only(monkeypatch, ci, marked, outcome):
    monkeypatch.setenv("CI", ci)
    spec = importlib.util.spec_from_file_location("conftest_of_all", ROOT / "tests/conftest.py")
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    report = SimpleNamespace(skipped=True, outcome="skipped", longrepr="no Chromium")
    item = SimpleNamespace(get_closest_marker=lambda name: marked and name == "browser")
    hook = conftest.pytest_runtest_makereport(item, None)
    next(hook)
    with pytest.raises(StopIteration):
        hook.send(SimpleNamespace(get_result=lambda: report))
    assert report.outcome == outcome
