"""From a picture to a name: align or crop, embed with the flip test, compare one to one and one to many."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.geometry import align, warp
from course_lib.images import check_images
from course_lib.recognition.angles import unit

__all__ = ["Match", "align", "compare", "crop_faces", "embed", "identify", "mean_templates", "verify"]


def crop_faces(
    image: Float[Tensor, "b 3 h w"], boxes: Float[Tensor, "b 4"], size: int = 112, margin: float = 0.0
) -> Float[Tensor, "b 3 size size"]:
    """Cut a square around each box and resize it; where no landmarks are known, this stands in for alignment.

    The square has the box's centre and the larger of its sides times 1 + 2·margin; outside the picture it is black.
    Edges, not pixel centres, are mapped onto each other.

    Args:
        image: (B, 3, H, W) in [0, 1].
        boxes: (B, 4) xyxy in pixels, one an image.
        size: side of the result, pixels.
        margin: share of the side added on each side, > -0.5.

    Returns:
        (B, 3, size, size) in [0, 1].

    Raises:
        ValueError: for a box without area, or a margin that leaves nothing.

    Source: [parkhi2015]
    """
    check_images(image, channels=(3,))
    width, height = (boxes[:, 2:] - boxes[:, :2]).unbind(1)
    side = torch.maximum(width, height) * (1 + 2 * margin)
    if not (torch.compiler.is_compiling() or torch.compiler.is_exporting()) and not bool(
        ((width > 0) & (height > 0) & (side > 0)).all()
    ):
        raise ValueError("boxes must have positive width and height, and margin must be above -0.5")
    factor = size / side
    centre = 0.5 * (boxes[:, :2] + boxes[:, 2:])
    shift = 0.5 * (size - 1) - factor[:, None] * (centre - 0.5)
    zero = torch.zeros_like(factor)
    rows = [torch.stack([factor, zero, shift[:, 0]], 1), torch.stack([zero, factor, shift[:, 1]], 1)]
    return warp(image, torch.stack(rows, 1), size)


def embed(
    network: nn.Module, faces: Float[Tensor, "n 3 h w"], *, flip: str = "sum", batch_size: int = 64
) -> Float[Tensor, "n d"]:
    """Return unit embeddings of faces, by default summed with those of the mirrored faces.

    "sum": (f(x) + f(mirror x)) / |·|, "concatenate": both halves side by side, "none": f(x) alone. The flip test
    takes twice the time and gains a few tenths of a per cent on LFW, more on profiles.

    Args:
        network: any backbone; it is used in evaluation mode and put back afterwards.
        faces: (N, 3, H, W) in [0, 1], aligned, of the network's size.
        flip: "sum", "concatenate" or "none".
        batch_size: faces a step.

    Returns:
        (N, D), or (N, 2D) for "concatenate", of length 1, float32 or float64.

    Raises:
        ValueError: for another flip or a batch size below 1.

    Source: [deng2019], [liu2017]
    """
    if flip not in ("sum", "concatenate", "none"):
        raise ValueError(f"flip must be 'sum', 'concatenate' or 'none', got {flip!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    check_images(faces, "faces", (3,))
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            parts = [_embed_batch(network, batch, flip) for batch in faces.split(batch_size)]
    finally:
        network.train(training)
    return unit(torch.cat(parts))[0]


def _embed_batch(network: nn.Module, faces: Tensor, flip: str) -> Tensor:
    """Embed one batch and its mirror image in a single call."""
    if flip == "none":
        return network(faces)
    straight, mirrored = network(torch.cat([faces, faces.flip(3)])).chunk(2)
    return straight + mirrored if flip == "sum" else torch.cat([straight, mirrored], 1)


def mean_templates(
    embeddings: Float[Tensor, "n d"], groups: Int[Tensor, "n"]
) -> tuple[Float[Tensor, "t d"], Int[Tensor, "t"]]:
    """Return one unit template a group: the direction of the sum of its embeddings.

    Raw embeddings weigh themselves by their length, which is smaller for poor images; unit ones count alike.

    Args:
        embeddings: (N, D), raw or unit.
        groups: (N,) identity or template of each.

    Returns:
        Templates (T, D) of length 1 and their group numbers (T,), rising.

    Source: [meng2021]
    """
    names, index = groups.unique(return_inverse=True)
    total = embeddings.new_zeros(len(names), embeddings.shape[1]).index_add_(0, index, embeddings)
    return unit(total)[0], names


def compare(first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
    """Return the cosine similarity of pairs of embeddings: the 1:1 score.

    Args:
        first: (N, D).
        second: (N, D).

    Returns:
        (N,) in [-1, 1], float32 or float64; 0 for a zero embedding.

    Source: [schroff2015]
    """
    return (unit(first)[0] * unit(second)[0]).sum(1)


def verify(
    first: Float[Tensor, "n d"], second: Float[Tensor, "n d"], threshold: float
) -> tuple[Bool[Tensor, "n"], Float[Tensor, "n"]]:
    """Decide whether pairs are of one person.

    Args:
        first: (N, D).
        second: (N, D).
        threshold: on the cosine; it belongs to one network and must be chosen on other identities' pairs.

    Returns:
        Decisions (N,) and scores (N,); a score at the threshold is accepted.

    Source: [iso19795]
    """
    scores = compare(first, second)
    return scores >= threshold, scores


@dataclass(frozen=True)
class Match:
    """The answer of a 1:N search. Source: [phillips2011].

    Attributes:
        labels: (Q, K) identities of the best gallery entries, -1 where the score is under the threshold.
        scores: (Q, K), falling.
    """

    labels: Tensor
    scores: Tensor


def identify(
    probes: Float[Tensor, "q d"],
    gallery: Float[Tensor, "g d"],
    labels: Int[Tensor, "g"],
    *,
    top: int = 1,
    threshold: float = -1.0,
    batch_size: int = 4096,
) -> Match:
    """Search probes in a gallery: the names of the nearest entries, or "unknown" (-1) under the threshold.

    Args:
        probes: (Q, D).
        gallery: (G, D).
        labels: (G,) identities ≥ 0.
        top: K, how many to return, at most G.
        threshold: on the cosine; -1 makes the set closed.
        batch_size: probes compared at a time, so that memory is batch_size · G.

    Returns:
        Labels and scores (Q, K).

    Raises:
        ValueError: for K outside [1, G].

    Source: [phillips2011]
    """
    if not 1 <= top <= len(gallery):
        raise ValueError(f"top must lie in [1, {len(gallery)}], the size of the gallery, got {top}")
    known = unit(gallery)[0]
    best = [F.linear(unit(part)[0], known).topk(top) for part in probes.split(batch_size)]
    scores = torch.cat([b.values for b in best])
    found = labels[torch.cat([b.indices for b in best])]
    return Match(torch.where(scores >= threshold, found, -1), scores)
