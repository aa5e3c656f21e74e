"""FaceNet's NN2: the inception network of the FaceNet paper, 224 × 224 to 128 dimensions, 7.5 M parameters."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.recognition.backbones.layers import centred, check_faces, initialise


def _unit(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution, BN, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def l2_pool(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Return the Euclidean length of each 3 × 3 neighbourhood, zero outside, with a finite gradient at zero.

    Args:
        x: (B, C, H, W).

    Returns:
        Same shape, ≥ 0.

    Source: [schroff2015]
    """
    return (F.avg_pool2d(x.square(), 3, 1, 1) * 9 + 1e-6).sqrt()


class Inception(nn.Module):
    """Branches of 1×1, 3×3, 5×5 and pooling, side by side.

    Args:
        inputs: channels in.
        one: channels of the 1×1 branch; 0 leaves it out.
        three: (reduced, full) channels of the 3×3 branch.
        five: (reduced, full) channels of the 5×5 branch.
        pool: channels of the projection after pooling; 0 keeps the pooled input.
        kind: "max" or "l2".
        stride: 2 halves the map in every branch.

    Source: [szegedy2015], [schroff2015]
    """

    def __init__(
        self,
        inputs: int,
        one: int,
        three: tuple[int, int],
        five: tuple[int, int],
        pool: int,
        kind: str = "l2",
        stride: int = 1,
    ):
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(_unit(inputs, middle, 1), _unit(middle, outputs, kernel, stride))
            for kernel, (middle, outputs) in ((3, three), (5, five))
        )
        if one:
            self.branches.append(_unit(inputs, one, 1))
        self.project = _unit(inputs, pool, 1) if pool else nn.Identity()
        self.kind, self.stride = kind, stride

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d p q"]:
        """Return the branches' maps, joined along the channels."""
        pooled = l2_pool(x) if self.kind == "l2" else F.max_pool2d(x, 3, self.stride, 1)
        return torch.cat([*(branch(x) for branch in self.branches), self.project(pooled)], 1)


class FaceNet(nn.Module):
    """FaceNet's NN2 for 224 × 224 faces.

    The rows are those of the paper's Table 2; its convolution weights are reproduced to the printed thousand. Where the
    paper normalises local responses, batch normalisation stands in every unit. The paper ends on the unit sphere;
    here the embedding is returned raw and the losses and comparisons normalise.

    Args:
        width: D of the embedding; 128 in the paper.

    Source: [schroff2015]
    """

    size = 224

    def __init__(self, width: int = 128):
        super().__init__()
        self.stem = nn.Sequential(
            _unit(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1), _unit(64, 64, 1), _unit(64, 192, 3), nn.MaxPool2d(3, 2, 1)
        )
        self.inception = nn.ModuleDict(
            {
                "3a": Inception(192, 64, (96, 128), (16, 32), 32, "max"),
                "3b": Inception(256, 64, (96, 128), (32, 64), 64),
                "3c": Inception(320, 0, (128, 256), (32, 64), 0, "max", 2),
                "4a": Inception(640, 256, (96, 192), (32, 64), 128),
                "4b": Inception(640, 224, (112, 224), (32, 64), 128),
                "4c": Inception(640, 192, (128, 256), (32, 64), 128),
                "4d": Inception(640, 160, (144, 288), (32, 64), 128),
                "4e": Inception(640, 0, (160, 256), (64, 128), 0, "max", 2),
                "5a": Inception(1024, 384, (192, 384), (48, 128), 128),
                "5b": Inception(1024, 384, (192, 384), (48, 128), 128, "max"),
            }
        )
        self.head = nn.Linear(1024, width, bias=False)
        initialise(self)

    def forward(self, image: Float[Tensor, "b 3 224 224"]) -> Float[Tensor, "b d"]:
        """Return embeddings (B, D), not normalised, of faces in [0, 1] (centred here)."""
        check_faces(image, self.size)
        x = self.stem(centred(image))
        for block in self.inception.values():
            x = block(x)
        return self.head(x.mean((2, 3)))
