"""Speed and memory of the face renderer on one core, baking included: ``python -m course_lib.bench.faces``."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from course_lib import data
from course_lib.bench.timing import clock_for
from course_lib.faces import FaceParams, NuisanceParams, render, sample_identities, sample_nuisance

CASES = {"64": (64, 1, 64, 120.0), "112x2": (112, 2, 32, 16.0)}
"""Case: side in pixels, samples a pixel and side, pictures a round, images a second that we aim at."""

PER_IDENTITY = 8
MEMORY_AIM = 60.0
"""MB a picture at 112 pixels with 2 × 2 samples."""


def draw(
    pictures: int, seed: int = 0, occlusion: float | int = 0.0
) -> tuple[FaceParams, NuisanceParams, Int[Tensor, "n"]]:
    """Fresh people, nothing prepared yet, and PER_IDENTITY pictures of each; ``occlusion`` as in ``sample_nuisance``."""
    generator = torch.Generator().manual_seed(seed)
    index = torch.arange(pictures) // PER_IDENTITY
    people = sample_identities(int(index[-1]) + 1, generator)
    return people, sample_nuisance(pictures, generator, occlusion=occlusion), index


def speed(size: int, supersample: int, pictures: int, rounds: int = 5) -> dict[str, float]:
    """Images a second of CPU time on one thread: median of the rounds, and the best and the worst round.

    Args:
        size, supersample: as in ``render``.
        pictures: a round, PER_IDENTITY of each person, each round of people that have not been prepared before.
        rounds: measured, after one to warm up.

    Returns:
        {"median", "best", "worst"} in images a second.
    """
    threads, clock = torch.get_num_threads(), clock_for(1)
    torch.set_num_threads(1)
    rates = []
    try:
        for number in range(rounds + 1):
            people, nuisance, index = draw(pictures, number)
            start = clock()
            render(people, nuisance, index=index, size=size, supersample=supersample)
            rates.append(pictures / (clock() - start))
    finally:
        torch.set_num_threads(threads)
    rates = rates[1:]
    return {
        "median": round(statistics.median(rates), 1),
        "best": round(max(rates), 1),
        "worst": round(min(rates), 1),
    }


def memory(size: int = 112, supersample: int = 2, pictures: int = 16) -> float:
    """MB that the resident memory rises by for each picture rendered at once, prepared people and results included.

    To be called in a fresh process, as the highest use so far can't be reset.
    """
    torch.set_num_threads(1)
    people, nuisance, index = draw(pictures)
    at_once = max(2, min(64, 270_000 // (size * supersample) ** 2))
    render(people.index(index[:2]), nuisance.index(torch.arange(2)), size=24, supersample=1)
    before = _peak()
    render(people, nuisance, index=index, size=size, supersample=supersample, chunk=at_once)
    return (_peak() - before) / at_once


def _peak() -> float:
    import resource  # there is none on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measure(rounds: int = 5) -> dict[str, Any]:
    """All cases and the memory, for the record."""
    script = "from course_lib.bench.faces import memory; print(memory())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    rates = {
        name: speed(size, samples, pictures, rounds) | {"aim": aim}
        for name, (size, samples, pictures, aim) in CASES.items()
    }
    return {
        "images a second": rates,
        "MB a picture": {"112x2": round(float(done.stdout), 1), "aim": MEMORY_AIM},
        "settings": {"pictures of a person": PER_IDENTITY, "threads": 1, "rounds": rounds, "occlusion": 0.0},
        "machine": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "processor": _processor(),
            "load": _load(),
        },
    }


def _load() -> float | None:
    """Processes that wanted a core in the last minute, this one included: above the number of cores the rates are too low."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main(options: list[str] | None = None) -> None:
    """Measures, prints and, with --save, writes data/benchmarks/faces-cpu.json."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.bench.faces", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds")
    parser.add_argument("--save", action="store_true", help="write the record into the data folder")
    chosen, _ = parser.parse_known_args(options)  # "all" hands on the options of the others too
    record = measure(chosen.rounds)
    for name, rate in record["images a second"].items():
        print(f"{name:>6}: {rate['median']:6.1f} images/s ({rate['worst']} to {rate['best']}), aim {rate['aim']:g}")
    print(f"memory: {record['MB a picture']['112x2']:6.1f} MB a picture at 112 px, 2 × 2, aim under {MEMORY_AIM:g}")
    if chosen.save:
        path = data.root() / "benchmarks" / "faces-cpu.json"
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
