"""Relief of the face: brows, eye sockets, cheeks, nose, chin, and what fat and age do, as displacements along z in cm."""

import torch
from torch import Tensor

from course_lib.faces.maths import Columns, bell, mix, ramp, smooth_max


def upper_face(e: Columns, x: Tensor, y: Tensor) -> Tensor:
    """Eye sockets, eyeballs, brow ridge, temples."""
    ax = x.abs()
    ex, ey, age = e["eye_x"], y - e["eye_y"], e["age"]
    d = -e["socket_depth"] * bell(ax - ex - 0.05, 1.7) * bell(ey - 0.1, 1.0) - 0.38 * bell(ax - 1.5, 0.55) * bell(
        ey - 0.1, 0.8
    )
    d = d + 0.50 * bell(ax - ex, 1.2) * bell(ey, 0.68) + 0.15 * bell(ax - ex - 0.1, 1.4) * bell(ey - 0.85, 0.35)
    bag = bell(ax - ex + 0.15, 1.25) * bell(ey + 1.0 + 0.1 * (ax - ex) ** 2, 0.30)
    trough = bell(ax - ex + 0.35, 1.3) * bell(ey + 1.45 + 0.12 * (ax - ex) ** 2, 0.28)
    d = d + 0.20 * (age - 0.35).clamp(min=0) * bag - (0.05 + 0.14 * age) * trough
    d = (
        d
        + (e["brow_ridge"] + 0.08) * bell(ax - 2.9, 2.2) * bell(y - 1.95 - e["eye_y"], 0.7)
        - 0.10 * bell(ax, 0.8) * bell(y - 1.9, 0.7)
    )
    hollow = 0.24 + e["temple"] + 0.25 * age - 0.10 * e["fat"]
    return d - hollow * bell(ax - 6.0, 1.2) * bell(y - 3.0, 1.8)


def mid_face(e: Columns, x: Tensor, y: Tensor) -> Tensor:
    """Cheekbones, cheek fat and hollows, the base on which nose and lips sit."""
    ax = x.abs()
    fat, feminine, age = e["fat"], e["feminine"], e["age"]
    d = e["cheekbone"] * bell(ax - 4.8, 1.5) * bell(y + 2.3 - 0.12 * (ax - 4.8), 1.25)
    d = d + (0.5 * e["cheek_fat"] + 0.16 * fat) * bell(ax - 3.9, 1.6) * bell(y + 5.4, 2)
    hollow = (0.32 + 0.14 * age) * (1 - 0.5 * feminine) - 0.16 * fat
    d = d - hollow * bell(ax - 4.7, 1.2) * bell(y + 6.0, 1.6)
    malar = 0.16 * feminine + 0.05
    d = d + malar * bell(ax - 3.6, 1.2) * bell(y + 2.6, 1.0)
    return d + 0.38 * bell(ax, 2.9) * bell(y + e["nose_length"] + 0.9, 1.8)


def lower_face(e: Columns, x: Tensor, y: Tensor) -> Tensor:
    """Philtrum, chin, jowls and the edge of the mandible."""
    ax = x.abs()
    nl, age, fat = e["nose_length"], e["age"], e["fat"]
    mouth = e["mouth_y"]
    d = -0.12 * bell(ax, 0.24) * bell(y + nl + 0.85, 0.6) + 0.07 * bell(ax - 0.5, 0.2) * bell(y + nl + 0.95, 0.6)
    chin = 0.34 * bell(ax, 1.25 + 0.3 * e["chin_width"]) * bell(y + 9.85, 0.80)
    cleft = (
        0.06
        * bell(ax, 0.16)
        * bell(y + 10.2, 0.6)
        * (1 - e["feminine"])
        * (e["asymmetry"][:, 2].view(-1, *[1] * (x.dim() - 1)) > 0.4)
    )
    d = d + chin - cleft
    jowl = (0.34 * (age - 0.3).clamp(min=0) + 0.10 * fat.clamp(0, 2)) * bell(ax - 3.7, 0.9) * bell(y + 9.1, 0.95)
    notch = 0.16 * age * bell(ax - 2.4, 0.5) * bell(y + 9.7, 0.6)
    pillow = 0.12 * (age + 0.3 * fat).clamp(0, 1.5) * bell(ax - mix(2.6, 2.9, age), 0.55) * bell(y - mouth + 0.9, 1.0)
    return d + jowl - notch + pillow


