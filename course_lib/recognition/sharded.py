"""The class weights spread over processes: each computes the logits of its own classes, torch joins the softmax.

    torchrun --nproc_per_node=8 train.py

In every process::

    mesh = init_device_mesh("cuda", (dist.get_world_size(),))
    weight = shard_classes(weight, mesh)                    # DTensor, Shard(0)
    with loss_parallel():
        loss = sharded_margin_cross_entropy(embeddings, weight, labels, ArcFace(0.5))
        loss.backward()                                     # inside the context

The embeddings must be the same in all processes: `gather_batch` makes them so. Leave the weight out of
DistributedDataParallel, which would average gradients that belong to different classes.
"""

import math

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.parallel import loss_parallel

from course_lib.recognition.angles import unit
from course_lib.recognition.margin_kinds import Margin
from course_lib.recognition.partial_fc import sample_classes

__all__ = ["gather_batch", "loss_parallel", "shard_classes", "sharded_margin_cross_entropy"]


def shard_classes(weight: Float[Tensor, "c d"], mesh: DeviceMesh) -> DTensor:
    """Return the class rows spread over a one-dimensional mesh, as a leaf that takes gradients.

    Args:
        weight: (C, D), the same in all processes.
        mesh: one-dimensional.

    Returns:
        A DTensor (C, D), Shard(0): every process holds ⌈C/N⌉ rows, the last ones fewer.

    Raises:
        ValueError: if the mesh has more than one dimension.

    Source: [an2022]
    """
    if mesh.ndim != 1:
        raise ValueError(f"mesh must have one dimension, got {mesh.ndim}")
    sharded = distribute_tensor(weight.detach(), mesh, [Shard(0)])
    sharded.requires_grad_()
    return sharded


class _Gather(torch.autograd.Function):
    """All processes' rows one after the other; the gradient of one's own rows comes back, scaled."""

    @staticmethod
    def forward(ctx, x: Tensor, group, factor: float):
        """Gather equal numbers of rows."""
        size = dist.get_world_size(group)
        parts = [torch.empty_like(x) for _ in range(size)]
        dist.all_gather(parts, x.contiguous(), group)
        ctx.rows, ctx.rank, ctx.factor = len(x), dist.get_rank(group), factor
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, upstream):
        """Return the own slice: every process already holds the whole gradient."""
        start = ctx.rank * ctx.rows
        return upstream[start : start + ctx.rows] * ctx.factor, None, None


def gather_batch(
    embeddings: Float[Tensor, "b d"], labels: Int[Tensor, "b"], mesh: DeviceMesh, *, averaged: bool = True
) -> tuple[Float[Tensor, "nb d"], Int[Tensor, "nb"]]:
    """Return the embeddings and labels of all processes, with gradients going back to where the rows came from.

    Args:
        embeddings: (b, D), this process's samples, the same number everywhere.
        labels: (b,).
        mesh: one-dimensional.
        averaged: the backbone's gradients will be averaged over processes (DistributedDataParallel does). The loss is
            already a mean over all samples, so the gradient is multiplied by N to undo the second division.

    Returns:
        (N·b, D) and (N·b,).

    Source: [an2022]
    """
    group = mesh.get_group()
    factor = float(mesh.size()) if averaged else 1.0
    return _Gather.apply(embeddings, group, factor), _Gather.apply(labels, group, 1.0)


