"""Tables of the appendix: complete, escaped, and honest about gaps."""

import json
from types import SimpleNamespace

import pytest

from course_lib import reports

ROW = {
    "what": "quality.sharpness.tenengrad",
    "against": "A < B",
    "cases": 3,
    "difference": 2e-7,
    "tolerance": 0.01,
    "note": "",
    "test": "t",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(reports, "data_root", lambda: tmp_path)
    (tmp_path / "checks.json").write_text(json.dumps([ROW, ROW | {"what": "images.luma"}]))
    return tmp_path


def test_checks_are_chosen_by_prefix(folder):
    assert [row["what"] for row in reports.checks("quality.")] == ["quality.sharpness.tenengrad"]
    (folder / "checks.json").unlink()
    assert reports.checks() == []


def test_a_benchmark_that_is_not_there_is_named(folder):
    with pytest.raises(FileNotFoundError, match="quality-cpu"):
        reports.benchmarks("quality-cpu")
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "quality-cpu.json").write_text('{"cores": 2}')
    assert reports.benchmarks("quality-cpu") == {"cores": 2}


def test_the_table_escapes_text_and_shows_measures_that_nothing_covers():
    measures = [
        SimpleNamespace(name=name, label={"en": name.title(), "zh": "度量"}) for name in ("tenengrad", "brenner")
    ]
    html = reports.html_table([ROW], measures)._repr_html_()
    assert "A &lt; B" in html and "2.0e-07" in html and "Tenengrad" in html
    assert "<code>brenner</code>" in html and "not compared" in html
