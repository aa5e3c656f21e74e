"""A two-dimensional embedding learnt in seconds, with any of the losses: what each does to the same small network.

Handwritten digits of 8 × 8 pixels stand in for faces (scikit-learn brings them along). In the plane everything can be
seen, and one thing is harder than with 512 dimensions: C classes share one circle, so CosFace's m can be at most
1 - cos(2π/C), 0.29 for eight.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.recognition import margins as M
from course_lib.recognition import pairs
from course_lib.recognition.center import Centres

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Plane:
    """What a run left behind. Source: [wen2016].

    Attributes:
        embeddings: (S, N, 2), of the test digits at each of S snapshots.
        weights: (S, C, 2), the class weights; meaningless for pair losses, which have none.
        labels: (N,), digits.
        steps: (S,), when the snapshots were taken.
        accuracy: (S,), share of test digits nearest in angle to their own class's mean.
    """

    embeddings: Tensor
    weights: Tensor
    labels: Tensor
    steps: Tensor
    accuracy: Tensor


def plane_losses(classes: int, scale: float = 16.0) -> dict[str, Loss]:
    """Return the losses to compare, each a function of embeddings, class weights and labels.

    Args:
        classes: C.
        scale: s of the normalised ones; 64 is for thousands of classes, 8 to 30 suits ten.

    Returns:
        Losses by name, fresh ones each time (center loss has centres of its own).

    Source: [wen2016], [deng2019], [wang2018cosface], [liu2017], [schroff2015]
    """
    centres = Centres(classes, 2)

    return {
        "softmax": with_margin(M.Softmax(), scale),
        "normface": with_margin(M.NormFace(), scale),
        "sphereface": with_margin(M.SphereFaceR(1.5), scale),
        "cosface": with_margin(M.CosFace(0.2), scale),
        "arcface": with_margin(M.ArcFace(0.3), scale),
        "center": lambda x, w, y: M.margin_cross_entropy(x, w, y, M.Softmax()) + 0.1 * centres(x, y),
        "contrastive": lambda x, w, y: pairs.contrastive_loss(x, y, 1.0, normalise=False),
        "triplet": lambda x, w, y: pairs.batch_hard_triplet_loss(x, y, "soft"),
    }


def with_margin(margin: M.Margin, scale: float = 16.0) -> Loss:
    """Return a margin as a loss of embeddings, class weights and labels. Source: [deng2019]."""
    return lambda x, w, y: M.margin_cross_entropy(x, w, y, margin, scale)


def digits(classes: int = 8) -> tuple[Float[Tensor, "n 64"], Int[Tensor, "n"]]:
    """Return scikit-learn's handwritten digits 0 to C-1.

    Args:
        classes: C in [2, 10].

    Returns:
        Pixels (N, 64) in [0, 1] and labels (N,).

    Raises:
        ValueError: for C outside [2, 10].

    Source: [wen2016]
    """
    if not 2 <= classes <= 10:
        raise ValueError(f"classes must lie in [2, 10], got {classes}")
    pixels, labels = _all_digits()
    keep = labels < classes
    return pixels[keep], labels[keep]


@functools.cache
def _all_digits() -> tuple[Tensor, Tensor]:
    """All ten digits; the file is read once, for twenty runs would spend a second on it."""
    from sklearn.datasets import load_digits  # with the training extra; the rest of the package does without it

    pixels, labels = load_digits(return_X_y=True)
    return torch.tensor(pixels / 16, dtype=torch.float32), torch.tensor(labels)


def plane_run(
    loss: str | M.Margin | Loss = "arcface",
    *,
    classes: int = 8,
    steps: int = 400,
    snapshots: int = 5,
    seed: int = 0,
    scale: float = 16.0,
) -> Iterator[Plane]:
    """Train as `train_plane` does and hand out the run so far at each snapshot; a caller who has seen enough stops.

    Args:
        loss: a key of `plane_losses`, any margin object, or a function of embeddings, class weights and labels.
        classes: C.
        steps: T ≥ 1.
        snapshots: how many times the test digits are embedded, the last time after the last step.
        seed: of weights and batches.
        scale: s of the margins that normalise the features.

    Yields:
        The run up to this snapshot: S = 1, 2, ..., `snapshots`.

    Raises:
        ValueError: for another loss, or numbers outside their range.

    Source: [wen2016]
    """
    losses = plane_losses(classes, scale)
    if isinstance(loss, str) and loss not in losses:
        raise ValueError(f"loss must be a margin or one of {tuple(losses)}, got {loss!r}")
    if not 1 <= snapshots <= steps:
        raise ValueError(f"snapshots must lie in [1, steps={steps}], got {snapshots}")
    chosen = losses[loss] if isinstance(loss, str) else with_margin(loss, scale) if isinstance(loss, M.Margin) else loss
    pixels, labels = digits(classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        order = torch.randperm(len(labels))
        test, train = order[: len(order) // 4], order[len(order) // 4 :]
        network = _network()
        weight = nn.Parameter(F.normalize(torch.randn(classes, 2)))
        batches = [train[torch.randint(0, len(train), (128,))] for _ in range(steps)]
    times = torch.linspace(steps / snapshots, steps, snapshots).round().long()
    kept: list[tuple[Tensor, Tensor]] = []
    for snapshot in _fit(network, weight, chosen, losses["normface"], pixels, labels, batches, test, times.tolist()):
        kept.append(snapshot)
        embeddings = torch.stack([x for x, _ in kept])
        accuracy = torch.stack([_nearest_mean(x, labels[test], classes) for x in embeddings])
        yield Plane(embeddings, torch.stack([w for _, w in kept]), labels[test], times[: len(kept)], accuracy)


def train_plane(
    loss: str | M.Margin | Loss = "arcface",
    *,
    classes: int = 8,
    steps: int = 400,
    snapshots: int = 5,
    seed: int = 0,
    scale: float = 16.0,
) -> Plane:
    """Train a small network to embed digits in the plane, the same start and batches for every loss.

    Two hidden layers of 128 with batch normalisation, Adam, 128 digits a step; a few seconds on a CPU. The margin
    rises from 0 with the first third of the steps by mixing in plain softmax, without which it may not start.

    Args:
        loss: a key of `plane_losses`, any margin object, or a function of embeddings, class weights and labels.
        classes: C.
        steps: T ≥ 1.
        snapshots: how many times the test digits are embedded, the last time after the last step.
        seed: of weights and batches.
        scale: s of the margins that normalise the features.

    Returns:
        Embeddings, weights and accuracy at the snapshots.

    Raises:
        ValueError: for another loss, or numbers outside their range.

    Source: [wen2016]
    """
    runs = plane_run(loss, classes=classes, steps=steps, snapshots=snapshots, seed=seed, scale=scale)
    return list(runs)[-1]


def angles_to_means(
    embeddings: Float[Tensor, "n 2"], labels: Int[Tensor, "n"]
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
    """Return how far each point is turned from the mean direction of its own class, and from the nearest other one.

    Args:
        embeddings: (N, 2).
        labels: (N,), classes 0 to C-1, each with a point.

    Returns:
        (N,) and (N,) angles in degrees, [0, 180]; a point whose first angle is the larger one is mistaken.

    Source: [deng2019]
    """
    direction = F.normalize(embeddings)
    means = F.normalize(torch.zeros(int(labels.max()) + 1, 2).index_add_(0, labels, direction))
    angles = torch.rad2deg((direction @ means.t()).clamp(-1, 1).acos())
    own = F.one_hot(labels, len(means)).bool()
    return angles[own], angles.masked_fill(own, 180.0).amin(1)


def _network() -> nn.Sequential:
    """Two hidden layers, and the plane."""
    hidden = [nn.Linear(64, 128), nn.BatchNorm1d(128), nn.PReLU(), nn.Linear(128, 128), nn.BatchNorm1d(128), nn.PReLU()]
    return nn.Sequential(*hidden, nn.Linear(128, 2))


def _fit(
    network: nn.Module,
    weight: nn.Parameter,
    loss: Loss,
    plain: Loss,
    pixels: Tensor,
    labels: Tensor,
    batches: list[Tensor],
    test: Tensor,
    times: list[int],
) -> Iterator[tuple[Tensor, Tensor]]:
    """Run the steps and hand out test embeddings and weights at the given times."""
    # foreach: the same arithmetic in fewer calls, a quarter faster for tensors as small as these
    optimiser = torch.optim.Adam([*network.parameters(), weight], lr=5e-3, foreach=True)
    for step, batch in enumerate(batches, 1):
        share = min(1.0, 3 * step / len(batches))
        network.train()
        x, y = network(pixels[batch]), labels[batch]
        total = share * loss(x, weight, y)
        if share < 1:
            total = total + (1 - share) * plain(x, weight, y)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        optimiser.step()
        if step in times:
            network.eval()
            with torch.no_grad():
                embeddings = network(pixels[test])
            yield embeddings, weight.detach().clone()


def _nearest_mean(embeddings: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return the share of points whose angle is nearest to that of their class's mean direction."""
    direction = F.normalize(embeddings)
    means = torch.zeros(classes, 2).index_add_(0, labels, direction)
    return ((direction @ F.normalize(means).t()).argmax(1) == labels).double().mean()
