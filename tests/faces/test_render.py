"""The rendered pictures and their truth."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.faces import LABELS, MIRRORED_LABELS, another_day, render, sample_identities, sample_nuisance
from course_lib.faces.surface import Detail
from course_lib.geometry import MIRROR68, angles_from_matrix, project, solve_pnp

COARSE = Detail(density=0.6, texture=48, rings=14, strands=40, strand_width=0.3)
"""Enough where only the shape counts."""


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def plain():
    """24 frontal faces without anything in front, at 112 px."""
    identities = sample_identities(24, generator(1)).replace(style=1)
    nuisance = sample_nuisance(24, generator(2), yaw=0, pitch=0, roll=0, expression=0.0, light=0.3)
    return identities, nuisance, render(identities, nuisance, size=112, supersample=1)


def symmetric(n: int):
    """Bald identities without any asymmetry."""
    identities = sample_identities(n, generator(5))
    zero = {name: torch.zeros_like(identities[name]) for name in ("lumps", "asymmetry", "moles")}
    return identities.replace(style=5, beard=0, moustache=0, freckles=0, **zero)


def enclosed_background(labels, depth):
    """Background pixels that a flood from the picture's border does not reach."""
    empty = depth == 0
    reached = torch.zeros_like(empty)
    reached[:, 0], reached[:, -1], reached[:, :, 0], reached[:, :, -1] = (
        empty[:, 0],
        empty[:, -1],
        empty[:, :, 0],
        empty[:, :, -1],
    )
    for _ in range(4 * labels.shape[-1]):
        grown = F.max_pool2d(reached[:, None].float(), 3, 1, 1)[:, 0].bool() & empty
        if torch.equal(grown, reached):
            break
        reached = grown
    return empty & ~reached


