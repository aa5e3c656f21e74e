"""Aligned rendered faces for recognition: rendered once at 112 pixels, cut to the template at any size."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from course_lib.faces.dataset import FaceDataset, FaceSettings
from course_lib.geometry import align
from course_lib.recognition.face_report import face_report
from course_lib.recognition.pipeline import embed

VALIDATION = FaceSettings(
    identities=60, per_identity=8, days=2, size=112, split="validation", occlusion=0.3, camera=0.5, crop=0.0
)
TRAINING = dataclasses.replace(VALIDATION, identities=500, split="train")
TEST = dataclasses.replace(VALIDATION, identities=100, per_identity=12, split="test")
"""The three sets of the recognition recipes: no person is in two of them; half of a person's pictures show another day."""


@dataclass(frozen=True)
class AlignedFaces:
    """N aligned faces.

    Attributes:
        images: (N, 3, S, S) uint8.
        identities: (N,) from 0.
        truth: what `face_report` bins by: day, yaw, light, occlusion.
    """

    images: UInt8[Tensor, "n 3 s s"]
    identities: Int[Tensor, "n"]
    truth: dict[str, Tensor]

    def __len__(self) -> int:
        """Number of faces."""
        return len(self.images)


def aligned_faces(
    settings: FaceSettings, size: int = 112, progress: Callable[[int, int], Any] | None = None
) -> AlignedFaces:
    """Returns the faces of a rendered set, aligned by their true five points, so that the network's errors stand alone.

    Args:
        settings: of the set; rendered on first use and cached.
        size: side of the aligned faces.
        progress: as in `FaceDataset`: called while rendering, a bar on the terminal when None.
    """
    faces = FaceDataset(settings, progress)
    parts = [
        (align(image.float() / 255, points, size) * 255 + 0.5).byte()
        for image, points in zip(faces.images.split(64), faces.tensors["points"].split(64), strict=True)
    ]
    truth = {name: faces.tensors[name] for name in ("day", "yaw", "light", "occlusion")}
    return AlignedFaces(torch.cat(parts), faces.identities, truth)


def draw_batch(
    faces: AlignedFaces, people: int, images: int, generator: torch.Generator
) -> tuple[UInt8[Tensor, "b 3 s s"], Int[Tensor, "b"]]:
    """Returns P people × K different pictures each, those of one person next to each other, half of them mirrored.

    Args:
        faces: with the same number of pictures for everybody, people in order, as `FaceDataset` has them.
        people: P.
        images: K, at most the pictures that a person has.
        generator: of the draws.
    """
    each = len(faces) // (int(faces.identities[-1]) + 1)
    chosen = torch.randperm(len(faces) // each, generator=generator)[:people]
    picks = torch.rand(people, each, generator=generator).argsort(1)[:, :images]
    index = (chosen[:, None] * each + picks).flatten()
    batch = faces.images[index]
    mirrored = torch.rand(len(index), generator=generator) < 0.5
    return torch.where(mirrored[:, None, None, None], batch.flip(3), batch), faces.identities[index]


def varied(
    images: UInt8[Tensor, "b 3 s s"], generator: torch.Generator, *, shift: int = 2, light: float = 0.15
) -> Float[Tensor, "b 3 s s"]:
    """Returns faces in [0, 1], moved by up to `shift` pixels (detectors are not exact) and lit a little differently.

    Args:
        images: a batch.
        generator: of the draws.
        shift: largest move in each direction, pixels.
        light: largest relative change of brightness, and of contrast about the mean.
    """
    count, _, size, _ = images.shape
    moves = torch.randint(-shift, shift + 1, (count, 2), generator=generator)
    line = torch.arange(size)
    rows = (line + moves[:, :1]).clamp(0, size - 1)
    columns = (line + moves[:, 1:]).clamp(0, size - 1)
    moved = images[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    values = moved.float() / 255
    gain = 1 + light * (2 * torch.rand(2, count, 1, 1, 1, generator=generator) - 1)
    mean = values.mean((1, 2, 3), keepdim=True)
    return ((values - mean) * gain[0] + mean * gain[1]).clamp(0, 1)


def evaluate_on(faces: AlignedFaces, network: torch.nn.Module, *, flip: str = "sum", replicates: int = 200) -> dict:
    """Returns `face_report` of a network on aligned faces of its size; see there for the entries.

    Args:
        faces: people that the network has not seen.
        network: from a face in [0, 1] to its embedding.
        flip: as in `recognition.embed`.
        replicates: of the bootstrap.
    """
    parts = [embed(network, batch.float() / 255, flip=flip) for batch in faces.images.split(256)]
    return face_report(torch.cat(parts), faces.identities, truth=faces.truth, replicates=replicates)
