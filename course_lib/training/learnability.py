"""Whether rendered faces can be told apart, and not too easily: a small network against thumbnails, on unseen people."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib import degrade
from course_lib.faces.dataset import FaceDataset, FaceSettings
from course_lib.i18n import Label
from course_lib.recognition.backbones import CourseNet
from course_lib.recognition.curves import equal_error_rate
from course_lib.recognition.margins import ArcFace, margin_cross_entropy
from course_lib.recognition.pipeline import embed
from course_lib.recognition.thumbnails import fit_discriminant, thumbnails
from course_lib.training.augment import some, uniform
from course_lib.training.recipe import Recipe

DAYS = 10
"""Looks of a training person: the network must see that hair and beard come and go."""

GLASSES = 0.3

LIMITS = {"kept": 0.05, "day": 0.10, "kept_degraded": 0.12}
"""Highest equal error rates of the network: look kept, another day, look kept under mixed degradation."""

FLOORS = {"kept": 0.10, "day": 0.20}
"""The equal error rates that thumbnails must stay above: below, people would be told apart by colours alone."""

GRID = {"pixels": None, "whitening": 0, "lda": -1, "lda-16": 16, "lda-32": 32, "lda-64": 64, "lda-128": 128}
"""Baselines by name: dimensions of the discriminant, None without any, 0 whitening alone, −1 as many as there can be."""

SHRINKAGES = (0.0, 0.001, 0.01)


@dataclass(frozen=True)
class Plan:
    """How many people and pictures; the defaults are what is recorded.

    Attributes:
        people, pictures: to learn from, pictures of each.
        strangers, probes: to be told apart, pictures of each.
        size: side in pixels.
    """

    people: int = 300
    pictures: int = 20
    strangers: int = 100
    probes: int = 12
    size: int = 64

    def training(self, seed: int, days: int = DAYS) -> FaceSettings:
        """The people to learn from: several looks each for the network, one look for a baseline that needs no more."""
        return FaceSettings(
            identities=self.people, per_identity=self.pictures, size=self.size, seed=seed, days=min(days, self.pictures),
            glasses=GLASSES if days > 1 else 0.0,
        )  # fmt: skip

    def test(self, seed: int, days: int) -> FaceSettings:
        """The people to be told apart: one look each, or two."""
        return dataclasses.replace(
            self.training(seed, days), identities=self.strangers, per_identity=self.probes, split="test"
        )


@dataclass(frozen=True)
class Faces:
    """N pictures.

    Attributes:
        images: (N, 3, S, S) in [0, 1].
        identity, day: (N,).
    """

    images: Float[Tensor, "n 3 s s"]
    identity: Int[Tensor, "n"]
    day: Int[Tensor, "n"]


def faces_of(settings: FaceSettings) -> Faces:
    """Renders a set, or finds it in the cache."""
    data = FaceDataset(settings)
    return Faces(data.images.float() / 255, data.identities, data.tensors["day"])


def mixed_degradation(images: Float[Tensor, "b 3 h w"], generator: torch.Generator) -> Float[Tensor, "b 3 h w"]:
    """Each of four in every second picture: exposure −1.6 to +0.8 stops, blur up to 1.6 px, noise up to 0.06, JPEG 30 to 95.

    Args:
        images: (B, 3, H, W) in [0, 1]; the blur is meant for faces of 64 pixels.
        generator: of the draws.

    Returns:
        Same shape, in [0, 1].
    """
    n = len(images)
    on = lambda: some(n, 0.5, generator).float()  # noqa: E731
    images = degrade.expose(images, uniform(n, -1.6, 0.8, generator) * on())
    images = degrade.gaussian_blur(images, uniform(n, 0, 1.6, generator) * on())
    noise = torch.randn(images.shape, generator=generator)
    images = degrade.gaussian_noise(images, uniform(n, 0, 0.06, generator) * on(), noise=noise)
    chosen = some(n, 0.5, generator).nonzero()[:, 0]
    if len(chosen):
        filed = degrade.jpeg(images[chosen], uniform(len(chosen), 30, 95, generator))
        images = images.index_copy(0, chosen, filed)
    return images.clamp(0, 1)


def error_rate(features: Float[Tensor, "n d"], identity: Int[Tensor, "n"], day: Int[Tensor, "n"]) -> float:
    """Equal error rate of cosines over all pairs; where there are several days, a pair of one person spans two of them.

    Args:
        features: (N, D).
        identity, day: (N,).

    Returns:
        In [0, 1].
    """
    unit = F.normalize(features, dim=1)
    first, second = torch.triu_indices(len(unit), len(unit), 1)
    same = identity[first] == identity[second]
    counted: Tensor = ~same | (day[first] != day[second]) if int(day.max()) > 0 else torch.ones_like(same)
    scores = (unit @ unit.t())[first, second]
    return float(equal_error_rate(scores[counted], same[counted])[0])


def thumbnail_errors(train: Faces, test: Faces, side: int = 16) -> dict[str, float]:
    """Equal error rates of thumbnails on unseen people: as they are, whitened, and by discriminant analysis.

    Args:
        train: people to fit the analysis on.
        test: other people.
        side: of the thumbnails in pixels.

    Returns:
        {"pixels", "whitening", "lda", "lda-32", ...: rate, "best": the lowest}, each with whichever of three shrinkages
        does best on the test itself: the baseline is given every advantage.
    """
    known, unknown = thumbnails(train.images, side), thumbnails(test.images, side)
    most = len(train.identity.unique()) - 1
    errors = {"pixels": error_rate(unknown - known.mean(0), test.identity, test.day)}
    maps = {a: fit_discriminant(known, train.identity, shrinkage=a) for a in SHRINKAGES}
    white = {a: fit_discriminant(known, train.identity, shrinkage=a, dimensions=0) for a in SHRINKAGES}
    for name, dimensions in GRID.items():
        if dimensions is None:
            continue
        fitted = white if dimensions == 0 else maps
        kept = None if dimensions <= 0 else min(dimensions, most)
        errors[name] = min(error_rate(m(unknown)[:, :kept], test.identity, test.day) for m in fitted.values())
    return errors | {"best": min(errors.values())}


class Learner(nn.Module):
    """CourseNet and the class weights of ArcFace."""

    def __init__(self, classes: int, width: int, size: int):
        super().__init__()
        self.network = CourseNet(width, size=size).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.weight = nn.Parameter(F.normalize(torch.randn(classes, width), dim=1))


@dataclasses.dataclass
class LearnabilityRecipe(Recipe):
    """CourseNet with ArcFace on 300 people; the seed draws the people, the weights and the batches.

    Attributes:
        people, pictures, strangers, probes, size: as in `Plan`.
        width: of the embedding.
        scale, margin: of ArcFace; the margin grows over the first 30 % of the steps.
    """

    name: str = "learnability"
    title: Label = ("Can rendered faces be told apart?", "渲染的人脸能分辨吗？")
    data: Label = (
        "300 rendered people with 20 pictures each in ten looks (yaw ±40°, pitch ±15°, varied light, expression and crop, "
        "glasses in 30 % of the looks), part of them degraded; tested on 100 other people with 12 pictures each.",
        "300 个渲染人物，每人 20 幅图像、十种外貌（偏航 ±40°、俯仰 ±15°，光照、表情与裁剪各异，"
        "30% 的外貌戴眼镜），其中一部分经过退化；在另外 100 人、每人 12 幅上测试。",
    )
    steps: int = 2040
    batch_size: int = 64
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    warm_up: float = 0.25
    clip: float | None = None
    budget: float = 9.0
    people: int = 300
    pictures: int = 20
    strangers: int = 100
    probes: int = 12
    size: int = 64
    width: int = 128
    scale: float = 24.0
    margin: float = 0.35

    def plan(self) -> Plan:
        """The sizes of the sets."""
        return Plan(self.people, self.pictures, self.strangers, self.probes, self.size)

    def prepare(self) -> None:
        """Renders the training people, or finds them in the cache."""
        self._faces = FaceDataset(self.plan().training(self.seed))

    def build(self) -> nn.Module:
        """Returns network and class weights."""
        return Learner(self.people, self.width, self.size)

    def batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draws pictures, mirrors and moves them by up to two pixels, relights them and degrades three in ten."""
        chosen = torch.randint(len(self._faces), (self.batch_size,), generator=generator)
        images = self._faces.images[chosen].float() / 255
        n, size = len(images), images.shape[-1]
        images = torch.where(some(n, 0.5, generator).view(-1, 1, 1, 1), images.flip(3), images)
        dx, dy = torch.randint(0, 5, (2,), generator=generator).tolist()
        images = F.pad(images, (2, 2, 2, 2), mode="replicate")[:, :, dy : dy + size, dx : dx + size]
        normal = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
        gain = (0.12 * normal(n, 1) + 0.05 * normal(n, 3)).exp().view(n, 3, 1, 1)
        images = (images.clamp(1e-4, 1) ** (0.1 * normal(n, 1, 1, 1)).exp() * gain).clamp(0, 1)
        worse = some(n, 0.3, generator).nonzero()[:, 0]
        if len(worse):
            images = images.index_copy(0, worse, mixed_degradation(images[worse], generator))
        return images, self._faces.identities[chosen]

    def loss(self, model: nn.Module, batch: Any, step: int) -> Tensor:
        """Returns ArcFace's cross-entropy."""
        assert isinstance(model, Learner)
        images, labels = batch
        margin = ArcFace(self.margin * min(1.0, step / (0.3 * self.steps)))
        embedding = model.network(images.contiguous(memory_format=torch.channels_last))
        return margin_cross_entropy(embedding, model.weight, labels, margin, self.scale)

    def evaluate(self, network: nn.Module) -> dict[str, Any]:
        """Returns the equal error rates on unseen people: look kept and another day, clean and degraded."""
        found = {}
        for name, days in (("kept", 1), ("day", 2)):
            faces = faces_of(self.plan().test(self.seed, days))
            worse = mixed_degradation(faces.images, torch.Generator().manual_seed(self.seed))
            for key, images in ((name, faces.images), (f"{name}_degraded", worse)):
                found[key] = round(error_rate(embed(network, images), faces.identity, faces.day), 5)
        return found


RECIPE = LearnabilityRecipe()
