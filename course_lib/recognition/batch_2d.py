"""A small labelled batch in the plane: which of its edges each loss uses, and how hard. Exports to ONNX.

Everything is written from the distance matrix in closed form; the tests compare it with autograd on
`course_lib.recognition.pairs`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.recognition.slider_values import Number

BATCH_LOSSES = ("contrastive", "triplet", "semi_hard", "batch_hard", "lifted_max", "lifted", "margin_based")
IDENTITIES = (0, 0, 0, 1, 1, 1, 2, 2, 2)
"""Whose the samples of `PLACES` are."""
PLACES = torch.tensor(
    [
        [-0.1, 0.25],
        [-0.35, 0.95],
        [0.4, 0.8],
        [-0.95, -0.2],
        [-0.45, -0.75],
        [-0.3, -0.1],
        [0.9, -0.1],
        [0.35, -0.7],
        [0.5, 0.1],
    ]
)
"""A batch of three identities with three samples each, not yet well apart."""
FAR = 1e4
"""Stands for an infinite distance: its exponential is 0 and its slope finite."""


def plane_distances(points: Float[Tensor, "b 2"]) -> Float[Tensor, "b b"]:
    """Return the distances of points of the plane, without normalising them; 1e-6 where they coincide.

    Args:
        points: (B, 2).

    Returns:
        (B, B).

    Source: [hadsell2006]
    """
    return (points[:, None] - points[None]).square().sum(2).clamp_min(1e-12).sqrt()


def edge_slopes(distance: Float[Tensor, "b b"], labels: Int[Tensor, "b"], alpha: Number) -> Float[Tensor, "7 b b"]:
    """Return dL/dD_ij of every ordered pair for the losses of `BATCH_LOSSES`: where their gradient goes.

    All take plain distances and one margin α (contrastive uses it as m, margin-based with β = 1), losses are sums, each
    over its own number of terms: pairs, triplets, anchors or positive pairs, active or not.

    Args:
        distance: D, (B, B) ≥ 0.
        labels: (B,) identities.
        alpha: α.

    Returns:
        (7, B, B): positive values pull a pair together, negative ones push it apart; 0 means the loss does not see it.

    Source: [song2016], [hermans2017], [schroff2015], [wu2017]
    """
    same_label = labels[:, None] == labels[None]
    # not `pair_masks`: the exporter cannot fill a diagonal in place
    positive, negative = same_label & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device), ~same_label
    a = torch.as_tensor(alpha, dtype=distance.dtype, device=distance.device)
    same, other = positive.to(distance.dtype), negative.to(distance.dtype)
    rows = [
        (same * distance - other * (a - distance).clamp_min(0)) / (same + other).sum(),
        _triplet_slopes(distance, positive, negative, a),
        _semi_hard_slopes(distance, positive, negative, a),
        _batch_hard_slopes(distance, positive, negative, a),
        _lifted_slopes(distance, same, negative, a, True),
        _lifted_slopes(distance, same, negative, a, False),
        (same * (a + distance - 1 > 0) - other * (a + 1 - distance > 0)) / (same + other).sum(),
    ]
    return torch.stack(rows)


def _triplet_slopes(distance: Tensor, positive: Tensor, negative: Tensor, alpha: Tensor) -> Tensor:
    """Return the slopes of Σ [D_ap - D_an + α]₊ over all triplets: how many active ones each pair stands in."""
    valid = (positive[:, :, None] & negative[:, None, :]).to(distance.dtype)
    active = valid * (distance[:, :, None] - distance[:, None, :] + alpha > 0)
    return (active.sum(2) - active.sum(1)) / valid.sum()


def _semi_hard_slopes(distance: Tensor, positive: Tensor, negative: Tensor, alpha: Tensor) -> Tensor:
    """Return the slopes with one negative for each positive pair: the nearest beyond it, else the farthest."""
    gap = distance[:, None, :].expand(-1, distance.shape[0], -1)
    beyond = negative[:, None, :] & (gap > distance[:, :, None])
    nearest = torch.where(beyond, gap, torch.full_like(gap, FAR)).amin(2)
    farthest = torch.where(negative, distance, torch.full_like(distance, -1.0)).amax(1)[:, None]
    chosen = torch.where(nearest < FAR, nearest, farthest.expand_as(nearest))
    pair = (positive & (distance - chosen + alpha > 0)).to(distance.dtype)
    hit = (negative[:, None, :] & (gap == chosen[:, :, None])).to(distance.dtype)
    hit = hit / hit.sum(2, keepdim=True).clamp_min(1)
    return (pair - (pair[:, :, None] * hit).sum(1)) / positive.sum()


def _batch_hard_slopes(distance: Tensor, positive: Tensor, negative: Tensor, alpha: Tensor) -> Tensor:
    """Return the slopes of TriHard: each anchor's farthest positive and nearest negative only."""
    far = torch.where(positive, distance, torch.full_like(distance, -1.0))
    near = torch.where(negative, distance, torch.full_like(distance, FAR))
    farthest, nearest = far.amax(1, keepdim=True), near.amin(1, keepdim=True)
    active = (farthest - nearest + alpha > 0).to(distance.dtype)
    picks = [(matrix == best).to(distance.dtype) for matrix, best in ((far, farthest), (near, nearest))]
    pull, push = (pick / pick.sum(1, keepdim=True).clamp_min(1) for pick in picks)
    return active * (pull - push) / distance.shape[0]


