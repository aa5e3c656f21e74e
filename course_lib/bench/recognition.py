"""How fast and how lean the recognition losses are beside others' code: ratios, taken in turn on one machine.

Each case is a process of its own with one thread. Within it the competitors take turns, and the ratio of their median
processor times is kept: on a machine that others use, the clock on the wall measures the others. Peak memory is
measured in yet another process for each competitor: growth of the resident set over what inputs and weights take,
gradients included. Ratios only are recorded: times belong to a machine.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from course_lib.bench.recognition_cases import CASES, PEERS, ROUNDS
from course_lib.data import root

LIBRARIES = ("torch", "pytorch-metric-learning", "scikit-image", "numpy")


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Runs the cases, prints how each of ours compares, writes each into the record at once and returns the record."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    if options.child:
        print(json.dumps(peak(options.child) if options.peak else seconds(options.child, options.rounds)))
        return {}
    path = options.output / "recognition-cpu.json"
    record: dict[str, Any] = {"setting": {}, "ratios": {}}
    if path.exists():
        record = json.loads(path.read_text(encoding="utf-8"))
    for case in options.cases:
        row = report(case, options.rounds)
        _show(case, row)
        record["setting"] = {"device": "cpu", "threads": 1, "python": platform.python_version()}
        record["setting"] |= {name: version(name) for name in LIBRARIES}
        rows = record["ratios"] | {case: row}
        record["ratios"] = {name: rows[name] for name in CASES if name in rows}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten to {path}")
    return record


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m course_lib.bench recognition", description=__doc__)
    parser.add_argument(
        "--cases", nargs="*", default=list(CASES), choices=list(CASES), help="which ones", metavar="CASE"
    )
    parser.add_argument("--rounds", type=int, help="turns of each contestant; each case has its own number")
    parser.add_argument("--output", type=Path, default=root() / "benchmarks", help="folder of the record")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    return parser


def report(case: str, rounds: int | None = None) -> dict[str, Any]:
    """How many times slower, and for ArcFace how many times hungrier, each peer is than each of ours."""
    times = child(case, rounds)
    ours = [name for name in times if name not in PEERS]
    peers = [name for name in times if name in PEERS]
    row: dict[str, Any] = {"time": {p: {o: round(times[p] / times[o], 2) for o in ours} for p in peers}}
    if case.startswith("arcface"):
        peaks = {name: child(case, only=name) for name in times}
        row["memory"] = {p: {o: round(peaks[p] / peaks[o], 2) for o in ours} for p in peers}
    return row


def child(case: str, rounds: int | None = None, *, only: str | None = None) -> Any:
    """Runs a case in a process of its own and returns what it prints."""
    home = str(Path(__file__).parents[2])
    environment = os.environ | ({"ONLY": only} if only else {}) | {"PYTHONPATH": home}
    command = [sys.executable, "-m", "course_lib.bench", "recognition", "--child", case]
    command += (["--peak"] if only else []) + (["--rounds", str(rounds)] if rounds else [])
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def seconds(case: str, rounds: int | None = None) -> dict[str, float]:
    """Processor seconds a step of each competitor, medians over rounds in which they take turns."""
    runs = CASES[case]()
    rounds = rounds or ROUNDS.get(case, 15)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + (rounds > 1)):  # the first of several warms up
        for name, run in runs.items():
            repeats = 1 if name in PEERS or case.startswith("arcface") else 3
            start = time.process_time()
            for _ in range(repeats):
                run()
            if turn or rounds == 1:
                times[name].append((time.process_time() - start) / repeats)
    return {name: statistics.median(values) for name, values in times.items()}


def peak(case: str) -> float:
    """MiB by which one step of the single competitor in ONLY raises the peak of the resident set."""
    (run,) = CASES[case]().values()
    base = _resident("VmRSS")
    run()
    return _resident("VmHWM") - base


def _resident(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()  # the kernel's account of this process
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def _show(case: str, row: dict[str, Any]) -> None:
    print(f"\n{case}: how many times faster, and leaner, than …", flush=True)
    for peer, times in row["time"].items():
        memory = row.get("memory", {}).get(peer, {})
        columns = [f"{name} {time:.2f}" + (f" / {memory[name]:.2f}" if memory else "") for name, time in times.items()]
        print(f"  {peer:26}{'   '.join(columns)}", flush=True)
