"""A rendered face step by step: from a smooth sheet to a photograph."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from course_lib.faces import FaceParams, NuisanceParams
from course_lib.faces.camera import tone_curve
from course_lib.faces.maths import Columns, gather_bilinear, mix, surface_normals
from course_lib.faces.picture import Picture
from course_lib.faces.raster import rasterise
from course_lib.faces.sheet import Grid, blend_jaw, chin_shift, head_section, neck_section
from course_lib.faces.surface import Surface, _bare_head, bake, detail_for
from course_lib.i18n import Label

STAGES: dict[str, Label] = {
    "sheet": ("1 the sheet", "1 曲面"),
    "features": ("2 features", "2 五官"),
    "hair": ("3 hair", "3 头发"),
    "paint": ("4 paint", "4 上色"),
    "light": ("5 light", "5 光照"),
    "shadow": ("6 shadow", "6 阴影"),
    "camera": ("7 camera", "7 相机"),
}
"""The steps in their order, with their names."""

PAPER = 0.93
"""Grey behind a face that has no background yet."""


def smooth_head(identity: FaceParams, grid: Grid) -> Float[Tensor, "n v u 3"]:
    """Head, neck and shoulders without any feature, in cm: tables of widths and depths, scaled to the identity."""
    e = Columns(identity.values, 3)
    x, z, _ = head_section(e, grid)
    jaw = blend_jaw(e, grid, torch.zeros_like(x))
    neck_x, neck_z = neck_section(e, grid, x)
    height = chin_shift(e, grid, jaw) + torch.zeros_like(x)
    return torch.stack([mix(neck_x, x, jaw), height, mix(neck_z, z, jaw)], -1)


class Studio(Picture):
    """One picture of one identity that stops after each step."""

    def clay(self, points: Tensor, lines: bool = False) -> Tensor:
        """(1, 3, S, S) the sheet as a grey body, with every eighth row and column of its grid if ``lines``."""
        side = self.size * self.supersample
        normals = self.pose.directions(surface_normals(points), self.grid.y_column)
        hits = rasterise([self._layer(self.pose.points(points), True)], side)
        place = hits.index.clamp(min=0)
        row, column = hits.place(0, place)
        normal = F.normalize(gather_bilinear(normals, torch.zeros_like(place), row, column), dim=1)
        lit = 0.25 + 0.55 * (normal @ F.normalize(normal.new_tensor([-0.5, 0.6, 0.8]), dim=0)).clamp(min=0)
        if lines:
            off = torch.minimum((row % 8 - 4).abs().sub(4).abs(), (column % 8 - 4).abs().sub(4).abs())
            lit = lit * (0.35 + 0.65 * (off / 0.6).clamp(0, 1))
        grey = torch.where(hits.index >= 0, lit, torch.full_like(lit, PAPER)).view(1, 1, side, side)
        return F.avg_pool2d(grey, self.supersample).expand(1, 3, -1, -1)

    def steps(self, smooth: Tensor, bare: Tensor, index: Tensor) -> dict[str, Tensor]:
        """The picture after each step of ``STAGES``."""
        self._pose_surfaces()
        self._landmarks_and_camera()
        hits = self._rasterise()
        canvas = self._paint(hits)
        lit, shadowed = self._shade(canvas, False), self._shade(canvas, True)

        def shown(colour: Tensor) -> Tensor:
            together = self._spread(canvas, torch.cat([colour, torch.ones_like(colour[:, :1])], 1))
            return tone_curve(together[:, :3] + PAPER**2.2 * (1 - together[:, 3:]))

        return {
            "sheet": self.clay(smooth, lines=True),
            "features": self.clay(bare),
            "hair": self.clay(self.surface.points),
            "paint": shown(canvas.albedo),
            "light": shown(lit),
            "shadow": shown(shadowed),
            "camera": self._develop(canvas, hits, shadowed, index).image,
        }


@torch.no_grad()
def stages(
    identity: FaceParams, nuisance: NuisanceParams, *, size: int = 112, supersample: int = 2, extent: float | int = 26.0
) -> dict[str, Float[Tensor, "1 3 s s"]]:
    """A face after each step of its making; the last is what ``faces.render`` gives.

    Args:
        identity: one identity.
        nuisance: one picture.
        size, supersample, extent: as in ``faces.render``.

    Returns:
        name of a step in ``STAGES`` -> (1, 3, size, size) in [0, 1].

    Raises:
        ValueError: if there is more than one identity or picture.
    """
    if len(identity) != 1 or len(nuisance) != 1:
        raise ValueError(
            f"there are {len(identity)} identities and {len(nuisance)} pictures; there should be one of each"
        )
    surface, grid = bake(identity, detail_for(size, supersample, extent))
    zero = torch.zeros(1, dtype=torch.long, device=identity.device)
    bare = _bare_head(Columns(identity.values, 3), grid)[0]
    studio = Studio(identity, nuisance, surface, grid, zero, size, supersample, extent, "face")
    return studio.steps(smooth_head(identity, grid), bare, zero)


def unrolled_texture(identity: FaceParams, *, rows: int = 160) -> Surface:
    """What is prepared once for an identity, with a texture of about ``rows`` rows; see ``faces.surface.Surface``."""
    detail = detail_for(112, 2, 26.0)
    return bake(identity, type(detail)(detail.density, rows, detail.rings, detail.strands, detail.strand_width))[0]
