"""Every loss of the recognition chapter with the settings under which the comparison trains it."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from course_lib.i18n import Label
from course_lib.recognition import margins, pairs
from course_lib.recognition.hard_samples import focal_cross_entropy, hardest_mean
from course_lib.recognition.margin_kinds import Margin
from course_lib.training.loss_heads import Centred, Classified, DeepID2, MarginBased, Paired

FAMILIES: dict[str, Label] = {
    "softmax": ("softmax, lengths kept", "softmax，保留模长"),
    "angular": ("angular softmax", "角度 softmax"),
    "metric": ("pairs and triplets", "样本对与三元组"),
}


@dataclass(frozen=True)
class FaceLoss:
    """A loss with the settings that the comparison gives it.

    Attributes:
        name: short.
        label: (English, Chinese).
        family: a key of `FAMILIES`.
        head: called as head(classes, width, scale) -> module(embeddings, labels, share of training done) -> loss.
        settings: what was chosen, for the record; s is the scale that the pilot gave the family.
    """

    name: str
    label: Label
    family: str
    head: Callable[[int, int, float], nn.Module]
    settings: str = ""


def _annealed(margin: margins.LSoftmax | margins.SphereFace, published: int) -> Callable[[float], Margin]:
    """The published annealing of λ, run through in this training's steps instead of the published number of them."""
    return lambda done: margin.at(int(done * published))


def _n_pairs(embeddings: Tensor, labels: Tensor) -> Tensor:
    """N-pair loss on a batch of P people × 4 pictures: pictures 0 and 2 as anchors of 1 and 3."""
    one, two, three, four = embeddings.unflatten(0, (-1, 4)).unbind(1)
    return 0.5 * (pairs.n_pair_loss(one, two, 0.002) + pairs.n_pair_loss(three, four, 0.002))


def _hardest(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the harder half of the batch."""
    return hardest_mean(nn.functional.cross_entropy(logits, labels, reduction="none"), 0.5)


def _magface(scale: float) -> Margin:
    """MagFace for 128 dimensions: the published lengths and λ are for 512, where embeddings are twice as long, and s 64."""
    return margins.MagFace(5.0, 55.0, 0.45, 0.8, 35.0 / 2 * scale / 64)


def _softmax(name: str, label: Label, head: Callable[[int, int], nn.Module], settings: str = "") -> FaceLoss:
    return FaceLoss(name, label, "softmax", lambda c, d, s: head(c, d), settings)


def _angular(name: str, label: Label, margin: Callable[[float], Margin], settings: str, reduce=None) -> FaceLoss:
    return FaceLoss(name, label, "angular", lambda c, d, s: Classified(c, d, margin(s), s, reduce), settings)


def _metric(name: str, label: Label, loss: Callable[[Tensor, Tensor], Tensor], settings: str) -> FaceLoss:
    return FaceLoss(name, label, "metric", lambda c, d, s: Paired(loss), settings)


def _softmax_losses() -> list[FaceLoss]:
    large, sphere = _annealed(margins.LSoftmax(2), 20_000), _annealed(margins.SphereFace(4), 28_000)
    return [
        _softmax("softmax", "softmax", lambda c, d: Classified(c, d, margins.Softmax())),
        _softmax("center", ("softmax + center", "softmax + center"), Centred, "λ 0.003, α 0.5"),
        _softmax("deepid2", ("DeepID2", "DeepID2"), DeepID2, "λ 0.05, m 12 on raw lengths"),
        _softmax("l-softmax", ("L-Softmax", "L-Softmax"), lambda c, d: Classified(c, d, large), "m 2, λ 1000 → 0"),
        _softmax("sphereface", "sphereface", lambda c, d: Classified(c, d, sphere), "m 4, λ 1000 → 5"),
    ]


def _angular_losses() -> list[FaceLoss]:
    return [
        _angular("normface", "normface", lambda s: margins.NormFace(), "s"),
        _angular("sphereface-r", ("SphereFace-R", "SphereFace-R"), lambda s: margins.SphereFaceR(1.7), "m 1.7, s"),
        _angular("cosface", "cosface", lambda s: margins.CosFace(0.35), "m 0.35, s"),
        _angular("arcface", "arcface", lambda s: margins.ArcFace(0.5), "m 0.5, s"),
        _angular(
            "combined",
            ("combined margin", "组合间隔"),
            lambda s: margins.Combined(1.0, 0.3, 0.2),
            "m₁ 1, m₂ 0.3, m₃ 0.2, s",
        ),
        _angular("magface", "magface", _magface, "m 0.45–0.8, |x| 5–55, λ 17.5 s/64, s"),
        _angular("adaface", "adaface", lambda s: margins.AdaFace(), "m 0.4, h 0.333, s"),
        _angular("curricularface", "curricularface", lambda s: margins.CurricularFace(), "m 0.5, s"),
        _angular(
            "sub-centre",
            ("sub-centre ArcFace", "子中心 ArcFace"),
            lambda s: margins.SubCentreArcFace(),
            "m 0.5, K 3, s",
        ),
        _angular(
            "focal",
            ("NormFace, focal", "NormFace + 焦点损失"),
            lambda s: margins.NormFace(),
            "γ 2, s",
            focal_cross_entropy,
        ),
        _angular(
            "hardest",
            ("NormFace, harder half", "NormFace + 较难的一半"),
            lambda s: margins.NormFace(),
            "½, s",
            _hardest,
        ),
    ]


def _metric_losses() -> list[FaceLoss]:
    hard = pairs.batch_hard_triplet_loss
    return [
        _metric("contrastive", ("contrastive", "对比损失"), pairs.contrastive_loss, "m 1"),
        _metric("triplet", ("triplet, all", "三元组，全部"), pairs.triplet_loss, "α 0.2"),
        _metric("semi-hard", ("triplet, semi-hard", "三元组，半难"), pairs.semi_hard_triplet_loss, "α 0.2"),
        _metric("batch-hard", ("batch-hard, hinge", "TriHard，铰链"), lambda e, y: hard(e, y, 0.3), "α 0.3"),
        _metric("batch-hard-soft", ("batch-hard, soft", "TriHard，软间隔"), lambda e, y: hard(e, y, "soft"), "soft"),
        _metric("weighted", ("triplet, weighted", "三元组，自适应加权"), pairs.weighted_triplet_loss, "soft"),
        _metric("lifted", ("lifted structure", "提升结构"), pairs.lifted_structure_loss, "α 1"),
        _metric("generalised-lifted", ("lifted, generalised", "提升结构，推广"), pairs.generalised_lifted_loss, "α 1"),
        _metric("n-pair", ("N-pair", "N 元组"), _n_pairs, "λ 0.002"),
        FaceLoss(
            "margin-based",
            ("margin-based, distance-weighted", "基于间隔，按距离加权采样"),
            "metric",
            lambda c, d, s: MarginBased(),
            "α 0.2, β learnt from 1.2",
        ),
        _metric(
            "multi-similarity",
            ("multi-similarity", "多重相似性"),
            lambda e, y: pairs.multi_similarity_loss(e, y, mining=0.1),
            "α 2, β 50, λ 0.5, ε 0.1",
        ),
        _metric("circle", ("circle", "圆损失"), lambda e, y: pairs.circle_loss(e, y, 0.4, 80.0), "m 0.4, γ 80"),
    ]


@functools.cache
def face_losses() -> dict[str, FaceLoss]:
    """Every loss of the comparison by name, family after family."""
    return {loss.name: loss for loss in (*_softmax_losses(), *_angular_losses(), *_metric_losses())}
