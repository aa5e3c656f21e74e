"""Checks of scale: two processes equal one, Partial FC at rate 1 equals the full loss, memory as measured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from course_lib.recognition import margins as M
from course_lib.recognition import sharded_demo
from course_lib.recognition.memory import head_memory
from course_lib.recognition.partial_fc import partial_fc_cross_entropy, sample_classes

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not dist.is_available(), reason="torch without distributed")
def test_two_gloo_processes_equal_one(tmp_path, record_check):
    out = tmp_path / "differences.json"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    worker = str(Path(__file__).with_name("sharded_worker.py"))
    run = subprocess.run(
        [*command, worker, str(out)], capture_output=True, text=True, env=environment, timeout=300, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    ranks = json.loads(out.read_text())
    partial = [r.pop("partial") for r in ranks]
    worst = max(max(v) for r in ranks for v in r.values())
    # fp32: the row sums are added in another order
    record_check(
        "recognition.sharded.sharded_margin_cross_entropy", "one process, relative", 3 * 2 * len(ranks[0]), worst, 1e-6
    )
    assert all(p[0] == 20 for p in partial)
    record_check(
        "recognition.sharded.sharded_margin_cross_entropy",
        "one process on the drawn classes",
        6,
        max(max(p[1:]) for p in partial),
        1e-6,
    )


@pytest.mark.skipif(not dist.is_available(), reason="torch without distributed")
def test_the_demonstration_of_the_page_agrees_with_one_process():
    told = sharded_demo.run(2)
    assert [t["rank"] for t in told] == [0, 1] and [t["rows"] for t in told] == [501, 500]
    assert told[0]["loss"] == told[1]["loss"]
    assert max(t[f"{what} apart"] for t in told for what in ("loss", "embeddings", "weights")) < 1e-6  # float32


def batch(classes=50, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 8, generator=g, dtype=torch.float64).requires_grad_()
    w = torch.randn(classes, 8, generator=g, dtype=torch.float64).requires_grad_()
    return x, w, torch.randint(0, classes, (16,), generator=g)


def test_rate_one_equals_the_full_loss(record_check):
    x, w, y = batch()
    full = M.margin_cross_entropy(x, w, y, M.ArcFace(0.5))
    expected = torch.autograd.grad(full, (x, w))
    worst = 0.0
    for sparse in (False, True):
        part = partial_fc_cross_entropy(x, w, y, M.ArcFace(0.5), rate=1.0, sparse=sparse)
        got = torch.autograd.grad(part, (x, w))
        worst = max(
            worst,
            float((part - full).abs()),
            *(float((a.to_dense() - b).abs().max()) for a, b in zip(got, expected, strict=True)),
        )
    record_check("recognition.partial_fc.partial_fc_cross_entropy", "the full loss at rate 1", 6, worst, 1e-14)


def test_sampling_keeps_the_batch_and_draws_evenly():
    _, _, y = batch(classes=100)
    g = torch.Generator().manual_seed(0)
    counts = torch.zeros(100)
    for _ in range(600):
        chosen, new = sample_classes(y, 100, 0.3, g)
        assert len(chosen) == 30 and torch.equal(chosen[new], y) and (chosen.diff() > 0).all()
        counts[chosen] += 1
    others = torch.ones(100, dtype=torch.bool)
    others[y] = False
    expected = (30 - y.unique().numel()) / int(others.sum())
    assert (counts[y] == 600).all()
    # 600 draws: three standard errors of a share of 0.2 are 0.05
    assert (counts[others] / 600 - expected).abs().max() < 0.06
    few, _ = sample_classes(y, 100, 0.01, g)
    assert len(few) == y.unique().numel()
    loss = partial_fc_cross_entropy(*batch(100), M.ArcFace(0.5), rate=0.3, generator=g)
    assert loss < M.margin_cross_entropy(*batch(100), M.ArcFace(0.5))


def test_unsampled_rows_get_no_gradient():
    x, w, y = batch(200)
    partial_fc_cross_entropy(
        x, w, y, M.CosFace(), rate=0.2, sparse=True, generator=torch.Generator().manual_seed(0)
    ).backward()
    assert w.grad.is_sparse and w.grad._nnz() == 40


def test_errors():
    x, w, y = batch()
    with pytest.raises(ValueError, match="rate"):
        partial_fc_cross_entropy(x, w, y, M.ArcFace(), rate=0.0)
    with pytest.raises(ValueError, match="sub-centres"):
        partial_fc_cross_entropy(x, w, y, M.SubCentreArcFace())
    with pytest.raises(ValueError, match="strategy"):
        head_memory(1e6, strategy="pipeline")


# InsightFace, arcface_torch/README.md: MiB on each of 8 V100, ResNet-50, half precision, batch 1024, 512 dimensions
MEASURED = {
    "data parallel": {0.125e6: 7358, 1e6: 23708, 1.4e6: 32252},
    "model parallel": {0.125e6: 5306, 1e6: 9966, 1.4e6: 11178, 5.5e6: 32188},
    "partial fc": {0.125e6: 4868, 1e6: 5620, 1.4e6: 6056, 5.5e6: 9854, 8e6: 12310, 16e6: 19950, 29e6: 32324},
}


def test_memory_equals_insightfaces_table(record_check):
    backbone = 4700  # MiB; where the measured lines meet zero classes
    for strategy, rows in MEASURED.items():
        rate = 0.1 if strategy == "partial fc" else 1.0
        errors = [
            abs(backbone + head_memory(c, rate=rate, strategy=strategy) / 2**20 - mib) / mib for c, mib in rows.items()
        ]
        # a formula without allocator, buckets and half-precision copies, against what nvidia-smi showed
        record_check(
            "recognition.memory.head_memory",
            f"InsightFace's table, {strategy}, relative",
            len(rows),
            max(errors),
            0.2 if strategy == "data parallel" else 0.08,
        )
