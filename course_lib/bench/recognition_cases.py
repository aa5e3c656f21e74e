"""What is raced in recognition: our losses, alignment and evaluation, and the code that others use for the same."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import geometry
from course_lib.recognition import margins as M
from course_lib.recognition import pairs as P
from course_lib.recognition.center import center_loss, update_centres
from course_lib.recognition.partial_fc import partial_fc_cross_entropy
from course_lib.recognition.verification import ten_fold_accuracy

Run = Callable[[], object]
KERNELS = ("simple", "fused", "chunked")


def margin_case(classes: int, batch: int = 512, width: int = 512) -> dict[str, Run]:
    """ArcFace, by default at batch 512 and 512 dimensions: forward and backward to embeddings and weights."""
    from pytorch_metric_learning import losses

    torch.manual_seed(0)
    x = torch.randn(batch, width, requires_grad=True)
    y = torch.randint(0, classes, (batch,))
    w = torch.randn(classes, width).mul_(0.01).requires_grad_()

    def step(loss: Callable[[], torch.Tensor]) -> Run:
        def run() -> None:
            x.grad = w.grad = None
            loss().backward()

        return run

    def insightface() -> torch.Tensor:
        z = F.linear(F.normalize(x), F.normalize(w)).clamp(-1, 1)
        with torch.no_grad():
            z.arccos_()
            z[torch.arange(batch), y] += 0.5
            z.cos_()
        return F.cross_entropy(z * 64.0, y)

    def metric_learning() -> Run:
        peer = losses.ArcFaceLoss(classes, width)

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

    def own(impl: str) -> Callable[[], Run]:
        return lambda: step(lambda: M.margin_cross_entropy(x, w, y, margin, impl=impl))

    makers |= {impl: own(impl) for impl in KERNELS}
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


def centre_case(classes: int = 10_000, batch: int = 512, width: int = 512) -> dict[str, Run]:
    """Center loss, by default with 10,000 classes: only the rows of the batch, against all B·C distances (widely used code)."""
    torch.manual_seed(0)
    x = torch.randn(batch, width, requires_grad=True)
    y = torch.randint(0, classes, (batch,))
    centres = torch.randn(classes, width, requires_grad=True)
    plain = centres.detach().clone()

    def full() -> None:
        x.grad = centres.grad = None
        d = x.square().sum(1, keepdim=True) + centres.square().sum(1)[None] - 2 * x @ centres.t()
        (d * F.one_hot(y, classes)).clamp(1e-12, 1e12).sum().div(batch).backward()

    def own() -> None:
        x.grad = None
        center_loss(x, plain, y).backward()
        update_centres(plain, x.detach(), y)

    return {"all distances": full, "ours": own}


def alignment_case(faces: int = 1000) -> dict[str, Run]:
    """The similarity of many faces to the template."""
    from skimage.transform import SimilarityTransform

    torch.manual_seed(0)
    template = torch.tensor(geometry.ARCFACE_TEMPLATE)
    points = 2 * template + 30 + torch.randn(faces, 5, 2)
    arrays, goal = points.double().numpy(), template.double().numpy()
    return {
        "scikit-image": lambda: [SimilarityTransform.from_estimate(p, goal).params for p in arrays],
        "ours": lambda: geometry.similarity_transform(points, template[None]),
    }


def lfw_case(pairs: int = 6000) -> dict[str, Run]:
    """Ten-fold accuracy, of LFW's 6000 pairs by default: one sort, against 400 thresholds tried in each of ten folds (InsightFace)."""
    torch.manual_seed(0)
    same = (torch.arange(pairs) // (pairs // 20)) % 2 == 0
    scores = torch.randn(pairs) * 0.2 + 0.5 * same
    distance, truth = (2 - 2 * scores).numpy(), same.numpy()

    def accuracy(threshold: float, d: np.ndarray, t: np.ndarray) -> tuple[float, float, float]:
        predicted = np.less(d, threshold)
        tp = np.sum(np.logical_and(predicted, t))
        fp = np.sum(np.logical_and(predicted, np.logical_not(t)))
        tn = np.sum(np.logical_and(np.logical_not(predicted), np.logical_not(t)))
        fn = np.sum(np.logical_and(np.logical_not(predicted), t))
        return tp / max(tp + fn, 1), fp / max(fp + tn, 1), (tp + tn) / d.size

    def sweep(with_roc: bool = False) -> float:
        thresholds, folds = np.arange(0, 4, 0.01), np.arange(pairs) // (pairs // 10)
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


def peer_loss(name: str, *args: Any, **kwargs: Any) -> Callable[[], Callable]:
    """Makes a loss of pytorch-metric-learning when it is needed."""

    def make() -> Callable:
        from pytorch_metric_learning import losses

        return getattr(losses, name)(*args, **kwargs)

    return make


def _mined() -> Callable:
    from pytorch_metric_learning import losses, miners

    loss, miner = losses.TripletMarginLoss(0.2), miners.BatchHardMiner()
    return lambda x, y: loss(x, y, miner(x, y))


def _plain_triplet(x: Tensor, y: Tensor) -> Tensor:
    return P.triplet_loss(x, y, 0.2, squared=False)


CASES: dict[str, Callable[[], dict[str, Run]]] = {
    "arcface-10k": lambda: margin_case(10_000),
    "arcface-100k": lambda: margin_case(100_000),
    "lifted-128": lambda: pair_case(P.lifted_structure_loss, peer_loss("LiftedStructureLoss", 1.0), 128),
    "lifted-512": lambda: pair_case(P.lifted_structure_loss, peer_loss("LiftedStructureLoss", 1.0)),
    "all-triplets-256": lambda: pair_case(_plain_triplet, peer_loss("TripletMarginLoss", 0.2), 256),
    "all-triplets-512": lambda: pair_case(_plain_triplet, peer_loss("TripletMarginLoss", 0.2)),
    "contrastive-512": lambda: pair_case(P.contrastive_loss, peer_loss("ContrastiveLoss")),
    "batch-hard-512": lambda: pair_case(P.batch_hard_triplet_loss, _mined),
    "multi-similarity-512": lambda: pair_case(P.multi_similarity_loss, peer_loss("MultiSimilarityLoss", 2, 50, 0.5)),
    "circle-512": lambda: pair_case(P.circle_loss, peer_loss("CircleLoss")),
    "margin-based-512": lambda: pair_case(P.margin_based_loss, peer_loss("MarginLoss", 0.2, beta=1.2)),
    "generalised-lifted-512": lambda: pair_case(P.generalised_lifted_loss, peer_loss("GeneralizedLiftedStructureLoss")),
    "centre-10k": centre_case,
    "alignment-1000": alignment_case,
    "lfw-6000": lfw_case,
}
ROUNDS = {"arcface-10k": 9, "arcface-100k": 3, "lifted-512": 1, "lifted-128": 5, "all-triplets-512": 7}
PEERS = ("pytorch-metric-learning", "insightface", "linear", "scikit-image", "threshold sweep", "all distances")
