"""The memory-lean forms of the margin softmax: one (B, C) buffer ("fused"), or none at all ("chunked").

Both compute, for logits z_bc = a_b·W_c k_c with the target's entry replaced by z_by = ρ_b ω_y f(t_b), the loss
log Σ_c exp z_bc - z_by of each sample, and its gradient in closed form. With q = softmax(z) - onehot:
the entry (b, y) of q is multiplied by f'(t), so that the plain products q W and qᵀ a hold the margin's gradient;
what is left are terms along x and along W_y. Nothing of size (C, D) is copied in the forward pass.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from course_lib.recognition.angles import unit
from course_lib.recognition.margin_kinds import Margin

CHUNK = 4096
CACHED = 2**19  # logits that fit into a core's cache


@dataclass
class TargetRow:
    """What the kernels know of each sample's target: all tensors are (B,) or (B, D), without gradient."""

    features: Tensor  # a = s x̂, or x
    direction: Tensor  # x̂
    length: Tensor  # |x|
    column: Tensor | None  # k = 1/|W|, (C,), or None where the weights keep their lengths
    logit: Tensor  # z_y
    slope: Tensor  # f'(t), 1 if detached
    along_feature: Tensor  # dz_y/d|x| beyond what the products hold
    along_weight: Tensor | None  # dz_y/d|W_y| beyond what the products hold
    weight_direction: Tensor | None  # Ŵ_y


@torch.no_grad()
def target_row(
    embeddings: Tensor, weight: Tensor, labels: Tensor, margin: Margin, scale: float, detached: bool
) -> TargetRow:
    """Evaluate the margin and its derivative at the B target cosines, in at least single precision."""
    direction, length = unit(embeddings)
    size = torch.linalg.vector_norm(weight, dim=1, dtype=direction.dtype)
    size = torch.where(size > 1e-12, size, torch.ones_like(size))
    own = weight[labels].to(direction.dtype) / size[labels][:, None]
    cosine = (direction * own).sum(1).clamp(-1, 1)
    margin.observe(cosine, length)
    with torch.enable_grad():
        t, a = cosine.clone().requires_grad_(), length.clone().requires_grad_()
        value = margin.target(t, a)
        slope, along = torch.autograd.grad(value.sum(), (t, a), allow_unused=True, materialize_grads=True)
    value = value.detach()
    if detached:
        slope, along = torch.ones_like(slope), torch.zeros_like(along)
    rho = length if margin.keeps_length else torch.full_like(length, scale)
    omega = size[labels] if margin.keeps_weight_length else torch.ones_like(length)
    rest = value - cosine * slope
    return TargetRow(
        features=embeddings.to(direction.dtype) if margin.keeps_length else direction * scale,
        direction=direction,
        length=length,
        column=None if margin.keeps_weight_length else 1 / size,
        logit=rho * omega * value,
        slope=slope,
        along_feature=omega * (rest * float(margin.keeps_length) + rho * along),
        along_weight=rho * rest if margin.keeps_weight_length else None,
        weight_direction=own if margin.keeps_weight_length else None,
    )


def _product(left: Tensor, right: Tensor, dtype: torch.dtype) -> Tensor:
    """Multiply two matrices in the embeddings' precision and return at least float32."""
    with torch.autocast(left.device.type, enabled=False):  # which would lower float32 embeddings behind our back
        out = left.to(dtype) @ right.to(dtype)
    return out.float() if dtype in (torch.float16, torch.bfloat16) else out


def _embedding_gradient(inner: Tensor, q_target: Tensor, row: TargetRow, keeps_length: bool, scale: float) -> Tensor:
    """Turn the gradient of a into that of x: project off the radius where x was normalised, add what lies along x."""
    radial = (q_target * row.along_feature)[:, None] * row.direction
    if keeps_length:
        return inner + radial
    tangent = inner - (inner * row.direction).sum(1, keepdim=True) * row.direction
    safe = torch.where(row.length > 1e-12, row.length, torch.ones_like(row.length))
    return tangent * (scale / safe)[:, None] + radial


