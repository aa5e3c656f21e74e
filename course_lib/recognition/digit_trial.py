"""A small trial of metric learning: a network that embeds handwritten digits, each digit an "identity", in under a second."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.recognition.curves import equal_error_rate
from course_lib.recognition.distances import pairwise_similarity
from course_lib.recognition.plane import digits
from course_lib.recognition.samplers import IdentitySampler

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A loss of embeddings (B, D), class weights (10, D) and labels (B,); a pair loss ignores the weights."""

HELD_OUT = 300
"""Images that errors are measured on, never trained on: 44850 pairs."""


@dataclass
class Trial:
    """What a run left behind. Source: [hermans2017].

    Attributes:
        network: from (N, 64) images to (N, D) embeddings.
        losses: the loss of every step.
        errors: step -> equal error rate on the held-out images.
    """

    network: nn.Module
    losses: list[float] = field(default_factory=list)
    errors: dict[int, float] = field(default_factory=dict)


def digit_split(per_identity: int = 40) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return training images and labels, and the held-out ones: scikit-learn's digits in one fixed order.

    Args:
        per_identity: training images of each of the ten digits, 2 to about 140.

    Returns:
        (10 K, 64) images in [0, 1] and (10 K,) labels to train on; (300, 64) and (300,) held out.

    Raises:
        ValueError: if a digit has fewer images.

    Source: [hermans2017]
    """
    images, labels = digits(10)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    images, labels = images[order], labels[order]
    pool = [torch.nonzero(labels[HELD_OUT:] == digit).squeeze(1) + HELD_OUT for digit in range(10)]
    most = min(map(len, pool))
    if not 2 <= per_identity <= most:
        raise ValueError(f"per_identity must lie in [2, {most}], got {per_identity}")
    chosen = torch.cat([rows[:per_identity] for rows in pool])
    return images[chosen], labels[chosen], images[:HELD_OUT], labels[:HELD_OUT]


def pair_error(embeddings: Float[Tensor, "n d"], labels: Int[Tensor, "n"]) -> float:
    """Return the equal error rate over all pairs, by their cosine.

    Args:
        embeddings: (N, D).
        labels: (N,) identities.

    Returns:
        A share in [0, 1].

    Source: [iso19795]
    """
    first, second = torch.triu_indices(len(labels), len(labels), 1)
    scores = pairwise_similarity(embeddings)[first, second]
    return float(equal_error_rate(scores, labels[first] == labels[second])[0])


def _spoiled(labels: Tensor, share: float) -> Tensor:
    """Return labels of which a share is drawn anew; batches are still put together by the true ones."""
    generator = torch.Generator().manual_seed(1)
    hit = torch.rand(len(labels), generator=generator) < share
    return torch.where(hit, torch.randint(10, (len(labels),), generator=generator), labels)


def digit_trial(
    loss: Loss,
    *,
    steps: int = 160,
    checkpoints: Sequence[int] = (160,),
    warm_up: tuple[Loss, int] | None = None,
    per_identity: int = 40,
    images: int = 4,
    width: int = 16,
    rate: float = 2e-3,
    wrong: float = 0.0,
    seed: int = 0,
) -> Trial:
    """Train 64 → 128 → D on batches of 10 identities × K images, and measure errors on the way.

    The same seed means the same start and the same batches, whatever the loss, so that losses are compared in pairs.

    Args:
        loss: what is minimised, by Adam.
        steps: how often.
        checkpoints: steps after which the equal error rate is measured.
        warm_up: another loss and for how many of the steps it comes first.
        per_identity: training images of each digit.
        images: K.
        width: D.
        rate: learning rate.
        wrong: share of the training labels that are replaced by random ones, the same in every run.
        seed: of the start and of the batches.

    Returns:
        The trial; about 0.3 s on one core.

    Source: [hermans2017]
    """
    x, y, held_out, truth = digit_split(per_identity)
    taught = _spoiled(y, wrong)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, width))
        weight = nn.Parameter(0.1 * torch.randn(10, width))
    trial = Trial(network)
    optimiser = torch.optim.Adam([*network.parameters(), weight], rate)
    sampler = IdentitySampler(y, 10, images, seed=seed)
    for step in range(1, steps + 1):
        (rows,) = sampler  # ten identities in a batch of ten: an epoch is one batch
        current = warm_up[0] if warm_up and step <= warm_up[1] else loss
        value = current(network(x[rows]), weight, taught[rows])
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        trial.losses.append(float(value.detach()))
        if step in checkpoints:
            with torch.no_grad():
                trial.errors[step] = pair_error(network(held_out), truth)
    return trial
