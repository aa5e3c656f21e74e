"""iResNet: the residual network of ArcFace, with BN before each convolution and no early pooling."""

from jaxtyping import Float
from torch import Tensor, nn

from course_lib.recognition.backbones.layers import centred, check_faces

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}


class ResidualBlock(nn.Module):
    """BN, convolution, BN, PReLU, convolution with stride, BN; plus the input, or its 1×1 projection.

    Args:
        inputs: channels in.
        outputs: channels out.
        stride: of the second convolution.

    Source: [deng2019]
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.PReLU(outputs),
            nn.Conv2d(outputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d p q"]:
        """Return the sum of both branches."""
        return self.body(x) + self.shortcut(x)


class IResNet(nn.Module):
    """iResNet-18, 34, 50 or 100 for 112 × 112 faces: 24.03, 34.14, 43.59 and 65.16 M parameters.

    12.85 M of each are the fully connected layer from the 512 × 7 × 7 map. The last BN has its factor fixed at 1, so
    that no dimension of the embedding can be switched off.

    Args:
        depth: 18, 34, 50 or 100.
        width: D of the embedding.
        dropout: share of the last map dropped in training.

    Raises:
        ValueError: for another depth.

    Source: [deng2019]
    """

    size = 112

    def __init__(self, depth: int = 50, width: int = 512, dropout: float = 0.0):
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"depth must be one of {tuple(BLOCKS)}, got {depth}")
        stages: list[nn.Module] = []
        channels = 64
        for outputs, count in zip((64, 128, 256, 512), BLOCKS[depth], strict=True):
            stages.append(ResidualBlock(channels, outputs, 2))
            stages.extend(ResidualBlock(outputs, outputs) for _ in range(count - 1))
            channels = outputs
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64))
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(
            nn.BatchNorm2d(512),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(512 * 7 * 7, width),
            nn.BatchNorm1d(width),
        )
        self.head[-1].weight.requires_grad_(False)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, 0, 0.1)

    def forward(self, image: Float[Tensor, "b 3 112 112"]) -> Float[Tensor, "b d"]:
        """Return embeddings (B, D), not normalised, of faces in [0, 1] (centred here)."""
        check_faces(image, self.size)
        return self.head(self.stages(self.stem(centred(image))))
