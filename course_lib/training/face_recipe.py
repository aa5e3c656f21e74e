"""What the recognition recipes share: batches of P people × K pictures, an embedding network and a head."""

import dataclasses
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.i18n import Label
from course_lib.training import aligned
from course_lib.training.face_losses import face_losses
from course_lib.training.recipe import Recipe


class Learner(nn.Module):
    """An embedding network and the head that it is trained with.

    Args:
        network: (B, 3, S, S) to (B, D).
        head: module(embeddings, labels, share of training done) -> loss.
    """

    def __init__(self, network: nn.Module, head: nn.Module):
        super().__init__()
        # The layout in which convolutions on CPUs and tensor cores are fastest; values don't change.
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.head = head

    def forward(self, images: Tensor, labels: Tensor, done: float) -> Tensor:
        """Return the loss of a batch."""
        return self.head(self.network(images.contiguous(memory_format=torch.channels_last)), labels, done)


@dataclasses.dataclass
class FaceRecipe(Recipe):
    """A recogniser of rendered faces; subclasses say which network.

    Attributes:
        loss_name: a key of `face_losses`.
        scale: s of the angular losses.
        people, images: P and K of a batch.
        width: D of the embedding.
        size: side of the aligned faces.
    """

    data: Label = (
        "500 rendered people with 8 pictures each (two looks, yaw ±40°, pitch ±15°, varied light, expression, occlusion 0.3 "
        "and camera 0.5), aligned to the ArcFace template by their true points; tested on 100 other people with 12 each.",
        "500 个渲染人物，每人 8 幅图像（两种外貌，偏航 ±40°、俯仰 ±15°，光照与表情各异，遮挡 0.3、相机 0.5），"
        "按真值点对齐到 ArcFace 模板；在另外 100 人、每人 12 幅上测试。",
    )
    loss_name: str = "arcface"
    scale: float = 24.0
    people: int = 16
    images: int = 4
    width: int = 128
    size: int = 112
    batch_size: int = 64

    def __post_init__(self) -> None:
        """The batch is P × K."""
        self.batch_size = self.people * self.images
        self.faces: aligned.AlignedFaces | None = None

    def prepare(self) -> None:
        """Renders the training people, or finds them in the cache."""
        if self.faces is None:
            self.faces = aligned.aligned_faces(aligned.TRAINING, self.size)

    @abstractmethod
    def embedder(self) -> nn.Module:
        """Returns the fresh network."""

    def build(self) -> nn.Module:
        """Returns the network with the head of the loss."""
        assert self.faces is not None, "prepare() comes before build()"
        classes = int(self.faces.identities.max()) + 1
        network = self.embedder()
        return Learner(network, face_losses()[self.loss_name].head(classes, self.width, self.scale))

    def batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draws P people with K pictures each."""
        assert self.faces is not None, "prepare() comes before batch()"
        images, labels = aligned.draw_batch(self.faces, self.people, self.images, generator)
        return aligned.varied(images, generator, shift=max(1, self.size // 40)), labels

    def loss(self, model: nn.Module, batch: Any, step: int) -> Tensor:
        """Returns the head's loss."""
        return model(*batch, step / self.steps)

    def evaluate(self, network: nn.Module) -> dict[str, Any]:
        """Returns the report on the test people."""
        return aligned.evaluate_on(aligned.aligned_faces(aligned.TEST, self.size), network)
