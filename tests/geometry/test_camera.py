"""The pinhole camera against OpenCV, weak perspective against closed forms, SciPy and its own SVD."""

import cv2
import numpy as np
import pytest
import scipy.linalg
import torch
from heads import CENTRE, FOCAL, heads
from hypothesis import given
from hypothesis import strategies as st

from course_lib.geometry import (
    MIRROR68,
    angles_from_matrix,
    face_model,
    polar_rotation,
    project,
    rotation_matrix,
    rotation_vector,
    weak_perspective,
)

CAMERA = np.array([[FOCAL, 0, CENTRE[0]], [0, FOCAL, CENTRE[1]], [0, 0, 1]])


def scaled_orthographic(angles: torch.Tensor, scale: float = 9.0, points: int = 14) -> torch.Tensor:
    model = face_model(points, dtype=angles.dtype)
    return scale * (model @ rotation_matrix(*angles.unbind(1)).mT)[..., :2] + torch.tensor([150.0, 90.0])


def test_project_is_opencvs(record_check):
    angles, translations, landmarks = heads(30, 68)
    vectors = rotation_vector(rotation_matrix(*angles.unbind(1))).numpy()
    model = face_model(68, dtype=torch.float64).numpy()
    pairs = zip(vectors, translations.numpy(), strict=True)
    theirs = np.stack([cv2.projectPoints(model, r, t, CAMERA, None)[0][:, 0] for r, t in pairs])
    difference = np.abs(landmarks.numpy() - theirs).max()
    record_check("geometry.project", "OpenCV 5 projectPoints", 30 * 68, difference, 1e-9, "pixels, float64")


def test_points_behind_the_lens_stay_finite():
    out = project(face_model(), torch.eye(3)[None], torch.tensor([[0.0, 0, -50]]), 500.0, (0.0, 0.0))
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("solver", ["polar", "svd"])
@pytest.mark.parametrize("points", [5, 6, 14, 51, 68])
def test_weak_perspective_is_exact_for_far_heads(solver, points):
    angles = heads(50)[0]
    pose = weak_perspective(scaled_orthographic(angles, 9.0, points), face_model(points), solver)
    # The model's coordinates have rounded decimals, and float32 to float64 keeps their 6e-8 error.
    assert torch.allclose(angles_from_matrix(pose.rotation), angles, atol=1e-4)
    assert torch.allclose(pose.scale, torch.full_like(pose.scale, 9.0), atol=1e-5)
    assert torch.allclose(pose.translation, torch.tensor([[150.0, 90.0]]).double(), atol=1e-4)
    assert (pose.residual < 1e-4).all()


def test_weak_perspective_is_its_definition(record_check):
    landmarks = heads(40, 14, yaw=50)[2] + 3 * torch.randn(40, 14, 2, generator=torch.Generator().manual_seed(5))
    model = face_model(14, dtype=torch.float64)
    ours = weak_perspective(landmarks, model)
    worst = 0.0
    for i, points in enumerate(landmarks.numpy()):
        linear = np.linalg.lstsq(model - model.mean(0), points - points.mean(0), rcond=None)[0].T
        rows = scipy.linalg.polar(linear, side="left")[0]
        worst = max(worst, float(np.abs(ours.rotation[i, :2].numpy() - rows).max()))
    record_check(
        "geometry.weak_perspective",
        "NumPy lstsq + SciPy linalg.polar",
        40,
        worst,
        1e-12,
        "rotation, float64, noise 3 px",
    )
    svd = weak_perspective(landmarks, model, "svd")
    assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(ours, svd, strict=True))


def test_weak_perspective_is_where_opencvs_pnp_ends_for_far_heads(record_check):
    angles, _, _ = heads(20, yaw=60, tilt=25)
    model, far = face_model(14, dtype=torch.float64), 1e4
    place = torch.tensor([[0.0, 0, far]], dtype=torch.float64)
    landmarks = project(model, rotation_matrix(*angles.unbind(1)), place, 10 * far, (0.0, 0.0))
    rotations = weak_perspective(landmarks, model).rotation
    camera, worst = np.diag([10 * far, 10 * far, 1]), 0.0
    for points, ours in zip(landmarks.numpy(), rotations, strict=True):
        start = rotation_vector(ours).numpy()[:, None], place.numpy().T.copy()
        vector, _ = cv2.solvePnPRefineLM(model.numpy(), points, camera, None, *start)
        theirs = angles_from_matrix(torch.from_numpy(cv2.Rodrigues(vector)[0]))
        worst = max(worst, float((angles_from_matrix(ours) - theirs).abs().max()))
    # The head is 6 cm deep at 100 m: perspective moves points by 6e-4 of their place, some hundredths of a degree.
    note = "degrees; camera 100 m away, started from ours"
    record_check("geometry.weak_perspective", "OpenCV 5 solvePnPRefineLM", 20, worst, 0.1, note)


