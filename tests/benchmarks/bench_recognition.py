"""How fast and how lean the recognition losses are beside others' code: ratios, taken in turn on one machine.

    python tests/benchmarks/bench_recognition.py                 all cases, writes data/benchmarks/recognition-cpu.json
    python tests/benchmarks/bench_recognition.py arcface-10k     some cases, prints only (--write records them)

Each case is a process of its own with one thread. Within it the competitors take turns, and the ratio of their median
processor times is kept: on a machine that others use, the clock on the wall measures the others. Peak memory is
measured in yet another process for each competitor: growth of the resident set over what inputs and weights take,
gradients included. Ratios only are recorded: times belong to a machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "data" / "benchmarks" / "recognition-cpu.json"
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

from course_lib import geometry  # noqa: E402
from course_lib.recognition import margins as M  # noqa: E402
from course_lib.recognition import pairs as P  # noqa: E402
from course_lib.recognition.center import center_loss, update_centres  # noqa: E402
from course_lib.recognition.partial_fc import partial_fc_cross_entropy  # noqa: E402
from course_lib.recognition.verification import ten_fold_accuracy  # noqa: E402

Run = Callable[[], object]


def margin_case(classes: int) -> dict[str, Run]:
    """ArcFace at batch 512, 512 dimensions: forward and backward to embeddings and weights."""
    from pytorch_metric_learning import losses

    torch.manual_seed(0)
    x = torch.randn(512, 512, requires_grad=True)
    y = torch.randint(0, classes, (512,))
    w = torch.randn(classes, 512).mul_(0.01).requires_grad_()

    def step(loss: Callable[[], torch.Tensor]) -> Run:
        def run() -> None:
            x.grad = w.grad = None
            loss().backward()

        return run

    def insightface() -> torch.Tensor:
        z = F.linear(F.normalize(x), F.normalize(w)).clamp(-1, 1)
        with torch.no_grad():
            z.arccos_()
            z[torch.arange(512), y] += 0.5
            z.cos_()
        return F.cross_entropy(z * 64.0, y)

    def metric_learning() -> Run:
        peer = losses.ArcFaceLoss(classes, 512)

        def run() -> None:
            x.grad = peer.W.grad = None
            peer(x, y).backward()

        return run

    margin = M.ArcFace(0.5)
    makers: dict[str, Callable[[], Run]] = {
        "pytorch-metric-learning": metric_learning,
        "insightface": lambda: step(insightface),
        "linear": lambda: step(lambda: F.cross_entropy(F.linear(x, w), y)),
        "partial fc 0.1": lambda: step(
            lambda: partial_fc_cross_entropy(x, w, y, margin, rate=0.1, impl="fused", sparse=True)
        ),
    }
    for impl in ("simple", "fused", "chunked"):
        makers[impl] = lambda impl=impl: step(lambda: M.margin_cross_entropy(x, w, y, margin, impl=impl))
    only = os.environ.get("ONLY")
    return {name: make() for name, make in makers.items() if only in (None, name)}


def pair_case(ours: Callable, theirs: Callable[[], Callable], batch: int = 512) -> dict[str, Run]:
    """A pair loss at 128 dimensions, 4 images an identity: forward and backward."""
    torch.manual_seed(0)
    x = torch.randn(batch, 128, requires_grad=True)
    y = torch.arange(batch // 4).repeat_interleave(4)
    peer = theirs()

    def step(loss: Callable) -> Run:
        def run() -> None:
            x.grad = None
            loss(x, y).backward()

        return run

    return {"pytorch-metric-learning": step(peer), "ours": step(ours)}


def centre_case() -> dict[str, Run]:
    """Center loss with 10,000 classes: only the rows of the batch, against all B·C distances (widely used code)."""
    torch.manual_seed(0)
    x = torch.randn(512, 512, requires_grad=True)
    y = torch.randint(0, 10_000, (512,))
    centres = torch.randn(10_000, 512, requires_grad=True)
    plain = centres.detach().clone()

    def full() -> None:
        x.grad = centres.grad = None
        d = x.square().sum(1, keepdim=True) + centres.square().sum(1)[None] - 2 * x @ centres.t()
        (d * F.one_hot(y, 10_000)).clamp(1e-12, 1e12).sum().div(512).backward()

    def own() -> None:
        x.grad = None
        center_loss(x, plain, y).backward()
        update_centres(plain, x.detach(), y)

    return {"all distances": full, "ours": own}


def alignment_case() -> dict[str, Run]:
    """The similarity of 1000 faces to the template."""
    from skimage.transform import SimilarityTransform

    torch.manual_seed(0)
    template = torch.tensor(geometry.ARCFACE_TEMPLATE)
    points = 2 * template + 30 + torch.randn(1000, 5, 2)
    arrays, goal = points.double().numpy(), template.double().numpy()
    return {
        "scikit-image": lambda: [SimilarityTransform.from_estimate(p, goal).params for p in arrays],
        "ours": lambda: geometry.similarity_transform(points, template[None]),
    }


def lfw_case() -> dict[str, Run]:
    """Ten-fold accuracy of 6000 pairs: one sort, against 400 thresholds tried in each of ten folds (InsightFace)."""
    torch.manual_seed(0)
    same = (torch.arange(6000) // 300) % 2 == 0
    scores = torch.randn(6000) * 0.2 + 0.5 * same
    distance, truth = (2 - 2 * scores).numpy(), same.numpy()

    def accuracy(threshold: float, d: np.ndarray, t: np.ndarray) -> tuple[float, float, float]:
        predicted = np.less(d, threshold)
        tp = np.sum(np.logical_and(predicted, t))
        fp = np.sum(np.logical_and(predicted, np.logical_not(t)))
        tn = np.sum(np.logical_and(np.logical_not(predicted), np.logical_not(t)))
        fn = np.sum(np.logical_and(np.logical_not(predicted), t))
        return tp / max(tp + fn, 1), fp / max(fp + tn, 1), (tp + tn) / d.size

    def sweep(with_roc: bool = False) -> float:
        thresholds, folds = np.arange(0, 4, 0.01), np.arange(6000) // 600
        total = 0.0
        for fold in range(10):
            train, test = folds != fold, folds == fold
            right = [accuracy(t, distance[train], truth[train])[2] for t in thresholds]
            if with_roc:  # InsightFace averages a ROC over the folds in the same loops
                for t in thresholds:
                    accuracy(t, distance[test], truth[test])
            total += accuracy(thresholds[int(np.argmax(right))], distance[test], truth[test])[2]
        return total / 10

    runs: dict[str, Run] = {"threshold sweep": sweep, "insightface": lambda: sweep(True)}
    return runs | {"ours": lambda: ten_fold_accuracy(scores, same)}


def _pml(name: str, *args, **kwargs) -> Callable[[], Callable]:
    """Make a loss of pytorch-metric-learning when it is needed."""

    def make() -> Callable:
        from pytorch_metric_learning import losses

        return getattr(losses, name)(*args, **kwargs)

    return make


def _mined() -> Callable:
    from pytorch_metric_learning import losses, miners

    loss, miner = losses.TripletMarginLoss(0.2), miners.BatchHardMiner()
    return lambda x, y: loss(x, y, miner(x, y))


def _plain_triplet(x, y):
    return P.triplet_loss(x, y, 0.2, squared=False)


CASES: dict[str, Callable[[], dict[str, Run]]] = {
    "arcface-10k": lambda: margin_case(10_000),
    "arcface-100k": lambda: margin_case(100_000),
    "lifted-128": lambda: pair_case(P.lifted_structure_loss, _pml("LiftedStructureLoss", 1.0), 128),
    "lifted-512": lambda: pair_case(P.lifted_structure_loss, _pml("LiftedStructureLoss", 1.0)),
    "all-triplets-256": lambda: pair_case(_plain_triplet, _pml("TripletMarginLoss", 0.2), 256),
    "all-triplets-512": lambda: pair_case(_plain_triplet, _pml("TripletMarginLoss", 0.2)),
    "contrastive-512": lambda: pair_case(P.contrastive_loss, _pml("ContrastiveLoss")),
    "batch-hard-512": lambda: pair_case(P.batch_hard_triplet_loss, _mined),
    "multi-similarity-512": lambda: pair_case(P.multi_similarity_loss, _pml("MultiSimilarityLoss", 2, 50, 0.5)),
    "circle-512": lambda: pair_case(P.circle_loss, _pml("CircleLoss")),
    "margin-based-512": lambda: pair_case(P.margin_based_loss, _pml("MarginLoss", 0.2, beta=1.2)),
    "generalised-lifted-512": lambda: pair_case(P.generalised_lifted_loss, _pml("GeneralizedLiftedStructureLoss")),
    "centre-10k": centre_case,
    "alignment-1000": alignment_case,
    "lfw-6000": lfw_case,
}
ROUNDS = {"arcface-10k": 9, "arcface-100k": 3, "lifted-512": 1, "lifted-128": 5, "all-triplets-512": 7}
PEERS = ("pytorch-metric-learning", "insightface", "linear", "scikit-image", "threshold sweep", "all distances")


def resident(key: str) -> float:
    """MiB from the kernel's account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def measure(case: str) -> dict[str, float]:
    """Processor seconds a step of each competitor, medians over rounds in which they take turns."""
    runs = CASES[case]()
    rounds = int(os.environ.get("ROUNDS", ROUNDS.get(case, 15)))
    times: dict[str, list[float]] = {name: [] for name in runs}
    for i in range(rounds + (rounds > 1)):
        for name, run in runs.items():
            repeats = 1 if name in PEERS or case.startswith("arcface") else 3
            start = time.process_time()
            for _ in range(repeats):
                run()
            if i or rounds == 1:
                times[name].append((time.process_time() - start) / repeats)
    return {name: statistics.median(t) for name, t in times.items()}


