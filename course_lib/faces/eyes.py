"""Eyes: where the lids run, and the painting of eyeball, iris, lids, lashes and crease."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.faces.maths import ISOTROPIC, STRANDS, Columns, bell, constant, mix, noise, ramp


def lids(e: Columns, along: Tensor, side: Tensor, eyes_open: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Heights of the lids.

    Args:
        e: parameters.
        along: position in [−1 inner corner, 1 outer corner].
        side: −1 for the eye on the viewer's left, 1 on the right.
        eyes_open: replaces the parameter of that name.

    Returns:
        Upper lid, lower lid (cm above the line between the corners) and the opening share.
    """
    eyes_open = e["eyes_open"] if eyes_open is None else eyes_open
    asymmetry = e["asymmetry"][..., 0]
    asymmetry = asymmetry.view(asymmetry.shape + (1,) * (along.dim() - asymmetry.dim()))
    smile, height = e["smile"].clamp(min=0), e["eye_height"]
    share = (eyes_open * (1 - 0.16 * smile) * (1 + 0.045 * asymmetry * side)).clamp(min=0)
    arch = (1 - along**2).clamp(0)
    lower = height * 0.40 * (1 - 0.3 * smile * ramp(share, 0, 0.5))
    # The upper lid of an eye peaks towards the nose, the lower one sags towards the temple.
    upper = height * (0.47 * share - 0.40 * (1 - share).clamp(min=0)) * arch**0.58 * (1 - 0.14 * along)
    return upper, -lower * arch**0.8 * (1 + 0.16 * along), share


def brow_line(e: Columns, x: Tensor) -> Tensor:
    """Height y in cm of the middle of the brow at |x| in cm, expression excluded."""
    t = (x - e["brow_inner"]) / 3.9
    rise = e["brow_arch"] * (1 - ((t - 0.62) / 0.62) ** 2)
    return e["brow_height"] + e["eye_y"] + rise + e["brow_slope"] * (t - 0.5) - 0.12 * ramp(t, 0.15, -0.1)


@dataclass
class EyePaint:
    """What ``paint_eyes`` gives back for a flat list of N points."""

    albedo: Tensor
    normal: Tensor
    eyeball: Tensor
    highlight: Tensor


def paint_eyes(
    e: Columns, x: Tensor, y: Tensor, pixel: Tensor, albedo: Tensor, normal: Tensor, rotation: Tensor, light: Tensor
) -> EyePaint:
    """Paints eyeballs, lids and lashes over the skin.

    Args:
        e: parameters of the N points.
        x, y: (N,) frontal coordinates in cm.
        pixel: (N,) size in cm of what is being painted.
        albedo, normal: (N, 3) of the skin there.
        rotation: (N, 3, 3) rotation of the head.
        light: (N, 3) direction of the key light.

    Returns:
        EyePaint with albedo, normal, share of eyeball and strength of the highlights.
    """
    ax, side = x.abs(), x.sign()
    along = (ax - e["eye_x"]) / (e["eye_width"] / 2)
    inside = along.clamp(-1, 1)
    ey = y - e["eye_y"] - e["eye_tilt"] * inside
    upper, lower, share = lids(e, inside, side)
    gap = upper - lower
    soft = pixel * 0.42 + 0.012
    ball = (
        torch.sigmoid(torch.minimum(upper - ey, ey - lower) / soft)
        * ramp(along.abs(), 1.02, 0.95)
        * ramp(gap, 0.02, 0.10)
    )
    ix, iy = x - side * e["eye_x"] - e["gaze_x"], y - e["eye_y"] - e["gaze_y"] - 0.03
    colour = _eyeball(e, ix, iy, along, inside, ey - upper, ey - lower, pixel)
    albedo = _lids(e, along, inside, ey, upper, lower, gap, share, pixel, albedo, ball, x)
    albedo = mix(albedo, colour, ball[:, None])
    lash = _lashes(e, along, ey, upper, lower, share, pixel, x)
    albedo = mix(albedo, constant([0.012, 0.008, 0.007], albedo), (lash * (1 - 0.25 * ball)).clamp(0, 0.93)[:, None])
    normal = _normals(e, x, y, along, inside, ey, upper, lower, share, ball, normal, rotation)
    # The catch-light sits where the cornea mirrors the key; it shrinks with the pixel, else it washes out the iris.
    turn = -0.0016 * e["yaw"]
    hx, hy = ix - 0.24 * light[:, 0] + turn, iy - 0.24 * light[:, 1] - 0.03
    spark = ramp((hx**2 + hy**2).sqrt(), 0.13 + pixel * 0.35, 0.045)
    second = ramp(((hx + 0.30 * light[:, 0].sign()) ** 2 + (hy + 0.30) ** 2).sqrt(), 0.15 + pixel * 0.3, 0.03)
    wet = 0.35 * bell(ey - lower - 0.03, 0.035 + pixel * 0.2) * ramp(along.abs(), 0.9, 0.4)
    strength = (spark + 0.25 * second) * ramp(gap, 0.25, 0.5) * (0.10 / pixel).clamp(max=1) + 0.5 * wet * (
        0.06 / pixel
    ).clamp(max=1)
    return EyePaint(albedo, normal, ball, strength * ball)


