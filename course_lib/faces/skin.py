"""The identity's texture: albedo, brows, lips, beard, gloss and fine relief, painted once in sheet coordinates."""

import torch
from torch import Tensor

from course_lib.faces.eyes import brow_line
from course_lib.faces.maths import ISOTROPIC, STRANDS, Columns, bell, constant, mix, noise, ramp
from course_lib.faces.mouth import lip_line, lip_thickness
from course_lib.faces.relief import alar_crease, beard_zones, fold_line, nostril

THETA_LIMIT, TEXTURE_TOP, TEXTURE_BOTTOM = 1.75, 9.5, -13.5
"""Window of the texture: |theta| in radians, highest and lowest y in cm."""

CHANNELS = ("red", "green", "blue", "brow", "lip", "beard", "gloss", "relief_x", "relief_y")


def paint_texture(e: Columns, x: Tensor, y: Tensor, arc: Tensor, texel: float | int) -> Tensor:
    """Paints the texture.

    Args:
        e: parameters shaped for three axes.
        x: (n, H, W) neutral frontal coordinate in cm.
        y: (1, H, 1) height in cm; what depends on it alone is computed once a row.
        arc: (n, H, W) length in cm along the skin from the mid-line, which noise must follow.
        texel: size of a texel in cm; detail finer than it is left out.

    Returns:
        (n, H, W, 9) in the order of CHANNELS; albedo in linear light, the relief as slopes.
    """
    px = torch.full((), texel, device=x.device)
    ox, oy = (e["offset"][:, k].view(-1, 1, 1) for k in (0, 1))
    fields = {
        "low": noise(ISOTROPIC, arc * 0.04 + ox, y * 0.04 + oy),
        "mid": noise(ISOTROPIC, arc * 0.12 + oy, y * 0.12 + ox),
        "fine": noise(ISOTROPIC, arc * 0.42 + ox, y * 0.42 + oy),
        "pore": noise(ISOTROPIC, arc * 1.1 + oy, y * 1.1 + ox) * ramp(px, 0.20, 0.07),
    }
    albedo = _complexion(e, x, y, fields, px, ox, oy)
    albedo, wrinkles = _wrinkles(e, albedo, x, y, fields, px)
    albedo, beard, beard_relief = _beard(e, albedo, x, y, arc, fields, px, ox, oy)
    albedo, lip, lip_relief = _lips(e, albedo, x, y, fields, px, oy)
    hole = nostril(e, x, y)
    hole = ramp(hole, 0.25, 0.75)
    albedo = mix(albedo, constant([0.012, 0.004, 0.003], x), (0.92 * hole)[..., None])
    crease = alar_crease(e, x, y, 0.15 + px * 0.2)
    albedo = albedo * (1 - (0.22 * crease)[..., None] * constant([0.8, 1.0, 1.0], x))
    albedo, brow = _brows(e, albedo, x, y, px, ox, oy)
    gloss = _gloss(e, x, y, fields) * (1 - 0.75 * beard) * (1 - 0.6 * brow) + 0.55 * lip
    height = 0.005 * fields["mid"] + 0.003 * fields["fine"] + 0.0018 * fields["pore"]
    height = (
        height * (0.7 + 0.7 * e["age"]) * (1 - lip) - wrinkles + 0.007 * beard_relief * beard + lip_relief + 0.02 * brow
    )
    # Slopes across and along, from the painted height; the texture is finer than the mesh.
    sx = torch.gradient(height, dim=2)[0] / texel
    sy = -torch.gradient(height, dim=1)[0] / texel
    return torch.cat([albedo.clamp(0.001, 1), torch.stack([brow, lip, beard, gloss, sx, sy], -1)], -1)


def _tint(value: Tensor) -> Tensor:
    return value.view(-1, 1, 1, 3)


