"""The margin lab without a browser: its state, its drawings, its losses, and that Stop stops."""

import asyncio
import math
import time

import pytest
import torch

from course_lib.recognition import margins as M
from course_lib.recognition import plane
from course_lib.widgets import margin_lab_runs
from course_lib.widgets.margin_lab import PRESETS, MarginState, spread_of
from course_lib.widgets.margin_lab_app import MarginLab, drawn, told
from course_lib.widgets.margin_lab_runs import FIRST, LOSSES, Race, RunsPanel


@pytest.fixture
def lab():
    return MarginLab()


def autograd(state: MarginState) -> tuple[float, torch.Tensor]:
    """Loss and push of the state's feature by the recognition package itself."""
    at = torch.deg2rad(torch.tensor(state.centres, dtype=torch.float64))
    w = torch.stack([at.cos(), at.sin()], 1)
    a = math.radians(state.sample[0])
    x = (state.sample[1] * torch.tensor([[math.cos(a), math.sin(a)]], dtype=torch.float64)).requires_grad_()
    grad = "detached" if state.detached else "exact"
    loss = M.margin_cross_entropy(x, w, torch.tensor([state.label]), state.margin(), state.scale, grad=grad)
    return float(loss.detach()), -torch.autograd.grad(loss, x)[0][0]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("detached", [False, True])
def test_the_state_says_what_the_loss_says(preset, detached, record_check):
    state = MarginState(detached=detached, label=1, sample=(63.0, 0.7))
    state.preset(preset)
    loss, push = autograd(state)
    circle = state.circle()
    worst = max(abs(circle.loss - loss), *(abs(a - b) for a, b in zip(circle.push, push.tolist(), strict=True)))
    record_check("widgets.margin_lab.MarginState.circle", "autograd of margin_cross_entropy", 3, worst, 1e-9)
    assert sum(circle.probabilities) == pytest.approx(1)
    assert circle.angle == pytest.approx(17)


def test_curves_follow_the_sliders_and_slopes_are_their_derivatives():
    state = MarginState(m1=2.0, m2=0.3, m3=0.1, scale=8.0, lam=3.0)
    c = torch.deg2rad(torch.arange(1.0, 180.0)).cos().requires_grad_()
    target = state.margin().target(c)
    torch.testing.assert_close(state.curves()[5], (8 * target).detach(), atol=2e-5, rtol=1e-5)
    (slope,) = torch.autograd.grad(target.sum(), c)
    near = (state.slopes()[5] - slope).abs() < 2e-3 * (1 + slope.abs())
    assert float(near.float().mean()) > 0.99  # where ψ changes its piece float32 may take either side
    state.detached = True
    assert (state.slopes() == 1).all()


def test_the_numbers_of_the_labs_answers():
    state = MarginState()
    assert state.circle().probabilities[0] == pytest.approx(0.035, abs=5e-4)
    assert state.circle().wedges[0][1] == pytest.approx(25.7, abs=0.05)
    half = MarginState(sample=(33.0, 0.4))
    assert half.circle().push == pytest.approx([2 * part for part in state.circle().push])
    pushes = []
    for detached in (False, True):
        close = MarginState(centres=[0.0, 30.0, 160.0, 260.0], sample=(10.0, 0.8), detached=detached)
        pushes.append(math.hypot(*close.circle().push))
    assert pushes == pytest.approx([17.9, 9.6], abs=0.05) and pushes[0] / pushes[1] == pytest.approx(1.87, abs=5e-3)
    ring = MarginState(centres=[45.0 * k for k in range(8)], m2=0.0)
    for name, bound in (("m3", 0.293), ("m2", 0.785)):
        for value, open_ in ((bound - 0.002, True), (bound + 0.002, False)):
            ring.set(**{"m2": 0.0, "m3": 0.0} | {name: value})
            right, left = ring.circle().wedges[0]
            assert (left - right > 0.01) == open_
    state.preset("sphereface")
    state.sample = (90.0, 0.8)
    for lam, loss in ((5.0, 23.8), (0.0, 63.8)):
        state.lam = lam
        assert state.circle().loss == pytest.approx(loss, abs=0.05)


def test_classes_come_go_and_spread():
    state = MarginState(centres=[0.0, 100.0, 200.0], label=2)
    state.add_class()
    assert state.centres[-1] == pytest.approx(280)  # the middle of the largest gap, 200 to 360
    for _ in range(9):
        state.add_class()
    assert len(state.centres) == 8
    state.spread()
    assert state.centres == pytest.approx([45.0 * k for k in range(8)])
    for _ in range(9):
        state.remove_class()
    assert len(state.centres) == 2 and state.label == 0


def test_settings_outside_their_sliders_are_refused():
    state = MarginState()
    for wrong in ({"m4": 1.0}, {"m2": 3.0}, {"scale": 0.0}):
        with pytest.raises(ValueError, match=r"m4|m2|scale"):
            state.set(**wrong)
    with pytest.raises(ValueError, match="preset"):
        state.preset("elasticface")
    assert state == MarginState()


