"""Cards as tables: complete, escaped, intervals beside their values."""

import hashlib
import json

import pytest

from course_lib import model_cards

CARD = {
    "name": "tiny",
    "title": {"en": "Tiny <network>", "zh": "小网络"},
    "network": "TinyNet",
    "parameters": 1234567,
    "recipe": "a.b.C",
    "settings": {"steps": 10, "rate": 0.001},
    "seed": 0,
    "data": {"en": "rendered & drawn", "zh": "渲染与绘制"},
    "metrics": {
        "eer": {"value": 0.03125, "low": 0.02, "high": 0.04},
        "tar": {"value": None},
        "bins": {"yaw": [{"label": "< 15", "tar": {"value": 0.9, "low": 0.8, "high": 1.0}, "far": 0.01}]},
        "portraits": {"hopper": {"found": True, "others": 0}},
        "sizes": [24, 48],
    },
    "cpu_minutes": 1.5,
    "device": "cpu",
    "precision": "32-true",
    "licence": "MIT",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(model_cards, "data_root", lambda: tmp_path)
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "tiny.safetensors").write_bytes(b"weights")
    card = CARD | {"sha256": hashlib.sha256(b"weights").hexdigest()}
    (weights / "tiny.json").write_text(json.dumps(card))
    (weights / "later.json").write_text(json.dumps({"name": "later", "provisional": True}))
    return weights


def test_cards_that_are_not_filled_in_are_left_out(folder):
    assert list(model_cards.cards()) == ["tiny"]


def test_a_changed_file_is_noticed(folder):
    assert model_cards.unchanged("tiny") and "yes" in model_cards.overview()._repr_html_()
    (folder / "tiny.safetensors").write_bytes(b"other")
    assert not model_cards.unchanged("tiny") and ">no<" in model_cards.overview()._repr_html_()


def test_measurements_of_any_nesting(folder):
    assert list(model_cards.flat(CARD["metrics"])) == [
        ("eer", "0.03125", "[0.02, 0.04]"),
        ("tar", "–", ""),
        ("bins · yaw · < 15 · tar", "0.9", "[0.8, 1]"),
        ("bins · yaw · < 15 · far", "0.01", ""),
        ("portraits · hopper · found", "yes", ""),
        ("portraits · hopper · others", "0", ""),
        ("sizes", "24, 48", ""),
    ]


def test_tables_are_escaped_and_in_the_readers_language(folder, monkeypatch):
    card = model_cards.cards()["tiny"]
    shown = model_cards.facts(card)._repr_html_() + model_cards.measurements(card)._repr_html_()
    assert "Tiny &lt;network&gt;" in shown and "rendered &amp; drawn" in shown and "&lt; 15" in shown
    assert "steps = 10, rate = 0.001" in shown and card["sha256"] in shown
    monkeypatch.setenv("COURSE_LANG", "zh")
    assert "小网络" in model_cards.overview()._repr_html_() and "测量项" in model_cards.measurements(card)._repr_html_()


@pytest.mark.parametrize(("language", "learnt"), [("en", "rendered &amp; drawn"), ("zh", "渲染与绘制")])
def test_what_was_learnt_from_is_said_in_the_readers_language(monkeypatch, language, learnt):
    monkeypatch.setenv("COURSE_LANG", language)
    assert f"<td>{learnt}</td>" in model_cards.facts(CARD)._repr_html_()
