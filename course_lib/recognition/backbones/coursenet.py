"""The course's own network: half a million parameters, trained in minutes on a CPU."""

from jaxtyping import Float
from torch import Tensor, nn

from course_lib.recognition.backbones.layers import GlobalDepthwise, centred, check_faces, conv_unit, initialise


class CourseBlock(nn.Module):
    """Two 3×3 convolutions and a skip connection. Source: [deng2019]."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(conv_unit(channels, channels), conv_unit(channels, channels, activate=False))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Return x plus its filtered copy."""
        return x + self.body(x)


class CourseNet(nn.Module):
    """A plain residual network with 0.50 M parameters and, for 112 × 112 faces, 0.07 GMAC.

    Plain convolutions, since depthwise ones are slow on CPUs; the head is MobileFaceNet's global depthwise one.

    Args:
        width: D of the embedding.
        channels: of the four stages, each of half the size of the one before.
        size: side of the faces, a multiple of 16.

    Raises:
        ValueError: if the size is no positive multiple of 16.

    Source: [chen2018mobilefacenets], [deng2019]
    """

    def __init__(self, width: int = 128, channels: tuple[int, int, int, int] = (16, 32, 64, 114), size: int = 112):
        super().__init__()
        if size < 16 or size % 16:
            raise ValueError(f"size must be a positive multiple of 16, got {size}")
        self.size = size
        stages: list[nn.Module] = []
        inputs = 3
        for outputs in channels:
            stages += [conv_unit(inputs, outputs, 3, 2), CourseBlock(outputs)]
            inputs = outputs
        self.body = nn.Sequential(*stages, conv_unit(inputs, 256, 1))
        self.head = GlobalDepthwise(256, size // 16, width)
        initialise(self)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Return embeddings (B, D), not normalised, of faces in [0, 1] (centred here)."""
        check_faces(image, self.size)
        return self.head(self.body(centred(image)))