def _eyeball(
    e: Columns, ix: Tensor, iy: Tensor, along: Tensor, inside: Tensor, above: Tensor, over_lower: Tensor, pixel: Tensor
) -> Tensor:
    radius = e["iris_radius"]
    distance = (ix**2 + iy**2).sqrt()
    r, angle = distance / radius, torch.atan2(iy, ix)
    fibres = noise(STRANDS, angle * 0.42, distance * 0.30 + e["offset"][:, 0])
    iris = e["iris"] * (0.44 + 0.50 * ramp(iy, 0.45, -0.45) + 0.30 * fibres * ramp(pixel, 0.12, 0.04))[:, None].clamp(
        min=0.1
    )
    iris = mix(iris, iris * 1.3 + constant([0.03, 0.018, 0.004], iris), (bell(r - 0.52, 0.14) * 0.6)[:, None])
    iris = iris * (1 - 0.80 * ramp(r, 0.70, 1.0))[:, None]
    corner = inside.abs()
    white = (
        constant([0.47, 0.435, 0.415], iris)
        * (1 - 0.44 * ramp(corner, 0.45, 1.0) - 0.10 * ramp(iy.abs(), 0.2, 0.6))[:, None]
    )
    veins = 0.24 * ramp(corner, 0.5, 1.0) * (1 + 0.5 * noise(ISOTROPIC, ix, iy)).clamp(0, 1.6)
    white = mix(white, constant([0.58, 0.33, 0.30], iris), veins[:, None])
    soft = pixel * 0.42
    colour = mix(white, iris, torch.sigmoid((radius - distance) / (soft + 0.035))[:, None])
    pupil = torch.sigmoid((radius * 0.37 - distance) / (soft + 0.02))
    colour = mix(colour, constant([0.006, 0.005, 0.005], iris), pupil[:, None])
    # Shadow of the lids and lashes on the ball: without it the eyes stare.
    colour = colour * (1 - 0.68 * ramp(above, -0.36, 0.02) - 0.18 * ramp(over_lower, 0.14, 0.0))[:, None]
    return mix(colour, constant([0.48, 0.20, 0.18], iris), (ramp(along, -0.84, -0.97) * 0.75)[:, None])


def _crease_height(e: Columns, inside: Tensor, upper: Tensor, share: Tensor) -> Tensor:
    full = lids(e, inside, torch.ones_like(inside), torch.ones_like(share))[0]
    return torch.maximum(upper, 0.86 * full + 0.14 * upper) + e["lid_fold"] * (0.30 + 0.70 * share.clamp(max=1)) * (
        1 - 0.35 * inside**2
    )


