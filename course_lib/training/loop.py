"""The one training loop: any recipe, any device and precision, interrupted and resumed without a trace."""

import contextlib
import dataclasses
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from course_lib.i18n import say
from course_lib.training import checkpoints
from course_lib.training.recipe import Recipe, step_seed


@dataclass
class Trained:
    """What `fit` returns.

    Attributes:
        recipe: with the seed that was used.
        model: what the recipe built, trained, on the CPU, in evaluation mode.
        step: steps done; `finished` when all are.
        losses: (step, loss) every few steps.
        cpu_seconds: process time of the training, over all its sittings.
        device, precision: what it ran on, in the last sitting.
    """

    recipe: Recipe
    model: nn.Module
    step: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list)
    cpu_seconds: float = 0.0
    device: str = "cpu"
    precision: str = "32-true"

    @property
    def finished(self) -> bool:
        """Whether all steps are done; false after an interrupt."""
        return self.step >= self.recipe.steps

    @property
    def network(self) -> nn.Module:
        """The part whose weights are kept."""
        return self.recipe.network(self.model)


class _Step(nn.Module):
    """A step as one forward call, so that Fabric's precision and strategy see all of it."""

    def __init__(self, recipe: Recipe, model: nn.Module):
        super().__init__()
        self.model = model
        self._loss = recipe.loss

    def forward(self, batch: Any, step: int) -> Tensor:
        """Returns the recipe's loss."""
        return self._loss(self.model, batch, step)


def fit(
    recipe: Recipe,
    *,
    device: str = "auto",
    precision: str = "32-true",
    seed: int | None = None,
    folder: Path | str | None = None,
    resume: bool = True,
    progress: bool = True,
    every: int = 200,
    on_step: Callable[[int, float], None] | None = None,
) -> Trained:
    """Trains a recipe's network. Ctrl-C finishes the step, saves and returns; the next call goes on from there.

    Args:
        recipe: what to train.
        device: "auto" (a GPU when there is one), "cpu", "cuda", "cuda:1" or "mps".
        precision: as Lightning Fabric names it: "32-true", "bf16-mixed", "16-mixed", ...
        seed: replaces the recipe's.
        folder: where checkpoints go; None keeps none.
        resume: go on from the folder's last checkpoint; otherwise start anew.
        progress: whether a bar is shown.
        every: steps between checkpoints.
        on_step: called with (step, loss) after each step, for instance to draw a curve.

    Returns:
        The trained model; `finished` says whether all steps are done.

    Raises:
        ValueError: for an unknown device, or a checkpoint of other settings.
        FloatingPointError: when the loss is no longer finite.
    """
    recipe = recipe if seed is None else dataclasses.replace(recipe, seed=seed)
    fabric = _fabric(device, precision)
    recipe.prepare()
    with torch.random.fork_rng(devices=_cuda_devices(fabric.device)):
        torch.manual_seed(step_seed(recipe.seed, -1))
        model = recipe.build()
        wrapped = _Step(recipe, model)
        module, optimiser = fabric.setup(wrapped, recipe.optimiser(model))
        trained = Trained(recipe, model, device=str(fabric.device), precision=precision)
        place = None if folder is None else Path(folder)
        if place is not None and resume:
            _restore(trained, place, optimiser, fabric)
        with _interrupts() as stopped, _bar(recipe, trained.step, progress) as advance:
            _run(trained, fabric, module, optimiser, place, every, stopped, advance, on_step)
    model.cpu().eval()
    return trained


def _run(
    trained: Trained,
    fabric: Fabric,
    module: nn.Module,
    optimiser: Any,
    folder: Path | None,
    every: int,
    stopped: threading.Event,
    advance: Callable[[float], None],
    on_step: Callable[[int, float], None] | None,
) -> None:
    """The steps themselves."""
    recipe, saved = trained.recipe, trained.step
    rates = [group.setdefault("initial_lr", group["lr"]) for group in optimiser.param_groups]
    generator = torch.Generator()
    module.train()
    begin = time.process_time()
    for step in range(trained.step, recipe.steps):
        # Seeding each step, rather than saving generators, makes a step independent of how the run came to it.
        generator.manual_seed(step_seed(recipe.seed, step))
        torch.manual_seed(step_seed(recipe.seed, step))
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * recipe.factor(step)
        loss = module(fabric.to_device(recipe.batch(generator)), step)
        optimiser.zero_grad()
        fabric.backward(loss)
        if recipe.clip is not None:
            fabric.clip_gradients(module, optimiser, max_norm=recipe.clip, error_if_nonfinite=False)
        optimiser.step()
        trained.step = step + 1
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(f"{recipe.name}: the loss is {value} at step {step}; lower the learning rate?")
        if step % max(1, recipe.steps // 200) == 0 or trained.finished:
            trained.losses.append((step, value))
        advance(value)
        if on_step is not None:
            on_step(step, value)
        if stopped.is_set():
            break
        if folder is not None and trained.step % every == 0:
            begin = _keep(trained, folder, optimiser, fabric, begin)
            saved = trained.step
    trained.cpu_seconds += time.process_time() - begin
    if folder is not None and saved != trained.step:
        _keep(trained, folder, optimiser, fabric, time.process_time())


def _keep(trained: Trained, folder: Path, optimiser: Any, fabric: Fabric, begin: float) -> float:
    """Writes a checkpoint and returns the process time from which counting goes on."""
    trained.cpu_seconds += time.process_time() - begin
    state = {
        "settings": trained.recipe.settings(),
        "step": trained.step,
        "losses": trained.losses,
        "cpu_seconds": trained.cpu_seconds,
        "precision": fabric.strategy.precision.state_dict(),
    }
    checkpoints.save(folder, trained.step, trained.model, optimiser, state)
    return time.process_time()


def _restore(trained: Trained, folder: Path, optimiser: Any, fabric: Fabric) -> None:
    checkpoint = checkpoints.newest(folder)
    if checkpoint is None:
        return
    state = checkpoints.load(checkpoint, trained.model, optimiser)
    if state["settings"] != trained.recipe.settings():
        raise ValueError(
            f"folder: {folder} holds a run with other settings, {state['settings']}; give another, or resume=False"
        )
    fabric.strategy.precision.load_state_dict(state["precision"])
    trained.step, trained.cpu_seconds = state["step"], state["cpu_seconds"]
    trained.losses = [tuple(pair) for pair in state["losses"]]


def _fabric(device: str, precision: str) -> Fabric:
    kind, _, number = device.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (number and not number.isdigit()):
        raise ValueError(f"device: expected auto, cpu, cuda, cuda:N or mps, got {device!r}")
    return Fabric(accelerator=kind, devices=[int(number)] if number else 1, precision=precision)  # type: ignore[arg-type]


def _cuda_devices(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []


@contextlib.contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Ctrl-C (or a terminating signal) asks the loop to stop after its step; a second Ctrl-C stops at once."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def ask(number: int, frame: Any) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _bar(recipe: Recipe, done: int, shown: bool) -> Iterator[Callable[[float], None]]:
    """A progress bar with the loss, averaged over about twenty steps."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("loss {task.fields[loss]:.4f}"), disable=not shown) as bar:
        task = bar.add_task(say(recipe.title), total=recipe.steps, completed=done, loss=math.nan)
        mean: list[float] = []

        def advance(loss: float) -> None:
            mean[:] = [loss if not mean else 0.95 * mean[0] + 0.05 * loss]
            bar.update(task, advance=1, loss=mean[0])

        yield advance
