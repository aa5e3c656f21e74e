"""The triplet lab without its widgets: one triplet in the plane, and one labelled batch, under different losses."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from course_lib.recognition import batch_2d, pairs, sampling_2d
from course_lib.recognition.curves_2d import triplet_kind
from course_lib.recognition.pairs_2d import region_radii

KINDS = ("easy", "semi_hard", "hard")
TRIPLET_LOSSES = ("squared", "plain", "soft", "contrastive")
LIMIT = 1.25
"""Points stay in [-1.25, 1.25] in both directions."""


def placed(points: Tensor, index: int, x: float | int, y: float | int) -> Tensor:
    """Return the points with one of them moved, kept inside the plane.

    Raises:
        IndexError: if there is no such point.
    """
    if not 0 <= index < len(points):
        raise IndexError(f"there are points 0 to {len(points) - 1}, got {index}")
    moved = points.clone()
    moved[index] = torch.tensor([float(x), float(y)]).clamp(-LIMIT, LIMIT)
    return moved


@dataclass
class TripletState:
    """One anchor, one positive, one negative.

    Attributes:
        points: (3, 2), in that order.
        loss: one of ``TRIPLET_LOSSES``, whose regions and arrows are shown.
        margin: α of the triplet losses, m of the contrastive one.
    """

    points: Tensor = field(default_factory=lambda: torch.tensor([[-0.2, -0.1], [-0.7, 0.35], [0.5, 0.2]]))
    loss: str = "squared"
    margin: float = 0.2

    def move(self, index: int, x: float | int, y: float | int) -> None:
        """Put a point somewhere else."""
        self.points = placed(self.points, index, x, y)

    def distances(self) -> tuple[float, float]:
        """From the anchor to the positive and to the negative."""
        to = (self.points[1:] - self.points[:1]).norm(dim=1).tolist()
        return to[0], to[1]

    def value(self, loss: str | None = None) -> float:
        """Loss of the triplet, of the chosen kind or another."""
        return float(self._loss(self.points, loss or self.loss))

    def steps(self, loss: str | None = None) -> Tensor:
        """Where each point is pushed, (3, 2): -dL/dx, by autograd."""
        points = self.points.clone().requires_grad_()
        return -torch.autograd.grad(self._loss(points, loss or self.loss), points)[0]

    def _loss(self, points: Tensor, loss: str) -> Tensor:
        if loss not in TRIPLET_LOSSES:
            raise ValueError(f"loss must be one of {TRIPLET_LOSSES}, got {loss!r}")
        squares = (points[1:] - points[:1]).square().sum(1).clamp_min(1e-12)
        if loss == "squared":
            return pairs.triplet_distance_loss(squares[0], squares[1], self.margin)
        p, n = squares.sqrt()
        if loss == "contrastive":
            same = torch.tensor([True, False])
            return pairs.contrastive_distance_loss(torch.stack([p, n]), same, self.margin).sum()
        return pairs.triplet_distance_loss(p, n, "soft" if loss == "soft" else self.margin)

    def radii(self) -> tuple[float, float]:
        """The circles around the anchor between hard and semi-hard, and between semi-hard and easy."""
        p, _ = self.distances()
        if self.loss == "contrastive":
            return 0.0, self.margin
        margin = 0.0 if self.loss == "soft" else self.margin
        inner, outer = region_radii(p, margin, float(self.loss == "squared"))
        return float(inner), float(outer)

    def kind(self) -> str:
        """What the negative is: "easy", "semi_hard" or "hard"; for the contrastive loss, easy beyond the margin, else semi-hard."""
        p, n = self.distances()
        if self.loss == "contrastive":
            return "easy" if n >= self.margin else "semi_hard"
        power = 2 if self.loss == "squared" else 1
        margin = 0.0 if self.loss == "soft" else self.margin
        return KINDS[int(triplet_kind(torch.tensor(p**power), torch.tensor(n**power), margin))]


@dataclass
class BatchState:
    """Nine samples of three people, one of them chosen as anchor.

    Attributes:
        points: (9, 2).
        loss: one of ``batch_2d.BATCH_LOSSES``, whose edges are shown.
        margin: α.
        anchor: the sample that moves by the sliders, and whose negatives are drawn.
        strategy: one of ``sampling_2d.STRATEGIES``.
        dimension: n of the distance weights, as if the plane were a slice of a sphere of that dimension.
    """

    points: Tensor = field(default_factory=lambda: batch_2d.PLACES.clone())
    loss: str = "batch_hard"
    margin: float = 0.5
    anchor: int = 0
    strategy: str = "semi_hard"
    dimension: int = 16

    @property
    def labels(self) -> Tensor:
        """Identity of each sample."""
        return torch.tensor(batch_2d.IDENTITIES)

    def move(self, index: int, x: float | int, y: float | int) -> None:
        """Put a sample somewhere else."""
        self.points = placed(self.points, index, x, y)

    def slopes(self) -> Tensor:
        """dL/dD of both directions of every pair, added: (9, 9)."""
        every = batch_2d.edge_slopes(batch_2d.plane_distances(self.points), self.labels, self.margin)
        slopes = every[batch_2d.BATCH_LOSSES.index(self.loss)]
        return slopes + slopes.t()

    def steps(self) -> Tensor:
        """Where each sample is pushed, (9, 2)."""
        return batch_2d.point_steps(self.points, self.slopes() / 2)

    def edges(self) -> list[tuple[int, int, float]]:
        """The pairs that the loss uses: both samples, and the force, which pulls if positive, over the strongest one's size."""
        slopes = self.slopes()
        largest = float(slopes.abs().max())
        if largest < 1e-9:
            return []
        shares = (slopes / largest).tolist()
        return [(i, j, shares[i][j]) for i, j in batch_2d.edge_list(9) if abs(shares[i][j]) > 1e-3]

    def value(self) -> float:
        """The loss of the batch."""
        x, y, m = self.points, self.labels, self.margin
        functions = {
            "contrastive": lambda: pairs.contrastive_loss(x, y, m, normalise=False, reduction="mean"),
            "triplet": lambda: pairs.triplet_loss(x, y, m, squared=False, normalise=False, reduction="mean"),
            "semi_hard": lambda: pairs.semi_hard_triplet_loss(x, y, m, squared=False, normalise=False),
            "batch_hard": lambda: pairs.batch_hard_triplet_loss(x, y, m, normalise=False),
            "lifted_max": lambda: pairs.lifted_structure_loss(x, y, m, form="max", normalise=False),
            "lifted": lambda: pairs.lifted_structure_loss(x, y, m, normalise=False),
            "margin_based": self._margin_based,
        }
        return float(functions[self.loss]())

    def _margin_based(self) -> Tensor:
        distance, same = batch_2d.plane_distances(self.points), self.labels[:, None] == self.labels[None]
        signed = torch.where(same, distance - 1, 1 - distance)
        return (self.margin + signed).relu()[~torch.eye(9, dtype=torch.bool)].mean()

    def positive(self) -> int:
        """The anchor's farthest partner."""
        distance = batch_2d.plane_distances(self.points)[self.anchor]
        same = self.labels == self.labels[self.anchor]
        same[self.anchor] = False
        return int(distance.masked_fill(~same, -1).argmax())

    def drawn(self) -> dict[int, float]:
        """How likely the sampler draws each negative for the anchor and its farthest partner: sample -> chance above 0."""
        negatives = torch.nonzero(self.labels != self.labels[self.anchor]).squeeze(1)
        distance = batch_2d.plane_distances(self.points)[self.anchor]
        row = distance[negatives][None].clamp_max(1.99)
        shares = sampling_2d.drawn_shares(row, float(self.dimension), float(distance[self.positive()]))
        chance = shares[sampling_2d.STRATEGIES.index(self.strategy), 0]
        return {int(i): float(c) for i, c in zip(negatives, chance, strict=True) if c > 1e-4}
