"""Heads: the losses of the recognition chapter as modules that hold what they learn beside the network."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.recognition import margins, pairs
from course_lib.recognition.center import Centres
from course_lib.recognition.margin_kinds import Margin
from course_lib.recognition.miners import mine_triplets


class Classified(nn.Module):
    """Class weights and a margin softmax; the margin may follow the training (λ annealing).

    Args:
        classes: C.
        width: D of the embedding.
        margin: the margin, or a function from the share of training done, in [0, 1), to it.
        scale: s.
        reduce: from logits and labels to a scalar; cross-entropy if None.
    """

    def __init__(
        self,
        classes: int,
        width: int,
        margin: Margin | Callable[[float], Margin],
        scale: float = 1.0,
        reduce: Callable[[Tensor, Tensor], Tensor] | None = None,
    ):
        super().__init__()
        centres = getattr(margin, "subcentres", 1)
        self.weight = nn.Parameter(torch.randn(classes * centres, width) / math.sqrt(width))
        self.margin, self.scale, self.reduce = margin, scale, reduce

    def forward(self, embeddings: Float[Tensor, "b d"], labels: Int[Tensor, "b"], done: float) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        margin = self.margin if isinstance(self.margin, Margin) else self.margin(done)
        if self.reduce is None:
            return margins.margin_cross_entropy(embeddings, self.weight, labels, margin, self.scale)
        return self.reduce(margins.margin_logits(embeddings, self.weight, labels, margin, self.scale), labels)


class Paired(nn.Module):
    """A loss on pairs or triplets of the batch, which has no class weights."""

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]):
        super().__init__()
        self.loss = loss

    def forward(self, embeddings: Float[Tensor, "b d"], labels: Int[Tensor, "b"], done: float) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        return self.loss(embeddings, labels)


class Centred(Classified):
    """Softmax and center loss together; the centres follow their own rule."""

    def __init__(self, classes: int, width: int, weight: float = 0.003):
        super().__init__(classes, width, margins.Softmax())
        self.centres, self.share = Centres(classes, width), weight

    def forward(self, embeddings: Float[Tensor, "b d"], labels: Int[Tensor, "b"], done: float) -> Float[Tensor, ""]:
        """Return softmax plus λ times center loss."""
        return super().forward(embeddings, labels, done) + self.share * self.centres(embeddings.float(), labels)


class DeepID2(Classified):
    """Identification by softmax and verification by the contrastive loss, on raw embeddings.

    The margin is a length: two raw embeddings of a new 128-d network, whose last layer normalises each dimension, lie
    about sqrt(2 · 128) = 16 apart.
    """

    def __init__(self, classes: int, width: int, margin: float = 12.0, verification: float = 0.05):
        super().__init__(classes, width, margins.Softmax())
        self.distance, self.verification = margin, verification

    def forward(self, embeddings: Float[Tensor, "b d"], labels: Int[Tensor, "b"], done: float) -> Float[Tensor, ""]:
        """Return the joint loss."""
        return pairs.deepid2_loss(embeddings, self.weight, labels, self.distance, self.verification)


class MarginBased(nn.Module):
    """The margin-based loss with a learnt β on distance-weighted triplets. Adam's steps give β a rate of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.tensor(1.2))

    def forward(self, embeddings: Float[Tensor, "b d"], labels: Int[Tensor, "b"], done: float) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        triplets = mine_triplets(embeddings, labels, "distance-weighted")
        return pairs.margin_based_loss(embeddings, labels, self.beta, triplets=triplets)