def _lids(
    e: Columns, along: Tensor, inside: Tensor, ey: Tensor, upper: Tensor, lower: Tensor, gap: Tensor, share: Tensor,
    pixel: Tensor, albedo: Tensor, ball: Tensor, x: Tensor,
) -> Tensor:  # fmt: skip
    width = ramp(along.abs(), 1.06, 0.93)
    opened = share.clamp(max=1)
    waterline = bell(ey - lower + 0.035, 0.05 + pixel * 0.3) * width * ramp(gap, 0.1, 0.3)
    rosy = e["skin"] * constant([1.0, 0.80, 0.80], albedo) + constant([0.05, 0.02, 0.02], albedo)
    albedo = mix(albedo, rosy, (0.55 * waterline * ramp(pixel, 0.3, 0.1))[:, None])
    crease_y = _crease_height(e, inside, upper, share)
    lid = ramp(ey, crease_y + 0.05, crease_y - 0.08) * ramp(ey, upper - 0.04, upper + 0.06) * width
    shadow = e["make_up"] * 0.55
    tint = mix(constant([0.93, 0.88, 0.885], albedo), constant([0.55, 0.42, 0.42], albedo), shadow[:, None])
    albedo = albedo * (1 - lid[:, None] * (1 - tint))
    # The fold above the lid: deep with the eye open, a few fine lines with it closed.
    crease = bell(ey - crease_y, 0.07 + pixel * 0.25) * ramp(along.abs(), 1.2, 0.8) * ramp(e["lid_fold"], 0.06, 0.25)
    crease = crease * (0.22 + 0.24 * opened)
    fine = bell(ey - crease_y + 0.20, 0.05 + pixel * 0.2) + bell(ey - crease_y - 0.16, 0.05 + pixel * 0.2)
    crease = crease + 0.12 * (1 - opened) * fine * width * (0.4 + e["age"])
    under = (
        bell(ey - lower + 0.42 + 0.08 * inside**2, 0.09 + pixel * 0.3)
        * ramp(along.abs(), 1.1, 0.6)
        * (0.06 + 0.16 * e["age"])
    )
    under = under + 0.10 * e["smile"].clamp(min=0) * bell(ey - lower + 0.30, 0.09 + pixel * 0.3) * width
    return albedo * (1 - ((crease + under) * (1 - ball)).clamp(0, 0.6)[:, None] * constant([0.8, 1.0, 1.0], albedo))


def _lashes(
    e: Columns, along: Tensor, ey: Tensor, upper: Tensor, lower: Tensor, share: Tensor, pixel: Tensor, x: Tensor
) -> Tensor:
    width = ramp(along.abs(), 1.06, 0.93)
    wing = ramp(along, 0.3, 1.05)
    dark = e["feminine"] * (0.45 + 0.55 * e["make_up"])
    above = ey - upper
    # Lashes fan out: each strand leans away from the middle of the eye and thins towards its tip.
    fan = along - 0.22 * above.clamp(0, 0.5) * along
    strands = noise(STRANDS, fan * 1.9 + e["offset"][:, 1], above * 0.04)
    reach = 0.055 + 0.05 * dark * (0.5 + wing) + 0.03 * (1 - share.clamp(max=1)) + pixel * 0.28
    line = torch.exp(-(((above - 0.02).clamp(min=0) / reach) ** 2)) * torch.exp(
        -(((above - 0.02).clamp(max=0) / (0.035 + pixel * 0.3)) ** 2)
    )
    hairs = (
        ramp(strands, 0.2, 1.3)
        * ramp(above, 0.30 + 0.14 * wing, 0.02)
        * (above > 0)
        * (0.25 + 0.65 * dark)
        * ramp(pixel, 0.13, 0.05)
    )
    lash = (line * (0.80 + 0.14 * dark) * (0.8 + 0.25 * strands).clamp(0.55, 1.1) + 0.8 * hairs) * width
    closed = 1 - share.clamp(max=1)
    below = bell(ey - lower + 0.05, 0.05 + pixel * 0.22) * width * (0.20 + 0.14 * dark) * (1 - 0.6 * closed)
    return lash + below + 0.45 * dark * bell(along - 1.06, 0.10) * bell(ey - 0.07, 0.09)


def _normals(
    e: Columns, x: Tensor, y: Tensor, along: Tensor, inside: Tensor, ey: Tensor, upper: Tensor, lower: Tensor,
    share: Tensor, ball: Tensor, normal: Tensor, rotation: Tensor,
) -> Tensor:  # fmt: skip
    sphere = torch.stack([(x - x.sign() * e["eye_x"]) / 1.7, (y - e["eye_y"]) / 1.5, torch.ones_like(x)], 1)
    sphere = (rotation @ F.normalize(sphere, dim=1)[..., None])[..., 0]
    width = ramp(along.abs(), 1.06, 0.93)
    crease_y = _crease_height(e, inside, upper, share)
    # The lids are folded over the ball, so they shade like it too.
    lid = ramp(ey, crease_y + 0.05, crease_y - 0.10) * ramp(ey, lower - 0.30, lower - 0.05) * width * (1 - ball)
    normal = mix(normal, sphere, (ball * 0.85 + 0.55 * lid * (0.3 + 0.7 * (1 - share.clamp(max=1))))[:, None])
    above = ey - upper
    tilt = bell(above - 0.14, 0.12) * 0.30 - bell(ey - crease_y, 0.10) * 0.40 - bell(ey - lower + 0.14, 0.10) * 0.25
    return F.normalize(normal + (tilt * width * (1 - ball))[:, None] * rotation[:, :, 1], dim=1)