def _project_weight_rows(gradient: Tensor, weight: Tensor, column: Tensor) -> None:
    """Take the part along each weight row off its gradient, in place and in blocks that stay in the cache."""
    for start in range(0, len(gradient), 1024):
        block, rows = gradient[start : start + 1024], weight[start : start + 1024].to(gradient.dtype)
        along = (block * rows).sum(1) * column[start : start + 1024].square()
        block.addcmul_(rows, along[:, None], value=-1)


def _finish_rows(z: Tensor, labels: Tensor, row: TargetRow, part: slice) -> tuple[Tensor, Tensor]:
    """Turn products a·W_c into k_c q_c in place; return log Σ exp z and q_y = softmax(z)_y - 1."""
    target = labels[:, None]
    if row.column is not None:
        z.mul_(row.column)
    z.scatter_(1, target, row.logit[part, None])
    highest = z.amax(1)
    if z.is_cuda:
        z.sub_(highest[:, None]).exp_()
        z.div_(z.sum(1, keepdim=True))
    else:  # the CPU kernel may write where it reads
        torch.softmax(z, 1, out=z)
    # The largest probability is at least 1/C, so its logarithm is safe, where that of the target's may be log 0.
    lse = highest - z.amax(1).log()
    q_target = z.gather(1, target).squeeze(1) - 1
    z.scatter_(1, target, (q_target * row.slope[part])[:, None])
    if row.column is not None:
        z.mul_(row.column)
    return lse, q_target