def test_sliders_handles_and_buttons_change_what_is_shown(lab):
    before = (lab.pad.drawing, lab.told.value, lab.curves.value)
    lab.sliders["m2"].value = 0.2
    assert lab.state.m2 == 0.2 and all(a != b for a, b in zip(before, shown(lab), strict=True))
    before = shown(lab)
    lab.pad.centres = [0.0, 50.0, 160.0, 260.0]  # what the browser sends after a drag
    assert lab.state.centres[1] == 50 and lab.pad.drawing != before[0] and lab.told.value != before[1]
    lab.pad.sample = [90.0, 0.5]
    assert lab.state.sample == (90.0, 0.5) and ("wrong" in lab.told.value or "错误" in lab.told.value)
    lab.label.value = 1
    assert lab.state.label == 1 and lab.pad.label == 1
    loss = lab.state.circle().loss
    before = lab.told.value
    lab.gradient.value = True
    assert lab.state.detached and lab.state.circle().loss == loss and lab.told.value != before
    lab.buttons["add"].click()
    assert len(lab.pad.centres) == 5 and len(lab.label.options) == 5
    next(button for button in lab.presets if "CosFace" in button.description).click()
    assert (lab.sliders["m3"].value, lab.sliders["m2"].value, lab.state.m3) == (0.35, 0.0, 0.35)


def shown(lab):
    return (lab.pad.drawing, lab.told.value, lab.curves.value)


def test_everything_speaks_both_languages(monkeypatch):
    state = MarginState()
    words = {}
    for language in ("en", "zh"):
        monkeypatch.setenv("COURSE_LANG", language)
        words[language] = told(state, state.circle()) + drawn(state) + MarginLab().pad.text["pad"]
    assert "person 1" in words["en"] and "人物 1" in words["zh"] and "loss" not in words["zh"].replace("'loss'", "")


def test_a_race_is_fair_and_equals_single_runs():
    losses = {"arcface": "arcface", "mine": M.CosFace(0.1)}
    race = Race(losses, seed=3, steps=20, snapshots=2)
    assert list(race) == ["arcface", "mine", "arcface", "mine"]
    alone = plane.train_plane("arcface", classes=8, steps=20, snapshots=2, seed=3)
    assert torch.equal(race.latest["arcface"].embeddings, alone.embeddings)
    told_ = spread_of(race.latest["mine"])
    assert told_["step"] == 20 and 0 <= told_["own"] <= 180 and 0 <= told_["accuracy"] <= 1


def test_training_shows_every_chosen_loss_and_the_readers_own(lab, monkeypatch):
    short(monkeypatch)
    for key, box in lab.runs.boxes.items():
        box.value = key in ("softmax", "mine", "triplet")
    lab.set(m3=0.1, m2=0.0, scale=8)
    assert lab.runs.chosen()["mine"] == lab.state.margin()
    lab.runs.train.click()  # no kernel here: runs to its end
    html = lab.runs.shown.value
    assert [f'data-loss="{key}"' in html for key in ("softmax", "triplet", "mine", "arcface")] == [True] * 3 + [False]
    assert html.count("<svg") == 6 and "16" in lab.runs.progress.value
    assert not lab.runs.train.disabled and lab.runs.stop.disabled
    for box in lab.runs.boxes.values():
        box.value = False
    lab.runs.train.click()
    assert "at least one" in lab.runs.progress.value or "至少" in lab.runs.progress.value


def short(monkeypatch, steps=16, snapshots=2):
    monkeypatch.setattr(
        margin_lab_runs, "Race", lambda losses, seed, scale: Race(losses, seed, scale, steps, snapshots)
    )


def test_stop_stops_and_keeps_what_was_learnt(lab, monkeypatch):
    short(monkeypatch, steps=400, snapshots=40)

    async def press() -> None:
        lab.runs.train.click()
        assert lab.runs.train.disabled and not lab.runs.stop.disabled
        await asyncio.sleep(0.1)
        lab.runs.stop.click()
        await asyncio.wait_for(lab.runs.task, 20)

    asyncio.run(press())
    reached = max(int(run.steps[-1]) for run in lab.runs.race.latest.values())
    assert 0 < reached < 400 and str(reached) in lab.runs.progress.value
    assert "<svg" in lab.runs.shown.value and not lab.runs.train.disabled


def test_an_error_in_the_background_is_told(lab, monkeypatch):
    def broken(*_):
        raise ValueError("too little memory")

    monkeypatch.setattr(margin_lab_runs, "scatter", broken)
    short(monkeypatch)
    lab.runs.train.click()
    assert "too little memory" in lab.runs.progress.value and not lab.runs.train.disabled


def test_all_losses_can_run(monkeypatch):
    panel = RunsPanel(lambda: (MarginState().margin(), 16.0))
    assert set(FIRST) <= set(LOSSES) and set(panel.boxes) == {*LOSSES, "mine"}
    race = Race({key: loss for key, (_, loss) in LOSSES.items()}, steps=2, snapshots=1)
    assert set(race) == set(LOSSES)
    assert all(run.embeddings.isfinite().all() for run in race.latest.values())


def test_all_losses_are_trained_within_the_time_a_reader_waits():
    """Twenty seconds of one core's time; the drawings take a fraction of a second."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        start = time.process_time()
        race = Race({key: loss for key, (_, loss) in LOSSES.items()})
        last = list(race)[-1]
        assert time.process_time() - start < 20
        assert set(race.latest) == set(LOSSES) and last in LOSSES
    finally:
        torch.set_num_threads(threads)