def near(labels, name, reach):
    """Pixels within a window of ``reach`` of a class."""
    return F.max_pool2d((labels == LABELS.index(name))[:, None].float(), reach, 1, reach // 2)[:, 0] > 0


def test_no_holes_in_500_faces(record_check):
    identities = sample_identities(500, generator(11)).replace(style=1)
    nuisance = sample_nuisance(500, generator(12), yaw=75, pitch=20, roll=15)
    holes, spoilt = 0, 0
    for k in range(0, 500, 100):
        rows = torch.arange(k, k + 100)
        out = render(identities.index(rows), nuisance.index(rows), size=80, supersample=1, shadows=False, detail=COARSE)
        enclosed = enclosed_background(out.labels, out.depth)
        # Behind a chin over a shoulder the background rightly shows: a hole has skin beside it and no cloth near.
        around = near(out.labels, "skin", 3) & ~near(out.labels, "cloth", 7)
        holes += int((enclosed & around).sum())
        spoilt += int((enclosed & around).flatten(1).any(1).sum())
    record_check(
        "faces.raster.rasterise",
        "no background pixel enclosed by the face",
        500,
        spoilt,
        0,
        f"{holes} pixels, yaw within 75°",
    )


def test_projected_landmarks_equal_the_two_dimensional_ones(plain, record_check):
    _, _, out = plain
    at = out.landmarks3d @ out.intrinsics.mT
    difference = (at[..., :2] / at[..., 2:] - out.landmarks).abs().max()
    record_check("faces.render.landmarks", "pinhole projection of landmarks3d", 24 * 68, float(difference), 0.1)


@pytest.mark.parametrize(
    ("part", "points", "limit"), [("right_eye", range(36, 42), 1.0), ("left_eye", range(42, 48), 1.0)]
)
def test_label_centroids_agree_with_landmarks(plain, record_check, part, points, limit):
    _, _, out = plain
    worst = 0.0
    for k in range(len(out.image)):
        yy, xx = (out.labels[k] == LABELS.index(part)).nonzero(as_tuple=True)
        worst = max(
            worst,
            float(
                (torch.stack([xx.float().mean(), yy.float().mean()]) - out.landmarks[k, list(points)].mean(0)).norm()
            ),
        )
    record_check(f"faces.truth.labels ({part})", "mean of its landmarks, px at 112", 24, worst, limit)


def test_lips_lie_between_their_landmarks(plain, record_check):
    _, _, out = plain
    lips = (out.labels == LABELS.index("upper_lip")) | (out.labels == LABELS.index("lower_lip"))
    worst = 0.0
    for k in range(len(lips)):
        yy, xx = lips[k].nonzero(as_tuple=True)
        outline = out.landmarks[k, 48:60]
        box = torch.stack(
            [
                xx.min() - outline[:, 0].min(),
                xx.max() - outline[:, 0].max(),
                yy.min() - outline[:, 1].min(),
                yy.max() - outline[:, 1].max(),
            ]
        )
        worst = max(worst, float(box[2:].abs().max()))
    record_check("faces.truth.labels (lips)", "rows of the lip landmarks, px at 112", 24, worst, 2.0)


def test_jaw_lies_on_the_outline(plain, record_check):
    _, _, out = plain
    face = torch.isin(
        out.labels,
        torch.tensor(
            [k for k, name in enumerate(LABELS) if name in ("skin", "nose", "mouth", "upper_lip", "lower_lip")]
        ),
    )
    distances = []
    for k in range(len(face)):
        inner = face[k]
        edge = inner & ~(-F.max_pool2d(-inner[None, None].float(), 3, 1, 1))[0, 0].bool()
        yy, xx = edge.nonzero(as_tuple=True)
        border = torch.stack([xx, yy], 1).float()
        for point in out.landmarks[k, 3:14]:
            distances.append(float((border - point).norm(dim=1).min()))
    typical = torch.tensor(distances).median()
    record_check(
        "faces.landmarks (jaw)", "outline of the face's labels, median px at 112", len(distances), float(typical), 1.0
    )


def test_mirroring_swaps_left_and_right(record_check):
    identities = symmetric(4)
    nuisance = sample_nuisance(4, generator(6), yaw=0, pitch=0, roll=0, expression=0, light=0, crop=0)
    nuisance = nuisance.replace(gaze_x=0, light_azimuth=0, side_tint=0)
    right = render(identities, nuisance.replace(yaw=25.0, roll=8.0), size=112, supersample=1)
    left = render(identities, nuisance.replace(yaw=-25.0, roll=-8.0), size=112, supersample=1)
    mirrored = left.landmarks[:, list(MIRROR68)].clone()
    mirrored[..., 0] = 111 - mirrored[..., 0]
    record_check(
        "faces.landmarks",
        "mirrored picture with left and right swapped, px",
        4 * 68,
        float((mirrored - right.landmarks).abs().max()),
        0.05,
    )
    swapped = torch.tensor(MIRRORED_LABELS)[left.labels.flip(-1)]
    assert (swapped == right.labels).float().mean() > 0.97
    # A left eye lies on the viewer's right when the head is upright.
    upright = render(identities, nuisance, size=112, supersample=1).labels
    columns = torch.arange(112.0)

    def mean(name):
        part = upright == LABELS.index(name)
        return (part.sum((0, 1)) * columns).sum() / part.sum()

    assert mean("left_eye") > mean("right_eye")
    assert mean("left_brow") > mean("right_brow")
    assert mean("left_ear") > mean("right_ear")


def test_pose_is_recovered_from_the_landmarks(record_check):
    identities = sample_identities(12, generator(8))
    nuisance = sample_nuisance(12, generator(9), yaw=50, pitch=20, roll=15, expression=0)
    still = {"smile": 0.0, "mouth_open": 0.0, "brow_raise": 0.0}
    turned = render(identities, nuisance.replace(**still), size=64, supersample=1)
    frontal = render(identities, nuisance.replace(**still, yaw=0.0, pitch=0.0, roll=0.0), size=64, supersample=1)
    worst = worst_pnp = 0.0
    for k in range(12):
        a, b = frontal.landmarks3d[k, 17:], turned.landmarks3d[k, 17:]
        u, _, v = torch.linalg.svd((b - b.mean(0)).T @ (a - a.mean(0)))
        rotation = u @ torch.diag(torch.tensor([1.0, 1.0, float(torch.det(u @ v))])) @ v
        found = angles_from_matrix(rotation)
        worst = max(worst, float((found - torch.stack([turned.yaw[k], turned.pitch[k], turned.roll[k]])).abs().max()))
        model = a - torch.tensor([0.0, 0.0, float(a[:, 2].mean())])
        solved = solve_pnp(
            turned.landmarks[k : k + 1, 17:], model, turned.intrinsics[k, 0, 0], turned.intrinsics[k, :2, 2]
        )
        worst_pnp = max(worst_pnp, float((angles_from_matrix(solved.rotation)[0, 0] - turned.yaw[k]).abs()))
    record_check("faces.render.landmarks3d", "Procrustes rotation to the frontal face, degrees", 12, worst, 0.2)
    record_check("faces.render.landmarks", "yaw by PnP on the frontal face's points, degrees", 12, worst_pnp, 1.0)


def test_rotation_matches_the_angles():
    nuisance = sample_nuisance(6, generator(3), yaw=60, pitch=30, roll=30)
    out = render(sample_identities(6, generator(4)), nuisance, size=32, supersample=1)
    torch.testing.assert_close(
        angles_from_matrix(out.rotation), torch.stack([out.yaw, out.pitch, out.roll], 1), atol=1e-3, rtol=0
    )
    # Positive yaw moves the nose to the left of the picture, positive pitch down.
    one = sample_identities(1, generator(4))
    still = sample_nuisance(1, generator(3), yaw=0, pitch=0, roll=0)
    nose = lambda **pose: render(one, still.replace(**pose), size=64, supersample=1)  # noqa: E731
    offset = lambda o: o.points[0, 2] - o.points[0, :2].mean(0)  # noqa: E731
    assert offset(nose(yaw=20.0))[0] < offset(nose())[0] - 1
    assert offset(nose(pitch=15.0))[1] > offset(nose(pitch=-15.0))[1] + 1


def test_same_seed_same_bytes_whatever_the_batch():
    make = lambda: (sample_identities(3, generator(21)), sample_nuisance(12, generator(22), occlusion=1.0, camera=1.0))  # noqa: E731
    index = torch.arange(12) % 3
    first = render(*make(), index=index, size=64, supersample=2)
    again = render(*make(), index=index, size=64, supersample=2)
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.labels, again.labels)
    # Pictures rendered two at a time differ by rounding only: sums run over differently shaped tensors. JPEG is left out,
    # because a coefficient half way between two steps turns rounding into a step.
    identities, nuisance = make()
    nuisance = nuisance.replace(compression=0.0)
    first = render(identities, nuisance, index=index, size=64, supersample=2)
    small = render(*make()[:1], nuisance, index=index, size=64, supersample=2, chunk=2)
    # At a few pixels rounding decides which of two neighbouring places of a surface is seen.
    difference = (first.image - small.image).abs()
    assert (difference > 2e-3).float().mean() < 1e-3 and difference.max() < 0.05
    assert (first.labels == small.labels).float().mean() > 0.9995


