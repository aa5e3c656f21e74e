"""Runs the benchmark of the quality measures: the table on screen and its record in data/benchmarks/."""

import argparse
import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import torch

from course_lib.bench import quality as bench
from course_lib.bench.peers import PEERS
from course_lib.bench.timing import Ratio, clock_for
from course_lib.data import root

LIBRARIES = ("torch", "opencv-python", "numpy", "scipy", "scikit-image")
WORKLOADS = ((256, 112), (32, 512))


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Runs the benchmark, prints its table, writes its record and returns it."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    works = [bench.workload(count, size) for count, size in options.workloads]
    record: dict[str, Any] = {"threads": options.threads, "cores": os.cpu_count(), "rounds": options.rounds}
    record["versions"] = {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
    if not options.gpu_only:
        record["workloads"] = [_rounded(_on_cpu(work, options)) for work in works]
        _write(record, options.output / "quality-cpu.json")
    if torch.cuda.is_available():
        card = torch.cuda.get_device_name()
        gpu = {"card": card, "versions": record["versions"], "cuda": torch.version.cuda}
        gpu["images_per_second"] = {work.name: bench.throughput(work, options.rounds) for work in works}
        for name, rates in gpu["images_per_second"].items():
            print(f"\n{card}, {name}: images a second")
            print("\n".join(f"  {measure:32}{rate:12,.0f}" for measure, rate in rates.items()))
        _write(gpu, options.output / f"quality-{card.lower().replace(' ', '-')}.json")
    return record


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m course_lib.bench quality", description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="for torch and OpenCV alike")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contestant")
    parser.add_argument(
        "--measures", nargs="*", default=list(dict.fromkeys(peer.measure for peer in PEERS)), help="which ones"
    )
    parser.add_argument(
        "--compiled", nargs="*", default=list(bench.COMPILED), help="which ones compiled too (none: skip)"
    )
    parser.add_argument("--workloads", nargs="*", type=_workload, default=list(WORKLOADS), help="e.g. 256x112 32x512")
    parser.add_argument("--output", type=Path, default=root() / "benchmarks", help="folder of the record")
    parser.add_argument("--gpu-only", action="store_true", help="only the throughput of the GPU")
    return parser


def _workload(text: str) -> tuple[int, int]:
    count, size = text.split("x")
    return int(count), int(size)


def _on_cpu(work: bench.Workload, options: argparse.Namespace) -> dict[str, Any]:
    clock = clock_for(options.threads)
    print(f"\n{work.name}: how many times faster than …  (median, quartiles)", flush=True)
    print(f"  {'':32}{'the same float32 numbers':40}the fastest, 8-bit included")
    rows = [_shown(bench.single(work, name, options.rounds, clock)) for name in options.measures]
    everything = bench.together(work, options.rounds, clock)
    _show_summary(bench.summary(rows))
    loops = ", ".join(f"{_text(value)} against the {name} loop" for name, value in everything.items())
    print(f"  all measures in one call: {loops}", flush=True)
    result: dict[str, Any] = {"name": work.name, "summary": bench.summary(rows)}
    result["measures"] = [asdict(row) for row in rows]
    result["together"] = {name: asdict(value) for name, value in everything.items()}
    if options.compiled:
        torch.compiler.reset()  # a second shape would otherwise be compiled for shapes that vary
        print("  compiled:")
        rows = [_shown(bench.single(work, name, options.rounds, clock, compiled=True)) for name in options.compiled]
        _show_summary(bench.summary(rows))
        result["compiled_summary"] = bench.summary(rows)
        result["compiled"] = [asdict(row) for row in rows]
    return result


def _show_summary(summary: dict[str, dict[str, Any]]) -> None:
    for column, values in summary.items():
        print(f"  geometric mean, {column}: {values['geometric_mean']:.2f}; lowest: {values['lowest']}")


def _shown(row: bench.Row) -> bench.Row:
    columns = [f"{_text(row.float32)} {row.float32_peer}", f"{_text(row.fastest)} {row.fastest_peer}"]
    print(f"  {row.measure:32}{columns[0]:40}{columns[1]}", flush=True)
    return row


def _text(value: Ratio) -> str:
    return f"{value.median:.2f} ({value.low:.2f}–{value.high:.2f})"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 3) if isinstance(value, float) else value


def _write(record: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Ratios only: how long something took says more about the machine than about the code.
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nwritten to {path}")
