"""The command line, on tiny settings."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent / "training"))
from toy_recipe import Toy

from course_lib import data, images, quality, training
from course_lib.cli import app
from course_lib.training import Experiment


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs the command in an empty folder, with a toy recipe and a toy experiment."""

    def study(folder, **options):
        done = folder / "done.txt"
        done.write_text(done.read_text() + "x" if done.exists() else "x")
        rows = list(options.get("seeds", (1, 2)))
        return {"rows": rows, "device": options["device"], "sittings": len(done.read_text())}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_LANG", "en")
    monkeypatch.setattr(training, "recipes", lambda: {"toy": Toy()})
    monkeypatch.setattr(training, "experiments", lambda: {"study": Experiment("study", ("Study", "实验"), study)})
    monkeypatch.setattr(data, "root", lambda: tmp_path / "data")
    (tmp_path / "data").mkdir()
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def test_list(run):
    shown = run("train", "--list")
    assert shown.exit_code == 0 and "toy" in shown.output and "experiment" in shown.output
    assert run("train").exit_code == 2


def test_train_writes_weights_and_keeps_them_on_request(run, tmp_path):
    done = run("train", "toy", "--steps", 5, "--seed", 3, "--device", "cpu", "--folder", "runs", "--quiet")
    assert done.exit_code == 0, done.output
    card = json.loads((tmp_path / "runs/toy.json").read_text(encoding="utf-8"))
    assert card["steps"] == 5 and card["seed"] == 3 and '"accuracy"' in done.output
    assert not (tmp_path / "data/weights").exists()
    assert run("train", "toy", "--steps", 5, "--device", "cpu", "--keep", "--quiet").exit_code == 0
    assert data.card("toy")["seed"] == 0 and data.weights("toy")


def test_train_says_what_is_wrong(run):
    assert run("train", "nothing").exit_code == 2
    assert run("train", "toy", "--device", "abacus").exit_code == 1
    assert run("train", "toy", "--steps", 2, "--device", "cpu", "--quiet").exit_code == 0
    assert run("train", "toy", "--steps", 3, "--device", "cpu", "--quiet").exit_code == 1, "another run's checkpoints"
    assert run("train", "toy", "--steps", 3, "--device", "cpu", "--quiet", "--fresh").exit_code == 0
    assert run("train", "study", "--steps", 1).exit_code == 2
    assert run("train", "study", "--seed", 1, "--keep").exit_code == 2


def test_an_interrupted_training_goes_on(run, monkeypatch):
    class Interrupted(Toy):
        def loss(self, model, batch, step):
            if step == 6 and not resumed:
                signal.raise_signal(signal.SIGINT)
            return super().loss(model, batch, step)

    resumed = []
    monkeypatch.setattr(training, "recipes", lambda: {"toy": Interrupted()})
    first = run("train", "toy", "--device", "cpu", "--quiet")
    assert first.exit_code == 130 and "after step 7 of 40" in first.output
    resumed.append(True)
    assert run("train", "toy", "--device", "cpu", "--quiet").exit_code == 0


def test_experiment(run, tmp_path):
    assert run("train", "study", "--device", "cpu").exit_code == 0
    assert run("train", "study", "--device", "cpu", "--keep").exit_code == 0
    assert data.record("study") == {"rows": [1, 2], "device": "cpu", "sittings": 2}
    run("train", "study", "--fresh", "--seed", 7)
    written = json.loads((tmp_path / "_build/training/study/study.json").read_text())
    assert written["sittings"] == 1 and written["rows"] == [7]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(images.to_array(torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0)))).save(path)
    return path


def test_score(run, photo):
    result = run("score", photo, "--json")
    assert result.exit_code == 0, result.output
    (values,) = json.loads(result.output).values()
    expected = quality.measure(images.load(photo))
    assert values == {name: float(value) for name, value in expected.items()}
    table = run("score", photo, "--measure", "tenengrad")
    assert table.exit_code == 0 and "photo.png" in table.output
    assert f"{values['tenengrad']:.4g}" in table.output


def test_score_says_what_is_wrong(run, photo, tmp_path):
    assert run("score", tmp_path / "none.png").exit_code == 1
    assert run("score", photo, "--measure", "charm").exit_code == 1
    (tmp_path / "text.png").write_text("no picture")
    assert run("score", tmp_path / "text.png").exit_code == 1


def test_faces(run, tmp_path):
    done = run("faces", "sheet.png", "--count", 4, "--size", 24)
    assert done.exit_code == 0, done.output
    sheet = Image.open(tmp_path / "sheet.png")
    assert sheet.size == (2 * 24, 2 * 24)
    assert run("faces", "sheet.nonsense", "--count", 1, "--size", 24).exit_code == 1


def test_bench_passes_its_options_on(run, monkeypatch):
    seen = []
    monkeypatch.setattr("course_lib.bench.__main__.main", seen.append)
    assert run("bench", "--rounds", 3, "--gpu-only").exit_code == 0
    assert seen == [["--rounds", "3", "--gpu-only"]]


def test_python_m_course_lib_and_light_imports():
    """Asking for help must not wait for torch."""
    code = "import sys, course_lib.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    told = subprocess.run([sys.executable, "-m", "course_lib", "--help"], capture_output=True, text=True)
    assert told.returncode == 0 and "train" in told.stdout