def test_visible_flags_agree_with_depth():
    identities = symmetric(6)
    nuisance = sample_nuisance(6, generator(31), yaw=0, pitch=0, roll=0, expression=0)
    out = render(identities, nuisance.replace(yaw=55.0), size=96, supersample=1)
    eyes, outer = out.visible[:, 42:48], out.visible[:, 36:42]
    assert eyes.all()  # turned to the person's own right, the left eye is seen
    assert not out.visible[:, 0:3].any() and outer.float().mean() < 1
    front = render(identities, nuisance, size=96, supersample=1)
    assert front.visible[:, 17:].all()
    xy = front.landmarks.round().long().clamp(0, 95)
    seen = torch.stack([front.depth[k, xy[k, 17:, 1], xy[k, 17:, 0]] for k in range(6)])
    assert (seen - front.landmarks3d[:, 17:, 2]).abs().max() < 0.8  # cm; within a pixel the nose's side falls this much
    masked = render(identities, nuisance.replace(mask=1), size=96, supersample=1)
    assert not masked.visible[:, 48:68].any() and masked.visible[:, 36:48].all()
    assert (masked.occlusion > front.occlusion + 0.2).all()
    assert masked.occluder.flatten(1).any(1).all()


def test_truth_follows_the_expression():
    identities = symmetric(4)
    still = sample_nuisance(4, generator(41), yaw=0, pitch=0, roll=0, expression=0)
    opened = render(identities, still.replace(mouth_open=0.8), size=96, supersample=1)
    closed = render(identities, still.replace(eyes_open=0.0), size=96, supersample=1)
    assert (opened.mouth_opening > 0.15).all() and (closed.mouth_opening < 0.02).all()
    assert (opened.labels == LABELS.index("mouth")).flatten(1).sum(1).min() > 20
    assert (opened.eye_openness > 0.2).all() and (closed.eye_openness < 0.12).all()
    assert (closed.labels == LABELS.index("left_eye")).sum() == 0


