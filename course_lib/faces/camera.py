"""Head pose, pinhole camera, and what a real camera adds: blur, noise, white balance, compression."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.faces.maths import constant, hann_blur, ramp, take
from course_lib.geometry import rotation_matrix

NECK_PIVOT = (0.0, -7.0, -2.0)
"""Point in cm about which the head turns."""


def head_rotation(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """(B, 3, 3) rotation of the head for this package's axes, x right, y up, z to the viewer.

    The angles follow ``geometry.rotations``: yaw > 0 turns the nose to the left of the picture, pitch > 0 looks down,
    roll > 0 turns clockwise.
    """
    flip = constant([1.0, -1.0, -1.0], yaw)
    return flip[:, None] * rotation_matrix(yaw, pitch, roll) * flip


def to_camera_frame(points: Tensor, distance: Tensor) -> Tensor:
    """Points (B, ..., 3) of this package's axes in the book's camera frame: x right, y down, z forward from the lens, cm."""
    depth = distance.view((-1,) + (1,) * (points.dim() - 2)) - points[..., 2]
    return torch.stack([points[..., 0], -points[..., 1], depth], -1)


class Pose:
    """Turns the head by its rotation and the chest by a fraction of it, blended along the neck."""

    def __init__(self, yaw: Tensor, pitch: Tensor, roll: Tensor):
        self.head = head_rotation(yaw, pitch, roll)
        self.chest = head_rotation(yaw * 0.2, pitch * 0.1, roll * 0.1)

    def points(self, points: Tensor) -> Tensor:
        """Moves points (B, ..., 3) in cm."""
        pivot = constant(NECK_PIVOT, points)
        local = (points - pivot).reshape(len(points), -1, 3)
        share = ramp(local[..., 1:2] - 7.0, -18.5, -12.0)
        moved = torch.lerp(local @ self.chest.transpose(1, 2), local @ self.head.transpose(1, 2), share)
        return (moved + pivot).view(points.shape)

    def directions(self, vectors: Tensor, y: Tensor) -> Tensor:
        """Turns directions (B, ..., 3) of points whose resting height is ``y`` (broadcast against the middle axes)."""
        flat = vectors.reshape(len(vectors), -1, 3)
        share = ramp(y, -18.5, -12.0).expand(vectors.shape[:-1]).reshape(len(vectors), -1, 1)
        turned = torch.lerp(flat @ self.chest.transpose(1, 2), flat @ self.head.transpose(1, 2), share)
        return turned.view(vectors.shape)


@dataclass
class Camera:
    """Pinhole camera on the z axis.

    Attributes:
        focal: (B,) focal length in image sides.
        distance: (B,) distance in cm from the head's origin.
        x, y: (B,) shift of the image in image sides, right and down.
    """

    focal: Tensor
    distance: Tensor
    x: Tensor
    y: Tensor

    def project(self, points: Tensor, size: float | int) -> tuple[Tensor, Tensor]:
        """Pixel-edge coordinates (0 = left or upper edge of the image) of points (B, ..., 3) in cm."""
        shape = (-1,) + (1,) * (points.dim() - 2)
        focal, distance, x, y = (c.view(shape) for c in (self.focal, self.distance, self.x, self.y))
        scale = focal / (distance - points[..., 2])
        return size * (0.5 + points[..., 0] * scale + x), size * (0.5 - points[..., 1] * scale + y)

    def lift(self, u: Tensor, v: Tensor, depth: Tensor, batch: Tensor) -> Tensor:
        """(N, 3) points in cm that lie at image place (u, v), in image sides, and at ``depth`` cm from the camera."""
        reach = depth / take(self.focal, batch)
        x, y = (u - 0.5 - take(self.x, batch)) * reach, -(v - 0.5 - take(self.y, batch)) * reach
        return torch.stack([x, y, take(self.distance, batch) - depth], 1)

    def matrix(self, size: int) -> Tensor:
        """(B, 3, 3) intrinsics for pixel centres at integers and axes x right, y down, z forward."""
        zero, one = torch.zeros_like(self.focal), torch.ones_like(self.focal)
        first = torch.stack([self.focal * size, zero, size * (0.5 + self.x) - 0.5], -1)
        second = torch.stack([zero, self.focal * size, size * (0.5 + self.y) - 0.5], -1)
        return torch.stack([first, second, torch.stack([zero, zero, one], -1)], 1)


def tone_curve(light: Tensor) -> Tensor:
    """Linear light (B, 3, H, W) to display values in [0, 1]: a soft shoulder, then the 1/2.2 power."""
    light = light.clamp(min=0)
    return (light * (1 + 0.16 * light) / (1 + 0.46 * light) * 1.13).clamp(1e-5, 1) ** (1 / 2.2)


def defocus(image: Tensor, sigma: Tensor) -> Tensor:
    """Blurs each image (B, 3, H, W) by its own small sigma (B,) in pixels, mixing three fixed blurs."""
    levels = [image, hann_blur(image, 3), hann_blur(image, 5), hann_blur(image, 9)]
    known = constant([0.0, 0.7, 1.2, 2.2], sigma)
    weights = (1 - (sigma[:, None] - known).abs() / constant([0.7, 0.6, 0.75, 1.0], sigma)).clamp(min=0)
    weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-6)
    return sum(w.view(-1, 1, 1, 1) * level for w, level in zip(weights.unbind(1), levels, strict=True))


def sensor(light: Tensor, noise: Tensor, seed: Tensor) -> Tensor:
    """Adds photon-like noise to linear light (B, 3, H, W): standard deviation ``noise`` at white, less in the dark.

    The draw of a picture depends on its ``seed`` (B,) alone, not on its place in the batch.
    """
    _, _, height, width = light.shape
    index = torch.arange(3 * height * width, device=light.device).view(1, 3, height, width)
    # A counter-based hash: the same numbers on every device.
    state = (index * 747796405 + seed.view(-1, 1, 1, 1) * 2891336453) & 0xFFFFFFFF
    uniform = []
    for salt in (0x9E3779B9, 0x85EBCA6B):
        h = (state ^ salt) & 0xFFFFFFFF
        h = ((h ^ (h >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
        h = ((h ^ (h >> 15)) * 0x846CA68B) & 0xFFFFFFFF
        uniform.append(((h ^ (h >> 16)).float() + 0.5) / 4294967296.0)
    normal = (-2 * uniform[0].clamp(min=1e-9).log()).sqrt() * torch.cos(6.2831853 * uniform[1])
    return light + noise.view(-1, 1, 1, 1) * normal * (0.15 + light.clamp(0, 1)).sqrt()


def compress(image: Tensor, strength: Tensor) -> Tensor:
    """JPEG-like loss (B, 3, H, W): 8 × 8 cosine blocks of Y'CbCr, rounded to steps that grow with ``strength`` (B,)."""
    height, width = image.shape[-2:]
    k = torch.arange(8, dtype=torch.float32, device=image.device)
    basis = torch.cos((2 * k[None] + 1) * k[:, None] * (torch.pi / 16)) * torch.where(k > 0, 0.5, 0.5**1.5)[:, None]
    to_ycc = constant([(0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312)], image)
    ycc = torch.einsum("ij,bjhw->bihw", to_ycc, image - 0.5)
    padded = F.pad(ycc, (0, -width % 8, 0, -height % 8), mode="replicate")
    blocks = padded.unfold(2, 8, 8).unfold(3, 8, 8)
    coefficients = basis @ blocks @ basis.t()
    slope = 1 + 0.9 * (k[:, None] + k[None]) / 2
    step = (
        strength.view(-1, 1, 1, 1, 1, 1) * slope * constant([1.0, 2.0, 2.0], image).view(1, 3, 1, 1, 1, 1) * 0.045
        + 1e-4
    )
    blocks = basis.t() @ ((coefficients / step).round() * step) @ basis
    ycc = blocks.permute(0, 1, 2, 4, 3, 5).reshape(padded.shape)[:, :, :height, :width]
    rgb = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(to_ycc), ycc) + 0.5
    return torch.where(strength.view(-1, 1, 1, 1) > 0, rgb, image).clamp(0, 1)