def test_the_gradient_through_the_svd_is_nan_where_the_fit_is_perfect():
    def gradient(solver):
        linear = torch.eye(2, 3)[None].requires_grad_()  # a head that looks straight into the camera
        return torch.autograd.grad(polar_rotation(linear, solver)[0][0, 0, 1], linear)[0][0]

    # To first order a change of the two rows turns them by half the difference of the off-diagonal entries.
    assert torch.allclose(gradient("polar"), torch.tensor([[0.0, 0.5, 0], [-0.5, 0, 0]]), atol=1e-6)
    assert not torch.isfinite(gradient("svd")).all()


def test_weak_perspective_gradients():
    landmarks = scaled_orthographic(torch.tensor([[0.0, 0, 0], [20, -10, 5]], dtype=torch.float64))
    noise = torch.randn(landmarks.shape, generator=torch.Generator().manual_seed(0)).double()
    for points in (landmarks, landmarks + noise):
        assert torch.autograd.gradcheck(lambda p: weak_perspective(p, face_model(14)).rotation, points.requires_grad_())


@given(st.floats(-60, 60), st.floats(-30, 30), st.floats(-40, 40), st.floats(-170, 170))
def test_turning_the_picture_adds_to_roll_and_a_mirror_flips_yaw_and_roll(yaw, pitch, roll, turn):
    points = scaled_orthographic(torch.tensor([[yaw, pitch, roll]], dtype=torch.float64), points=68)
    model = face_model(68)
    first = angles_from_matrix(weak_perspective(points, model).rotation)[0]
    turned = points @ rotation_matrix(0.0, 0.0, torch.tensor(turn, dtype=torch.float64))[:2, :2].T
    second = angles_from_matrix(weak_perspective(turned, model).rotation)[0]
    around = (second[2] - first[2] - turn + 180) % 360 - 180
    assert torch.allclose(first[:2], second[:2], atol=1e-6) and abs(around) < 1e-6
    mirrored = (points * torch.tensor([-1.0, 1.0]))[:, list(MIRROR68)]
    third = angles_from_matrix(weak_perspective(mirrored, model).rotation)[0]
    assert torch.allclose(third, first * torch.tensor([-1.0, 1.0, -1.0]), atol=1e-6)


def test_noise_moves_the_angles_as_much_as_the_points():
    angles = heads(200, yaw=45, tilt=20)[0]
    clean = scaled_orthographic(angles, points=68)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(7)).double()

    def error(share):
        found = weak_perspective(clean + share * 9.0 * 6.4 * noise, face_model(68)).rotation
        return (angles_from_matrix(found) - angles).square().mean(0).sqrt()

    one = error(0.01)  # landmarks 1 % of the eye distance off: yaw, pitch and roll less than a degree off
    assert (one < 1).all()
    assert torch.allclose(error(0.001), one / 10, rtol=0.1)  # proportional


def test_landmarks_that_say_nothing():
    same = torch.full((1, 14, 2), 70.0)
    line = torch.arange(14.0)[None, :, None] * torch.tensor([3.0, 1.0])
    points = torch.cat([same, line, scaled_orthographic(torch.zeros(1, 3))]).requires_grad_()
    pose = weak_perspective(points, face_model(14))
    assert torch.equal(pose.rotation[:2], torch.eye(3).expand(2, 3, 3))
    assert pose.scale[:2].tolist() == [0, 0] and pose.scale[2] > 1
    assert torch.allclose(pose.translation[0], torch.tensor([70.0, 70.0]))
    sum(part.sum() for part in pose).backward()
    assert torch.isfinite(points.grad).all()
    rotation, scale = polar_rotation(torch.zeros(1, 2, 3), "svd")
    assert torch.equal(rotation, torch.eye(3)[None]) and scale == 0


def test_half_precision_and_errors():
    points = scaled_orthographic(torch.tensor([[20.0, 5, -5]]))
    pose = weak_perspective(points.half(), face_model(14))
    assert pose.rotation.dtype == torch.float16
    assert torch.allclose(angles_from_matrix(pose.rotation).float(), torch.tensor([[20.0, 5, -5]]), atol=0.5)
    with pytest.raises(ValueError, match="one plane"):
        weak_perspective(points, face_model(14) * torch.tensor([1.0, 1, 0]))
    with pytest.raises(ValueError, match="at least 4"):
        weak_perspective(points[:, :3], face_model(14)[:3])
    with pytest.raises(ValueError, match="'svd'"):
        weak_perspective(points, face_model(14), "qr")
    with pytest.raises(ValueError, match="5, 6, 14"):
        face_model(7)
