"""PnP against OpenCV: the same minimum, to rounding; exact on exact input, steady under noise, finite on nonsense."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from heads import CENTRE, FOCAL, heads

from course_lib.geometry import (
    angles_from_matrix,
    face_model,
    project,
    rotation_matrix,
    rotation_vector,
    sight_rotation,
    solve_pnp,
    weak_perspective,
)

CAMERA = np.array([[FOCAL, 0, CENTRE[0]], [0, FOCAL, CENTRE[1]], [0, 0, 1]])


def noisy(n: int, points: int, pixels: float = 2.0, **options):
    angles, translations, landmarks = heads(n, points, **options)
    noise = torch.randn(landmarks.shape, generator=torch.Generator().manual_seed(9)).to(landmarks)
    return angles, translations, landmarks + pixels * noise


@pytest.mark.parametrize("points", [6, 14, 68])
def test_it_is_opencvs_minimum(record_check, points):
    n = 60
    _, _, landmarks = noisy(n, points)
    model = face_model(points, dtype=torch.float64)
    ours = solve_pnp(landmarks, model, FOCAL, CENTRE, iterations=30)
    found = angles_from_matrix(ours.rotation).numpy()
    turns, shifts, kept = [0.0], [0.0], 0
    for i, picture in enumerate(landmarks.numpy()):
        _, r, t = cv2.solvePnP(model.numpy(), picture, CAMERA, None, flags=cv2.SOLVEPNP_ITERATIVE)
        theirs = cv2.projectPoints(model.numpy(), r, t, CAMERA, None)[0][:, 0]
        error = np.sqrt(((theirs - picture) ** 2).sum(1).mean())
        assert ours.residual[i] <= error + 1e-6  # OpenCV never finds a better fit
        if t[2, 0] < 0 or error > ours.residual[i] + 1e-6:
            continue  # OpenCV started from a linear solution and ended in a worse minimum, often behind the lens
        turns.append(np.abs(found[i] - angles_from_matrix(torch.from_numpy(cv2.Rodrigues(r)[0])).numpy()).max())
        shifts.append(np.abs(ours.translation[i].numpy() - t[:, 0]).max())
        kept += 1
    assert kept >= (0.9 if points > 6 else 0.5) * n
    # OpenCV stops after 20 steps or a relative change of 1.2e-7.
    note = f"degrees, {points} points, noise 2 px; fits where OpenCV reaches the minimum"
    record_check("geometry.solve_pnp", "OpenCV 5 solvePnP (ITERATIVE)", kept, max(turns), 1e-2, note)
    assert max(shifts) < 1e-2  # cm


def test_opencvs_refinement_stays_where_we_ended(record_check):
    _, _, landmarks = noisy(60, 14, seed=3)
    model = face_model(14, dtype=torch.float64)
    ours = solve_pnp(landmarks, model, FOCAL, CENTRE, iterations=30)
    starts = zip(rotation_vector(ours.rotation).numpy(), ours.translation.numpy(), landmarks.numpy(), strict=True)
    worst = 0.0
    for r, t, picture in starts:
        r2, _ = cv2.solvePnPRefineLM(model.numpy(), picture, CAMERA, None, r[:, None].copy(), t[:, None].copy())
        worst = max(worst, float(np.abs(cv2.Rodrigues(r2)[0] - cv2.Rodrigues(r)[0]).max()))
    record_check(
        "geometry.solve_pnp", "OpenCV 5 solvePnPRefineLM", 60, worst, 1e-5, "rotation matrix; started from ours"
    )


@pytest.mark.parametrize("points", [5, 6, 14, 51, 68])
def test_exact_pictures_give_the_exact_pose_in_eight_steps(points):
    angles, translations, landmarks = heads(300, points)
    pose = solve_pnp(landmarks, face_model(points, dtype=torch.float64), FOCAL, CENTRE)
    wrong = (angles_from_matrix(pose.rotation) - angles).abs().amax(1)
    assert (wrong < 1e-3).all()
    assert torch.allclose(pose.translation, translations, atol=1e-3)
    assert (pose.residual < 1e-3).all()


def test_float32_is_enough(device):
    angles, translations, landmarks = heads(100, dtype=torch.float32)
    pose = solve_pnp(landmarks.to(device), face_model(14), FOCAL, CENTRE)
    assert pose.rotation.dtype == torch.float32 and pose.rotation.device.type == device.type
    # Landmarks near 300 px are rounded to 3e-5 px, worth about 1e-5 of a head 100 px wide.
    assert (angles_from_matrix(pose.rotation).cpu() - angles).abs().max() < 0.02
    assert (pose.translation.cpu() - translations).abs().max() < 0.02
    half = solve_pnp(landmarks.half().to(device), face_model(14), FOCAL, CENTRE)
    assert half.rotation.dtype == torch.float16  # 1/4 px rounding of the landmarks themselves
    assert (angles_from_matrix(half.rotation.float()).cpu() - angles)[angles[:, 0].abs() < 60].abs().max() < 3


def test_each_step_can_only_lower_the_error():
    _, _, landmarks = noisy(40, 14, 6.0)
    errors = [solve_pnp(landmarks, face_model(14), FOCAL, CENTRE, iterations=i).residual for i in (0, 1, 2, 4, 8, 16)]
    for before, after in pairwise(errors):
        assert (after <= before + 1e-9).all()
    assert (errors[-1] < errors[0]).all()


def test_each_image_can_have_its_own_camera():
    angles, translations, _ = heads(3, yaw=30)
    model = face_model(14, dtype=torch.float64)
    focal, centre = torch.tensor([400.0, 800, 1600]).double(), torch.tensor([[10.0, 20], [300, 200], [0, 0]]).double()
    landmarks = project(model, rotation_matrix(*angles.unbind(1)), translations, focal, centre)
    pose = solve_pnp(landmarks, model, focal, centre)
    assert torch.allclose(angles_from_matrix(pose.rotation), angles, atol=1e-4)


def test_noise_moves_the_angles_as_much_as_the_points():
    angles, _, landmarks = heads(200, 68, yaw=45, tilt=20)
    noise = torch.randn(landmarks.shape, generator=torch.Generator().manual_seed(7)).double()
    eyes = FOCAL * 6.4 / 65  # pixels between the eyes, at the middle distance

    def error(share):
        pose = solve_pnp(landmarks + share * eyes * noise, face_model(68), FOCAL, CENTRE)
        return (angles_from_matrix(pose.rotation) - angles).square().mean(0).sqrt()

    one = error(0.01)  # landmarks 1 % of the eye distance off: yaw, pitch and roll less than a degree off
    assert (one < 1).all()
    assert torch.allclose(error(0.001), one / 10, rtol=0.1)  # proportional


def test_gradients_are_right_and_finite():
    _, _, landmarks = noisy(2, 6, yaw=40)
    model = face_model(6, dtype=torch.float64)

    def angles(points):
        return angles_from_matrix(solve_pnp(points, model, FOCAL, CENTRE, iterations=16).rotation)

    # At the minimum the gradient through the steps is the implicit one.
    assert torch.autograd.gradcheck(angles, landmarks.requires_grad_(), atol=1e-5, eps=1e-4, fast_mode=True)
    single = heads(4, dtype=torch.float32)[2].requires_grad_()
    pose = solve_pnp(single, face_model(14), FOCAL, CENTRE)
    (pose.rotation.sum() + pose.translation.sum()).backward()
    assert torch.isfinite(single.grad).all()


def test_landmarks_that_say_nothing():
    _, translations, good = heads(1)
    same = torch.full_like(good, 70.0)
    line = torch.arange(14.0).double()[None, :, None] * torch.tensor([3.0, 1.0])
    points = torch.cat([same, line, good]).requires_grad_()
    pose = solve_pnp(points, face_model(14), FOCAL, CENTRE)
    assert torch.equal(pose.rotation[:2], torch.eye(3).double().expand(2, 3, 3))
    assert pose.translation[:2].abs().max() == 0 and pose.residual[0] < 1e-9 and pose.residual[1] > 1
    assert torch.allclose(pose.translation[2:], translations, atol=1e-3)
    sum(part.sum() for part in pose).backward()
    assert torch.isfinite(points.grad).all()
    wild = 1000 * torch.randn(20, 14, 2, generator=torch.Generator().manual_seed(0))  # not a face at all
    assert all(torch.isfinite(part).all() for part in solve_pnp(wild, face_model(14), FOCAL, CENTRE))


def test_the_line_of_sight():
    """A head that keeps facing the lens while it is moved sideways: 0 from the line of sight, not from the axis."""
    sideways = torch.tensor([[30.0, -20, 60]]).double()
    d = sideways[0] / sideways.norm()
    yaw = torch.rad2deg(torch.atan2(d[0], d[2]))
    pitch = -torch.rad2deg(torch.asin(d[1]))
    facing = rotation_matrix(yaw, 0.0) @ rotation_matrix(torch.zeros(()).double(), pitch)
    assert torch.allclose(-facing[:, 2], -d, atol=1e-9)  # the face looks along its -z, to the lens
    landmarks = project(face_model(14), facing[None], sideways, FOCAL, CENTRE)
    pose = solve_pnp(landmarks, face_model(14), FOCAL, CENTRE)
    assert angles_from_matrix(pose.rotation)[0, :2].abs().min() > 15
    assert angles_from_matrix(sight_rotation(pose))[0, :2].abs().max() < 1e-3
    weak = weak_perspective(landmarks, face_model(14)).rotation
    assert angles_from_matrix(weak)[0, :2].abs().max() < 6  # what is left is the perspective inside the head


def test_errors_say_what_was_wrong():
    points = heads(1)[2]
    with pytest.raises(ValueError, match="focal is -1"):
        solve_pnp(points, face_model(14), -1.0, CENTRE)
    with pytest.raises(ValueError, match="iterations is -1"):
        solve_pnp(points, face_model(14), FOCAL, CENTRE, -1)
    with pytest.raises(ValueError, match="nan"):
        solve_pnp(points * torch.nan, face_model(14), FOCAL, CENTRE)
