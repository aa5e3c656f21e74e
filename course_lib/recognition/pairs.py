"""Losses on pairs and triplets of embeddings: the one door to metric learning."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.recognition.contrastive import contrastive_distance_loss, contrastive_loss
from course_lib.recognition.distances import (
    check_batch,
    mean_of_active,
    pair_masks,
    pairwise_distances,
    pairwise_similarity,
)
from course_lib.recognition.hard_samples import focal_cross_entropy, hardest_mean
from course_lib.recognition.lifted import generalised_lifted_loss, lifted_structure_loss
from course_lib.recognition.margins import Softmax, margin_cross_entropy
from course_lib.recognition.miners import multi_similarity_masks
from course_lib.recognition.triplets import (
    batch_hard_triplet_loss,
    semi_hard_triplet_loss,
    triplet_distance_loss,
    triplet_loss,
    weighted_triplet_loss,
)

__all__ = [
    "batch_hard_triplet_loss",
    "circle_loss",
    "contrastive_distance_loss",
    "contrastive_loss",
    "deepid2_loss",
    "focal_cross_entropy",
    "generalised_lifted_loss",
    "hardest_mean",
    "lifted_structure_loss",
    "margin_based_loss",
    "multi_similarity_loss",
    "n_pair_loss",
    "semi_hard_triplet_loss",
    "triplet_distance_loss",
    "triplet_loss",
    "weighted_triplet_loss",
]


def deepid2_loss(
    embeddings: Float[Tensor, "b d"],
    weight: Float[Tensor, "c d"],
    labels: Int[Tensor, "b"],
    margin: float = 1.0,
    verification: float = 0.05,
) -> Float[Tensor, ""]:
    """Return DeepID2's joint loss: softmax identification plus λ times contrastive verification.

    L = CE(W x, y) + λ · contrastive(x, y), features not normalised.

    Args:
        embeddings: x, (B, D).
        weight: W, (C, D).
        labels: y, (B,) in [0, C).
        margin: m of the verification term.
        verification: λ ≥ 0; 0.05 in the paper.

    Returns:
        A scalar ≥ 0.

    Raises:
        ValueError: for an empty batch or labels outside [0, C).

    Source: [sun2014]
    """
    identification = margin_cross_entropy(embeddings, weight, labels, Softmax())
    return identification + verification * contrastive_loss(embeddings, labels, margin, normalise=False)


def n_pair_loss(
    anchors: Float[Tensor, "n d"], positives: Float[Tensor, "n d"], length_weight: float = 0.0
) -> Float[Tensor, ""]:
    """Return the multi-class N-pair loss: each anchor must match its own positive better than the others' positives.

    mean_i log(1 + Σ_{j≠i} e^{f_i·g_j - f_i·g_i}) + λ mean(|f|² + |g|²), i.e. softmax cross-entropy over f_i·g_j.
    The products are not normalised; without the length term the embeddings grow without end.

    Args:
        anchors: f, (N, D), one an identity.
        positives: g, (N, D), row i of the same identity as anchor i.
        length_weight: λ ≥ 0.

    Returns:
        A scalar ≥ 0.

    Raises:
        ValueError: if there is no pair.

    Source: [sohn2016]
    """
    if len(anchors) == 0:
        raise ValueError("anchors must hold at least one row, got none")
    products = anchors @ positives.t()
    loss = F.cross_entropy(products, torch.arange(len(anchors), device=anchors.device))
    return loss + length_weight * (anchors.square().sum(1) + positives.square().sum(1)).mean()


def margin_based_loss(
    embeddings: Float[Tensor, "b d"],
    labels: Int[Tensor, "b"],
    beta: float | Float[Tensor, ""] | Float[Tensor, "c"] = 1.2,
    margin: float = 0.2,
    *,
    nu: float = 0.0,
    triplets: tuple[Int[Tensor, "t"], Int[Tensor, "t"], Int[Tensor, "t"]] | None = None,
) -> Float[Tensor, ""]:
    """Return the margin-based loss: β decides which pairs are hard, in plain (not squared) distance.

    Σ [α + y (D - β)]₊ / #(above 0) + ν Σ β, y = 1 for a positive pair and -1 for a negative one. Plain distance gives
    every hard negative a gradient of the same size; squared distance gives the nearest almost none.

    Args:
        embeddings: (B, D), put on the unit sphere.
        labels: (B,) identities.
        beta: β: a number, a learnable scalar, or (C,) one a class. It wants a learning rate of its own.
        margin: α.
        nu: ν ≥ 0 keeps β from growing.
        triplets: (anchor, positive, negative) from a miner; all pairs of the batch if None.

    Returns:
        A scalar ≥ 0 (without ν); 0 where nothing is active.

    Raises:
        ValueError: for an empty batch or labels of another length.

    Source: [wu2017]
    """
    check_batch(embeddings, labels)
    distance = pairwise_distances(embeddings)
    threshold = torch.as_tensor(beta, dtype=distance.dtype, device=distance.device)
    own = threshold[labels] if threshold.dim() else threshold.expand(len(labels))
    if triplets is None:
        positive, negative = pair_masks(labels)
        signed = torch.where(positive, distance - own[:, None], own[:, None] - distance)
        losses = F.relu(margin + signed) * (positive | negative)
    else:
        a, p, n = triplets
        losses = F.relu(margin + torch.cat([distance[a, p] - own[a], own[a] - distance[a, n]]))
    return mean_of_active(losses) + nu * threshold.sum()


def multi_similarity_loss(
    embeddings: Float[Tensor, "b d"],
    labels: Int[Tensor, "b"],
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    *,
    mining: float | None = None,
) -> Float[Tensor, ""]:
    """Return the multi-similarity loss: pairs weighed by their own and by their relative similarity.

    mean_i 1/α log(1 + Σ_P e^{-α(S_ip - λ)}) + 1/β log(1 + Σ_N e^{β(S_in - λ)}).

    Args:
        embeddings: (B, D), put on the unit sphere.
        labels: (B,) identities.
        alpha: α of the positives; 2.
        beta: β of the negatives; 50 in the paper, 40 in the authors' code.
        base: λ; 0.5 in the authors' code, 1 in the paper.
        mining: ε of the pair mining (0.1 in the authors' code): keep negatives with S > min S_p - ε and positives
            with S < max S_n + ε. None keeps all pairs.

    Returns:
        A scalar ≥ 0; an anchor without pairs contributes 0.

    Raises:
        ValueError: for an empty batch or labels of another length.

    Source: [wang2019]
    """
    check_batch(embeddings, labels)
    similarity = pairwise_similarity(embeddings)
    positive, negative = pair_masks(labels)
    if mining is not None:
        positive, negative = multi_similarity_masks(similarity.detach(), labels, mining)
    pull = F.softplus((-alpha * (similarity - base)).masked_fill(~positive, -1e4).logsumexp(1)) / alpha
    push = F.softplus((beta * (similarity - base)).masked_fill(~negative, -1e4).logsumexp(1)) / beta
    return (pull + push).mean()


def circle_loss(
    embeddings: Float[Tensor, "b d"],
    labels: Int[Tensor, "b"],
    margin: float = 0.25,
    scale: float = 256.0,
) -> Float[Tensor, ""]:
    """Return the circle loss: each similarity pulls as hard as it is far from its own optimum.

    log(1 + Σ_n e^{γ a_n (s_n - m)} Σ_p e^{-γ a_p (s_p - 1 + m)}), a_p = [1 + m - s_p]₊ and a_n = [s_n + m]₊ without
    gradient; written as softplus(LSE + LSE), never as a product of exponentials. Mean over anchors above 0.

    Args:
        embeddings: (B, D), put on the unit sphere.
        labels: (B,) identities.
        margin: m; 0.25 for faces, 0.4 for retrieval.
        scale: γ; 256 for faces, 80 for retrieval.

    Returns:
        A scalar ≥ 0; an anchor that lacks positives or negatives contributes 0.

    Raises:
        ValueError: for an empty batch or labels of another length.

    Source: [sun2020]
    """
    check_batch(embeddings, labels)
    similarity = pairwise_similarity(embeddings)
    positive, negative = pair_masks(labels)
    fixed = similarity.detach()
    pull = (-scale * F.relu(1 + margin - fixed)) * (similarity - 1 + margin)
    push = (scale * F.relu(fixed + margin)) * (similarity - margin)
    both = positive.any(1) & negative.any(1)
    total = pull.masked_fill(~positive, -1e4).logsumexp(1) + push.masked_fill(~negative, -1e4).logsumexp(1)
    return mean_of_active(F.softplus(total) * both)
