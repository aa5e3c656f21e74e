"""Pictures made beforehand, for a figure whose own graph would be too large for the browser."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from course_lib import images

_REACH = (0.872, 1.23)
"""Full ranges of U and V."""


class Frames:
    """N pictures as 8-bit luma and, at half the size, chroma: 1.5 bytes a pixel in the exported graph.

    Nothing is blended: a frame comes back as it was stored, within about a grey level in flat places.

    Args:
        pictures: (N, 3, H, W) in [0, 1], H and W even.

    Raises:
        ValueError: if a side is odd, or there is no picture.
    """

    def __init__(self, pictures: Float[Tensor, "n 3 h w"]):
        if not len(pictures) or pictures.shape[2] % 2 or pictures.shape[3] % 2:
            raise ValueError(f"pictures have shape {tuple(pictures.shape)}; there should be some, with even sides")
        yuv = images.yuv_from_rgb(pictures)
        reach = yuv.new_tensor(_REACH).view(1, 2, 1, 1)
        chroma = F.avg_pool2d(yuv[:, 1:] / reach + 0.5, 2)
        self.luma = (yuv[:, :1].clamp(0.0, 1.0) * 255).round().byte()
        self.chroma = (chroma.clamp(0.0, 1.0) * 255).round().byte()

    def __len__(self) -> int:
        return len(self.luma)

    def __call__(self, index: Int[Tensor, "k"]) -> Float[Tensor, "k 3 h w"]:
        """The frames of ``index``, in its order."""
        luma = self.luma.to(index.device)[index].float() / 255
        chroma = self.chroma.to(index.device)[index].float() / 255 - 0.5
        chroma = F.interpolate(chroma, scale_factor=2.0, mode="bilinear", align_corners=False)
        u, v = chroma[:, :1] * _REACH[0], chroma[:, 1:] * _REACH[1]
        return images.rgb_from_yuv(torch.cat([luma, u, v], 1)).clamp(0.0, 1.0)
