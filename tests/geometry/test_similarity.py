"""Similarity transforms against scikit-image, warping against OpenCV, alignment of faces."""

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from skimage.transform import SimilarityTransform

from course_lib import geometry
from course_lib.geometry import align, five_points, invert_transform, similarity_transform, transform_points, warp


def random_pairs(n: int, k: int, d: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    source = 100 * torch.rand(n, k, d, dtype=torch.float64, generator=g)
    target = source.flip(-1) if d == 2 else source.roll(1, -1)  # a mirror image in the plane: the hard case
    return source, 0.7 * target + 30 * torch.randn(n, k, d, dtype=torch.float64, generator=g)


@pytest.mark.parametrize(("d", "cases"), [(2, 100), (3, 50)])
def test_similarity_is_scikit_images(record_check, d, cases):
    source, target = random_pairs(cases, 6, d)
    ours = similarity_transform(source, target)
    theirs = [
        SimilarityTransform.from_estimate(p, q).params[:d] for p, q in zip(source.numpy(), target.numpy(), strict=True)
    ]
    difference = np.abs(ours.numpy() - np.stack(theirs)).max()
    record_check(
        "geometry.similarity_transform",
        f"scikit-image SimilarityTransform, {d}-D",
        cases,
        difference,
        1e-9,
        "float64; shifts of up to 100 px; the 2-D targets are near mirror images",
    )


def test_an_exact_similarity_is_found_and_undone(device):
    angle, scale = torch.tensor(0.4), 1.7
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    matrix = torch.cat([scale * turn, torch.tensor([[5.0], [-8.0]])], 1)[None].to(device)
    points = torch.rand(1, 5, 2, device=device)
    found = similarity_transform(points, transform_points(points, matrix))
    assert torch.allclose(found, matrix, atol=1e-4)
    back = transform_points(transform_points(points, matrix), invert_transform(matrix))
    assert torch.allclose(back, points, atol=1e-5)


@pytest.mark.parametrize("d", [2, 3])
def test_no_mirroring(d):
    source = torch.randn(4, 7, d, generator=torch.Generator().manual_seed(0))
    target = source * torch.tensor([-1.0] + [1.0] * (d - 1))
    linear = similarity_transform(source, target)[..., :d]
    assert (torch.linalg.det(linear) >= 0).all()


def test_similarity_gradients():
    source, target = random_pairs(2, 5, 2)
    assert torch.autograd.gradcheck(similarity_transform, (source.requires_grad_(), target.requires_grad_()))


def test_points_that_coincide():
    same = torch.full((1, 5, 2), 3.0, requires_grad=True)
    other = torch.rand(1, 5, 2)
    matrix = similarity_transform(same, other)
    assert torch.equal(matrix[..., :2], torch.eye(2)[None])
    assert torch.allclose(matrix[0, :, 2], other[0].mean(0) - 3)
    matrix.sum().backward()
    assert torch.isfinite(same.grad).all()
    assert torch.allclose(similarity_transform(other, same.detach())[..., :2], torch.zeros(2, 2), atol=1e-6)
    assert torch.isfinite(align(torch.rand(1, 3, 20, 20), same.detach(), 16)).all()


def test_warp_is_opencvs(record_check):
    picture = torch.from_numpy(skimage.data.astronaut()[:200, :230].astype(np.float32) / 255)
    image = picture.permute(2, 0, 1)[None]
    worst, cases = 0.0, 0
    for angle, scale, shift in ((0, 1, (3, -4)), (17, 0.8, (20.3, 4.7)), (-130, 1.9, (150.5, 80.2))):
        a = np.deg2rad(angle)
        matrix = np.array([[np.cos(a), -np.sin(a), shift[0]], [np.sin(a), np.cos(a), shift[1]]]) * [[scale, scale, 1]]
        theirs = cv2.warpAffine(picture.numpy(), matrix, (160, 120), flags=cv2.INTER_LINEAR, borderValue=0)
        ours = warp(image, torch.from_numpy(matrix).float()[None], (120, 160))[0].permute(1, 2, 0).numpy()
        worst, cases = max(worst, float(np.abs(ours - theirs).mean())), cases + 1
    # OpenCV rounds source coordinates to 1/32 px: a mean error of 1/64 px times a mean slope of about 0.04 per px.
    record_check(
        "geometry.warp", "OpenCV 5 warpAffine, mean", cases, worst, 1e-3, "OpenCV rounds coordinates to 1/32 px"
    )


def test_warp_by_whole_pixels_copies_them(device):
    image = torch.rand(2, 3, 9, 7, device=device)
    shift = torch.tensor([[[1.0, 0, 2], [0, 1, -3]]], device=device)
    moved = warp(image, shift, (9, 7))
    assert torch.allclose(moved[:, :, :6, 2:], image[:, :, 3:, :5], atol=1e-6)
    assert moved[:, :, :, 0].abs().max() < 1e-6  # black outside (up to the rounding of the grid)


def test_align_puts_the_points_on_the_template(device):
    points = torch.tensor([[(52.0, 60), (90, 52), (78, 80), (66, 105), (96, 98)]], device=device)
    image = torch.zeros(1, 1, 140, 150, device=device)
    x, y = torch.arange(150.0, device=device), torch.arange(140.0, device=device)[:, None]
    image[0, 0] = (-((x - 52) ** 2 + (y - 60) ** 2) / 18).exp()  # a spot on the right eye
    out = align(image, points, 112)[0, 0]
    spot = (out / out.sum()).cpu()
    centre = torch.stack([(spot.sum(0) * torch.arange(112)).sum(), (spot.sum(1) * torch.arange(112)).sum()])
    matrix = similarity_transform(points, torch.tensor([geometry.ARCFACE_TEMPLATE], device=device))
    assert torch.allclose(centre, transform_points(points, matrix)[0, 0].cpu(), atol=0.05)


def test_align_at_double_size_is_twice_as_fine():
    image = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 130, 130, generator=torch.Generator().manual_seed(0)), 9, 1)
    points = torch.tensor([geometry.ARCFACE_TEMPLATE]) + 4
    small, large = align(image, points, 112), align(image, points, 224)
    # Two bilinear samplings of a smooth picture (9 px box blur) differ by its curvature only; half a pixel of shift
    # would show as more than 0.02.
    assert (torch.nn.functional.avg_pool2d(large, 2) - small).abs().mean() < 4e-3


def test_five_points_of_the_68():
    points = torch.rand(2, 68, 2)
    five = five_points(points)
    assert torch.allclose(five[:, 1], points[:, 42:48].mean(1)) and torch.equal(five[:, 2], points[:, 30])
    assert five_points(five) is five


def test_half_precision_warp_keeps_its_dtype():
    image = torch.rand(1, 3, 16, 16)
    points = torch.tensor([geometry.ARCFACE_TEMPLATE]) / 7
    half = align(image.half(), points.half(), 16)
    assert half.dtype == torch.float16
    assert torch.allclose(half.float(), align(image, points, 16), atol=0.02)  # half pixels are 1/128 px apart at 16


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: align(torch.rand(1, 3, 8, 8), torch.rand(1, 7, 2)), "7 points"),
        (lambda: align(torch.rand(1, 3, 8, 8), torch.full((1, 5, 2), torch.nan)), "nan"),
        (lambda: similarity_transform(torch.rand(0, 5, 2), torch.rand(0, 5, 2)), "B at least 1"),
        (lambda: warp(torch.rand(1, 3, 8, 8), torch.eye(2, 3)[None], 0), "size is 0"),
    ],
)
def test_errors_say_what_was_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