def sharded_margin_cross_entropy(
    embeddings: Float[Tensor, "b d"],
    weight: DTensor,
    labels: Int[Tensor, "b"],
    margin: Margin,
    scale: float = 64.0,
    *,
    grad: str = "exact",
    rate: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the margin softmax with class-sharded weights; equal to `margin_cross_entropy` on one process.

    Each process multiplies the embeddings with its own rows, changes the target entries that fall among them, and
    torch's loss_parallel joins the row maxima and sums; the (B, C) logits never exist in one place. Call it and its
    backward pass inside `with loss_parallel():`.

    Args:
        embeddings: (B, D), the same in all processes; their gradient is complete in each.
        weight: (C, D) from `shard_classes`.
        labels: (B,) in [0, C), the same in all processes.
        margin: any margin with one row a class that normalises the weights, and Softmax and L-Softmax.
        scale: s.
        grad: "exact" or "detached".
        rate: share of each process's classes that take part (Partial FC).
        generator: for that draw; may differ between processes.

    Returns:
        A scalar, the mean over the batch, the same in all processes.

    Raises:
        ValueError: for sub-centres, a weight that isn't sharded over rows, or a rate outside (0, 1].

    Source: [an2022], [deng2019]
    """
    if margin.subcentres > 1:
        raise ValueError(f"margin must have one row a class, got {margin.subcentres} sub-centres")
    if tuple(weight.placements) != (Shard(0),):
        raise ValueError(f"weight must be placed as Shard(0), got {weight.placements}")
    mesh = weight.device_mesh
    rows, own, columns, classes, width = _local_classes(weight, labels, rate, generator)
    # Partial says: what flows back here is one process's share of the gradient, to be summed over all.
    shared = DTensor.from_local(embeddings, mesh, [Replicate()], run_check=False).to_local(grad_placements=[Partial()])
    local = _local_logits(shared, rows, own, columns, margin, scale, grad, mesh)
    logits = DTensor.from_local(
        local, mesh, [Shard(1)], run_check=False, shape=torch.Size((len(labels), classes)), stride=(classes, 1)
    )
    target = torch.zeros_like(labels)
    target[own] = columns + mesh.get_local_rank() * width
    dist.all_reduce(target, group=mesh.get_group())
    losses = F.cross_entropy(logits, target)
    loss = losses.full_tensor() if isinstance(losses, DTensor) else losses
    penalty = margin.penalty(unit(embeddings)[1])
    return loss if penalty is None else loss + penalty.mean()


def _local_classes(
    weight: DTensor, labels: Tensor, rate: float, generator: torch.Generator | None
) -> tuple[Tensor, Tensor, Tensor, int, int]:
    """Return this process's rows, the samples whose class is among them and their columns; C' and the shard's width."""
    mesh, local = weight.device_mesh, weight.to_local()
    full = math.ceil(len(weight) / mesh.size())  # Shard splits like torch.chunk
    start = full * mesh.get_local_rank()
    own = ((labels >= start) & (labels < start + len(local))).nonzero().squeeze(1)
    columns = labels[own] - start
    if rate == 1:
        return local, own, columns, len(weight), full
    # All shards must take the same number of rows, or the joined softmax would count its columns wrongly.
    count = torch.tensor([math.ceil(rate * full), len(columns.unique())], device=labels.device).max()
    dist.all_reduce(count, dist.ReduceOp.MAX, mesh.get_group())
    width = min(int(count), full)
    if width < len(local):
        # a share just below the exact one, since sample_classes rounds up
        chosen, columns = sample_classes(columns, len(local), (width - 0.5) / len(local), generator)
        local = local[chosen]
    total = torch.tensor(len(local), device=labels.device)
    dist.all_reduce(total, group=mesh.get_group())
    return local, own, columns, int(total), width


def _local_logits(
    embeddings: Tensor,
    rows: Tensor,
    own: Tensor,
    columns: Tensor,
    margin: Margin,
    scale: float,
    grad: str,
    mesh: DeviceMesh,
) -> Tensor:
    """Return the (B, C/N) logits of this process's classes with the margin in the target entries among them."""
    direction, length = unit(embeddings)
    features = embeddings if margin.keeps_length else direction.to(embeddings.dtype)
    normalised = rows if margin.keeps_weight_length else unit(rows)[0]
    product = F.linear(features, normalised.to(features.dtype))
    product = product.float() if product.dtype in (torch.float16, torch.bfloat16) else product
    targets = rows[columns]
    cosine = (direction[own] * unit(targets)[0]).sum(1).clamp(-1, 1)
    everywhere = torch.zeros_like(length.detach())
    everywhere[own] = cosine.detach()
    dist.all_reduce(everywhere, group=mesh.get_group())
    margin.observe(everywhere, length.detach())
    value = margin.target(cosine, length[own])
    if grad == "detached":
        value = cosine + (value - cosine).detach()
    size = torch.linalg.vector_norm(targets, dim=1).to(value.dtype) if margin.keeps_weight_length else 1
    size = size * length[own] if margin.keeps_length else size
    logits = margin.others(product, everywhere).index_put((own, columns), value * size)
    return logits if margin.keeps_length else logits * scale