def _lifted_slopes(distance: Tensor, same: Tensor, negative: Tensor, alpha: Tensor, hardest: bool) -> Tensor:
    """Return the slopes of Σ [J_ij]₊² / 2|P|: each positive pair shares its push among the negatives of both ends."""
    toward = torch.where(negative, alpha - distance, torch.full_like(distance, -FAR))
    row = toward.amax(1) if hardest else toward.logsumexp(1)
    left, right = row[:, None].expand_as(distance), row[None].expand_as(distance)
    worst = torch.maximum(left, right) if hardest else torch.logaddexp(left, right)
    pull = same * (worst + distance).clamp_min(0) / same.sum()
    if hardest:
        share = ((left > right).to(distance.dtype) + 0.5 * (left == right)) * pull
        pick = (negative & (toward == row[:, None])).to(distance.dtype)
        weights = pick / pick.sum(1, keepdim=True).clamp_min(1)
    else:
        share = pull * torch.exp(left - worst)
        weights = torch.exp(toward - row[:, None]) * negative
    # the pair (i, j) and the pair (j, i) both push the negatives of i
    return pull - 2 * share.sum(1, keepdim=True) * weights


def point_steps(points: Float[Tensor, "b 2"], slopes: Float[Tensor, "b b"]) -> Float[Tensor, "b 2"]:
    """Return the way each point is pushed: -dL/dx.

    -Σ_j (g_ij + g_ji) (x_i - x_j)/D_ij.

    Args:
        points: x, (B, 2).
        slopes: g = dL/dD, (B, B).

    Returns:
        (B, 2).

    Source: [hadsell2006]
    """
    pull = (slopes + slopes.t()) / plane_distances(points)
    return -(pull[:, :, None] * (points[:, None] - points[None])).sum(1)


def edge_ends(
    points: Float[Tensor, "b 2"], slopes: Float[Tensor, "b b"], level: Number = 0.35
) -> tuple[Float[Tensor, "e 2 2"], Float[Tensor, "e 2 2"]]:
    """Return both ends of every edge, once for the strong and once for the weak ones; an absent edge has no length.

    Args:
        points: (B, 2).
        slopes: (B, B); those of both directions are added.
        level: an edge is strong from this share of the strongest on.

    Returns:
        (E, 2, 2) strong and (E, 2, 2) weak, E = B(B - 1)/2, in the order of `edge_list`.

    Source: [song2016]
    """
    count = points.shape[0]
    first = torch.tensor([i for i, _ in edge_list(count)])
    second = torch.tensor([j for _, j in edge_list(count)])
    weight = (slopes + slopes.t()).abs()[first, second]
    largest = weight.amax(0).clamp_min(1e-9)
    a, b = points[first], points[second]
    strong = (weight > level * largest)[:, None]
    weak = ~strong & (weight > 1e-3 * largest)[:, None]
    return tuple(torch.stack([a, torch.where(seen, b, a)], 1) for seen in (strong, weak))  # type: ignore[return-value]


