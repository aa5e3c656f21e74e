"""The weights that come with the book still do what their cards say, on faces that are rendered here and now."""

import dataclasses

import pytest
import torch

from course_lib import data
from course_lib.i18n import label
from course_lib.recognition import backbones
from course_lib.recognition.backbones import TRAINED
from course_lib.training import aligned, recipes

STORED = [name for name in TRAINED if (data.root() / "weights" / f"{name}.json").is_file()]


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """Twenty of the card's hundred test people, six pictures each: the same settings, rendered anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        settings = dataclasses.replace(aligned.TEST, identities=20, per_identity=6)
        return aligned.aligned_faces(settings, 112, lambda done, blocks: None)


@pytest.mark.parametrize("name", STORED)
def test_weights_reproduce_their_card(name, strangers, record_check):
    network = backbones.load(name)
    assert not network.training and sum(p.numel() for p in network.parameters()) == data.card(name)["parameters"]
    report = aligned.evaluate_on(strangers, network, replicates=200)
    told = data.card(name)["metrics"]["eer"]
    # Twenty people where the card had a hundred: the interval of such a sample is what the two may differ by. The card's
    # own interval is added, since its people are others but for the first twenty.
    tolerance = 0.5 * (report["eer"]["high"] - report["eer"]["low"]) + 0.5 * (told["high"] - told["low"])
    record_check(
        f"recognition.backbones.load({name!r})",
        "its card, on people rendered anew",
        report["genuine"],
        abs(report["eer"]["value"] - told["value"]),
        tolerance,
        "EER; half the bootstrap interval over 20 people plus half the card's over 100",
    )


@pytest.mark.parametrize("name", STORED)
def test_the_first_pictures_give_the_stored_network_away(name, strangers):
    """An untrained network of the same kind is far worse: the test above could fail."""
    torch.manual_seed(0)
    fresh = aligned.evaluate_on(strangers, backbones.build(TRAINED[name]), replicates=0)
    trained = aligned.evaluate_on(strangers, backbones.load(name), replicates=0)
    assert trained["eer"]["value"] < 0.75 * fresh["eer"]["value"]


@pytest.mark.parametrize("name", STORED)
def test_card_matches_the_recipe(name):
    card, recipe = data.card(name), recipes()[name]
    assert card["settings"] == recipe.settings() and card["data"] == label(recipe.data) and card["licence"] == "MIT"
    assert card["steps"] == recipe.steps and card["cpu_minutes"] <= 1.5 * recipe.budget
    metrics = card["metrics"]
    for rate in ("eer", "tar_1e-2", "tar_1e-3"):
        assert metrics[rate]["low"] <= metrics[rate]["value"] <= metrics[rate]["high"]
    assert set(metrics["bins"]) == {"day", "yaw", "light", "occlusion"}


def test_unknown_networks_are_refused():
    with pytest.raises(ValueError, match="coursenet"):
        backbones.load("vggface")
