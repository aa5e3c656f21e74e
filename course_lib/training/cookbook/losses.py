"""Two experiments under one budget: every loss side by side, and softmax first with the triplet layer afterwards."""

from pathlib import Path
from typing import Any

from course_lib.training.comparison import SEEDS, Budget, budgets, compare, pilot, summary
from course_lib.training.recipe import Experiment

FIRST, SECOND = 520, 280
"""Steps with softmax, then with triplets; together as many as a single loss gets in the comparison."""


def two_step(folder: Path, seeds: tuple[int, ...] = SEEDS, **options: Any) -> dict[str, Any]:
    """Softmax for `FIRST` steps, then, without the classification layer, `SECOND` steps of batch-hard triplets.

    Both stages are measured, and beside them each loss alone for all steps of the budget.

    Args:
        folder: of the run; results of single trainings are shared with the comparison.
        seeds: of weights and batches.
        options: of `fit`.
    """
    trial, budget = budgets(folder, options)
    chosen = pilot(trial)
    softmax, triplet = chosen["softmax"], chosen["metric"]
    rows: dict[str, list[dict[str, Any]]] = {"first": [], "second": [], "softmax": [], "triplet": []}
    for seed in seeds:
        pair = budget.kept(f"two-step-{FIRST}-{SECOND}-seed{seed}", lambda s=seed: _both(budget, s, softmax, triplet))
        rows["first"].append(pair["first"])
        rows["second"].append(pair["second"])
        rows["softmax"].append(budget.row("softmax", seed, softmax["scale"], softmax["rate"]))
        rows["triplet"].append(budget.row("batch-hard-soft", seed, triplet["scale"], triplet["rate"]))
    steps = {"first": FIRST, "second": FIRST + SECOND, "softmax": budget.steps, "triplet": budget.steps}
    stages = {name: {"steps": steps[name], "seeds": rows[name], "summary": summary(rows[name])} for name in rows}
    return {"settings": {"first": FIRST, "second": SECOND, "rate_share": 0.3}, "stages": stages}


def _both(budget: Budget, seed: int, softmax: dict[str, Any], triplet: dict[str, Any]) -> dict[str, Any]:
    """Trains the two steps one after the other and measures both."""
    first = budget.fitted("softmax", seed, softmax["scale"], softmax["rate"], steps=FIRST)
    # a third of the usual rate, as the features are to be corrected, not learnt anew
    rate = 0.3 * triplet["rate"]
    second = budget.fitted(
        "batch-hard-soft", seed, 1.0, rate, steps=SECOND, start=first.network, name="compared-second"
    )
    measured = {"first": budget.measured(first), "second": budget.measured(second)}
    return {stage: row | {"seed": seed} for stage, row in measured.items()}


EXPERIMENTS = (
    Experiment(
        "losses", ("Every loss under one budget", "同一预算下的所有损失"), compare, budget=45.0, folder="comparison"
    ),
    Experiment(
        "two-step", ("Softmax first, then triplets", "先 softmax，再三元组"), two_step, budget=8.0, folder="comparison"
    ),
)
