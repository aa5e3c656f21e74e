"""Heads at random poses, as the tests of this folder need them."""

import torch

from course_lib.geometry import face_model, project, rotation_matrix

FOCAL, CENTRE = 600.0, (319.5, 239.5)


def heads(n: int, points: int = 14, yaw: float = 80.0, tilt: float = 40.0, seed: int = 0, dtype=torch.float64):
    """Angles (n, 3), translations (n, 3) and landmarks (n, points, 2) of the mean face, 40 to 90 cm from the lens."""
    generator = torch.Generator().manual_seed(seed)
    unit = 2 * torch.rand(n, 6, dtype=torch.float64, generator=generator) - 1
    angles = unit[:, :3] * torch.tensor([yaw, tilt, tilt], dtype=torch.float64)
    depth = 65 + 25 * unit[:, 5]
    translations = torch.stack([0.25 * depth * unit[:, 3], 0.2 * depth * unit[:, 4], depth], 1)
    model = face_model(points, dtype=torch.float64)
    landmarks = project(model, rotation_matrix(*angles.unbind(1)), translations, FOCAL, CENTRE)
    return angles.to(dtype), translations.to(dtype), landmarks.to(dtype)
