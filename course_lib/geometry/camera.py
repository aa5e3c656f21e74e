"""The pinhole camera, and the head's rotation by weak perspective: one least squares fit, no iteration.

Points of the head are in cm in the head frame (see ``rotations``), pictures in pixels with pixel centres at integers.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.geometry.landmarks import check_points
from course_lib.geometry.rotations import check_floating, root, widen

__all__ = ["WeakPose", "default_camera", "polar_rotation", "project", "weak_perspective"]

Focal = float | int | Float[Tensor, ""] | Float[Tensor, "b"]
Centre = tuple[float | int, float | int] | Float[Tensor, "2"] | Float[Tensor, "b 2"]

NEAREST = 1e-3  # cm: points at or behind the lens are drawn as if this far in front of it


class WeakPose(NamedTuple):
    """A head by weak perspective: picture = scale * (R point)_xy + translation."""

    rotation: Tensor  # (B, 3, 3)
    scale: Tensor  # (B,) pixels per cm; 0 marks landmarks that say nothing about the pose
    translation: Tensor  # (B, 2) pixels, where the head frame's origin lands
    residual: Tensor  # (B,) root mean square distance of the fitted from the given landmarks, pixels


def default_camera(image_size: tuple[int, int]) -> tuple[float, tuple[float, float]]:
    """Focal length and centre to assume when a photo says nothing: focal = width, centre = the middle.

    A focal length of one picture width sees 53 degrees across, like a phone held upright or a 36 mm lens. Portrait
    lenses are two to three times as long; the angles change little (see ``quality.pose``).

    Args:
        image_size: (height, width) in pixels.

    Returns:
        The focal length in pixels and the centre (x, y) in pixels, with pixel centres at integers.
    """
    height, width = image_size
    return float(width), ((width - 1) / 2, (height - 1) / 2)


def project(
    points: Float[Tensor, "#b k 3"] | Float[Tensor, "k 3"],
    rotation: Float[Tensor, "b 3 3"],
    translation: Float[Tensor, "#b 3"],
    focal: Focal,
    centre: Centre,
) -> Float[Tensor, "b k 2"]:
    """Where points of the head appear in the picture: ``focal * (X/Z, Y/Z) + centre`` with ``(X, Y, Z) = R p + t``.

    Args:
        points: (K, 3) or (B, K, 3), cm, head frame.
        rotation: (B, 3, 3).
        translation: (B, 3) or (1, 3), cm: where the origin of the head lies in the camera frame.
        focal: focal length in pixels, for all or (B,).
        centre: the pixel (x, y) on the optical axis, for all or (B, 2).

    Returns:
        (B, K, 2) pixels. Points at or behind the lens have no picture; they come out finite and far outside.

    Raises:
        TypeError: a tensor is not of a floating dtype.

    Source: [hartley2004], chapter 6; the same as ``cv2.projectPoints`` without distortion.
    """
    check_floating(points, "points")
    check_floating(rotation, "rotation")
    r = widen(rotation)
    seen = widen(points).to(r) @ r.mT + widen(translation).to(r)[:, None, :]
    f, c = camera_tensors(focal, centre, r)
    picture = seen[..., :2] / seen[..., 2:].clamp_min(NEAREST)
    return (f[:, None, None] * picture + c[:, None, :]).to(rotation.dtype)


def camera_tensors(focal, centre, like: Tensor) -> tuple[Tensor, Tensor]:
    """Focal (1 or B,) and centre (1 or B, 2) as tensors of the dtype and on the device of another."""
    f = focal.to(like) if isinstance(focal, Tensor) else like.new_tensor(focal)
    c = centre.to(like) if isinstance(centre, Tensor) else like.new_tensor(centre)
    return f.reshape(-1), c.reshape(-1, 2)


def weak_perspective(landmarks: Float[Tensor, "b k 2"], model: Float[Tensor, "k 3"], solver: str = "polar") -> WeakPose:
    """The head's rotation as if all its points were equally far from the camera.

    With landmarks and model points about their means, ``A = landmarks^T pinv(model)^T`` (2x3) is the best linear map;
    its two rows should be orthogonal and equally long, so they are replaced by the nearest such pair:
    ``A = U S V^T``, first two rows of the rotation ``U V^T``, scale ``mean(S)``, third row their cross product.

    Args:
        landmarks: (B, K, 2) pixels, K >= 4.
        model: (K, 3) the same points on a head, cm; not all in one plane.
        solver: "polar", the closed form ``U V^T = (A A^T)^(-1/2) A`` with the square root of a 2x2 matrix written out:
            exports to ONNX and has the right gradient everywhere. "svd": ``torch.linalg.svd``, the same values; its
            gradient divides by the difference of the two singular values, which is 0 when the fit is perfect (in
            float32 a third of such fits give nan, the rest may be off by their own size).

    Returns:
        A WeakPose. Landmarks that all coincide or lie on one line leave the rotation open: they get the identity,
        scale 0 and the mean landmark as translation.

    Raises:
        ValueError: solver is neither, K < 4, coordinates that are not finite, or the model is flat.
        TypeError: landmarks is not of a floating dtype.

    Source: [dementhon1995] (POS); the nearest orthonormal pair as in [umeyama1991].
    """
    check_points(landmarks, least=4)
    if solver not in ("polar", "svd"):
        raise ValueError(f"solver is {solver!r}; it should be 'polar' or 'svd'")
    x = widen(landmarks)
    m = model.to(x)
    x_mean, m_mean = x.mean(1), m.mean(0)
    x0, m0 = x - x_mean[:, None], m - m_mean
    adjugate, determinant = adjugate_3x3(m0.mT @ m0)
    if not (torch.compiler.is_exporting() or torch.compiler.is_compiling()) and is_flat(model):
        raise ValueError("model has all its points in one plane; it should have depth")
    linear = x0.mT @ (m0 @ (adjugate / determinant))
    rotation, scale = polar_rotation(linear, solver)
    fitted = (m0 @ rotation[:, :2].mT) * scale[:, None, None]
    residual = root((fitted - x0).square().sum(-1).mean(-1))
    translation = x_mean - scale[:, None] * (rotation[:, :2] @ m_mean)
    dtype = landmarks.dtype
    return WeakPose(rotation.to(dtype), scale.to(dtype), translation.to(dtype), residual.to(dtype))


def polar_rotation(linear: Float[Tensor, "b 2 3"], solver: str = "polar") -> tuple[Tensor, Tensor]:
    """The rotation whose first two rows are nearest to a 2x3 matrix up to scale, and that scale.

    Args:
        linear: (B, 2, 3).
        solver: "polar" or "svd", see ``weak_perspective``.

    Returns:
        (B, 3, 3) rotations and (B,) scales. Matrices of rank below 2 get the identity and scale 0.
    """
    gram = linear @ linear.mT
    p, q, r = gram[:, 0, 0], gram[:, 0, 1], gram[:, 1, 1]
    squared = p * r - q * q  # the product of the two singular values, squared
    flat = squared <= (100 * torch.finfo(linear.dtype).eps) * (p + r) ** 2
    pair = torch.eye(2, 3, dtype=linear.dtype, device=linear.device).expand_as(linear)
    safe = torch.where(flat[:, None, None], pair, linear)
    if solver == "svd":
        u, sizes, v = torch.linalg.svd(safe, full_matrices=False)
        rows, scale = u @ v, sizes.mean(-1)
    else:
        p, q, r = (safe[:, i].mul(safe[:, j]).sum(-1) for i, j in ((0, 0), (0, 1), (1, 1)))
        product = (p * r - q * q).sqrt()
        total = (p + r + 2 * product).sqrt()  # the sum of the singular values
        # sqrt(G) = (G + product I) / total, and the inverse of a 2x2 matrix is its adjugate over its determinant.
        inverse = torch.stack([torch.stack([r + product, -q], -1), torch.stack([-q, p + product], -1)], -2)
        rows = inverse @ safe / (total * product)[:, None, None]
        scale = total / 2
    third = torch.linalg.cross(rows[:, 0], rows[:, 1])
    return torch.cat([rows, third[:, None]], 1), torch.where(flat, torch.zeros_like(scale), scale)


def is_flat(model: Tensor) -> bool:
    """Whether the points lie (nearly) in one plane."""
    m = model.detach().double()
    sizes = torch.linalg.svdvals(m - m.mean(0))
    return bool(sizes[2] <= 1e-3 * sizes[0])


def adjugate_3x3(m: Float[Tensor, "3 3"]) -> tuple[Tensor, Tensor]:
    """The adjugate and the determinant of a symmetric 3x3 matrix; their quotient is the inverse (exports to ONNX)."""
    a, b, c = m.unbind(0)
    adjugate = torch.stack([torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], 1)
    return adjugate, (a * adjugate[:, 0]).sum()