def edge_list(count: int) -> list[tuple[int, int]]:
    """Return the unordered pairs of a batch: (0, 1), (0, 2), ...

    Args:
        count: B.

    Returns:
        B(B - 1)/2 pairs.

    Source: [song2016]
    """
    return [(i, j) for i in range(count) for j in range(i + 1, count)]


def batch_wire(points: Float[Tensor, "b 2"], slopes: Float[Tensor, "b b"], size: int = 320) -> Float[Tensor, "k 2"]:
    """Return the points of the batch figure in pixels, for the groups of lines that `batch_groups` names.

    Strong and weak edges, then for each sample the arrow of its step (the longest is 0.3 long) and a speck to draw it by.

    Args:
        points: (B, 2), in [-1.25, 1.25].
        slopes: (B, B) of the chosen loss.
        size: side of the figure, pixels.

    Returns:
        (4E + 4B, 2) xy in pixels, y downwards.

    Source: [song2016]
    """
    strong, weak = edge_ends(points, slopes)
    step = point_steps(points, slopes)
    longest = step.square().sum(1).amax(0).clamp_min(1e-18).sqrt()
    arrows = torch.stack([points, points + 0.3 * step / longest], 1)
    speck = torch.tensor([0.002, 0.0])
    specks = torch.stack([points - speck, points + speck], 1)
    all_ends = torch.cat([strong.flatten(0, 1), weak.flatten(0, 1), arrows.flatten(0, 1), specks.flatten(0, 1)])
    return size * (0.5 + 0.4 * all_ends * torch.tensor([1.0, -1.0]))


def batch_groups(labels: list[int]) -> dict[str, list[tuple[int, int]]]:
    """Return which points of `batch_wire` are joined, by what the line is.

    Args:
        labels: identity of each sample, 0 to C - 1.

    Returns:
        "pull", "push", "weak_pull", "weak_push", "arrows", then "identity_0", "identity_1", ...

    Source: [song2016]
    """
    pairs = edge_list(len(labels))
    edges, base = len(pairs), 4 * len(pairs)
    same = [labels[i] == labels[j] for i, j in pairs]
    groups: dict[str, list[tuple[int, int]]] = {}
    for name, start, wanted in (
        ("pull", 0, True),
        ("push", 0, False),
        ("weak_pull", edges, True),
        ("weak_push", edges, False),
    ):
        groups[name] = [(2 * (start + e), 2 * (start + e) + 1) for e in range(edges) if same[e] == wanted]
    groups["arrows"] = [(base + 2 * i, base + 2 * i + 1) for i in range(len(labels))]
    dots = base + 2 * len(labels)
    for identity in sorted(set(labels)):
        groups[f"identity_{identity}"] = [
            (dots + 2 * i, dots + 2 * i + 1) for i, y in enumerate(labels) if y == identity
        ]
    return groups


def batch_figure(loss: Number, alpha: Number, x: Number, y: Number) -> tuple[Float[Tensor, "k 2"], Float[Tensor, "3"]]:
    """Return what the batch figure shows: `batch_wire` of `PLACES` with the first sample moved, and three numbers.

    Args:
        loss: index into `BATCH_LOSSES`.
        alpha: α.
        x: place of the first sample.
        y: likewise, upwards.

    Returns:
        (180, 2) points in pixels, and how many pairs are pulled, how many are pushed, and the largest pair's share of all push.

    Source: [song2016]
    """
    first = torch.stack([torch.as_tensor(v, dtype=torch.float32) for v in (x, y)])
    points = torch.cat([first[None], PLACES[1:]])
    every = edge_slopes(plane_distances(points), torch.tensor(IDENTITIES), alpha)
    chosen = (torch.arange(len(BATCH_LOSSES)) == torch.as_tensor(loss, dtype=torch.float32)).float()
    slopes = (every * chosen[:, None, None]).sum(0)
    both = (slopes + slopes.t()).triu(1)
    push = (-both).clamp_min(0)
    level = 1e-3 * both.abs().amax((0, 1))
    numbers = [
        (both > level).float().sum(),
        (push > level).float().sum(),
        push.amax((0, 1)) / push.sum().clamp_min(1e-9),
    ]
    return batch_wire(points, slopes), torch.stack(numbers)
