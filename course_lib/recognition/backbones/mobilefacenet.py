"""MobileFaceNet: inverted bottlenecks and a global depthwise convolution; one million parameters."""

from jaxtyping import Float
from torch import Tensor, nn

from course_lib.recognition.backbones.layers import GlobalDepthwise, centred, check_faces, conv_unit, initialise


class Bottleneck(nn.Module):
    """Widen by 1×1, filter depthwise 3×3, narrow by a linear 1×1; adds its input where shapes allow.

    Args:
        inputs: channels in.
        outputs: channels out.
        middle: channels between.
        stride: of the depthwise step; the input is added at stride 1.

    Source: [chen2018mobilefacenets]
    """

    def __init__(self, inputs: int, outputs: int, middle: int, stride: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            conv_unit(inputs, middle, 1),
            conv_unit(middle, middle, 3, stride, groups=middle),
            conv_unit(middle, outputs, 1, activate=False),
        )
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d p q"]:
        """Return the filtered map, (B, outputs, ⌈H/stride⌉, ⌈W/stride⌉)."""
        return x + self.body(x) if self.adds else self.body(x)


class MobileFaceNet(nn.Module):
    """MobileFaceNet for 112 × 112 faces.

    scale 1 and 128 dimensions is the paper's network (1.00 M parameters, 0.22 GMAC); scale 2 and 512 dimensions is
    InsightFace's "mbf" (2.06 M), with 2, 8, 12, 4 blocks and scale 4 its "mbf_large" (6.31 M).

    Args:
        width: D of the embedding.
        blocks: bottlenecks in the four stages; a single first block is a depthwise convolution.
        scale: multiplies the maps' channels (64, 64, 128, 128), not the widened ones.

    Source: [chen2018mobilefacenets]
    """

    size = 112

    def __init__(self, width: int = 128, blocks: tuple[int, int, int, int] = (1, 4, 6, 2), scale: int = 1):
        super().__init__()
        narrow, wide = 64 * scale, 128 * scale
        first: list[nn.Module] = [conv_unit(narrow, narrow, 3, groups=64)]
        if blocks[0] > 1:
            first = [Bottleneck(narrow, narrow, 128) for _ in range(blocks[0])]
        self.body = nn.Sequential(
            conv_unit(3, narrow, 3, 2),
            *first,
            Bottleneck(narrow, narrow, 128, 2),
            *(Bottleneck(narrow, narrow, 128) for _ in range(blocks[1])),
            Bottleneck(narrow, wide, 256, 2),
            *(Bottleneck(wide, wide, 256) for _ in range(blocks[2])),
            Bottleneck(wide, wide, 512, 2),
            *(Bottleneck(wide, wide, 256) for _ in range(blocks[3])),
            conv_unit(wide, 512, 1),
        )
        self.head = GlobalDepthwise(512, 7, width)
        initialise(self)

    def forward(self, image: Float[Tensor, "b 3 112 112"]) -> Float[Tensor, "b d"]:
        """Return embeddings (B, D), not normalised, of faces in [0, 1] (centred here)."""
        check_faces(image, self.size)
        return self.head(self.body(centred(image)))
