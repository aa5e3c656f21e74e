"""Run by torchrun in test_sharded.py: compares two gloo processes with one, and writes the differences."""

import json
import sys

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh

from course_lib.recognition import margins as M
from course_lib.recognition.sharded import gather_batch, loss_parallel, shard_classes, sharded_margin_cross_entropy

MARGINS = {
    "ArcFace": M.ArcFace(0.5),
    "CosFace": M.CosFace(0.35),
    "Combined": M.Combined(0.9, 0.4, 0.15),
    "SphereFace": M.SphereFace(4, lam=1.0),
    "LSoftmax": M.LSoftmax(2),
    "MagFace": M.MagFace(lower_length=1.0, upper_length=6.0),
    "CurricularFace": M.CurricularFace().eval(),
    "AdaFace": M.AdaFace().eval(),
}


def gap(a, b):
    return float((a - b).detach().abs().max() / b.detach().abs().max().clamp_min(1e-12))


def main(path):
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    rank = dist.get_rank()
    results = {}
    for name, margin in MARGINS.items():
        for grad in ("exact", "detached"):
            g = torch.Generator().manual_seed(1)
            x = torch.randn(10, 12, generator=g)
            w = torch.randn(13, 12, generator=g)  # 13 classes on two processes: uneven shards
            y = torch.randint(0, 13, (10,), generator=g)
            a, b = x.clone().requires_grad_(), w.clone().requires_grad_()
            reference = M.margin_cross_entropy(a, b, y, margin, 16.0, grad=grad)
            reference.backward()
            local = x[rank * 5 : rank * 5 + 5].clone().requires_grad_()
            shards = shard_classes(w, mesh)
            with loss_parallel():
                everyone, labels = gather_batch(local, y[rank * 5 : rank * 5 + 5], mesh, averaged=False)
                loss = sharded_margin_cross_entropy(everyone, shards, labels, margin, 16.0, grad=grad)
                loss.backward()
            results[f"{name} {grad}"] = [
                gap(loss, reference),
                gap(local.grad, a.grad[rank * 5 : rank * 5 + 5]),
                gap(shards.grad.full_tensor(), b.grad),
            ]
    results["partial"] = partial(mesh, rank)
    everything = [None] * dist.get_world_size()
    dist.all_gather_object(everything, results)
    if rank == 0:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(everything, file)
    dist.destroy_process_group()


def partial(mesh, rank):
    """Half of 40 classes: the loss lies below the full one, unsampled rows have no gradient, the rest is finite."""
    g = torch.Generator().manual_seed(2)
    x, w, y = torch.randn(6, 8, generator=g), torch.randn(40, 8, generator=g), torch.randint(0, 40, (6,), generator=g)
    shards = shard_classes(w, mesh)
    a = x.clone().requires_grad_()
    with loss_parallel():
        draw = torch.Generator().manual_seed(rank)
        loss = sharded_margin_cross_entropy(a, shards, y, M.ArcFace(0.5), 16.0, rate=0.5, generator=draw)
        loss.backward()
    gradient = shards.grad.full_tensor()
    # one process, given exactly the rows that took part
    rows = gradient.abs().sum(1).nonzero().squeeze(1)
    b, c = x.clone().requires_grad_(), w[rows].clone().requires_grad_()
    reference = M.margin_cross_entropy(b, c, torch.searchsorted(rows, y), M.ArcFace(0.5), 16.0)
    reference.backward()
    return [len(rows), gap(loss, reference), gap(a.grad, b.grad), gap(gradient[rows], c.grad)]


if __name__ == "__main__":
    main(sys.argv[1])
