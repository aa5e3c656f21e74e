"""The list of places being painted, and what the sheet says about each of them."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.faces.camera import Camera
from course_lib.faces.maths import Columns, gather_bilinear, gather_rows, ramp, take
from course_lib.faces.raster import Hits
from course_lib.faces.samples import Samples
from course_lib.faces.sheet import Grid
from course_lib.faces.surface import CAVITY, HAIR, JAW, Surface


@dataclass
class Stage:
    """What a batch of B pictures has in front of the camera.

    Attributes:
        grid: of the sheet.
        surface: baked identities (U, ...).
        identity: (B,) row of ``surface`` for each picture.
        table: (B, V, U, 6 or 8) posed normals, cavity, hair, jaw, and hat and mask where they are worn.
        rotation: (B, 3, 3) of the head.
        ears: (2, B, rings, 2 rings, 4) posed normals and relief.
        strands: (B, P, 2K, 8) posed normals and tangents, tone, position.
        others: posed normals (B, rows, columns, 3) of the layers after the strands.
        names: of the layers, in order.
        pixel: size in cm of a pixel of the picture, of a supersample.
        light: (B, 3) towards the key.
    """

    grid: Grid
    surface: Surface
    identity: Tensor
    table: Tensor
    rotation: Tensor
    ears: Tensor
    strands: Tensor
    others: list[Tensor]
    names: list[str]
    pixel: tuple[float | int, float | int]
    light: Tensor


class Canvas:
    """Flat lists of N places; the painters fill them in one after another.

    ``position`` (cm) and ``view`` (unit, towards the camera) are in the axes of the head at rest.
    Shares are in [0, 1]. ``x``, ``y``, ``theta`` are sheet coordinates (cm, cm, radians) and mean nothing off the sheet.
    """

    def __init__(self, stage: Stage, samples: Samples, hits: Hits, values: dict[str, Tensor], camera: Camera):
        self.stage, self.samples, self.hits = stage, samples, hits
        self.batch = b = samples.batch
        self.e = Columns(values, 0, b)
        self.pixel = torch.where(samples.whole, stage.pixel[0], stage.pixel[1])
        self.layer = {name: hits.layer(k, samples.index) for k, name in enumerate(stage.names)}
        self.on_sheet = self.layer["sheet"]
        sheet = self.on_sheet.float()
        found = gather_bilinear(stage.table, b, samples.row, samples.column)
        self.normal = F.normalize(found[:, :3], dim=1)
        self.position = camera.lift(samples.u, samples.v, samples.depth, b)
        zero = torch.zeros_like(samples.depth)
        self.view = F.normalize(torch.stack([zero, zero, take(camera.distance, b)], 1) - self.position, dim=1)
        self.cavity, self.hair_share = found[:, 3] * sheet, found[:, 4] * sheet
        self.jaw = torch.where(self.on_sheet, found[:, 5], torch.ones_like(sheet))
        self.hat = found[:, 6] * sheet if found.shape[1] > 6 else torch.zeros_like(sheet)
        self.mask = found[:, 7] * sheet if found.shape[1] > 6 else torch.zeros_like(sheet)
        self._coordinates()
        zero = torch.zeros_like(sheet)
        self.albedo = torch.zeros(len(sheet), 3, device=sheet.device)
        self.gloss, self.brow, self.lip, self.beard = zero, zero, zero, zero
        self.mouth, self.above_line, self.eyeball, self.highlight = (zero.clone() for _ in range(4))
        self.hair, self.strand, self.cloth, self.smooth = (zero.clone() for _ in range(4))
        self.inside = torch.full_like(zero, -3.0)
        self.hair_colour, self.tangent = torch.zeros_like(self.albedo), torch.zeros_like(self.albedo)
        self.ear_relief = zero.clone()

    def _coordinates(self) -> None:
        grid, row, column = self.stage.grid, self.samples.row, self.samples.column
        r = row.long().clamp(max=grid.rows - 2)
        c = column.long().clamp(max=grid.columns - 2)
        self.y = torch.lerp(take(grid.y, r), take(grid.y, r + 1), row - r)
        self.theta = torch.lerp(take(grid.theta, c), take(grid.theta, c + 1), column - c)
        self.half = gather_rows(take(self.stage.surface.half, self.stage.identity), self.batch, row)
        self.x = self.half * self.theta.sin()

    def part(self, where: Tensor) -> Tensor:
        """Indices of the places where a flag is set."""
        return where.nonzero()[:, 0]

    def lit_openness(self) -> Tensor:
        """(N,) share of the surroundings that reaches each place: cavities, the neck under the chin, ears, hair roots."""
        e, y = self.e, self.y
        open_ = 1 - (self.cavity * 0.60).clamp(-0.10, 0.60)
        depth = self.position[:, 2]
        neck = ramp(-y, 9.0, 12.0) * (1 - self.jaw) * ramp(depth, -4, 3) * (1 - self.cloth) * ramp(y, -17.0, -13.0)
        open_ = open_ * (1 - 0.62 * neck)
        ear = self.layer["ear_left"] | self.layer["ear_right"]
        open_ = torch.where(ear, (0.74 + 0.75 * self.ear_relief).clamp(0.42, 1.06), open_)
        open_ = open_ * (1 - 0.25 * self.hair * ramp(-y, 2, 8))
        under = e["falls"] * self.on_sheet * (1 - self.hair) * ramp(self.inside, -2.0, -0.1) * ramp(-y, 7, 10)
        open_ = torch.maximum(open_, 0.8 * self.mouth)
        # Hair shades the skin next to it.
        fringe = (
            0.30 * self.on_sheet * (1 - self.hair) * ramp(self.inside, -0.9, 0.0) * (e["thickness"] > 0.5) * self.jaw
        )
        return open_ * (1 - 0.55 * under) * (1 - fringe)


CHANNELS = (CAVITY, HAIR, JAW)
"""Attributes of the surface that ``Stage.table`` carries after the normals."""
