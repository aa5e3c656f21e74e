"""The sharded margin softmax at work: several processes, each with its share of the classes, against one with all.

Run it by ``torchrun --nproc_per_node=2 -m course_lib.recognition.sharded_demo``, or from a notebook with `run`.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor
from torch.multiprocessing.spawn import start_processes

from course_lib.recognition.margins import ArcFace, margin_cross_entropy
from course_lib.recognition.sharded import gather_batch, loss_parallel, shard_classes, sharded_margin_cross_entropy

CLASSES, WIDTH, BATCH = 1001, 64, 32  # an odd number of classes, so that the shards differ


def main() -> None:
    """Computes one ArcFace step in this process of several, compares it with a single process and prints a JSON line."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    size, rank = dist.get_world_size(), dist.get_rank()
    mesh = init_device_mesh("cpu", (size,))
    generator = torch.Generator().manual_seed(0)  # so all processes draw the same numbers
    embeddings = torch.randn(BATCH * size, WIDTH, generator=generator)
    weight = torch.randn(CLASSES, WIDTH, generator=generator)
    labels = torch.randint(0, CLASSES, (BATCH * size,), generator=generator)

    one, all_rows = embeddings.clone().requires_grad_(), weight.clone().requires_grad_()
    alone = margin_cross_entropy(one, all_rows, labels, ArcFace(0.5))
    alone.backward()

    own = slice(rank * BATCH, (rank + 1) * BATCH)
    local, shards = embeddings[own].clone().requires_grad_(), shard_classes(weight, mesh)
    with loss_parallel():
        everyone, targets = gather_batch(local, labels[own], mesh, averaged=False)
        loss = sharded_margin_cross_entropy(everyone, shards, targets, ArcFace(0.5))
        loss.backward()
    assert one.grad is not None and all_rows.grad is not None and local.grad is not None
    assert isinstance(shards.grad, DTensor)
    mine = torch.arange(CLASSES).chunk(size)[rank]
    told = {"rank": rank, "rows": len(shards.to_local()), "loss": loss.item(), "loss apart": _apart(loss, alone)}
    told["embeddings apart"] = _apart(local.grad, one.grad[own])
    told["weights apart"] = _apart(shards.grad.to_local(), all_rows.grad[mine])
    sys.stdout.write(json.dumps(told) + "\n")  # one write, so that lines of several processes do not mix
    sys.stdout.flush()
    dist.destroy_process_group()


def _apart(value: Tensor, expected: Tensor) -> float:
    return float((value - expected).detach().abs().max() / expected.detach().abs().max())


def run(processes: int = 2) -> list[dict[str, int | float]]:
    """Starts so many processes on this machine, as torchrun does, and returns what they found.

    Args:
        processes: how many, each with its share of the classes.

    Returns:
        For each process its rank, its rows of the weight, the loss, and how far loss and gradients are from those of
        one process, relative to the largest entry.

    Raises:
        RuntimeError: if a process fails, with what it wrote.
    """
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "course_lib.recognition.sharded_demo", str(processes)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(f"the processes ended with {done.returncode}: {done.stderr[-2000:]}")
    return sorted(map(json.loads, done.stdout.splitlines()), key=lambda told: told["rank"])


def _rank(rank: int, processes: int, port: int) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(processes)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    main()


def _start(processes: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # A fork has torch imported already, which takes longer than all that is computed here.
    method = "fork" if sys.platform == "linux" else "spawn"
    start_processes(_rank, (processes, port), processes, start_method=method)


if __name__ == "__main__":
    main() if "RANK" in os.environ else _start(int(sys.argv[1]))
