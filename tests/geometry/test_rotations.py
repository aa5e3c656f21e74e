"""Rotations against SciPy and OpenCV, their signs, their gradients, and gimbal lock."""

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from course_lib.geometry import angles_from_matrix, rodrigues, rotation_matrix, rotation_vector

NOSE, CROWN = torch.tensor([0.0, 0, -1]), torch.tensor([0.0, -1, 0])
degrees = st.floats(-179, 179)
side = st.floats(-89, 89)


def random_angles(n: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    limits = torch.tensor([89.0, 179.0, 179.0], dtype=torch.float64)
    return (2 * torch.rand(n, 3, dtype=torch.float64, generator=generator) - 1) * limits


@pytest.mark.parametrize(
    ("angles", "point", "where"),
    [
        ((30, 0, 0), NOSE, (-1, 0)),  # yaw: the nose goes to the left of the picture
        ((0, 30, 0), NOSE, (0, 1)),  # pitch: the nose goes down
        ((0, 0, 30), CROWN, (1, 0)),  # roll: the crown goes to the right, clockwise
    ],
)
def test_what_positive_angles_mean_in_the_picture(angles, point, where):
    moved = (rotation_matrix(*map(float, angles)) @ point - point)[:2]
    assert torch.dot(moved, torch.tensor(where, dtype=torch.float32)) > 0.4


def test_rotation_matrix_is_scipys(record_check):
    angles = random_angles(500)
    yaw, pitch, roll = angles.unbind(1)
    ours = rotation_matrix(yaw, pitch, roll)
    # Lower-case axes turn about the fixed frame, in the order written: x, then y, then z.
    theirs = Rotation.from_euler("xyz", angles[:, [1, 0, 2]].numpy(), degrees=True)
    note = "float64, rounding of sines"
    record_check(
        "geometry.rotation_matrix",
        "SciPy Rotation.from_euler",
        500,
        np.abs(ours.numpy() - theirs.as_matrix()).max(),
        1e-14,
        note,
    )
    back = theirs.as_euler("xyz", degrees=True)[:, [1, 0, 2]]
    record_check(
        "geometry.angles_from_matrix",
        "SciPy Rotation.as_euler",
        500,
        np.abs(angles_from_matrix(ours).numpy() - back).max(),
        1e-9,
        "degrees; up to 89 degrees of yaw, where rounding grows 57-fold",
    )


def test_rodrigues_is_opencvs_and_scipys(record_check):
    generator = torch.Generator().manual_seed(1)
    direction = torch.nn.functional.normalize(torch.randn(60, 3, dtype=torch.float64, generator=generator), dim=1)
    # From tiny turns through the border of the series (|v| = 0.01) almost to a half turn.
    sizes = torch.tensor([1e-9, 1e-4, 0.00999, 0.01001, 0.5, math.pi - 1e-5], dtype=torch.float64).repeat(10)
    vectors = direction * sizes[:, None]
    theirs = np.stack([cv2.Rodrigues(v)[0] for v in vectors.numpy()])
    ours = rodrigues(vectors)
    record_check("geometry.rodrigues", "OpenCV 5 Rodrigues", 60, np.abs(ours.numpy() - theirs).max(), 1e-14, "float64")
    back = Rotation.from_matrix(theirs).as_rotvec()
    record_check(
        "geometry.rotation_vector",
        "SciPy Rotation.as_rotvec",
        60,
        np.abs(rotation_vector(torch.from_numpy(theirs)).numpy() - back).max(),
        1e-10,
        "radians; from 1e-9 to pi - 1e-5",
    )


def test_rotation_vector_at_a_half_turn():
    vectors = torch.tensor([[math.pi, 0, 0], [0, math.pi, 0], [0, 0, math.pi], [0, -math.pi * 0.6, math.pi * 0.8]])
    back = rotation_vector(rodrigues(vectors.double()))
    assert torch.allclose(back.norm(dim=1), torch.full((4,), math.pi, dtype=torch.float64), atol=1e-7)
    assert torch.allclose(rodrigues(back), rodrigues(vectors.double()), atol=1e-6)  # float32 pi is 9e-8 off


@given(side, degrees, degrees)
def test_angles_survive_matrix_and_vector(yaw, pitch, roll):
    angles = torch.tensor([yaw, pitch, roll], dtype=torch.float64)
    matrix = rotation_matrix(*angles)
    assert torch.allclose(matrix @ matrix.T, torch.eye(3, dtype=torch.float64), atol=1e-14)
    assert torch.allclose(angles_from_matrix(matrix), angles, atol=1e-9)
    assert torch.allclose(rodrigues(rotation_vector(matrix)), matrix, atol=1e-12)


@pytest.mark.parametrize("yaw", [90.0, -90.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gimbal_lock_keeps_the_rotation_and_finite_gradients(yaw, dtype):
    matrix = rotation_matrix(torch.tensor([yaw], dtype=dtype), 20.0, 35.0).requires_grad_()
    angles = angles_from_matrix(matrix)
    assert angles[0, 2] == 0
    assert torch.allclose(rotation_matrix(*angles.T), matrix, atol=1e-5)
    angles.sum().backward()
    assert torch.isfinite(matrix.grad).all()


def test_gradients_are_right_and_finite_at_the_identity():
    angles = torch.cat([torch.zeros(1, 3, dtype=torch.float64), random_angles(4, 2)]).requires_grad_()
    vectors = torch.cat([torch.zeros(1, 3), torch.randn(4, 3, generator=torch.Generator().manual_seed(3))])
    vectors = vectors.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda a: rotation_matrix(*a.unbind(1)), angles)
    assert torch.autograd.gradcheck(lambda a: angles_from_matrix(rotation_matrix(*a.unbind(1))), angles)
    assert torch.autograd.gradcheck(rodrigues, vectors)
    assert torch.autograd.gradgradcheck(rodrigues, vectors)
    assert torch.autograd.gradcheck(lambda v: rotation_vector(rodrigues(v)), vectors)


def test_kinds_of_angles_broadcast(device):
    yaw = torch.tensor([0.0, 10.0, 20.0], device=device)
    mixed = rotation_matrix(yaw, torch.tensor(5.0, device=device), 7)
    assert mixed.shape == (3, 3, 3) and mixed.device.type == device.type
    assert torch.equal(mixed[1], rotation_matrix(10.0, 5.0, 7.0).to(device))
    assert rotation_matrix(10.0).shape == (3, 3)
    assert rotation_matrix(torch.zeros(())).shape == (3, 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_computes_in_float32(dtype):
    matrix = rotation_matrix(torch.tensor([30.0], dtype=dtype), 10.0, -5.0)
    assert matrix.dtype == dtype
    step = torch.finfo(dtype).eps  # the one rounding of a result of size up to 1
    assert torch.allclose(matrix.float(), rotation_matrix(torch.tensor([30.0]), 10.0, -5.0), atol=step)
    assert torch.allclose(angles_from_matrix(matrix).float(), torch.tensor([[30.0, 10.0, -5.0]]), atol=60 * step)


def test_integers_are_refused():
    with pytest.raises(TypeError):  # jaxtyping says so in tests, our own check outside
        angles_from_matrix(torch.eye(3, dtype=torch.int64))
