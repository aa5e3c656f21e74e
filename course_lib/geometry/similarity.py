"""Similarity transforms between point sets, warping a picture by one, and the alignment of faces."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from course_lib.geometry.landmarks import ARCFACE_TEMPLATE, check_points, five_points
from course_lib.geometry.rotations import check_floating, widen

__all__ = ["align", "invert_transform", "similarity_transform", "transform_points", "warp"]


def similarity_transform(source: Float[Tensor, "b k d"], target: Float[Tensor, "#b k d"]) -> Float[Tensor, "b d e"]:
    """The turn, uniform scale and shift that bring source points closest to target points, without mirroring.

    Minimises ``sum |s R source + t - target|^2`` over a scale s >= 0, a rotation R (determinant +1) and a shift t, in
    closed form. In the plane, with points as complex numbers about their means, ``s R = sum conj(p) q / sum |p|^2``: no
    singular value decomposition, differentiable, exports to ONNX. In 3-D, Umeyama's SVD.

    Args:
        source: (B, K, D) points, D = 2 or 3.
        target: (B, K, D) or (1, K, D).

    Returns:
        (B, D, D+1): ``[s R | t]``, as OpenCV's 2x3 matrices. Source points that all coincide have no turn and scale:
        they get R = I, s = 1 and the shift between the means. Target points that all coincide give s = 0.

    Raises:
        ValueError: wrong shapes, or coordinates that are not finite.
        TypeError: the points are not of a floating dtype.

    Source: [umeyama1991]; the same as ``skimage.transform.SimilarityTransform``.
    """
    check_points(source, "source", dimensions=(2, 3))
    check_points(target, "target", least=source.shape[1], dimensions=(source.shape[-1],))
    d = source.shape[-1]
    p, q = widen(source), widen(target)
    p_mean, q_mean = p.mean(1, keepdim=True), q.mean(1, keepdim=True)
    p, q = p - p_mean, q - q_mean
    power = (p * p).sum((1, 2))
    flat = power == 0
    power = torch.where(flat, torch.ones_like(power), power)[:, None, None]
    if d == 2:
        dot = (p * q).sum((1, 2))
        cross = (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]).sum(1)
        linear = torch.stack([torch.stack([dot, -cross], -1), torch.stack([cross, dot], -1)], -2) / power
    else:
        u, sizes, v = torch.linalg.svd(q.mT @ p)
        last = torch.linalg.det(u @ v).sign()  # -1 where the best orthogonal matrix would mirror
        signs = torch.stack([torch.ones_like(last), torch.ones_like(last), last], -1)
        linear = (u * signs[:, None, :]) @ v * (sizes * signs).sum(-1)[:, None, None] / power
    linear = torch.where(flat[:, None, None], torch.eye(d, dtype=p.dtype, device=p.device), linear)
    shift = q_mean - p_mean @ linear.mT
    return torch.cat([linear, shift.mT], -1).to(source.dtype)


def transform_points(points: Float[Tensor, "b k d"], matrix: Float[Tensor, "#b d e"]) -> Float[Tensor, "b k d"]:
    """Points moved by an affine matrix ``[A | t]``: ``A p + t``.

    Args:
        points: (B, K, D).
        matrix: (B, D, D+1) or (1, D, D+1).

    Returns:
        (B, K, D).
    """
    return points @ matrix[..., :-1].mT + matrix[..., -1:].mT


def invert_transform(matrix: Float[Tensor, "b 2 3"]) -> Float[Tensor, "b 2 3"]:
    """The affine matrix that undoes another, in the plane: ``[A^-1 | -A^-1 t]``.

    Args:
        matrix: (B, 2, 3).

    Returns:
        (B, 2, 3). A matrix that flattens the plane has no inverse; it gets one with a zero linear part.
    """
    a, b, c, d = matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1]
    det = a * d - b * c
    inverse = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2)
    singular = (det == 0)[:, None, None]
    inverse = torch.where(
        singular,
        torch.zeros_like(inverse),
        inverse / torch.where(singular, torch.ones_like(inverse), det[:, None, None]),
    )
    return torch.cat([inverse, -inverse @ matrix[:, :, 2:]], -1)


def warp(
    image: Float[Tensor, "b c h w"], matrix: Float[Tensor, "#b 2 3"], size: int | tuple[int, int]
) -> Float[Tensor, "b c height width"]:
    """The picture moved by an affine matrix, bilinear, black outside.

    Output pixel p shows the input at ``A^-1 (p - t)``, with pixel centres at integers (so a matrix fitted to landmark
    coordinates needs no half-pixel correction). Shrinking by more than 2 skips pixels: blur or shrink first.

    Args:
        image: (B, C, H, W).
        matrix: (B, 2, 3) or (1, 2, 3), from input to output pixels, as for ``cv2.warpAffine``.
        size: side of the square output, or (height, width), pixels.

    Returns:
        (B, C, height, width), in the range of the input.

    Raises:
        ValueError: size is not positive.
        TypeError: image is not of a floating dtype.

    Source: the same as ``cv2.warpAffine`` with ``INTER_LINEAR``.
    """
    check_floating(image, "image")
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise ValueError(f"size is {size}; it should be one or two positive integers")
    h, w = image.shape[-2:]
    work = widen(image)
    inverse = invert_transform(widen(matrix).to(work.dtype))
    x = torch.arange(width, dtype=work.dtype, device=work.device)[None, None, :]
    y = torch.arange(height, dtype=work.dtype, device=work.device)[None, :, None]
    m = inverse[:, :, :, None, None]
    u = m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2]
    v = m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2]
    # grid_sample's align_corners=False puts pixel i at (2 i + 1) / n - 1.
    grid = torch.stack([(2 * u + 1) / w - 1, (2 * v + 1) / h - 1], -1).expand(image.shape[0], -1, -1, -1)
    return grid_sample(work, grid, mode="bilinear", padding_mode="zeros", align_corners=False).to(image.dtype)


def align(
    image: Float[Tensor, "b c h w"],
    landmarks: Float[Tensor, "b k 2"],
    size: int = 112,
    template: Float[Tensor, "5 2"] | None = None,
) -> Float[Tensor, "b c size size"]:
    """Faces brought to the standard place and size: eyes level, at fixed pixels.

    ``warp(image, similarity_transform(five points, template))``. For another size than 112 the template is scaled about
    pixel edges, ``(t + 1/2) size / 112 - 1/2``, so that a 224 px result shrunk by two is the 112 px result.

    Args:
        image: (B, C, H, W).
        landmarks: (B, 5, 2) eye centres, nose tip, mouth corners, each pair from left to right in the picture; or
            (B, 68, 2) in the iBUG order. Pixels.
        size: side of the output, pixels.
        template: (5, 2) pixels in a 112 px square; ArcFace's when left out.

    Returns:
        (B, C, size, size), in the range of the input.

    Raises:
        ValueError: landmarks has neither 5 nor 68 points, or size is not positive.
        TypeError: image or landmarks is not of a floating dtype.

    Source: [deng2019].
    """
    check_points(landmarks)
    points = widen(five_points(landmarks))
    goal = template if template is not None else torch.tensor(ARCFACE_TEMPLATE)
    goal = (goal.to(points) + 0.5) * (size / 112) - 0.5
    return warp(image, similarity_transform(points, goal[None]), size)
