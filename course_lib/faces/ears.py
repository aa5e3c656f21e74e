"""Ears: two small patches with helix, antihelix, concha, tragus and lobe."""

import math

import torch
from torch import Tensor

from course_lib.faces.maths import Columns, bell, constant, ramp


def ear_patch(e: Columns, side: int, rings: int) -> tuple[Tensor, Tensor]:
    """One ear of each identity.

    Args:
        e: parameters shaped for three axes.
        side: −1 for the ear on the viewer's left, 1 on the right.
        rings: samples from the middle to the rim; twice as many around.

    Returns:
        (n, rings, 2 rings, 3) points in cm, and (n, rings, 2 rings) relief height, which also shades the folds.
    """
    like = e["ear_size"]
    r, t = torch.meshgrid(
        torch.linspace(0, 1, rings, device=like.device),
        torch.linspace(0, 2 * math.pi, 2 * rings, device=like.device),
        indexing="ij",
    )
    c, s = t.cos(), t.sin()
    # cos > 0 is the front of the ear. An upright egg: broad above, narrow at the lobe, flat where it joins the head.
    outline = 1 - 0.34 * (-s).clamp(0) ** 1.3 + 0.08 * s.clamp(0) - 0.12 * c.clamp(0)
    px = 1.7 * like * r * c * outline
    py = 2.95 * like * r * s * (1 + 0.04 * c)
    back = ramp(c - 0.25 * s, 0.70, -0.45)
    up = ramp(s, -0.70, -0.2)
    # Helix: a rolled rim that starts in front at the crus, runs over the top and fades above the lobe.
    rim_radius = 0.90 - 0.05 * ramp(c, 0.2, 0.9)
    h = 0.46 * bell(r - rim_radius, 0.085) * (0.25 + 0.75 * up) * (0.60 + 0.40 * back)
    h = h - 0.20 * bell(r - 0.755, 0.065) * up * (0.45 + 0.55 * back)
    # Antihelix: a Y-shaped ridge that splits upwards.
    split = 0.10 * ramp(s, 0.3, 0.9)
    h = (
        h
        + 0.28 * bell(r - 0.57 - split, 0.085) * back * up
        + 0.18 * bell(r - 0.45 + split, 0.08) * back * ramp(s, 0.25, 0.8)
    )
    concha = torch.exp(-(((px - 0.30) / 0.60) ** 2) - ((py + 0.35) / 0.85) ** 2)
    tragus = torch.exp(-(((px - 1.10) / 0.26) ** 2) - ((py + 0.35) / 0.42) ** 2)
    antitragus = torch.exp(-(((px - 0.25) / 0.42) ** 2) - ((py + 1.42) / 0.30) ** 2)
    lobe = torch.exp(-(((px - 0.25) / 0.7) ** 2) - ((py + 2.25) / 0.5) ** 2)
    crus = torch.exp(-(((px - 0.75) / 0.55) ** 2) - ((py - 0.25) / 0.18) ** 2)
    h = h - 0.58 * concha + 0.40 * tragus + 0.22 * antitragus + 0.14 * lobe + 0.20 * crus - 0.45 * ramp(r, 0.94, 1.0)
    taper = (0.62 + 0.38 * ramp(py / 2.9, -1.05, -0.2)) * (1 - 0.25 * ramp(py / 2.9, 0.55, 1.05))
    hidden = e["ear_hidden"]
    # The lobe follows the cheek inwards, else a gap opens between them.
    x = (
        6.8 * e["face_width"]
        - 0.45 * ramp(-py, 0.8, 2.6)
        + 0.10
        - 1.1 * hidden
        + ((h + 0.28) + (-px + 1.2) * (0.30 + e["ear_out"] * 0.8) * 0.55) * taper
    )
    zero = torch.zeros_like(x)
    points = torch.stack([side * x, -1.6 + py + zero, -0.8 + px * 0.98 - 0.22 * py + zero], -1)
    return points, h + zero


def ear_colour(e: Columns, height: Tensor) -> Tensor:
    """(N, 3) albedo of ears for a flat list: rosier than the face, deeper in the folds."""
    rosy = constant([1.0, 0.80, 0.78], height) - 0.12 * e["tone"][:, None]
    return e["skin"] * rosy * (0.86 + 0.35 * height.clamp(-0.3, 0.4))[:, None]