def _complexion(e: Columns, x: Tensor, y: Tensor, f: dict[str, Tensor], px: Tensor, ox: Tensor, oy: Tensor) -> Tensor:
    ax, nl, tone, age = x.abs(), e["nose_length"], e["tone"], e["age"]
    # Blood and melanin vary on their own; both together make skin look alive.
    blood = 0.5 * f["low"] + 0.55 * f["mid"] + 0.4 * f["fine"]
    melanin = 0.8 * noise(ISOTROPIC, x * 0.07 - oy, y * 0.07 + ox) + 0.5 * noise(ISOTROPIC, x * 0.2 + oy, y * 0.2 - ox)
    blotch = e["blotch"] * (0.8 + 0.5 * age)
    albedo = _tint(e["skin"]) * (1 + 0.020 * f["mid"] + 0.016 * f["fine"] + 0.030 * f["pore"])[..., None]
    albedo = albedo * (1 + (0.028 * blotch * blood)[..., None] * constant([0.25, -1.0, -0.9], x))
    albedo = albedo * (1 - (0.028 * blotch * melanin)[..., None] * constant([0.7, 1.0, 1.25], x))
    red = 0.75 * bell(ax - 4.0, 1.6) * bell(y + 2.9, 1.5) + 0.80 * bell(ax, 1.35) * bell(y + nl - 0.6, 0.95)
    red = red + 0.25 * bell(ax, 1.8) * bell(y + 10, 1.1) + 0.18 * bell(ax - 3.2, 2) * bell(y + 0.9, 0.7)
    red = red + 0.45 * e["make_up"] * bell(ax - 4.6, 1.3) * bell(y + 2.7 - 0.3 * (ax - 4.6), 1.0)
    red = red * (1 - 0.5 * tone) * (0.85 + 0.24 * f["mid"] + 0.2 * f["low"]).clamp(0, 2)
    albedo = albedo * (1 + constant([0.015, -0.27, -0.29], x) * red[..., None])
    albedo = albedo * (1 + ramp(y, 2.2, 4.5)[..., None] * constant([0.02, 0.04, 0.02], x))
    albedo = albedo * (1 - ramp(ax, 4.8, 6.6) * 0.06)[..., None]
    ex, ey = ax - e["eye_x"], y - e["eye_y"]
    dark = 0.24 * bell(ex + 0.25, 1.35) * bell(ey + 0.95, 0.42) * (0.4 + 0.8 * age) + 0.18 * bell(ex, 1.6) * bell(
        ey - 0.6, 0.5
    )
    dark = dark + 0.26 * bell(ax - 1.55, 0.5) * bell(ey - 0.05, 0.6)
    albedo = albedo * (1 - dark[..., None] * constant([0.72, 1.0, 0.92], x))
    spots = ramp(f["fine"] * 0.8 + 0.6 * noise(ISOTROPIC, x * 0.75 + ox, y * 0.75 - oy), 1.0, 1.7)
    freckle = spots * e["freckles"] * (bell(ax - 2.6, 3) * bell(y + 2.2, 2.4) + 0.25)
    albedo = albedo * (1 - freckle[..., None] * constant([0.22, 0.36, 0.42], x))
    patch = ramp(noise(ISOTROPIC, x * 0.22 - oy, y * 0.22 + ox), 2.1 - 0.7 * age, 2.7 - 0.5 * age)
    albedo = albedo * (1 - patch[..., None] * constant([0.07, 0.17, 0.19], x) * (0.6 + 0.6 * age)[..., None])
    for k in range(3):
        mole = e["moles"][:, k]
        distance = ((x - mole[:, 0].view(-1, 1, 1)) ** 2 + (y - mole[:, 1].view(-1, 1, 1)) ** 2).sqrt()
        albedo = albedo * (1 - 0.7 * mole[:, 2].view(-1, 1, 1) * ramp(distance, 0.17 + px * 0.5, 0.05))[..., None]
    return albedo


