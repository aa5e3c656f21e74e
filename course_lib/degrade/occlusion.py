"""Something in front of the face."""

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.degrade.common import Severity, degradation, per_image


@degradation
def occlude(
    image: Float[Tensor, "b c h w"],
    share: Severity,
    centre: tuple[int | float, int | float] | Float[Tensor, "b 2"] = (0.5, 0.5),
    colour: int | float = 0.0,
) -> Float[Tensor, "b c h w"]:
    """Block occlusion: a grey block of the image's proportions that covers a share of its area.

    The block is √share · W wide and √share · H high; where it would leave the image, it is moved inside. Pixels at its edge
    are covered by the part that lies under it, so the result changes smoothly with ``share``.

    Args:
        image: (B, 1 or 3, H, W) in [0, 1].
        share: of the area, 0 (nothing, exactly) to 1 (everything).
        centre: of the block, (x, y) as shares of width and height, or (B, 2): one for each image.
        colour: grey value of the block, in [0, 1].

    Returns:
        (B, C, H, W) in [0, 1].

    Raises:
        ValueError: if ``share`` or ``colour`` leaves [0, 1], or ``centre`` has another shape; see also ``check_images``.
        TypeError: see ``check_images``.
    """
    if not 0 <= colour <= 1:
        raise ValueError(f"colour: expected a grey value in [0, 1], got {colour}")
    # √ has an infinite slope at 0: it starts from a block too small to cover anything.
    part = per_image(share, image, "share", 0, 1)
    scale = torch.where(part > 1e-12, part.clamp(min=1e-12).sqrt(), 0)
    place = torch.as_tensor(centre, dtype=image.dtype, device=image.device).reshape(-1, 2)
    if place.shape[0] not in (1, image.shape[0]):
        raise ValueError(f"centre: expected (x, y) or shape ({image.shape[0]}, 2), got shape {tuple(place.shape)}")
    height, width = image.shape[-2:]
    down = _coverage(height, scale, place[:, 1].reshape(-1, 1, 1, 1))
    across = _coverage(width, scale, place[:, 0].reshape(-1, 1, 1, 1))
    return image + down.mT * across * (colour - image)


def _coverage(size: int, scale: Tensor, place: Tensor) -> Tensor:
    """(1 or B, 1, 1, size): how much of each pixel lies under the block, along one axis."""
    extent = scale * size
    start = (place * size - extent / 2).clamp(min=0).minimum(size - extent)
    left = torch.arange(size, dtype=scale.dtype, device=scale.device)
    return ((start + extent).minimum(left + 1) - start.maximum(left)).clamp(min=0)
