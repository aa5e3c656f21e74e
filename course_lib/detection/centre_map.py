"""Faces as points: a map that is 1 where the middle of a face lies, and beside it the box that belongs to each place."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["centre_map_loss", "centre_targets", "decode_centres", "peaks"]

STRIDE = 8
"""Pixels of the picture for each cell of the map."""

UNIT = 32.0
"""Side of a box in pixels that is written as 0: sizes are logarithms of sides over it."""

CERTAIN = 0.999
"""Target from which on a cell is the middle of a face."""


def centre_targets(
    boxes: Float[Tensor, "b m 4"], count: Int[Tensor, "b"], size: tuple[int, int]
) -> tuple[Float[Tensor, "b h w"], Float[Tensor, "b 4 h w"]]:
    """What the network should say for scenes whose boxes are known.

    The map is ``max_k exp(-|p - c_k|² / 2 s_k²)`` with s = max(1/2, h/10) cells, and 1 in the cell nearest to each
    middle: close misses are penalised less. Boxes are asked for in the cells within .18 of a side around the middle.

    Args:
        boxes: (B, M, 4) x0, y0, x1, y1, pixels with centres at integers.
        count: (B,) how many of the M are there.
        size: (height, width) of the pictures, pixels, multiples of STRIDE.

    Returns:
        The map (B, H, W) in [0, 1] and the box (B, 4, H, W): x0, y0, x1, y1 in pixels, nan where none is asked for.
        Of boxes that overlap, the later one in the list is asked for.

    Source: [zhou2019objects].
    """
    height, width = size[0] // STRIDE, size[1] // STRIDE
    y = torch.arange(height, device=boxes.device).view(1, 1, -1, 1)
    x = torch.arange(width, device=boxes.device).view(1, 1, 1, -1)
    grid = (boxes + 0.5) / STRIDE - 0.5
    middle, side = (grid[..., :2] + grid[..., 2:]) / 2, grid[..., 2:] - grid[..., :2]
    there = torch.arange(boxes.shape[1], device=boxes.device)[None] < count[:, None]
    dx, dy = (v[..., None, None] for v in middle.unbind(-1))
    dx, dy = x - dx, y - dy
    spread = (0.1 * side[..., 1]).clamp_min(0.5)[..., None, None]
    heat = torch.exp(-(dx**2 + dy**2) / (2 * spread**2))
    heat = torch.where((dx.abs() <= 0.5) & (dy.abs() <= 0.5), torch.ones_like(heat), heat) * there[..., None, None]
    reach = (0.18 * side).clamp_min(0.75)[..., None, None]
    near = (dx.abs() < reach[:, :, 0]) & (dy.abs() < reach[:, :, 1]) & there[..., None, None]
    if boxes.shape[1] == 0:
        return heat.sum(1), heat.new_full((len(boxes), 4, height, width), float("nan"))
    last = (near * torch.arange(1, boxes.shape[1] + 1, device=boxes.device).view(1, -1, 1, 1)).amax(1)
    chosen = boxes[torch.arange(len(boxes))[:, None, None], (last - 1).clamp_min(0)].movedim(-1, 1)
    return heat.amax(1), chosen.masked_fill((last == 0)[:, None], float("nan"))


def boxes_of(output: Float[Tensor, "b 5 h w"]) -> Float[Tensor, "b 4 h w"]:
    """The box that each cell proposes: middle = cell + offset, sides = 32 exp(size), in pixels with centres at integers."""
    height, width = output.shape[-2:]
    y = torch.arange(height, dtype=output.dtype, device=output.device).view(1, -1, 1)
    x = torch.arange(width, dtype=output.dtype, device=output.device).view(1, 1, -1)
    cx, cy = (x + output[:, 1] + 0.5) * STRIDE - 0.5, (y + output[:, 2] + 0.5) * STRIDE - 0.5
    half = output[:, 3:5].clamp(-2.0, 2.0).exp() * (UNIT / 2)
    return torch.stack([cx - half[:, 0], cy - half[:, 1], cx + half[:, 0], cy + half[:, 1]], 1)


def centre_map_loss(
    output: Float[Tensor, "b 5 h w"], heat: Float[Tensor, "b h w"], boxes: Float[Tensor, "b 4 h w"]
) -> tuple[Tensor, Tensor]:
    """The loss of a centre map with boxes: a focal loss of the map, and how far the boxes are off.

    Focal, per face: ``-(1-p)² ln p`` in the cells of middles, ``-(1-t)⁴ p² ln(1-p)`` in all others. Boxes: the mean of
    ``|Δ middle| / 8 px + |Δ ln side|`` and of ``1 - IoU``.

    Args:
        output: (B, 5, H, W) of the network: logit, offset x and y in cells, ln(width/32), ln(height/32).
        heat: (B, H, W) of ``centre_targets``.
        boxes: (B, 4, H, W) of ``centre_targets``.

    Returns:
        Two 0-d tensors: map, boxes.

    Source: [law2018], [zhou2019objects].
    """
    logit = output[:, 0]
    p = logit.sigmoid()
    middle = heat >= CERTAIN
    hit, miss = F.logsigmoid(logit), F.logsigmoid(-logit)
    focal = -torch.where(middle, (1 - p) ** 2 * hit, (1 - heat) ** 4 * p**2 * miss).sum() / middle.sum().clamp(min=1)
    asked = ~boxes[:, 0].isnan()
    ours = boxes_of(output).movedim(1, -1)[asked]
    wanted = boxes.movedim(1, -1)[asked]
    side, wanted_side = ours[:, 2:] - ours[:, :2], wanted[:, 2:] - wanted[:, :2]
    middles = (ours[:, 2:] + ours[:, :2] - wanted[:, 2:] - wanted[:, :2]).abs() / (2 * STRIDE)
    sides = (side / wanted_side).log().abs()
    common = (torch.minimum(ours[:, 2:], wanted[:, 2:]) - torch.maximum(ours[:, :2], wanted[:, :2])).clamp_min(0)
    common, areas = common.prod(1), side.prod(1) + wanted_side.prod(1)
    apart = 1 - common / (areas - common).clamp_min(1e-6)
    number = max(1, len(ours))
    return focal, (middles.sum() + sides.sum() + apart.sum()) / number


def peaks(heat: Float[Tensor, "b h w"]) -> Float[Tensor, "b h w"]:
    """The map with everything but its local maxima (over 3 x 3 cells) set to 0: what stands in for suppression."""
    return heat * (F.max_pool2d(heat[:, None], 3, 1, 1)[:, 0] <= heat)


def decode_centres(
    output: Float[Tensor, "b 5 h w"], score: float = 0.1
) -> list[tuple[Float[Tensor, "n 4"], Float[Tensor, "n"]]]:
    """Boxes and scores of each picture, from the local maxima of its map.

    Args:
        output: (B, 5, H, W) of the network.
        score: what the map must reach, in (0, 1).

    Returns:
        For each picture boxes (N, 4), pixels with centres at integers, and scores (N,).
    """
    heat, boxes = peaks(output[:, 0].sigmoid()), boxes_of(output).movedim(1, -1)
    chosen = heat > score
    return [(boxes[k][chosen[k]], heat[k][chosen[k]]) for k in range(len(output))]