def _wrinkles(
    e: Columns, albedo: Tensor, x: Tensor, y: Tensor, f: dict[str, Tensor], px: Tensor
) -> tuple[Tensor, Tensor]:
    ax, age, nl, mouth = x.abs(), e["age"], e["nose_length"], e["mouth_y"]
    old = (age - 0.30).clamp(min=0)
    wander = 0.5 * torch.sin(x * 0.7) + 0.8 * f["low"] + 0.25 * f["mid"]
    forehead = (
        ramp(torch.sin(y * 5.0 + wander), 0.55, 1.0) * bell(ax, 4.0) * bell(y - 4.4, 1.3) * old * (0.8 + 0.3 * f["mid"])
    )
    crow = ramp(torch.sin((y - e["eye_y"] - 0.25 * (ax - e["eye_x"] - 1.6)) * 7 + f["low"]), 0.5, 1.0)
    crow = crow * bell(ax - e["eye_x"] - 2.4, 0.65) * bell(y - e["eye_y"], 0.9) * old
    frown = bell(ax - 0.45, 0.10 + px * 0.3) * bell(y - 1.7, 0.75) * old
    fold = (
        bell(ax - fold_line(e, y), 0.20 + px * 0.3)
        * ramp(-y, nl - 0.3, nl + 0.9)
        * ramp(y, mouth - 0.6, mouth + 1.0)
        * (0.02 + 0.30 * old)
    )
    bag = (
        bell(y - e["eye_y"] + 1.35 + 0.10 * (ax - e["eye_x"]) ** 2, 0.10 + px * 0.3)
        * bell(ax - e["eye_x"] + 0.3, 1.3)
        * (0.03 + 0.20 * old)
    )
    marionette = (
        bell(ax - e["mouth_width"] - 0.25 + 0.12 * (y - mouth), 0.14 + px * 0.3)
        * ramp(mouth - y, 0.2, 0.7)
        * ramp(mouth - y, 2.6, 1.6)
        * 0.35
        * old
    )
    smoker = (
        ramp(torch.sin(x * 11 + f["mid"]), 0.4, 1)
        * bell(ax, 1.9)
        * bell(y - mouth - 1.05, 0.35)
        * (age - 0.55).clamp(min=0)
    )
    lines = 0.36 * forehead + 0.32 * crow + 0.32 * frown + 0.9 * fold + 0.6 * bag + 0.8 * marionette + 0.35 * smoker
    albedo = albedo * (1 - lines.clamp(0, 0.5)[..., None] * constant([0.85, 1.0, 1.0], x))
    sagging = 0.03 * old * noise(STRANDS, y * 0.5 + f["low"] * 0.05, x * 0.12) * ramp(ax, 2.5, 4.0)
    return (
        albedo,
        0.09 * forehead
        + 0.07 * crow
        + 0.08 * frown
        + 0.14 * fold
        + 0.08 * bag
        + 0.12 * marionette
        + 0.05 * smoker
        + 0.3 * sagging,
    )


