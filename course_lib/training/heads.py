"""Rendered heads to train face finders and landmark networks on: pictures, what belongs to the person in them, points."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from course_lib.detection.boxes import face_box
from course_lib.faces.dataset import FaceDataset, FaceSettings

__all__ = ["Heads", "rendered_heads"]

SIDE = 96
EXTENT = 32.0


@dataclass
class Heads:
    """N heads with shoulders.

    Attributes:
        image: (N, 4, 96, 96) uint8: colours times share, and the share of each pixel that is person or thing in front.
        landmarks: (N, 68, 2) pixels, centres at integers.
        box: (N, 4) of the face, as ``detection.face_box`` draws it.
        levels: the same pictures at half and quarter size.
    """

    image: UInt8[Tensor, "n 4 s s"]
    landmarks: Float[Tensor, "n 68 2"]
    box: Float[Tensor, "n 4"]
    levels: list[Tensor]

    def __len__(self) -> int:
        return len(self.box)


def rendered_heads(identities: int, per_identity: int, split: str = "train", seed: int = 0, **changes: Any) -> Heads:
    """Renders heads, or reads them from the cache: half of them within ±55° of yaw, half within ±27°.

    Args:
        identities: people.
        per_identity: pictures of each.
        split: of ``faces.dataset``; people of different splits differ.
        seed: of everything.
        changes: fields of FaceSettings to change.

    Returns:
        identities · per_identity heads.
    """
    common = FaceSettings(
        identities // 2, per_identity, split, seed, SIDE, 1, EXTENT, pitch=20, roll=8, light=1.15, expression=1.2,
        occlusion=0.7, crop=0, spread=1.7, foreground=True,
    )  # fmt: skip
    parts = [FaceDataset(common, yaw=yaw, seed=2 * seed + k, **changes).tensors for k, yaw in enumerate((55.0, 27.0))]
    joined = {name: torch.cat([part[name] for part in parts]) for name in ("image", "foreground", "landmarks")}
    return heads_of(joined["image"], joined["foreground"], joined["landmarks"])


def heads_of(image: Tensor, foreground: Tensor, landmarks: Tensor) -> Heads:
    """Heads from pictures (N, 3, S, S) uint8, masks (N, S, S) and landmarks."""
    pasted = torch.empty(len(image), 4, *image.shape[2:], dtype=torch.uint8)
    for rows in torch.arange(len(image)).split(256):
        mask = foreground[rows, None].float()
        # Pixels on the outline are mixed with the old background: step inside by one, then soften.
        share = F.avg_pool2d(F.pad(-F.max_pool2d(-mask, 3, 1, 1), (1, 1, 1, 1), mode="replicate"), 3, 1)
        pasted[rows] = (torch.cat([image[rows] * share, share * 255], 1) + 0.5).byte()
    levels, level = [pasted], pasted
    for _ in range(2):
        level = torch.cat([F.avg_pool2d(part.float(), 2).round().byte() for part in level.split(256)])
        levels.append(level)
    return Heads(pasted, landmarks, face_box(landmarks), levels)
