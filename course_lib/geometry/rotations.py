"""Rotations three ways: yaw, pitch and roll in degrees; a 3x3 matrix; a rotation vector (axis times angle, radians).

The convention of the whole book, stated here once:

* **Camera frame** (OpenCV's): x to the right of the picture, y down, z forward, away from the camera into the scene.
* **Head frame**: the same three directions when the person looks straight into the lens. So x points to the person's
  own left (the right of the picture), y from the eyes to the chin, z from the nose to the back of the head, and the
  face looks along -z.
* Angles turn right-handed about these axes: pitch about x, yaw about y, roll about z. To somebody looking at the
  picture, **positive yaw** moves the nose to the left of the picture (the person turns to their own right),
  **positive pitch** moves the nose down (the person looks down), **positive roll** turns the head clockwise (the
  person tilts it towards their own left shoulder).
* **Order**: ``R = Rz(roll) @ Ry(yaw) @ Rx(pitch)``: nod first, then turn, then tilt in the picture plane, each about
  the fixed axes of the camera. A point of the head goes to the camera frame as ``R @ point + translation``.

Biometric record formats count yaw the other way: a face turned to its own left is positive there [nist2013].
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["angles_from_matrix", "rodrigues", "rotation_matrix", "rotation_vector"]

Angle = float | int | Float[Tensor, "*#b"]


def widen(x: Tensor) -> Tensor:
    """Half precision is too coarse for geometry (2000 px has steps of 1 px): compute such inputs in float32."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def root(x: Tensor) -> Tensor:
    """The square root, with gradient 0 instead of infinity at 0."""
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, torch.ones_like(x)).sqrt(), torch.zeros_like(x))


def check_floating(x: Tensor, name: str) -> None:
    """Refuses integer tensors, by name."""
    if not x.is_floating_point():
        raise TypeError(f"{name} has dtype {x.dtype}; it should be a floating dtype such as torch.float32")


def rotation_matrix(yaw: Angle, pitch: Angle = 0.0, roll: Angle = 0.0) -> Float[Tensor, "*b 3 3"]:
    """The matrix of a head turned by yaw, nodded by pitch and tilted by roll.

    ``R = Rz(roll) Ry(yaw) Rx(pitch)``, axes and signs as at the top of this module.

    Args:
        yaw: degrees, a number, a 0-d tensor or a tensor (B,); positive turns the nose to the left of the picture.
        pitch: degrees, likewise (the three broadcast); positive looks down.
        roll: degrees, likewise; positive turns clockwise in the picture.

    Returns:
        (3, 3), or (B, 3, 3) where an angle has a batch; orthonormal with determinant 1.

    Raises:
        TypeError: an angle is a tensor of integers.

    Source: [hartley2004], appendix 4.
    """
    tensors = [x for x in (yaw, pitch, roll) if isinstance(x, Tensor)]
    for x in tensors:
        check_floating(x, "an angle")
    like = tensors[0] if tensors else torch.zeros(())
    y, p, r = torch.broadcast_tensors(
        *(widen(x if isinstance(x, Tensor) else like.new_tensor(x)) * (math.pi / 180) for x in (yaw, pitch, roll))
    )
    cy, sy, cp, sp, cr, sr = y.cos(), y.sin(), p.cos(), p.sin(), r.cos(), r.sin()
    rows = (
        (cr * cy, cr * sy * sp - sr * cp, cr * sy * cp + sr * sp),
        (sr * cy, sr * sy * sp + cr * cp, sr * sy * cp - cr * sp),
        (-sy, cy * sp, cy * cp),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2).to(like.dtype)