class FusedMarginSoftmax(torch.autograd.Function):
    """Losses (B,) with one (B, C) buffer: logits, then probabilities, then the gradient of W x, all in place.

    The backward pass consumes the buffer, so it can run once. Source: [deng2019]
    """

    @staticmethod
    def forward(ctx, embeddings, weight, labels, margin: Margin, scale: float, detached: bool):
        """Return the B losses and keep the probabilities."""
        row = target_row(embeddings, weight, labels, margin, scale, detached)
        z = _product(row.features, weight.t(), embeddings.dtype)
        lse, q_target = torch.empty_like(row.logit), torch.empty_like(row.logit)
        # All that is done to a row of logits is done while it is in the cache, down to its share of the gradient.
        rows = len(z) if z.is_cuda else max(1, CACHED // len(weight))
        for start in range(0, len(z), rows):
            part = slice(start, start + rows)
            lse[part], q_target[part] = _finish_rows(z[part], labels[part], row, part)
        ctx.save_for_backward(weight, labels)
        ctx.buffer, ctx.row, ctx.keeps_length, ctx.scale = z, row, margin.keeps_length, scale
        ctx.q_target = q_target
        ctx.dtype = embeddings.dtype
        return lse - row.logit

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        """Return the gradients of embeddings and weight."""
        if ctx.buffer is None:
            raise RuntimeError("impl='fused' supports one backward pass; use impl='simple' or 'chunked' for more")
        weight, labels = ctx.saved_tensors
        z, row = ctx.buffer, ctx.row
        ctx.buffer = None
        q_target = ctx.q_target * upstream
        gx = gw = None
        if ctx.needs_input_grad[0]:
            inner = _product(z, weight, ctx.dtype) * upstream[:, None]
            gx = _embedding_gradient(inner, q_target, row, ctx.keeps_length, ctx.scale).to(ctx.dtype)
        if ctx.needs_input_grad[1]:
            gw = _product(z.t(), row.features * upstream[:, None], ctx.dtype)
            _finish_weight(gw, weight, labels, row, q_target)
            gw = gw.to(weight.dtype)
        return gx, gw, None, None, None, None


def _finish_weight(gradient: Tensor, weight: Tensor, labels: Tensor, row: TargetRow, q_target: Tensor) -> None:
    """Complete the weight gradient in place: projection where normalised, the radial term where not."""
    if row.column is not None:
        _project_weight_rows(gradient, weight, row.column)
    elif row.along_weight is not None and row.weight_direction is not None:
        gradient.index_add_(0, labels, (q_target * row.along_weight)[:, None] * row.weight_direction)


class ChunkedMarginSoftmax(torch.autograd.Function):
    """Losses (B,) without any (B, C) tensor: classes in chunks, logits computed again in the backward pass.

    Four matrix products instead of three, and memory that doesn't grow with B·C. Source: [deng2019]
    """

    @staticmethod
    def forward(ctx, embeddings, weight, labels, margin: Margin, scale: float, detached: bool):
        """Return the B losses and keep only what is (B, D) or smaller."""
        row = target_row(embeddings, weight, labels, margin, scale, detached)
        lse = torch.full_like(row.logit, -torch.inf)
        for start in range(0, len(weight), CHUNK):
            z, _, _ = _chunk(row, weight, labels, start, embeddings.dtype)
            lse = torch.logaddexp(lse, z.logsumexp(1))
        ctx.save_for_backward(weight, labels, lse)
        ctx.row, ctx.keeps_length, ctx.scale, ctx.dtype = row, margin.keeps_length, scale, embeddings.dtype
        return lse - row.logit

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        """Return the gradients of embeddings and weight, chunk by chunk."""
        weight, labels, lse = ctx.saved_tensors
        row = ctx.row
        q_target = (row.logit - lse).exp() - 1
        want_x, want_w = ctx.needs_input_grad[:2]
        inner = torch.zeros_like(row.features)
        gw = weight.new_empty(weight.shape, dtype=inner.dtype) if want_w else None
        scaled = row.features * upstream[:, None]
        for start in range(0, len(weight), CHUNK):
            z, samples, columns = _chunk(row, weight, labels, start, ctx.dtype)
            z.sub_(lse[:, None]).exp_()
            z[samples, columns] = (q_target * row.slope)[samples]
            if row.column is not None:
                z.mul_(row.column[start : start + CHUNK])
            if want_x:
                inner += _product(z, weight[start : start + CHUNK], ctx.dtype)
            if gw is not None:
                gw[start : start + CHUNK] = _product(z.t(), scaled, ctx.dtype)
        q_target = q_target * upstream
        gx = None
        if want_x:
            inner *= upstream[:, None]
            gx = _embedding_gradient(inner, q_target, row, ctx.keeps_length, ctx.scale).to(ctx.dtype)
        if gw is not None:
            _finish_weight(gw, weight, labels, row, q_target)
            gw = gw.to(weight.dtype)
        return gx, gw, None, None, None, None


def _chunk(
    row: TargetRow, weight: Tensor, labels: Tensor, start: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the logits of one chunk of classes, and the samples and columns whose target lies in it."""
    z = _product(row.features, weight[start : start + CHUNK].t(), dtype)
    if row.column is not None:
        z.mul_(row.column[start : start + CHUNK])
    samples = ((labels >= start) & (labels < start + CHUNK)).nonzero().squeeze(1)
    columns = labels[samples] - start
    z[samples, columns] = row.logit[samples]
    return z, samples, columns


def margin_losses(
    embeddings: Float[Tensor, "b d"],
    weight: Float[Tensor, "c d"],
    labels: Int[Tensor, "b"],
    margin: Margin,
    scale: float,
    detached: bool,
    chunked: bool,
) -> Float[Tensor, "b"]:
    """Return the B losses by the fused or the chunked kernel; see `margins.margin_cross_entropy`.

    Args:
        embeddings: (B, D).
        weight: (C, D).
        labels: (B,) in [0, C).
        margin: any margin that changes the target alone.
        scale: s.
        detached: whether the margin's derivative is replaced by 1.
        chunked: whether to avoid the (B, C) buffer.

    Returns:
        (B,) losses in nats, float32 or float64.

    Source: [deng2019]
    """
    kernel = ChunkedMarginSoftmax if chunked else FusedMarginSoftmax
    return kernel.apply(embeddings, weight, labels, margin, scale, detached)
