"""Fair timing: contestants take turns in every round, and only ratios of neighbours in time are kept."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """How many times faster ours is: the median over the rounds, and the quartiles around it."""

    median: float
    low: float
    high: float


def race(
    contestants: dict[str, Callable[[], object]], rounds: int, clock: Callable[[], float], least_s: float = 0.01
) -> dict[str, list[float]]:
    """Seconds a call of each contestant, round after round.

    Each runs once to warm up, then takes its turn in every round, repeated until it has worked for ``least_s``: what
    else the machine does then hits all of them alike.

    Args:
        contestants: {name: function without arguments}.
        rounds: how often each takes its turn.
        clock: seconds, e.g. ``time.perf_counter``.
        least_s: how long a turn lasts at least.

    Returns:
        {name: [seconds a call in each round]}.
    """
    repeats = {
        name: max(1, round(least_s / max(_once(function, clock), 1e-6))) for name, function in contestants.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, function in contestants.items():
            start = clock()
            for _ in range(repeats[name]):
                function()
            seconds[name].append((clock() - start) / repeats[name])
    return seconds


def _once(function: Callable[[], object], clock: Callable[[], float]) -> float:
    function()
    start = clock()
    function()
    return clock() - start


def ratio(theirs: list[float], ours: list[float]) -> Ratio:
    """Their time over ours, round by round."""
    ratios = sorted(their / max(our, 1e-12) for their, our in zip(theirs, ours, strict=True))
    low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return Ratio(statistics.median(ratios), low, high)


def clock_for(threads: int) -> Callable[[], float]:
    """The clock that a busy machine disturbs least: time on the CPU if one thread does all the work, else wall time."""
    return time.thread_time if threads == 1 else time.perf_counter
