"""Things held in front of the face, drawn in the picture plane: a hand, a microphone, a board, a cup."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.faces.maths import ISOTROPIC, Columns, bell, constant, mix, noise, ramp

HAND, MICROPHONE, BLOCK, CUP = 1, 2, 3, 4


def draw_held(e: Columns, mouth: Tensor, unit: Tensor, size: int, light: Tensor) -> tuple[Tensor, Tensor]:
    """Draws the objects of a batch.

    Args:
        e: parameters (B,).
        mouth: (B, 2) centre of the mouth in pixels.
        unit: (B,) pixels per cm at the face.
        size: side of the picture.
        light: (B, 3) towards the key light.

    Returns:
        (B, 3, size, size) linear light and (B, size, size) share covered.
    """
    batch, device = len(mouth), mouth.device
    yy, xx = torch.meshgrid(
        torch.arange(size, device=device) + 0.0, torch.arange(size, device=device) + 0.0, indexing="ij"
    )
    place = e["object_place"] * 2 - 1
    kind = e["object"]
    shift = torch.stack(
        [place[:, 0] * 3.0, place[:, 1] * 1.2 + torch.where(kind == BLOCK, place[:, 2] * 6, 0.6 + 0 * place[:, 1])], 1
    )
    # Coordinates in cm about the object, y up, turned a little.
    x = (xx - mouth[:, :1, None]) / unit[:, None, None] - shift[:, :1, None]
    y = -(yy - mouth[:, 1:, None]) / unit[:, None, None] - shift[:, 1:, None]
    turn = (place[:, 2] * 0.5).view(-1, 1, 1)
    x, y = x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos()
    soft = (0.6 / unit).view(-1, 1, 1)
    image = torch.zeros(batch, 3, size, size, device=device)
    cover = torch.zeros(batch, size, size, device=device)
    for number, draw in ((HAND, _hand), (MICROPHONE, _microphone), (BLOCK, _block), (CUP, _cup)):
        colour, normal, share = draw(e, x, y, soft)
        lit = ((normal * light[:, None, None]).sum(-1).clamp(0) * 0.8 * e["key"].view(-1, 1, 1) + 0.45)[
            ..., None
        ] * colour
        chosen = (kind == number).view(-1, 1, 1) * share
        image = mix(image, lit.permute(0, 3, 1, 2), chosen[:, None])
        cover = torch.maximum(cover, chosen)
    return image, cover


def _capsule(
    x: Tensor, y: Tensor, ax: float | int, ay: float | int, bx: float | int, by: float | int, radius: float | int
) -> tuple[Tensor, Tensor, Tensor]:
    """Distance inside (positive) a capsule, and the x and y of its surface normal."""
    t = (((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)).clamp(0, 1)
    dx, dy = x - ax - t * (bx - ax), y - ay - t * (by - ay)
    distance = (dx**2 + dy**2).sqrt()
    return radius - distance, dx / radius, dy / radius


def _normal(nx: Tensor, ny: Tensor) -> Tensor:
    return F.normalize(torch.stack([nx, ny, (1 - nx**2 - ny**2).clamp(min=0.03).sqrt()], -1), dim=-1)


_FINGERS = (
    (-2.7, -1.5, -3.3, 3.0, 0.78),
    (-0.9, -1.0, -1.1, 4.3, 0.82),
    (0.9, -1.0, 1.0, 4.0, 0.80),
    (2.6, -1.5, 3.1, 2.7, 0.72),
)


def _hand(e: Columns, x: Tensor, y: Tensor, soft: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    y = y + 4.5
    share = torch.zeros_like(x)
    nx, ny, dark = torch.zeros_like(x), torch.zeros_like(x), torch.ones_like(x)
    parts = [(0.0, -3.2, 0.0, -2.2, 3.6), (-0.6, -14.0, 0.0, -5.0, 2.7), (3.0, -3.6, 5.4, -0.6, 0.95), *_FINGERS]
    for ax, ay, bx, by, radius in parts:
        inside, px, py = _capsule(x, y, ax, ay, bx, by, radius)
        here = torch.sigmoid(inside / soft * 2)
        nx, ny = mix(nx, px, here), mix(ny, py, here)
        dark = torch.minimum(
            mix(dark, torch.ones_like(dark), here), 1 - 0.45 * bell(inside + 0.05, 0.16) * (share > 0.5)
        )
        share = torch.maximum(share, here)
    nail = torch.zeros_like(x)
    for _, _, bx, by, radius in _FINGERS:
        nail = torch.maximum(nail, ramp(((x - bx) / (0.55 * radius)) ** 2 + ((y - by - 0.1) / 0.6) ** 2, 1.15, 0.85))
    knuckle = sum(bell(y - (0.45 * ay + 0.55 * by) - 0.1, 0.12) * bell(x - bx, 0.8) for ax, ay, bx, by, _ in _FINGERS)
    tone = 1 + 0.05 * noise(ISOTROPIC, x * 0.2, y * 0.2) - 0.10 * knuckle
    skin = e["skin"].view(-1, 1, 1, 3) * (tone * dark)[..., None] * constant([1.0, 0.93, 0.90], x)
    return (
        mix(skin, skin * 0.9 + constant([0.10, 0.06, 0.06], x), nail[..., None]),
        _normal(0.85 * nx, 0.85 * ny),
        share,
    )


def _microphone(e: Columns, x: Tensor, y: Tensor, soft: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    y = y + 3.4
    ball, bx, by = _capsule(x, y, 0.0, 0.0, 0.001, 0.3, 2.2)
    stem, sx, sy = _capsule(x, y, 0.0, -2.0, 0.3, -22.0, 1.15)
    head, body = torch.sigmoid(ball / soft * 2), torch.sigmoid(stem / soft * 2)
    mesh = 0.55 + 0.25 * (torch.sin(x * 9) * torch.sin(y * 9)).abs()
    colour = mix(
        0.02 + 0.25 * e["object_colour"].view(-1, 1, 1, 3).expand(*x.shape, 3),
        (mesh * 0.35)[..., None].expand(*x.shape, 3),
        head[..., None],
    )
    return colour, _normal(mix(sx, bx, head), mix(sy, by, head)), torch.maximum(head, body)


def _block(e: Columns, x: Tensor, y: Tensor, soft: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    wide, tall = 3.0 + 2.5 * e["object_place"][:, 0].view(-1, 1, 1), 1.6 + 2.0 * e["object_place"][:, 1].view(-1, 1, 1)
    inside = torch.minimum(wide - x.abs(), tall - y.abs())
    line = (
        ramp(torch.sin(y * 4), 0.2, 0.5)
        * ramp(torch.sin(x * 5 + y), -0.6, -0.2)
        * (x.abs() < wide - 0.6)
        * (y.abs() < tall - 0.5)
    )
    base = e["object_colour"].view(-1, 1, 1, 3)
    colour = mix(base.expand(*x.shape, 3), 0.75 - 0.6 * base, (0.7 * line)[..., None])
    return colour, _normal(0.15 + 0 * x, 0.1 + 0 * x), torch.sigmoid(inside / soft * 2)


def _cup(e: Columns, x: Tensor, y: Tensor, soft: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    y = y + 2.6
    half = 3.6 + 0.10 * y
    inside = torch.minimum(
        half - x.abs(), torch.minimum(y + 5.5, 2.6 - y + 0.25 * (1 - (x / half) ** 2).clamp(0).sqrt())
    )
    band = ramp((y + 1.5).abs(), 1.3, 1.2)
    base = e["object_colour"].view(-1, 1, 1, 3)
    colour = mix(0.2 + 0.7 * base, base, band[..., None])
    return colour, _normal((x / half).clamp(-0.97, 0.97), torch.zeros_like(x)), torch.sigmoid(inside / soft * 2)
