"""How good boxes and landmarks are: matching with the truth, average precision, error in inter-eye distances."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_lib.detection.boxes import box_iou
from course_lib.detection.face_finder import Faces
from course_lib.geometry import check_points, five_points

__all__ = ["Precision", "apply_offset", "average_precision", "convention_offset", "landmark_errors", "match_faces"]


@dataclass(frozen=True)
class Precision:
    """What a set of detections is worth.

    Attributes:
        average: average precision in [0, 1], the area under precision over recall.
        faces: how many there were to find.
        precision, recall, scores: (N,) after the first, second, ... surest detection.
    """

    average: float
    faces: int
    precision: Float[Tensor, "n"]
    recall: Float[Tensor, "n"]
    scores: Float[Tensor, "n"]


def match_faces(
    found: Faces, truth: Float[Tensor, "m 4"], overlap: float | int = 0.5, smallest: float | int = 0.0
) -> tuple[Bool[Tensor, "n"], Bool[Tensor, "n"]]:
    """Which detections are right: each, the surest first, takes the free true box that it overlaps most.

    Args:
        found: of one picture.
        truth: (M, 4) true boxes.
        overlap: least intersection over union.
        smallest: true faces of less height, in pixels, count neither as found nor as missed, and what is found in their
            size, but matches nothing, not as false.

    Returns:
        Whether each detection is right (N,), and whether it counts (N,).

    Source: [everingham2010].
    """
    order = found.scores.argsort(descending=True, stable=True)
    share = box_iou(found.boxes, truth) if len(truth) else found.boxes.new_zeros(len(found), 0)
    right = torch.zeros(len(found), dtype=torch.bool)
    counts = torch.ones(len(found), dtype=torch.bool)
    free = torch.ones(len(truth), dtype=torch.bool)
    tall = truth[:, 3] - truth[:, 1]
    for k in order.tolist():
        best = share[k].masked_fill(~free.to(share.device), -1.0)
        j = int(best.argmax()) if len(truth) else -1
        right[k] = j >= 0 and float(best[j]) >= overlap
        if right[k]:
            free[j] = False
            counts[k] = bool(tall[j] >= smallest)
        else:
            counts[k] = float(found.boxes[k, 3] - found.boxes[k, 1]) >= smallest
    return right, counts


def average_precision(
    found: Sequence[Faces],
    truth: Sequence[Float[Tensor, "_ 4"]],
    overlap: float | int = 0.5,
    smallest: float | int = 0.0,
) -> Precision:
    """Average precision over pictures: the area under the curve of precision over recall, made monotone.

    Args:
        found: detections of each picture.
        truth: true boxes of each picture.
        overlap: least intersection over union; AP50 is .5.
        smallest: as in ``match_faces``.

    Returns:
        Precision; its average is nan when there is no face to find.

    Raises:
        ValueError: if the numbers of pictures differ.

    Source: [everingham2010].
    """
    if len(found) != len(truth):
        raise ValueError(f"found has {len(found)} pictures and truth {len(truth)}; they should be the same pictures")
    faces = sum(int((boxes[:, 3] - boxes[:, 1] >= smallest).sum()) for boxes in truth)
    matches = [match_faces(one, boxes, overlap, smallest) for one, boxes in zip(found, truth, strict=True)]
    scores = torch.cat(
        [one.scores.cpu()[counts] for one, (_, counts) in zip(found, matches, strict=True)] or [torch.zeros(0)]
    )
    right = torch.cat([hit[counts] for hit, counts in matches] or [torch.zeros(0, dtype=torch.bool)])
    order = scores.argsort(descending=True, stable=True)
    hits = right[order].double().cumsum(0)
    precision = hits / torch.arange(1, len(hits) + 1)
    recall = hits / faces if faces else torch.zeros_like(hits)
    envelope = precision.flip(0).cummax(0).values.flip(0)
    average = float((envelope * recall.diff(prepend=recall.new_zeros(1))).sum()) if faces else float("nan")
    return Precision(average, faces, precision.float(), recall.float(), scores[order].float())


def landmark_errors(found: Float[Tensor, "b k 2"], truth: Float[Tensor, "b k 2"]) -> Float[Tensor, "b k"]:
    """Distance of each landmark from the truth, in distances between the true eye centres.

    Args:
        found: (B, K, 2) with K = 5 or 68, pixels.
        truth: (B, K, 2).

    Returns:
        (B, K) in [0, ∞); its mean over K is the normalised mean error (NME).

    Raises:
        ValueError: the shapes differ, there are neither 5 nor 68 points, or the true eyes coincide.
        TypeError: not a floating dtype.

    Source: [sagonas2013].
    """
    check_points(found, "found")
    check_points(truth, "truth")
    if found.shape != truth.shape:
        raise ValueError(
            f"found has shape {tuple(found.shape)} and truth {tuple(truth.shape)}; they should be the same"
        )
    eyes = five_points(truth)
    apart = (eyes[:, 1] - eyes[:, 0]).norm(dim=1)
    if bool((apart == 0).any()):
        raise ValueError("truth has eyes that coincide; their distance is the unit of the error")
    return (found - truth).norm(dim=2) / apart[:, None]


def _eye_frame(points: Tensor) -> tuple[Tensor, Tensor]:
    across = points[:, 1] - points[:, 0]
    distance = across.norm(dim=1)
    axis = across / distance[:, None]
    return distance, torch.stack([axis, torch.stack([-axis[:, 1], axis[:, 0]], 1)], 1)


def convention_offset(found: Float[Tensor, "b 5 2"], truth: Float[Tensor, "b 5 2"]) -> Float[Tensor, "5 2"]:
    """By how much the truth means other points: the median offset of each of the five, in the frame of the found eyes.

    The frame has its x axis from the right eye to the left one and their distance as unit. Annotations put the five
    points in slightly different places of a face; whoever subtracts this offset subtracts a constant error of the
    network as well, so both errors should be told.

    Args:
        found: (B, 5, 2) pixels.
        truth: (B, 5, 2).

    Returns:
        (5, 2) in distances between the eyes.
    """
    distance, axes = _eye_frame(found)
    return ((truth - found) @ axes.mT / distance[:, None, None]).median(0).values


def apply_offset(found: Float[Tensor, "b 5 2"], offset: Float[Tensor, "5 2"]) -> Float[Tensor, "b 5 2"]:
    """The five points moved by a constant offset in the frame of their own eyes, as ``convention_offset`` gives it."""
    distance, axes = _eye_frame(found)
    return found + distance[:, None, None] * (offset[None] @ axes)
