"""Weights and cards: what is measured is what is stored, and a changed file is refused."""

import json

import pytest
import torch
from safetensors.torch import load_file
from toy_recipe import Toy

from course_lib import data
from course_lib.training import Experiment, Recipe, experiments, fit, recipes, train, write


@pytest.fixture
def stored(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "root", lambda: tmp_path)
    trained, path = train(Toy(), folder=tmp_path / "weights", device="cpu", progress=False)
    return trained, path


def test_card_and_weights(stored):
    trained, path = stored
    card = data.card("toy")
    assert card["settings"]["steps"] == card["steps"] == 40 and card["seed"] == 0 and card["licence"] == "MIT"
    assert card["title"] == {"en": "Toy", "zh": "玩具"} and card["parameters"] == 8 * 16 + 16 + 32 + 16 * 4 + 4
    file = load_file(path)
    assert file["0.weight"].dtype == torch.float16 and file["1.running_var"].dtype == torch.float32
    network = Toy().build().eval()
    network.load_state_dict(data.weights("toy"))
    assert Toy().evaluate(network) == card["metrics"]
    assert torch.equal(network[0].weight, trained.network[0].weight), "the model in memory is the stored one"


def test_a_damaged_file_is_refused(stored):
    _, path = stored
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="not the file"):
        data.weights("toy")


def test_unknown_names(stored):
    with pytest.raises(ValueError, match="toy"):
        data.weights("tyo")
    with pytest.raises(ValueError, match="nothing yet"):
        data.record("losses")


def test_an_interrupt_writes_no_weights(tmp_path):
    def stop(step, loss):
        signal.raise_signal(signal.SIGINT)

    import signal

    trained, path = train(Toy(), folder=tmp_path, device="cpu", progress=False, on_step=stop)
    assert path is None and trained.step == 1 and not (tmp_path / "toy.json").exists()
    _, path = train(Toy(), folder=tmp_path, device="cpu", progress=False)
    assert json.loads((tmp_path / "toy.json").read_text())["steps"] == 40 and path.exists()


def test_metrics_that_are_no_json_are_refused(tmp_path):
    trained = fit(Toy(steps=1), device="cpu", progress=False)
    with pytest.raises(ValueError):
        write(trained, tmp_path, metrics={"eer": float("nan")})


def test_the_registry_holds_recipes_by_name():
    for name, recipe in recipes().items():
        assert recipe.name == name and isinstance(recipe, Recipe) and recipe.data
        json.dumps(recipe.settings(), allow_nan=False)
    for name, experiment in experiments().items():
        assert experiment.name == name and isinstance(experiment, Experiment) and callable(experiment.run)