def peak(case: str) -> float:
    """MiB by which one step of the single competitor in ONLY raises the peak of the resident set."""
    (run,) = CASES[case]().values()
    base = resident("VmRSS")
    run()
    return resident("VmHWM") - base


def child(case: str, *, only: str | None = None) -> dict | float:
    """Run a case in a process of its own and return what it prints."""
    environment = os.environ | ({"ONLY": only} if only else {}) | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, __file__, "--child", case, *(["--peak"] if only else [])]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def report(case: str) -> dict:
    """Ratios of a case: how many times slower, and how many times hungrier, each peer is than each of ours."""
    seconds = child(case)
    ours = [name for name in seconds if name not in PEERS]
    row: dict = {"time": {p: {o: round(seconds[p] / seconds[o], 2) for o in ours} for p in seconds if p in PEERS}}
    if case.startswith("arcface"):
        peaks = {name: child(case, only=name) for name in seconds}
        row["memory"] = {p: {o: round(peaks[p] / peaks[o], 2) for o in ours} for p in seconds if p in PEERS}
    return row


def main() -> None:
    """Run the cases named on the command line, or all of them and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"some of {', '.join(CASES)}")
    parser.add_argument("--write", action="store_true", help="put the named cases into the record")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.child:
        print(json.dumps(peak(arguments.child) if arguments.peak else measure(arguments.child)))
        return
    for case in arguments.cases or CASES:
        ratios = report(case)
        print(case, json.dumps(ratios), flush=True)
        if arguments.write or not arguments.cases:
            write(case, ratios)


def write(case: str, ratios: dict) -> None:
    """Put one case into the record, so that a run that is cut short keeps what it has."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {"ratios": {}}
    record["setting"] = {"torch": torch.__version__, "threads": torch.get_num_threads(), "device": "cpu"}
    ratios_by_case = record["ratios"] | {case: ratios}
    record["ratios"] = {name: ratios_by_case[name] for name in CASES if name in ratios_by_case}
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