def _beard(
    e: Columns,
    albedo: Tensor,
    x: Tensor,
    y: Tensor,
    arc: Tensor,
    f: dict[str, Tensor],
    px: Tensor,
    ox: Tensor,
    oy: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    zone, moustache = beard_zones(e, x, y)
    shadow = torch.maximum(zone, moustache) * e["stubble"]
    dots = 0.75 + 0.35 * noise(ISOTROPIC, arc * 1.6 + ox, y * 1.6 + oy).clamp(-1.5, 1.5) * ramp(px, 0.25, 0.08)
    grey = (shadow * dots * 0.55 * (1 - 0.35 * e["tone"])).clamp(0, 1)
    albedo = albedo * (1 - grey[..., None] * constant([0.38, 0.32, 0.24], x))
    side = x.sign()
    strand = 0.7 * noise(STRANDS, arc * 0.42 + y * 0.04 * side, y * 0.16 + oy) + 0.6 * noise(
        STRANDS, arc * 0.25 - y * 0.05 * side, y * 0.13 - oy
    )
    # Single hairs are thinner than a coarse texel: there they would alias to worms.
    strand = strand * (0.12 + 0.88 * ramp(px, 0.11, 0.03))
    density = torch.maximum(zone * e["beard"], moustache * e["moustache"])
    # Tufts thin out towards the cheek; a clean edge would be paint.
    patchy = 0.15 * strand + 0.12 * f["mid"] + 0.13 * f["fine"]
    beard = ramp(density * 1.35 + patchy, 0.06, 1.12) * ramp(density, 0.03, 0.3)
    tuft = 1.0 + 0.18 * strand.clamp(-1.5, 2) + 0.13 * f["fine"] + 0.08 * f["mid"]
    colour = _tint(e["hair"]) * tuft[..., None].clamp(0.3)
    return mix(albedo, colour, (beard * 0.88)[..., None]), beard, strand


def _lips(
    e: Columns, albedo: Tensor, x: Tensor, y: Tensor, f: dict[str, Tensor], px: Tensor, oy: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    ax, width, tone = x.abs(), e["mouth_width"], e["tone"]
    upper, lower = lip_thickness(e, x)
    dy, across = y - e["mouth_y"] - lip_line(x), ax / width
    edge = lambda d, soft: torch.sigmoid(d / (px * 0.45 + soft))  # noqa: E731
    lip = edge(upper - dy, 0.055) * edge(dy + lower, 0.075) * ramp(width - ax, -0.08, 0.22)
    rim = (
        bell(dy - upper - 0.10, 0.10 + px * 0.3) * ramp(across, 0.95, 0.5) * 0.08
        + bell(dy + lower + 0.10, 0.12 + px * 0.3) * ramp(across, 0.8, 0.3) * 0.04
    )
    ratio = mix(constant([0.80, 0.50, 0.53], x), constant([1.10, 0.74, 0.92], x), tone[..., None].clamp(0, 1) ** 0.8)
    striae = noise(STRANDS, x * 0.55 + oy, dy * 0.15)
    skin = _tint(e["skin"])
    natural = skin * ratio
    painted = natural * constant([0.92, 0.55, 0.62], x) + constant([0.05, 0.0, 0.004], x)
    colour = mix(natural, painted, (e["lip_red"] * 0.7 + 0.25 * e["make_up"])[..., None])
    shade = (
        1
        + 0.06 * striae
        - 0.06 * f["mid"]
        - 0.12 * (dy > 0)
        - 0.20 * bell(dy, 0.16)
        + 0.06 * bell(dy + 0.5 * lower, 0.3)
    )
    albedo = mix(albedo * (1 + rim * (1 - lip))[..., None], colour * shade[..., None], (lip * 0.88)[..., None])
    line = 0.50 * bell(dy, 0.045 + px * 0.38) * ramp(width * 1.03 - ax, 0, 0.2) + 0.26 * bell(
        ax - width - 0.02, 0.16
    ) * bell(dy, 0.13)
    albedo = albedo * (1 - line)[..., None]
    below = 0.05 * bell(ax, 0.28) * bell(y + e["nose_length"] + 0.9, 0.6) + 0.10 * bell(ax, 1.5) * bell(
        dy + lower + 0.42, 0.22
    )
    return albedo * (1 - below)[..., None], lip, 0.018 * striae * lip * ramp(px, 0.2, 0.07)


def _brows(
    e: Columns, albedo: Tensor, x: Tensor, y: Tensor, px: Tensor, ox: Tensor, oy: Tensor
) -> tuple[Tensor, Tensor]:
    ax, side = x.abs(), x.sign()
    middle = brow_line(e, ax) + 0.08 * side * e["asymmetry"][:, 1].view(-1, 1, 1)
    t = (ax - e["brow_inner"]) / 3.9
    thick = e["brow_thickness"] * (0.72 + 0.4 * ramp(t, 0, 0.25)) * (1 - 0.70 * ramp(t, 0.4, 1.05))
    v = (y - middle) / thick.clamp(0.08)
    # Hairs stand up at the inner end and lie outwards at the tail.
    angle = 1.25 - 1.2 * ramp(t, -0.05, 0.55)
    cu, cw = ax * angle.cos() + y * angle.sin(), -ax * angle.sin() + y * angle.cos()
    hairs = 0.7 * noise(STRANDS, cw * 1.15 + ox, cu * 0.14 + 0.3 * oy) + 0.5 * noise(
        STRANDS, cw * 0.6 + oy, cu * 0.10 + ox
    )
    profile = ramp(v.abs(), 0.85 + px * 0.5, 0.10) * ramp(t, -0.10, 0.20) * ramp(t, 1.08, 0.78)
    brow = (
        ramp(profile + 0.26 * hairs * ramp(px, 0.25, 0.08) * (profile > 0), 0.18, 0.85)
        * profile**0.45
        * e["brow_density"]
    )
    colour = torch.minimum((_tint(e["hair"]) * 0.72).clamp(max=0.30), _tint(e["skin"]) * 0.55)
    return mix(albedo, colour, (brow * 0.88).clamp(0, 1)[..., None]), brow


def _gloss(e: Columns, x: Tensor, y: Tensor, f: dict[str, Tensor]) -> Tensor:
    ax, nl = x.abs(), e["nose_length"]
    gloss = (
        0.50
        + 0.12 * bell(ax, 1.3) * bell(y + 2.0, 2.0)
        + 0.35 * bell(ax, 1.0) * bell(y + nl - 0.8, 0.7)
        + 0.40 * bell(ax, 3) * bell(y - 4.5, 1.8)
    )
    gloss = gloss + 0.28 * bell(ax - 4, 1.4) * bell(y + 1.6, 1.0) + 0.25 * bell(ax, 1.2) * bell(y + 10, 1.0)
    gloss = gloss * (1 - 0.6 * bell(ax, 1.0) * bell(y + nl + 0.8, 0.55))
    return (
        gloss
        * e["shine"]
        * (1 + 0.22 * f["mid"] + 0.16 * f["fine"] + 0.25 * f["pore"]).clamp(0.2)
        * (1 - 0.45 * e["make_up"])
    )
