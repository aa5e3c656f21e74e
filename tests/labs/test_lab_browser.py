"""The harness itself, and that every lab runs without a browser too."""

import subprocess
import sys
from pathlib import Path

import pytest
from lab_browser import chromium_path, wait_until

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_browser_fails_in_ci_and_skips_elsewhere(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no Chromium: apt-get install chromium"):
        chromium_path()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception):
        chromium_path()


def test_waiting_has_an_end_and_says_for_what(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("the reason")
    with pytest.raises(AssertionError, match=r"nothing came after 0\.1 s\nthe reason"):
        wait_until(lambda: False, 0.1, "nothing came", log)


@pytest.mark.slow
def test_every_lab_runs_from_top_to_bottom():
    labs = sorted(str(path) for path in ROOT.glob("labs/??/*.ipynb"))
    command = [sys.executable, "-m", "pytest", "-q", "--nbmake", "--confcutdir", str(ROOT / "labs"), *labs]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-5000:]
    assert f"{len(labs)} passed" in result.stdout
