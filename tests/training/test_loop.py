"""The loop: resuming leaves no trace, Ctrl-C saves, precision and devices, refusals."""

import itertools
import os
import signal

import pytest
import torch
from torch import nn
from toy_recipe import Toy

from course_lib.training import checkpoints, fit
from course_lib.training.recipe import step_seed


def weights(trained):
    return trained.model.state_dict()


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def stop_after(number):
    def on_step(step, loss):
        if step == number - 1:
            os.kill(os.getpid(), signal.SIGINT)

    return on_step


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path):
    whole = fit(Toy(), device="cpu", progress=False)
    first = fit(Toy(), device="cpu", folder=tmp_path, progress=False, on_step=stop_after(17))
    assert first.step == 17 and not first.finished
    assert [p.name for p in tmp_path.iterdir()] == ["step-0000017"]
    torch.rand(5)  # whatever else happens in between
    second = fit(Toy(), device="cpu", folder=tmp_path, progress=False, every=7)
    assert second.finished and same(weights(whole), weights(second))
    assert second.losses == whole.losses and second.cpu_seconds > first.cpu_seconds
    assert not same(weights(whole), weights(fit(Toy(), device="cpu", seed=1, progress=False)))


def test_a_finished_run_is_not_run_again(tmp_path):
    first = fit(Toy(), device="cpu", folder=tmp_path, progress=False)
    steps = []
    second = fit(Toy(), device="cpu", folder=tmp_path, progress=False, on_step=lambda s, _: steps.append(s))
    assert not steps and same(weights(first), weights(second))
    fit(Toy(), device="cpu", folder=tmp_path, resume=False, progress=False, on_step=lambda s, _: steps.append(s))
    assert len(steps) == 40


def test_ctrl_c_twice_stops_at_once():
    def impatient(step, loss):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)  # a process in the background may have been started to ignore it
    with pytest.raises(KeyboardInterrupt):
        fit(Toy(), device="cpu", progress=False, on_step=impatient)
    assert signal.getsignal(signal.SIGINT) is before


def test_it_learns_on_each_device(device):
    trained = fit(Toy(steps=150), device=device.type, progress=False)
    assert trained.recipe.evaluate(trained.network)["accuracy"] > 0.8
    values = [loss for _, loss in trained.losses]
    assert sum(values[-20:]) < 0.6 * sum(values[:20])
    assert next(trained.model.parameters()).device.type == "cpu" and not trained.model.training


def test_mixed_precision_reaches_the_step_and_resumes(tmp_path):
    seen = []

    class Watched(Toy):
        def loss(self, model, batch, step):
            seen.append(model[0](batch[0]).dtype)
            return super().loss(model, batch, step)

    whole = fit(Watched(), device="cpu", precision="bf16-mixed", progress=False)
    assert set(seen) == {torch.bfloat16}
    assert all(p.dtype == torch.float32 for p in whole.model.parameters())
    fit(Watched(), device="cpu", precision="bf16-mixed", folder=tmp_path, progress=False, on_step=stop_after(9))
    again = fit(Watched(), device="cpu", precision="bf16-mixed", folder=tmp_path, progress=False)
    assert same(weights(whole), weights(again))
    assert not same(weights(whole), weights(fit(Toy(), device="cpu", progress=False)))


def test_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(Toy(steps=3), device="cpu", progress=False)
    assert torch.equal(torch.rand(3), expected)


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match="device: expected"):
        fit(Toy(), device="abacus")
    fit(Toy(steps=2), device="cpu", folder=tmp_path, progress=False)
    with pytest.raises(ValueError, match="other settings"):
        fit(Toy(steps=3), device="cpu", folder=tmp_path, progress=False)

    class Broken(Toy):
        def loss(self, model, batch, step):
            return super().loss(model, batch, step) * (float("nan") if step == 2 else 1)

    with pytest.raises(FloatingPointError, match="step 2"):
        fit(Broken(), device="cpu", progress=False)


def test_a_checkpoint_holds_no_code_and_survives_a_crash(tmp_path):
    fit(Toy(), device="cpu", folder=tmp_path, progress=False, every=10)
    (checkpoint,) = tmp_path.iterdir()
    assert sorted(p.name for p in checkpoint.iterdir()) == ["model.safetensors", "optimiser.pt", "state.json"]
    (tmp_path / "draft-123").mkdir()  # what a crash while saving leaves behind
    assert checkpoints.newest(tmp_path) == checkpoint


def test_schedule_rises_and_falls():
    recipe = Toy(steps=100, warm_up=0.1)
    factors = [recipe.factor(s) for s in range(100)]
    assert factors[0] == 0.1 and factors[9] == 1 and factors[10] == 1
    assert all(a > b for a, b in itertools.pairwise(factors[10:])) and 0 < factors[-1] < 1e-3


def test_steps_and_seeds_share_nothing():
    seeds = {step_seed(seed, step) for seed in range(20) for step in range(-1, 200)}
    assert len(seeds) == 20 * 201


def test_weight_decay_spares_vectors():
    groups = Toy().optimiser(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))).param_groups
    assert [len(g["params"]) for g in groups] == [1, 3] and groups[1]["weight_decay"] == 0
