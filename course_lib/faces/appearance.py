"""Painting the places of a canvas: skin, eyes, mouth, ears, clothes, hair, and what is worn."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.faces.canvas import Canvas
from course_lib.faces.clothes import paint_clothes
from course_lib.faces.ears import ear_colour
from course_lib.faces.eyes import paint_eyes
from course_lib.faces.maths import (
    ISOTROPIC,
    STRANDS,
    bell,
    constant,
    gather_bilinear,
    gather_rows,
    mix,
    noise,
    ramp,
    take,
)
from course_lib.faces.mouth import MouthWarp, paint_mouth
from course_lib.faces.occluders import SURGICAL, worn_albedo
from course_lib.faces.relief import fold_line
from course_lib.faces.skin import TEXTURE_BOTTOM, TEXTURE_TOP, THETA_LIMIT
from course_lib.faces.surface import ACROSS


def paint(c: Canvas) -> None:
    """Paints everything, from the skin outwards."""
    _skin_and_mouth(c)
    _eyes(c)
    _ears(c)
    _clothes(c)
    _hair(c)
    _strands(c)
    _worn(c)
    _others(c)


def _skin_and_mouth(c: Canvas) -> None:
    e = c.e
    raised = c.y - e["brow_raise"] * bell(c.y - 2.4, 1.3) * ramp(c.y, 0.9, 1.7)
    tx, ty = c.x + e["frown"] * 0.35 * c.x.sign() * bell(c.y - 1.8, 0.9) * bell(c.x.abs() - 1.6, 1.2), raised
    near = c.part((c.y < -2.0) & (c.y > -13.2) & (c.x.abs() < 6) & (c.jaw > 0.2) & c.on_sheet & (c.hair_share < 0.9))
    em, x, y = e.at(near), take(c.x, near), take(c.y, near)
    warp = MouthWarp(em, x, y)
    tx, ty = tx.index_copy(0, near, warp.x), ty.index_copy(0, near, warp.y)
    theta = torch.where(c.x.abs() < 6.2, torch.asin((tx / c.half).clamp(-0.9999, 0.9999)), c.theta)
    theta = torch.where(c.theta.abs() > 1.5, c.theta, theta)
    texture = c.stage.surface.texture
    height, width = texture.shape[1:3]
    row = (TEXTURE_TOP - ty) / (TEXTURE_TOP - TEXTURE_BOTTOM) * (height - 1)
    column = (theta + THETA_LIMIT) / (2 * THETA_LIMIT) * (width - 1)
    found = gather_bilinear(texture, take(c.stage.identity, c.batch), row, column)
    on_face = (c.on_sheet & (c.theta.abs() < THETA_LIMIT) & (c.jaw > 0.5)).float()
    outside = 1 - ramp(c.theta.abs(), THETA_LIMIT, THETA_LIMIT - 0.15) * c.on_sheet
    albedo = mix(found[:, :3], e["skin"], outside[:, None]) * (1 - 0.06 * (1 - c.jaw))[:, None]
    c.brow, c.lip, c.beard = found[:, 3] * on_face, found[:, 4] * on_face, found[:, 5] * on_face
    c.gloss = found[:, 6] * (0.4 + 0.6 * on_face)
    slope = found[:, 7:9] * on_face[:, None] * (1 - c.hair_share)[:, None]
    _tilt(c, slope)
    smile = em["smile"].clamp(min=0)
    crease = (
        smile
        * (0.14 + 0.14 * em["age"])
        * bell(x.abs() - fold_line(em, y) - 0.25 * smile, 0.26 + 4 * 0.1 * take(c.pixel, near))
    )
    crease = (
        crease
        * ramp(-y, em["nose_length"] - 0.5, em["nose_length"] + 0.6)
        * ramp(y, em["mouth_y"] - 0.7, em["mouth_y"] + 0.8)
    )
    albedo[near] = take(albedo, near) * (1 - crease[:, None] * constant([0.8, 1.0, 1.0], albedo))
    c.above_line[near] = warp.dy
    open_ = (warp.across < 1.05) & (warp.dy < warp.up + 0.3) & (warp.dy > -warp.down - 0.3) & (warp.gap > 0.02)
    k = open_.nonzero()[:, 0]
    for name in ("across", "dy", "up", "down", "gap"):
        setattr(warp, name, getattr(warp, name)[k])
    k = take(near, k)
    albedo[k], c.mouth[k] = paint_mouth(
        e.at(k), warp, take(c.x, k) / (1 + 0.22 * e.at(k)["smile"]), take(c.pixel, k), take(albedo, k)
    )
    c.albedo = albedo


def _tilt(c: Canvas, slope: Tensor) -> None:
    # The relief's slopes turn the normal within the skin: across is the tangent of the section, along is upwards.
    rotation = take(c.stage.rotation, c.batch)
    across = rotation[:, :, 0] * c.theta.cos()[:, None] - rotation[:, :, 2] * c.theta.sin()[:, None]
    c.normal = F.normalize(c.normal - slope[:, :1] * across - slope[:, 1:] * rotation[:, :, 1], dim=1)


def _eyes(c: Canvas) -> None:
    e = c.e
    ax, y = c.x.abs(), c.y
    k = c.part(((ax - e["eye_x"]).abs() < 2.1) & ((y - e["eye_y"]).abs() < 1.7) & (c.jaw > 0.5) & c.on_sheet)
    b = take(c.batch, k)
    raised = take(y, k)
    painted = paint_eyes(
        e.at(k),
        take(c.x, k),
        raised,
        take(c.pixel, k),
        take(c.albedo, k),
        take(c.normal, k),
        take(c.stage.rotation, b),
        take(c.stage.light, b),
    )
    c.albedo[k], c.normal[k] = painted.albedo, painted.normal
    c.eyeball[k], c.highlight[k] = painted.eyeball, painted.highlight


def _ears(c: Canvas) -> None:
    for side, name in enumerate(("ear_left", "ear_right")):
        k = c.part(c.layer[name])
        row, column = c.hits.place(1 + side, take(c.samples.index, k))
        found = gather_bilinear(c.stage.ears[side], take(c.batch, k), row, column)
        c.normal[k] = F.normalize(found[:, :3], dim=1)
        c.ear_relief[k] = found[:, 3]
        c.albedo[k] = ear_colour(c.e.at(k), found[:, 3])
        c.gloss[k] = 0.5


def _clothes(c: Canvas) -> None:
    k = c.part((c.y < -12.2) & (c.jaw < 0.6) & c.on_sheet)
    grid = c.stage.grid
    width = gather_rows(grid.tables["neck_width"].view(1, -1), torch.zeros_like(k), take(c.samples.row, k))
    share, colour = paint_clothes(c.e.at(k), width * take(c.theta, k).sin(), take(c.y, k), take(c.theta, k).cos())
    c.cloth[k] = share
    c.albedo[k] = mix(take(c.albedo, k), colour, share[:, None])


def _hair(c: Canvas) -> None:
    e = c.e
    beside = (c.hair_share > 0.02) | ((e["falls"] > 0) & (c.jaw < 0.9) & c.on_sheet) | (c.on_sheet & (c.y > 0))
    near = c.part(beside & c.on_sheet)
    table = c.stage.surface.attributes[..., ACROSS:]
    across, inside, lock = gather_bilinear(
        table, take(c.stage.identity, c.batch[near]), take(c.samples.row, near), take(c.samples.column, near)
    ).unbind(1)
    c.inside[near] = inside
    sub = (take(c.hair_share, near) > 0.02).nonzero()[:, 0]
    k, across, inside, lock = take(near, sub), take(across, sub), take(inside, sub), take(lock, sub)
    h = e.at(k)
    y, pixel, curl = take(c.y, k), take(c.pixel, k), h["curl"]
    o0, o1 = h["hair_seed"][:, 0], h["hair_seed"][:, 1]
    lumps = noise(ISOTROPIC, across * 0.16 + o0, y * mix(0.03, 0.16, curl) + o1)
    curls = noise(ISOTROPIC, across * 0.42 + o1, y * 0.42 + o0)
    wobble = h["wave"] * 0.5 * torch.sin(y * 1.15 + across * 0.3) + 0.25 * lumps
    coarse = noise(STRANDS, (across + wobble) * 0.075 + o0, y * 0.016 + o1)
    fine = noise(STRANDS, (across + wobble) * 0.24 + o1, y * 0.025 + o0) * ramp(pixel, 0.16, 0.05)
    strand = mix(0.75 * coarse + 0.6 * fine, 0.55 * lumps + 0.6 * curls, curl) + 0.4 * lock * (1 - curl)
    soft = take(c.hair_share, k)
    rough = (
        0.26
        * (0.6 * strand + 0.35 * fine)
        * (1 - 0.85 * h["falls"] * ramp(y, 3.0, 0.0))
        * ramp(soft, 0.0, 0.4)
        * ramp(soft, 1.0, 0.6)
    )
    cropped = torch.where(h["style"] == 1, 0.55 + 0.25 * ramp(inside, 0.3, 2.0), torch.ones_like(soft))
    # The hair thins out towards its line: skin shows between the first roots.
    share = ramp(soft + rough, 0.12, 0.95) * cropped * (1 - 0.25 * ramp(inside, 0.5, 0.0) * ramp(strand, 0.2, -0.8))
    colour = h["hair"] * (0.90 + 0.20 * strand.clamp(-2, 2) + 0.08 * lumps)[:, None].clamp(0.25, 1.9)
    colour = colour * (1 - 0.35 * ramp(inside, 0.5, 0.0) * (1 - curl) - 0.25 * curl * ramp(curls, 0.0, -1.5))[:, None]
    c.albedo[k] = mix(take(c.albedo, k), colour, share[:, None])
    c.hair[k], c.strand[k], c.hair_colour[k] = share, strand, h["hair"]
    rotation = take(c.stage.rotation, c.batch[k])
    tilt = (share * (0.20 + 0.28 * curl) * strand)[:, None]
    c.normal[k] = F.normalize(
        take(c.normal, k) + tilt * (rotation[:, :, 0] + (curl * lumps)[:, None] * rotation[:, :, 1]), dim=1
    )
    # Strands run downwards along the surface.
    direction = rotation[:, :, 1] + (0.15 + 0.30 * strand)[:, None] * rotation[:, :, 2]
    normal = take(c.normal, k)
    c.tangent[k] = F.normalize(direction - 0.9 * (direction * normal).sum(1, keepdim=True) * normal, dim=1)
    c.cavity[k] = take(c.cavity, k) * (1 - 0.3 * share)


def _strands(c: Canvas) -> None:
    k = c.part(c.layer["strands"])
    row, column = c.hits.place(3, take(c.samples.index, k))
    # Columns 2k and 2k + 1 are one strand; its neighbours belong to other strands.
    column = torch.where(column.long() % 2 == 0, column, column.floor())
    found = gather_bilinear(c.stage.strands, take(c.batch, k), row, column)
    e = c.e.at(k)
    tone, along = found[:, 6], found[:, 7]
    c.normal[k] = F.normalize(found[:, :3], dim=1)
    c.tangent[k] = F.normalize(found[:, 3:6], dim=1)
    colour = e["hair"] * (0.92 + 0.16 * tone + 0.16 * along)[:, None].clamp(0.3)
    c.albedo[k], c.hair_colour[k] = colour, e["hair"] * (1 + 0.2 * tone)[:, None]
    c.hair[k] = 1.0
    c.strand[k] = 0.6 * tone
    c.inside[k] = 1.0
    c.gloss[k] = 0.0


def _worn(c: Canvas) -> None:
    if c.stage.table.shape[-1] <= 6:
        return
    k = c.part((c.hat + c.mask) > 0.01)
    colour = worn_albedo(
        c.e.at(k), take(c.x, k), take(c.y, k), take(c.theta, k), (take(c.hat, k) > take(c.mask, k)).float()
    )
    share = torch.maximum(take(c.hat, k), take(c.mask, k))
    c.albedo[k] = mix(take(c.albedo, k), colour, share[:, None])
    for name in ("hair", "eyeball", "mouth", "brow", "lip", "highlight"):
        getattr(c, name)[k] = getattr(c, name)[k] * (1 - share)
    c.hair_share[k] = take(c.hair_share, k) * (1 - share)
    c.smooth[k] = 0.12 * share * (c.e.at(k)["mask"] == SURGICAL)


def _others(c: Canvas) -> None:
    for number, name in enumerate(c.stage.names[4:]):
        k = c.part(c.layer[name])
        row, column = c.hits.place(4 + number, take(c.samples.index, k))
        found = gather_bilinear(c.stage.others[number], take(c.batch, k), row, column)
        normal = F.normalize(found, dim=1)
        # Thin surfaces are seen from both sides.
        c.normal[k] = normal * (normal * take(c.view, k)).sum(1, keepdim=True).sign()
        e = c.e.at(k)
        if name == "brim":
            c.albedo[k] = e["worn_colour"] * 0.92
            c.hat[k] = 1.0
        else:
            c.albedo[k] = e["worn_colour"] * 0.30 + 0.004
            c.smooth[k] = 1.0
        c.gloss[k] = 0.0