def test_proportions_are_those_of_photographed_faces(record_check):
    out = render(
        sample_identities(200, generator(51)),
        sample_nuisance(200, generator(52), yaw=0, pitch=0, roll=0),
        size=32,
        supersample=1,
        shadows=False,
        detail=COARSE,
    )
    between = (out.points[:, 1] - out.points[:, 0]).norm(dim=1)
    mouth = out.points[:, 3:].mean(1) - out.points[:, :2].mean(1)
    width = (out.points[:, 4] - out.points[:, 3]).norm(dim=1)
    record_check(
        "faces.params.IDENTITY",
        "eye–mouth over inter-eye distance of photographs, .99",
        200,
        float((mouth.norm(dim=1) / between).median() - 0.99).__abs__(),
        0.03,
    )
    record_check(
        "faces.params.IDENTITY",
        "mouth width over inter-eye distance of photographs, .88",
        200,
        float((width / between).median() - 0.88).__abs__(),
        0.05,
    )


def test_another_day_keeps_the_anatomy():
    identities = sample_identities(50, generator(61))
    other = another_day(identities, generator(62))
    assert torch.equal(identities.vector, other.vector)
    assert torch.equal(identities["nose_length"], other["nose_length"]) and torch.equal(
        identities["skin"], other["skin"]
    )
    assert (identities["style"] != other["style"]).float().mean() > 0.5


def test_cpu_and_other_device_agree(device):
    identities, nuisance = sample_identities(2, generator(71)), sample_nuisance(2, generator(72), occlusion=1.0)
    here = render(identities, nuisance, size=64, supersample=2)
    there = render(identities.to(device), nuisance.to(device), size=64, supersample=2)
    assert there.image.device.type == device.type
    # Edges may fall to the neighbouring surface; faces as a whole must not differ.
    assert (here.image - there.image.cpu()).abs().mean() < 2e-3
    assert (here.landmarks - there.landmarks.cpu()).abs().max() < 0.01
    assert (here.labels == there.labels.cpu()).float().mean() > 0.995


def test_wrong_arguments_are_named():
    identities, nuisance = sample_identities(2, generator(1)), sample_nuisance(2, generator(1))
    with pytest.raises(ValueError, match="size"):
        render(identities, nuisance, size=8)
    with pytest.raises(ValueError, match="index"):
        render(identities, nuisance, index=torch.tensor([0, 2]))
    with pytest.raises(ValueError, match="supersample"):
        render(identities, nuisance, supersample=5)
    with pytest.raises(ValueError, match="n is 0"):
        sample_identities(0, generator(1))
    with pytest.raises(KeyError, match="noze"):
        identities.replace(noze=1.0)


def test_projection_of_a_known_point():
    """The camera in this package and geometry.project are the same camera."""
    out = render(sample_identities(1, generator(1)), sample_nuisance(1, generator(1)), size=64, supersample=1)
    k = out.intrinsics[0]
    seen = project(out.landmarks3d[0], torch.eye(3)[None], torch.zeros(1, 3), k[0, 0], (float(k[0, 2]), float(k[1, 2])))
    torch.testing.assert_close(seen[0], out.landmarks[0], atol=1e-3, rtol=0)
