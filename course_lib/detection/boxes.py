"""Boxes: how much they overlap, which of many stand for one object, and which box belongs to the landmarks of a face.

A box is x0, y0, x1, y1 in pixels with pixel centres at integers; its area is (x1 - x0)(y1 - y0).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.geometry import check_points, five_points

__all__ = ["box_iou", "face_box", "nms"]

FACE_HEIGHT = 2.85
"""Height of a face's box, from the middle of the forehead to the chin, in distances from the eyes to the mouth."""

FACE_ASPECT = 0.765
"""Width of a face's box over its height."""

EYES_ABOVE = 0.348
"""How far the middle of the box lies below the eyes, in distances from the eyes to the mouth."""


def check_boxes(boxes: Tensor, name: str = "boxes") -> None:
    """Refuses what is not (N, 4), floating and finite.

    Raises:
        ValueError: wrong shape, nan or infinity.
        TypeError: not a floating dtype.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name} has shape {tuple(boxes.shape)}; it should be (N, 4) with x0, y0, x1, y1")
    if not boxes.is_floating_point():
        raise TypeError(f"{name} has dtype {boxes.dtype}; it should be a floating dtype such as torch.float32")
    if not (torch.compiler.is_exporting() or torch.compiler.is_compiling()) and not bool(boxes.isfinite().all()):
        raise ValueError(f"{name} has coordinates that are nan or infinite; they should be finite")


def box_iou(first: Float[Tensor, "n 4"], second: Float[Tensor, "m 4"]) -> Float[Tensor, "n m"]:
    """Intersection over union of every pair of boxes: ``|A ∩ B| / (|A| + |B| - |A ∩ B|)``.

    Args:
        first: (N, 4) x0, y0, x1, y1, pixels.
        second: (M, 4).

    Returns:
        (N, M) in [0, 1]; 0 where both boxes are empty.

    Raises:
        ValueError: wrong shapes, nan or infinity.
        TypeError: not a floating dtype.

    Source: [everingham2010].
    """
    check_boxes(first, "first")
    check_boxes(second, "second")
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    common = (high - low).clamp_min(0).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clamp_min(0).prod(1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - common
    return torch.where(union > 0, common / torch.where(union > 0, union, torch.ones_like(union)), union)


def nms(boxes: Float[Tensor, "n 4"], scores: Float[Tensor, "n"], overlap: float | int = 0.35) -> Int[Tensor, "k"]:
    """Greedy non-maximum suppression: the best box stays, those that overlap it go, and so on with the rest.

    Only the overlap counts, not whether one box lies inside the other: a small wrong box inside a large right one
    must not take it away.

    Args:
        boxes: (N, 4) x0, y0, x1, y1, pixels.
        scores: (N,), higher is better.
        overlap: boxes whose intersection over union with a better one is above it go, in [0, 1].

    Returns:
        (K,) which boxes stay, the best first.

    Raises:
        ValueError: wrong shapes, or overlap outside [0, 1].
        TypeError: boxes is not of a floating dtype.

    Source: [felzenszwalb2010].
    """
    check_boxes(boxes)
    if scores.shape != boxes.shape[:1]:
        raise ValueError(f"scores has shape {tuple(scores.shape)}; it should be ({len(boxes)},), one for each box")
    if not 0 <= overlap <= 1:
        raise ValueError(f"overlap is {overlap}; it should be in [0, 1]")
    order = scores.argsort(descending=True, stable=True)
    crowded = (box_iou(boxes[order], boxes[order]) > overlap).cpu()
    free = torch.ones(len(order), dtype=torch.bool)
    kept = []
    for i in range(len(order)):
        if free[i]:
            kept.append(i)
            free &= ~crowded[i]
    return order[torch.tensor(kept, dtype=torch.long, device=order.device)]


def face_box(landmarks: Float[Tensor, "b k 2"]) -> Float[Tensor, "b 4"]:
    """The box of a face whose landmarks are known, from the middle of the forehead to the chin.

    The height is 2.85 times the distance from the eyes to the mouth and the width .765 of the height, the medians of
    what a detector trained on hand-drawn boxes gives for photographs; the middle lies between that of eyes and mouth
    and that of the jaw, which moves to the side as the head turns.

    Args:
        landmarks: (B, 68, 2) in the iBUG order, or (B, 5, 2), pixels.

    Returns:
        (B, 4) x0, y0, x1, y1, pixels, upright.

    Raises:
        ValueError: neither 5 nor 68 points, or coordinates that are not finite.
        TypeError: landmarks is not of a floating dtype.
    """
    check_points(landmarks)
    points = five_points(landmarks)
    eyes, mouth = points[:, :2].mean(1), points[:, 3:].mean(1)
    down = mouth - eyes
    height = FACE_HEIGHT * down.norm(dim=1).clamp_min(1e-3)
    middle = eyes + EYES_ABOVE * down
    if landmarks.shape[1] == 68:
        jaw = landmarks[:, :17, 0]
        middle = torch.stack([0.5 * middle[:, 0] + 0.25 * (jaw.amin(1) + jaw.amax(1)), middle[:, 1]], 1)
    half = torch.stack([0.5 * FACE_ASPECT * height, 0.5 * height], 1)
    return torch.cat([middle - half, middle + half], 1)
