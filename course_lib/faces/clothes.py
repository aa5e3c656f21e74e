"""Clothes: the neckline and the garment painted on shoulders and chest."""

import torch
from torch import Tensor

from course_lib.faces.maths import ISOTROPIC, STRANDS, Columns, bell, mix, noise, ramp


def paint_clothes(e: Columns, x: Tensor, y: Tensor, cosine: Tensor) -> tuple[Tensor, Tensor]:
    """Garments by ``cloth_style`` (see ``nuisance.CLOTHES``).

    Args:
        e: parameters of a flat list of N points.
        x, y: (N,) place on the body in cm.
        cosine: (N,) cos(theta), positive in front.

    Returns:
        (N,) share of cloth and (N, 3) its linear albedo.
    """
    ax, style = x.abs(), e["cloth_style"]
    front = (cosine > 0).float()
    crew = -14.2 - 1.6 * bell(x, 4.2) * front
    vee = -13.7 - (3.8 * (1 - ax / 3.6).clamp(0) + 0.4) * front
    collar = -12.6 - (3.8 * (1 - ax / 3.4).clamp(0)) * front
    shirted = (style == 2) | (style == 3) | (style == 5)
    top = torch.where((style == 0) | (style == 4), crew, torch.where(style == 1, vee, collar))
    share, depth = ramp(y, top + 0.06, top - 0.06), top - y
    first, second = e["cloth"], e["cloth_second"]
    folds = (
        1
        + 0.10 * noise(ISOTROPIC, x * 0.05 + first[:, 0] * 3, y * 0.05)
        + 0.05 * noise(STRANDS, x * 0.06 + 0.3 * y * 0.1, y * 0.05)
    )
    weave = 1 + 0.035 * noise(ISOTROPIC, x * 0.9, y * 0.9)
    folds = folds * weave
    stripes = ramp(torch.sin(y * 3.2 + 0.3 * x * front), -0.2, 0.2) * (style == 4)
    knit = mix(first, second, (0.85 * stripes)[:, None])
    hem = 1 - 0.20 * bell(depth - 0.75, 0.09) + 0.06 * bell(depth - 0.35, 0.3)
    plain = knit * (folds * hem)[:, None]
    return share, torch.where(shirted[:, None], _shirt(e, x, y, depth, front, folds), plain)


def _shirt(e: Columns, x: Tensor, y: Tensor, depth: Tensor, front: Tensor, folds: Tensor) -> Tensor:
    ax, style = x.abs(), e["cloth_style"]
    base = torch.where((style == 2)[:, None], e["cloth"], e["cloth_second"])
    placket = (ax < 0.55) * front
    button = ramp(((x**2) + (torch.remainder(y + 18.0, 2.4) - 1.2) ** 2).sqrt(), 0.24, 0.15) * front * (style == 2)
    shirt = base * (folds * (1 - 0.20 * bell(ax - 0.6, 0.07) * front - 0.10 * placket - 0.3 * button))[:, None]
    tie_width = 0.55 + 0.09 * (-15.4 - y).clamp(0, 8) + 0.35 * bell(y + 16.2, 0.5)
    tie = (
        ramp(ax, tie_width + 0.06, tie_width - 0.06)
        * front
        * ramp(y, -15.3, -15.6)
        * ((style == 5) | ((style == 3) & (e["cloth"][:, 2] > 0.1)))
    )
    pattern = 1 + 0.35 * ramp(torch.sin(x * 4 + y * 4), 0.3, 0.6)
    shirt = mix(shirt, e["worn_colour"] * pattern[:, None], tie[:, None])
    flap = ramp(depth, 2.3 + 0.10 * ax, 2.2 + 0.10 * ax) * (
        1 - front * ramp(ax - 0.35 - 0.75 * (-14.5 - y).clamp(0), 0.05, -0.05)
    )
    rim = 1.06 * folds * (1 - 0.3 * bell(depth - 2.25, 0.14))
    shirt = mix(shirt * (1 - 0.25 * ramp(depth, 2.9, 2.2))[:, None], base * rim[:, None], flap[:, None])
    edge = ax - 0.5 - 0.80 * (y + 19.8).clamp(0)
    lapel = torch.where(front > 0, ramp(edge, -0.06, 0.06), ramp(y, -14.3, -14.6)) * (style == 3)
    seam = (1 - 0.5 * bell(edge - 0.05, 0.16)) * (1 - 0.30 * bell(edge - 1.9 - 0.3 * (y + 18.3).clamp(0), 0.10))
    return mix(shirt, e["cloth"] * (folds * seam)[:, None], (lapel * (1 - flap * front))[:, None])