def nose(e: Columns, x: Tensor, y: Tensor) -> Tensor:
    """Dorsum, tip, wings, grooves, underside and nostrils.

    The parts meet by a rounded maximum, not by addition: sums of bumps make balls.
    """
    ax = x.abs()
    nl, nw, nh = e["nose_length"], e["nose_width"], e["nose_height"]
    tip_y = -nl + 0.78 + e["nose_tip_lift"]
    t = (0.7 - y) / (0.7 - tip_y)
    along = t.clamp(0, 1)
    height = e["bridge_height"] + (nh - e["bridge_height"]) * (along - 0.06 * ramp(t, 0.8, 1.1)) ** 1.12
    height = (height + e["nose_hump"] * bell(t - 0.42, 0.24)) * ramp(t, -0.38, 0.10)
    width = mix(e["bridge_width"], 0.92, ramp(t, 0.1, 1.0))
    ridge = 0.47 * torch.exp(-((ax / (1.02 * width)).clamp(max=9) ** 2.0))
    # The rim of the underside: a gull wing, lowest at the columella and at the wings.
    rim = 0.20 * bell(ax - 0.40 * nw, 0.34) - 0.12 * bell(ax, 0.26) + 0.04 * ramp(ax, 0.9, 1.5)
    under = (1 - (1 - ((y + nl + 0.10 - rim) / 1.05).clamp(0, 1)) ** 2.4).clamp(1e-4) ** 0.8
    fade = ramp(y, -nl - 0.75, -nl + 0.75)
    skirt = 0.53 * bell(ax, 1.40 * width + 0.10 + 0.45 * (nw - 1.4) * ramp(t, 0.4, 1))
    body = height * ridge * under + height * skirt * fade * (1 - 0.25 * (1 - under) * bell(ax, nw * 0.9))
    dome = ((x / (0.78 + 0.20 * nw + 0.30 * e["nose_tip"])) ** 2 + ((y - tip_y + 0.02) / 0.74) ** 2) ** 1.15
    tip = (nh + 0.10 + 0.60 * e["nose_tip"]) * torch.exp(-dome * 0.85) * under
    wing = (((ax - (nw - 0.60)) / 0.60) ** 2 + ((y + nl - 0.46 - 0.10 * (ax - nw)) / 0.58) ** 2) ** 1.25
    lower = ramp(y, -nl - 0.16 + 0.4 * rim, -nl + 0.40 + 0.4 * rim)
    wings = (0.46 + 0.36 * nh) * torch.exp(-wing) * lower
    d = smooth_max(smooth_max(body, tip, 0.22), wings, 0.20)
    groove = (
        bell(wing.clamp(min=1e-6) ** 0.4 - 1.42, 0.30) * ramp(ax, nw - 0.75, nw - 0.2) * ramp(y, -nl - 0.3, -nl + 0.3)
    )
    d = d - 0.15 * groove + 0.10 * bell(ax, 0.18) * bell(y + nl - 0.06, 0.26)
    return d - 0.34 * nostril(e, x, y)


def nostril(e: Columns, x: Tensor, y: Tensor) -> Tensor:
    """Share in [0, 1] of the nostril openings: two slanted ovals in the underside."""
    u = x.abs() - 0.34 * e["nose_width"] - 0.04
    v = y + e["nose_length"] - 0.11 - 0.18 * u
    return torch.exp(-(((u / 0.30) ** 2 + (v / 0.125) ** 2) ** 1.4))


def alar_crease(e: Columns, x: Tensor, y: Tensor, width: Tensor) -> Tensor:
    """Share in [0, 1] of the crease where the wings of the nose meet the cheek; ``width`` in cm."""
    ax, nl, nw = x.abs(), e["nose_length"], e["nose_width"]
    radius = (((ax - (nw - 0.60)) / 0.60) ** 2 + ((y + nl - 0.46) / 0.58) ** 2).clamp(min=1e-6).sqrt()
    return bell(radius - 1.36, width) * ramp(ax, nw - 0.75, nw - 0.25) * ramp(y, -nl - 0.25, -nl + 0.25)


def beard_zones(e: Columns, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Soft shares in [0, 1] of the beard (jaw, chin, sideburns) and of the moustache."""
    ax, mouth = x.abs(), e["mouth_y"]
    upper = -5.2 - 2.4 * (1 - ramp(ax, 2.3, 5.2)) + 2.6 * ramp(ax, 5.2, 6.6)
    around_lips = (1 - bell(ax, 2.3) * bell(y - mouth + 0.1, 1.05)).clamp(0)
    jaw = ramp(upper - y, -0.3, 1.9) * (1 - ramp(-y, 11.5, 13.0)) * around_lips
    chin = bell(x, 1.2) * bell(y - mouth + 2.2, 0.8)
    moustache = bell(y - mouth - 1.08 + 0.16 * ax, 0.50) * ramp(-ax, -3.0, -2.1) * (1 - 0.35 * bell(ax, 0.25))
    return torch.maximum(jaw, 0.8 * chin), moustache


def fold_line(e: Columns, y: Tensor) -> Tensor:
    """|x| in cm of the nasolabial fold at height y."""
    return e["nose_width"] * 0.95 + 0.25 + 0.45 * (-y - e["nose_length"] + 0.4)


def smile_relief(e: Columns, x: Tensor, y: Tensor) -> Tensor:
    """Lifted cheeks and folds of a smile, in cm along z."""
    ax, smile = x.abs(), e["smile"].clamp(min=0)
    nl, mouth = e["nose_length"], e["mouth_y"]
    d = smile * 0.48 * bell(ax - 3.9, 1.25) * bell(y + 3.7, 1.2) - smile * 0.22 * bell(ax - 3.1, 0.9) * bell(
        y - mouth - 0.2, 1.1
    )
    fold = bell(ax - fold_line(e, y), 0.5) * ramp(-y, nl - 0.6, nl + 0.5) * ramp(y, mouth - 0.9, mouth + 0.9)
    return d - fold * (0.02 + 0.10 * e["age"] + 0.03 * e["fat"].clamp(0, 2) + 0.16 * smile)
