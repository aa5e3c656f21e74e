"""Scenes to train a face finder on: rendered heads on photographic textures among things that are no faces."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.training.augment import photographic, some
from course_lib.training.heads import Heads

__all__ = ["SceneMaker"]

SKIN = ((0.96, 0.83, 0.75), (0.88, 0.71, 0.59), (0.75, 0.55, 0.43), (0.51, 0.35, 0.25), (0.35, 0.24, 0.18))
FACES = (0.12, 0.20, 0.20, 0.20, 0.16, 0.12)
"""Shares of the scenes with 0, 1, 2, 3, 5 and 8 heads."""


class SceneMaker:
    """Draws scenes.

    Args:
        heads: what is pasted.
        textures: (T, 3, size, size) uint8, what stands behind and between.
        size: side of a scene, pixels.
    """

    def __init__(self, heads: Heads, textures: Tensor, size: int = 160):
        self.heads, self.textures, self.size = heads, textures, size

    def draw(
        self, n: int, generator: torch.Generator
    ) -> tuple[Float[Tensor, "n 3 s s"], Float[Tensor, "n m 4"], Int[Tensor, "n"]]:
        """Draws scenes with up to eight faces.

        Returns:
            Pictures in [0, 1], boxes (padded with zeros) and how many there are.
        """
        scenes, boxes = [], torch.zeros(n, 8, 4)
        count = torch.zeros(n, dtype=torch.long)
        for k in range(n):
            scene = self.background(generator)
            placed = self._crowd(scene, generator)
            count[k] = len(placed)
            if placed:
                boxes[k, : len(placed)] = torch.stack(placed)
            scenes.append(scene)
        return photograph_scenes(torch.stack(scenes), generator), boxes, count

    def background(self, generator: torch.Generator) -> Float[Tensor, "3 s s"]:
        """A texture, a smooth gradient or a part of one huge face, with clutter; no whole face."""
        u = torch.rand(4, generator=generator).tolist()
        if u[1] < 0.75:
            scene = self._texture(self.size, self.size, generator)
        else:
            k = int(2 + 4 * u[2])
            coarse = torch.rand(1, 3, k, k, generator=generator)
            scene = F.interpolate(coarse, (self.size, self.size), mode="bicubic", align_corners=False)[0].clamp(0, 1)
        if u[3] < 0.08:
            self._part_of_a_head(scene, generator)
        if u[3] > 0.2:
            for _ in range(int(9 * float(torch.rand(1, generator=generator)))):
                self._thing(scene, generator)
        return scene

    def _texture(self, high: int, wide: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(5, generator=generator).tolist()
        source = self.textures[int(u[0] * len(self.textures))]
        side = source.shape[-1]
        zoom = 1 + 3 * u[1] ** 3
        h, w = max(4, min(side, int(high / zoom))), max(4, min(side, int(wide / zoom)))
        top, left = int(u[2] * (side - h)), int(u[3] * (side - w))
        crop = source[None, :, top : top + h, left : left + w].float() / 255
        crop = (
            crop if (h, w) == (high, wide) else F.interpolate(crop, (high, wide), mode="bilinear", align_corners=False)
        )
        return coloured(crop[0].flip(2) if u[4] < 0.5 else crop[0], generator)

    def _fill(self, high: int, wide: int, generator: torch.Generator, skin: float = 0.35) -> Tensor:
        u = torch.rand(5, generator=generator).tolist()
        if u[0] < skin:
            return torch.tensor(skin_tone(u[1], u[2])).view(3, 1, 1) * shading(high, wide, generator)
        if u[0] < 0.7:
            return self._texture(high, wide, generator)
        return torch.tensor(u[2:5]).view(3, 1, 1) * shading(high, wide, generator)

    def _thing(self, scene: Tensor, generator: torch.Generator) -> None:
        """An ellipse, a box, a bar or a piece of a person, filled with skin, texture or a colour."""
        u = torch.rand(8, generator=generator).tolist()
        size = self.size
        radius = math.exp(1.2 + 2.8 * u[0])
        a, b = radius, radius * (0.3 + 1.4 * u[1])
        if u[2] > 0.75:  # a limb, a pole
            a, b = radius * 0.35, radius * (1.5 + 2 * u[1])
        turn = (u[3] - 0.5) * math.pi
        reach = math.hypot(a, b)
        cx, cy = u[4] * size, u[5] * size
        x0, x1 = max(0, int(cx - reach)), min(size, int(cx + reach) + 2)
        y0, y1 = max(0, int(cy - reach)), min(size, int(cy + reach) + 2)
        if x1 - x0 < 2 or y1 - y0 < 2:
            return
        if u[7] < 0.12:
            self._piece_of_a_person(scene[:, y0:y1, x0:x1], generator)
            return
        y, x = torch.arange(y0, y1).view(-1, 1) - cy, torch.arange(x0, x1).view(1, -1) - cx
        along, across = (x * math.cos(turn) + y * math.sin(turn)) / a, (y * math.cos(turn) - x * math.sin(turn)) / b
        far = (along**2 + across**2).sqrt() if u[6] < 0.5 else torch.maximum(along.abs(), across.abs())
        share = ((1 - far) * min(a, b) + 0.5).clamp(0, 1)
        window = scene[:, y0:y1, x0:x1]
        fill = self._fill(y1 - y0, x1 - x0, generator)
        if u[6] < 0.25:  # a few dark spots: knuckles, buttons, knees
            for sx, sy, sr, sd in torch.rand(3, 4, generator=generator).tolist():
                spot = ((x - (sx - 0.5) * a) ** 2 + (y - (sy - 0.5) * b) ** 2).sqrt()
                fill = fill * (1 - (0.2 + 0.6 * sd) * (0.05 + 0.2 * sr * radius - spot + 0.5).clamp(0, 1))
        window.copy_(window + (fill - window) * share)

    def _piece_of_a_person(self, window: Tensor, generator: torch.Generator) -> None:
        """Shoulders, hair or an ear: a corner of a picture of a head that leaves most of the face out."""
        u = torch.rand(4, generator=generator).tolist()
        row = int(u[0] * len(self.heads))
        x0, _, x1, y1 = self.heads.box[row].tolist()
        image = self.heads.image[row].float() / 255
        bottom = u[1] < 0.6
        top = int(min(80, max(0, y1 + 2))) if bottom else 0
        left = 0 if u[2] < 0.5 or bottom else int(min(80, max(0, x1 - 4)))
        right = 96 if bottom or u[2] >= 0.5 else int(max(16, x0 + 4))
        piece = image[None, :, top:, left:right]
        if min(piece.shape[-2:]) < 6:
            return
        piece = F.interpolate(piece, window.shape[-2:], mode="bilinear", align_corners=False, antialias=True)[0]
        window.copy_(window * (1 - piece[3]) + piece[:3])

    def _part_of_a_head(self, scene: Tensor, generator: torch.Generator) -> None:
        """So close to a head that it is no face any more: an eye, a mouth, a cheek fill the scene."""
        u = torch.rand(4, generator=generator).tolist()
        height = self.size * (2.0 + 3 * u[0])
        row = int(u[1] * len(self.heads))
        self._paste(
            scene,
            row,
            height,
            (u[2] - 0.5) * 0.8 * height + self.size / 2,
            (u[3] - 0.5) * 0.8 * height + self.size / 2,
            generator,
        )

    def _crowd(self, scene: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Pastes heads, the far ones first, and returns the boxes of their faces, the near ones last."""
        u = torch.rand(2, generator=generator).tolist()
        shares = torch.tensor(FACES).cumsum(0).tolist()
        number = (0, 1, 2, 3, 5, 8)[min(5, sum(u[0] > s for s in shares))]
        base = 15.0 * (76 / 15) ** u[1]
        heights = (base * (0.25 * torch.randn(number, generator=generator)).exp()).clamp(13, 90).sort().values.tolist()
        placed: list[Tensor] = []
        owner = torch.zeros(scene.shape[1:], dtype=torch.long)
        for height in heights:
            for _ in range(8):
                x, y, row = torch.rand(3, generator=generator).tolist()
                x, y = (0.06 + 0.88 * x) * self.size, (0.04 + 0.9 * y) * self.size
                if all(_apart(x, y, height, box) for box in placed):
                    box = self._paste(
                        scene, int(row * len(self.heads)), height, x, y, generator, owner, len(placed) + 1
                    )
                    placed.append(box)
                    break
        return [box for k, box in enumerate(placed, start=1) if _seen(owner, box, k) > 0.35]

    def _paste(
        self,
        scene: Tensor,
        row: int,
        height: float | int,
        x: float | int,
        y: float | int,
        generator: torch.Generator,
        owner: Tensor | None = None,
        number: int = 0,
    ) -> Tensor:
        """Pastes a head so that its face has a height in pixels and its middle at (x, y); returns the face's box."""
        u = torch.rand(8, generator=generator).tolist()
        n = torch.randn(4, generator=generator).tolist()
        x0, y0, x1, y1 = self.heads.box[row].tolist()
        scale, stretch, flip = height / (y1 - y0), math.exp(0.07 * n[0]), -1.0 if u[0] < 0.5 else 1.0
        turn = math.radians(10 * n[1])
        level = min(2, max(0, round(-math.log2(scale))))
        picture = self.heads.levels[level][row].float() / 255
        a, b = flip * scale * stretch * math.cos(turn), -scale / stretch * math.sin(turn)
        c, d = flip * scale * stretch * math.sin(turn), scale / stretch * math.cos(turn)
        det = a * d - b * c
        mx, my = (x0 + x1) / 2, (y0 + y1) / 2
        reach = 1.1 * scale * 96
        left, right = max(0, int(x - reach)), min(self.size, int(x + reach) + 1)
        top, bottom = max(0, int(y - reach)), min(self.size, int(y + (2.2 if u[1] < 0.6 else 1.1) * reach) + 1)
        if right > left and bottom > top:
            dy, dx = torch.arange(top, bottom).view(-1, 1) - y, torch.arange(left, right).view(1, -1) - x
            sx, sy = (d * dx - b * dy) / det + mx, (a * dy - c * dx) / det + my
            # Below its picture the body goes on as its last row does.
            sy = torch.where(sy > 94.9, torch.where(sy < 95 + 96 * u[2], 94.9, 400.0), sy) if u[1] < 0.6 else sy
            grid = torch.stack([(2 * sx + 1) / 96 - 1, (2 * sy + 1) / 96 - 1], -1)[None]
            sampled = F.grid_sample(picture[None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0]
            gain = math.exp(0.2 * n[2])
            tone = ((sampled[:3] - 0.43 * sampled[3]) * gain + (0.43 + 0.07 * n[3]) * sampled[3]).clamp(0, 1)
            window = scene[:, top:bottom, left:right]
            window.copy_(window * (1 - sampled[3]) + torch.minimum(tone, sampled[3:4]))
            if owner is not None:
                owner[top:bottom, left:right][sampled[3] > 0.5] = number
        if u[3] < 0.12:  # something in front
            high, wide = int(height * (0.15 + 0.35 * u[4])), int(height * (0.2 + 0.4 * u[5]))
            ox, oy = int(x + (u[6] - 0.5) * height - wide / 2), int(y + (u[7] - 0.5) * height - high / 2)
            ox0, oy0, ox1, oy1 = max(0, ox), max(0, oy), min(self.size, ox + wide), min(self.size, oy + high)
            if ox1 - ox0 > 1 and oy1 - oy0 > 1:
                scene[:, oy0:oy1, ox0:ox1] = self._fill(oy1 - oy0, ox1 - ox0, generator)
        half = torch.tensor([(x1 - x0) / 2 * scale * stretch, height / stretch / 2])
        middle = torch.tensor([x, y])
        return torch.cat([middle - half, middle + half])


def _seen(owner: Tensor, box: Tensor, number: int) -> float:
    """Share of a box inside the scene that no nearer person covers."""
    x0, y0, x1, y1 = (max(0, int(v)) for v in box.tolist())
    return float((owner[y0 : y1 + 1, x0 : x1 + 1] == number).float().mean()) if x1 > x0 and y1 > y0 else 0.0


def _apart(x: float, y: float, height: float, box: Tensor) -> bool:
    x0, y0, x1, y1 = box.tolist()
    near_x = abs(x - (x0 + x1) / 2) < 0.72 * (0.8 * height + x1 - x0) / 2
    near_y = abs(y - (y0 + y1) / 2) < 0.6 * (height + y1 - y0) / 2
    return not (near_x and near_y)


def skin_tone(place: float, light: float) -> tuple[float, float, float]:
    """A colour between the lightest (0) and the darkest skin (1)."""
    at = place * (len(SKIN) - 1.001)
    one, two, part = SKIN[int(at)], SKIN[int(at) + 1], at - int(at)
    gain = 0.7 + 0.5 * light
    r, g, b = (gain * (p * (1 - part) + q * part) for p, q in zip(one, two, strict=True))
    return min(1.0, r), min(1.0, g), min(1.0, b)


def shading(high: int, wide: int, generator: torch.Generator) -> Float[Tensor, "1 h w"]:
    """A soft fall of light over a surface, about 1."""
    u = torch.rand(3, generator=generator).tolist()
    y, x = torch.linspace(-1, 1, high).view(-1, 1), torch.linspace(-1, 1, wide).view(1, -1)
    return (1 + 0.6 * (u[0] - 0.5) * x + 0.6 * (u[1] - 0.5) * y - 0.3 * u[2] * (x * x + y * y) / 2)[None].clamp_min(0.1)


def coloured(image: Float[Tensor, "3 h w"], generator: torch.Generator) -> Float[Tensor, "3 h w"]:
    """The picture with another contrast, brightness and tint."""
    n = torch.randn(5, generator=generator)
    tint = (0.1 * n[2:]).exp().view(3, 1, 1)
    return (((image - 0.5) * (0.3 * n[0]).exp() + 0.5 + 0.1 * n[1]) * tint).clamp(0, 1)


def photograph_scenes(image: Float[Tensor, "n 3 s s"], generator: torch.Generator) -> Float[Tensor, "n 3 s s"]:
    """The scenes as photographs: light, tint, some of them grey, and what camera and file do."""
    n = len(image)
    tint = (0.06 * torch.randn(n, 3, 1, 1, generator=generator)).exp()
    image = (image * tint).clamp(0, 1)
    grey = some(n, 0.3, generator).view(n, 1, 1, 1)
    image = torch.where(grey, (image * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True), image)
    return photographic(image, generator, 0.6)
