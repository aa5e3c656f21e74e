"""The simplest face matcher: how alike two aligned faces are, pixel by pixel."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from course_lib import images


def template_similarity(
    face: Float[Tensor, "b c h w"], reference: Float[Tensor, "b c h w"] | Float[Tensor, "1 c h w"], size: int = 32
) -> Float[Tensor, " b"]:
    """Normalised cross-correlation of two aligned faces at thumbnail size.

    Formula: with x, y the luma of both faces, averaged over ``size`` x ``size`` cells, less their means,
    s = <x, y> / (|x| |y|). Subtracting the mean and dividing by the norm makes it blind to brightness and contrast,
    the thumbnail to fine detail: what is left is the layout of light and dark.

    Args:
        face: (B, 3, H, W) or (B, 1, H, W) in [0, 1].
        reference: the same, or one image for all.
        size: side of the thumbnail in pixels, at least 2.

    Returns:
        (B,) similarities in [-1, 1]; 1 for equal faces, 0 where one of the two is flat.

    Raises:
        TypeError, ValueError: if an image is none (see ``images.check_images``) or ``size`` is below 2.

    Source: template matching of faces [brunelli1993].
    """
    images.check_images(face, "face")
    images.check_images(reference, "reference")
    if size < 2:
        raise ValueError(f"size: expected at least 2 pixels, got {size}")
    x, y = (functional.adaptive_avg_pool2d(images.luma(image), size).flatten(1) for image in (face, reference))
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    # A flat image has no layout: both norms are floored, which leaves its similarity at 0 and its gradient finite.
    energy = (x.square().sum(1) * y.square().sum(1)).clamp_min(1e-12)
    return (x * y).sum(1) / energy.sqrt()