def angles_from_matrix(rotation: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3"]:
    """Yaw, pitch and roll, in this order, of a rotation matrix; undoes ``rotation_matrix``.

    ``yaw = atan2(-R31, sqrt(R11^2 + R21^2)); pitch = atan2(R32, R33); roll = atan2(R21, R11)``. At a full profile
    (yaw = ±90°, "gimbal lock") pitch and roll turn about the same line and only their combination is defined:
    there roll is reported as 0 and pitch takes the whole turn. Gradients stay finite, at the identity too; inside
    the lock the gradient of roll is 0.

    Args:
        rotation: (..., 3, 3), orthonormal with determinant 1.

    Returns:
        (..., 3) degrees: yaw in [-90, 90], pitch and roll in [-180, 180].

    Raises:
        TypeError: rotation is not of a floating dtype.

    Source: [hartley2004], appendix 4; the formulas are those of most head-pose code that follows OpenCV.
    """
    check_floating(rotation, "rotation")
    r = widen(rotation)
    across = r[..., 0, 0] ** 2 + r[..., 1, 0] ** 2
    # 1e-5 is the cosine of yaw below which float32 rounding decides the direction of (R11, R21).
    limit = 1e-5 if r.dtype == torch.float32 else 1e-9
    locked = across < limit**2
    one, zero = torch.ones_like(across), torch.zeros_like(across)
    # The second where of each pair keeps the untaken branch away from sqrt(0) and atan2(0, 0), whose gradients are nan.
    yaw = torch.atan2(-r[..., 2, 0], torch.where(locked, zero, torch.where(locked, one, across).sqrt()))
    pitch = torch.atan2(
        torch.where(locked, -r[..., 1, 2], r[..., 2, 1]), torch.where(locked, r[..., 1, 1], r[..., 2, 2])
    )
    roll = torch.atan2(torch.where(locked, zero, r[..., 1, 0]), torch.where(locked, one, r[..., 0, 0]))
    return (torch.stack([yaw, pitch, roll], -1) * (180 / math.pi)).to(rotation.dtype)


def rodrigues(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """The rotation matrix of a rotation vector (Rodrigues' formula, the exponential map of SO(3)).

    ``R = I + sin(t)/t K + (1 - cos(t))/t^2 K^2`` with ``t = |vector|`` and ``K v = vector x v``; series near t = 0, so
    values and gradients are exact and finite there.

    Args:
        vector: (..., 3) radians; its direction is the axis, its length the angle.

    Returns:
        (..., 3, 3), orthonormal with determinant 1.

    Raises:
        TypeError: vector is not of a floating dtype.

    Source: [hartley2004], appendix 4; the same as ``cv2.Rodrigues``.
    """
    check_floating(vector, "vector")
    v = widen(vector)
    square = (v * v).sum(-1)[..., None, None]
    small = square < 1e-4  # the dropped term of the series, t^6/5040, is below 2e-16 there
    safe = torch.where(small, torch.ones_like(square), square)
    t = safe.sqrt()
    first = torch.where(small, 1 - square / 6 * (1 - square / 20), t.sin() / t)
    second = torch.where(small, 0.5 - square / 24 * (1 - square / 30), (1 - t.cos()) / safe)
    k = cross_matrix(v)
    eye = torch.eye(3, dtype=v.dtype, device=v.device)
    return (eye + first * k + second * (k @ k)).to(vector.dtype)


def rotation_vector(rotation: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3"]:
    """The rotation vector of a rotation matrix; undoes ``rodrigues`` for angles up to pi.

    By way of the unit quaternion (w, q), whose largest component is computed first (stable everywhere):
    ``vector = 2 atan2(|q|, w) q / |q|``. At exactly pi both signs of the axis are right and one is returned.

    Args:
        rotation: (..., 3, 3), orthonormal with determinant 1.

    Returns:
        (..., 3) radians, of length in [0, pi].

    Raises:
        TypeError: rotation is not of a floating dtype.

    Source: [shepperd1978]; the same as ``cv2.Rodrigues`` of a matrix.
    """
    check_floating(rotation, "rotation")
    r = widen(rotation)
    a, b, c = r[..., 0, 0], r[..., 1, 1], r[..., 2, 2]
    sizes = torch.stack([1 + a + b + c, 1 + a - b - c, 1 - a + b - c, 1 - a - b + c], -1)  # 4 times squared components
    x, y, z = r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]
    xy, xz, yz = r[..., 1, 0] + r[..., 0, 1], r[..., 2, 0] + r[..., 0, 2], r[..., 2, 1] + r[..., 1, 2]
    candidates = torch.stack(  # row i: the quaternion times 4 times its component i
        [
            torch.stack([sizes[..., 0], x, y, z], -1),
            torch.stack([x, sizes[..., 1], xy, xz], -1),
            torch.stack([y, xy, sizes[..., 2], yz], -1),
            torch.stack([z, xz, yz, sizes[..., 3]], -1),
        ],
        -2,
    )
    best = sizes.detach().argmax(-1)[..., None, None].expand(*sizes.shape[:-1], 1, 4)
    quaternion = candidates.gather(-2, best)[..., 0, :]
    quaternion = quaternion / (quaternion**2).sum(-1, keepdim=True).sqrt()
    w, q = quaternion[..., :1], quaternion[..., 1:]
    q, w = torch.where(w < 0, -q, q), w.abs()  # the short way round
    square = (q * q).sum(-1, keepdim=True)
    small = square < 1e-8
    length = torch.where(small, torch.ones_like(square), square).sqrt()
    factor = torch.where(
        small, (2 - 2 / 3 * square / w.clamp_min(0.5) ** 2) / w.clamp_min(0.5), 2 * torch.atan2(length, w) / length
    )
    return (factor * q).to(rotation.dtype)


def cross_matrix(v: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """The matrix K with ``K u = v x u``."""
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    rows = ((zero, -z, y), (z, zero, -x), (-y, x, zero))
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
