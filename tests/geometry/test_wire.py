"""The 3-D face has the proportions it claims, both heads are symmetric, and the wire head draws at any pose."""

import matplotlib
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.geometry import (
    IBUG68,
    MIRROR68,
    POINT_SETS,
    draw_convention,
    draw_head,
    face_model,
    five_points,
    head_wire,
    pick_points,
    rotation_matrix,
    wire_picture,
)
from course_lib.geometry.wire import SKULL, sections

matplotlib.use("Agg")
FLIP = torch.tensor([-1.0, 1.0, 1.0])


def test_the_68_have_their_parts_and_mirror():
    assert sorted(i for part in IBUG68.values() for i in part) == list(range(68))
    assert [MIRROR68[i] for i in MIRROR68] == list(range(68))
    names = list(IBUG68)
    for name in names:  # a mirrored right part is the left part
        other = name.replace("right", "x").replace("left", "right").replace("x", "left")
        assert sorted(MIRROR68[i] for i in IBUG68[name]) == list(IBUG68[other])
    assert torch.allclose(face_model() * FLIP, face_model()[list(MIRROR68)])


def test_the_proportions_are_the_stated_ones():
    right, left, nose, right_mouth, left_mouth = five_points(face_model(dtype=torch.float64))
    eyes = float(left[0] - right[0])
    assert eyes == pytest.approx(6.4)
    assert float((right_mouth + left_mouth)[1] / 2 - (right + left)[1] / 2) / eyes == pytest.approx(0.99, abs=0.005)
    assert float(left_mouth[0] - right_mouth[0]) / eyes == pytest.approx(0.88, abs=0.005)
    face = face_model(dtype=torch.float64)
    assert float(face[8, 1] - face[27, 1]) == pytest.approx(11.9)  # nasion to chin
    assert float(face[42, 0] - face[39, 0]) == pytest.approx(3.4)  # between the eyes
    assert float(face[33, 2] - nose[2]) == pytest.approx(1.35)  # tip of the nose before its base


def test_sets_are_subsets():
    for points, index in POINT_SETS.items():
        assert len(index) == points
        assert torch.equal(face_model(points), face_model()[list(index)])
        assert torch.equal(pick_points(face_model(points), points), face_model(points))
    assert face_model(5).shape == (5, 3)
    with pytest.raises(ValueError, match="68 or 14"):
        pick_points(torch.rand(1, 6, 2), 14)


def test_brows_eyes_and_lips_lie_on_the_skull():
    """The landmarks are placed by hand and the skin by sections: they must be one head."""
    rows = torch.tensor(SKULL, dtype=torch.float64)
    for i in [*range(17, 27), 36, 39, 48, 50, 57]:
        x, y, z = face_model(dtype=torch.float64)[i]
        j = int((rows[:, 0] < y).sum())
        share = (y - rows[j - 1, 0]) / (rows[j, 0] - rows[j - 1, 0])
        _, width, front, _, power = rows[j - 1] + share * (rows[j] - rows[j - 1])
        depth = -front * (1 - (x.abs() / width) ** power) ** (1 / power)
        # Eyes lie in their sockets, lips stand out a little.
        assert abs(depth - z) < 1.0, (i, float(depth), float(z))


def test_the_wire_head_is_symmetric_and_closed():
    head = head_wire()
    assert len(head.edges) == len(head.groups) and 500 < len(head.edges) < 900
    assert torch.allclose(head.normals.norm(dim=1), torch.ones(len(head.points)), atol=1e-5)
    mirrored = head.points * FLIP
    assert (
        torch.cdist(mirrored.double(), head.points.double(), compute_mode="donot_use_mm_for_euclid_dist").amin(1).max()
        < 1e-5
    )
    points, normals = sections(SKULL)
    assert ((normals * points)[..., [0, 2]].sum(-1) > 0).all()  # out of the head
    used = {i for edge in head.edges for i in edge}
    assert used == set(range(len(head.points)))


@given(st.floats(-180, 180), st.floats(-60, 60), st.floats(-60, 60))
def test_it_stays_in_the_picture_and_each_line_is_near_or_far(yaw, pitch, roll):
    rotation = rotation_matrix(yaw, pitch, roll)
    near, far = wire_picture(rotation), wire_picture(rotation, hidden=True)
    assert near.shape == (2 * len(head_wire().edges), 2)
    assert near.min() > -25 and near.max() < 345  # a crown or neck tilted by 60 degrees may leave by a few pixels
    drawn = [(p[0::2] != p[1::2]).any(1) for p in (near, far)]
    assert not (drawn[0] & drawn[1]).any()
    assert drawn[0].float().mean() > 0.2


def test_the_far_eye_hides_behind_a_turned_head():
    head = head_wire()
    features = torch.tensor([group == "feature" for group in head.groups])
    middle = (head.points[[a for a, _ in head.edges]] + head.points[[b for _, b in head.edges]]) / 2
    for yaw, hidden in ((80.0, -1), (-80.0, 1)):  # turned to the own right: the right eye (x < 0) is the far one
        ends = wire_picture(rotation_matrix(yaw)).view(-1, 2, 2)
        drawn = (ends[:, 0] != ends[:, 1]).any(1)
        eyes = features & (middle[:, 1].abs() < 0.6) & (middle[:, 0].abs() > 1.6) & (middle[:, 0].abs() < 4.8)
        assert not drawn[eyes & (middle[:, 0] * hidden > 0)].any()
        assert drawn[eyes & (middle[:, 0] * hidden < 0)].all()


def test_drawing_in_both_languages():
    from matplotlib import pyplot as plt

    figure = draw_convention()
    assert len(figure.axes) == 4 and all(ax.get_title() for ax in figure.axes)
    _, ax = plt.subplots()
    draw_head(ax, 20, -10, 5)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # y down
    plt.close("all")
