"""Pose: the angles of known heads and of the two portraits, and what they cost."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from course_lib import data, i18n
from course_lib.geometry import POINT_SETS, face_model, project, rotation_matrix
from course_lib.quality import pose
from course_lib.quality.pose import eye_line_angle, pose_quality, yaw_pitch_roll

SIZE = (480, 640)
CAMERA = 640.0, (319.5, 239.5)  # what pnp assumes for this size


def picture(angles, distance: float = 60.0) -> torch.Tensor:
    """The 68 landmarks of heads straight in front of the camera."""
    angles = torch.tensor(angles, dtype=torch.float64)
    place = torch.tensor([[0.0, 0, distance]], dtype=torch.float64)
    return project(face_model(dtype=torch.float64), rotation_matrix(*angles.unbind(1)), place, *CAMERA)


def portrait(name: str) -> torch.Tensor:
    return torch.tensor([json.loads((data.root() / "landmarks.json").read_text("utf-8"))[name]["ibug68"]])


@pytest.mark.parametrize("points", [5, *POINT_SETS])
def test_pnp_finds_the_angles(points):
    angles = [[0.0, 0, 0], [35, -10, 5], [-50, 20, -30]]
    found = yaw_pitch_roll(picture(angles), "pnp", image_size=SIZE, points=points)
    assert torch.allclose(
        found, torch.tensor(angles, dtype=torch.float64), atol=0.1 if points == 5 else 1e-3
    )  # a mean of pictures is not the picture of a mean


def test_weak_perspective_exaggerates_close_up():
    """Perspective enlarges the near side of a turned head, which reads as more turn: by 1/distance."""

    def extra(distance):
        return yaw_pitch_roll(picture([[20.0, 0, 0]], distance=distance))[0, 0] - 20

    assert 5 < extra(60) < 7
    assert extra(1200) < 0.3
    assert extra(300) / extra(600) == pytest.approx(2, abs=0.1)


def test_each_angle_by_its_name():
    points = picture([[10.0, -5, 15]])
    all_three = yaw_pitch_roll(points)[0]
    for measure, angle in zip(pose.MEASURES, all_three, strict=True):
        assert torch.equal(measure.function(points), angle[None])
        assert measure.family == "pose" and measure.takes == "landmarks" and measure.label == i18n.label(measure.name)
        assert measure.range[0] <= angle <= measure.range[1]
    assert [m.name.split("_")[-1] for m in pose.MEASURES] == ["yaw", "pitch", "roll"]


def test_each_angle_is_that_of_a_head_which_scipy_turned(record_check):
    generator = torch.Generator().manual_seed(0)
    angles = (torch.rand(40, 3, generator=generator, dtype=torch.float64) - 0.5) * torch.tensor([150.0, 80, 120])
    turned = Rotation.from_euler("ZYX", angles[:, [2, 0, 1]].numpy(), degrees=True).as_matrix()
    head = face_model().double().numpy()  # the measure keeps its model in float32
    points = torch.from_numpy(9 * np.einsum("bij,kj->bki", turned, head)[..., :2] + 200)  # parallel light: no camera
    for measure, true in zip(pose.MEASURES, angles.unbind(1), strict=True):
        worst = (measure.function(points) - true).abs().max().item()
        # The fit is exact without perspective, so that only the rounding of float64 is left.
        note = "degrees; heads under parallel projection, float64"
        record_check(f"quality.pose.{measure.name}", "SciPy Rotation", len(angles), worst, 1e-9, note)


def test_sets_of_points_come_as_they_are():
    points = picture([[10.0, -5, 15]])
    for k, index in POINT_SETS.items():
        same = yaw_pitch_roll(points[:, list(index)], points=k)
        assert torch.allclose(same, yaw_pitch_roll(points, points=k))


def test_pose_quality_is_the_standards_mapping(record_check):
    # 100 cos^2 = 50 + 50 cos(2 x): 100 at 0, 75 at 30, 50 at 45, 25 at 60, 0 from 90 on; 5.8 degrees round to 99.
    angles = torch.tensor([0.0, 30, -45, 60, 90, 120, 180, 5.8], dtype=torch.float64)
    known = torch.tensor([100.0, 75, 50, 25, 0, 0, 0, 50 + 50 * math.cos(math.radians(11.6))], dtype=torch.float64)
    assert round(float(known[-1])) == 99
    worst = (pose_quality(angles) - known).abs().max()
    record_check("quality.pose.pose_quality", "closed form 50 + 50 cos 2x", 8, worst, 1e-11, "0 to 100, float64")


@given(st.floats(0, 180), st.floats(0, 180))
def test_turning_further_is_never_better(a, b):
    scores = pose_quality(torch.tensor(sorted((a, b)), dtype=torch.float64))
    assert 0 <= scores[1] <= scores[0] <= 100
    assert torch.equal(pose_quality(torch.tensor(-a)), pose_quality(torch.tensor(a)))


def test_the_eye_line_is_roll_for_far_heads():
    """R = Rz Ry Rx takes the line through the eyes, the x axis, to the angle roll, whatever yaw and pitch."""
    angles = [[0.0, 0, 25], [40, 25, -10], [-70, 30, 35]]
    far = eye_line_angle(picture(angles, distance=1e6))
    assert torch.allclose(far, torch.tensor(angles, dtype=torch.float64)[:, 2], atol=1e-3)
    assert abs(eye_line_angle(picture([[40.0, 25, 0]]))) > 3  # at 60 cm a level eye line slants in the picture
    same = torch.zeros(1, 5, 2, requires_grad=True)
    angle = eye_line_angle(same)
    angle.backward()
    assert angle == 0 and torch.isfinite(same.grad).all()


@pytest.mark.parametrize(("name", "yaw", "roll"), [("astronaut", (-5, 5), (1, 5)), ("hopper", (-6, 5), (-4, 0))])
def test_the_portraits_face_the_camera(name, yaw, roll):
    """Both look at us nearly straight; Collins tilts clockwise, Hopper a little the other way."""
    points = portrait(name)
    size = {"astronaut": (512, 512), "hopper": (600, 512)}[name]
    for found in (
        yaw_pitch_roll(points),
        yaw_pitch_roll(points, "pnp", image_size=size),
        yaw_pitch_roll(points, "pnp", image_size=size, relative_to="sight"),
    ):
        assert yaw[0] < found[0, 0] < yaw[1]
        assert roll[0] < found[0, 2] < roll[1]
    # Pitch depends on the person's proportions and smile; from the line of sight the two methods must not differ much.
    sight = yaw_pitch_roll(points, "pnp", image_size=size, relative_to="sight")
    assert abs(sight[0, 1]) < 15 and abs(sight[0, 1] - yaw_pitch_roll(points)[0, 1]) < 8
    assert roll[0] < eye_line_angle(points)[0] < roll[1]


def test_a_wrong_focal_length_changes_little():
    """From the line of sight; a lens three times as long moves a frontal head's angles by a few degrees."""
    points = portrait("astronaut")
    middle = (255.5, 255.5)
    short, long = (yaw_pitch_roll(points, "pnp", focal=f, centre=middle, relative_to="sight") for f in (512.0, 1536.0))
    assert (short - long).abs().max() < 5


def test_half_precision_and_gradients(device):
    points = picture([[20.0, 5, -5]]).float().to(device).requires_grad_()
    half = yaw_pitch_roll(points.half())
    assert half.dtype == torch.float16
    assert torch.allclose(half.float(), yaw_pitch_roll(points), atol=0.5)  # 1/4 px rounding of the landmarks
    for method in ("weak_perspective", "pnp"):
        pose_quality(yaw_pitch_roll(points, method, image_size=SIZE)).sum().backward()
        assert torch.isfinite(points.grad).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: yaw_pitch_roll(p, "pnp"), "image_size is None"),
        (lambda p: yaw_pitch_roll(p, "guess"), "'guess'"),
        (lambda p: yaw_pitch_roll(p, points=7), "points is 7"),
        (lambda p: yaw_pitch_roll(p[:, :9]), "one of 5, 6"),
        (lambda p: yaw_pitch_roll(p, "pnp", image_size=SIZE, relative_to="floor"), "'floor'"),
        (lambda p: yaw_pitch_roll(torch.cat([p, p * 0])), r"\[1\] coincide"),
        (lambda p: yaw_pitch_roll(p * torch.nan), "nan"),
    ],
)
def test_errors_say_what_was_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call(picture([[0.0, 0, 0]]))
