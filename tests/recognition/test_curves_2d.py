"""Checks of the margin figures: the margins themselves, autograd, brute force over the circle, onnxruntime."""

import math

import pytest
import torch

from course_lib.recognition import curves_2d as D
from course_lib.recognition import margins as M


@pytest.mark.parametrize(("m1", "m2", "m3", "lam"), [(4.0, 0.5, 0.35, 0.0), (3.0, 0.3, 0.2, 5.0), (1.0, 0.0, 0.0, 1.0)])
def test_curves_and_slopes_equal_the_margins(m1, m2, m3, lam, record_check):
    scale = 30.0
    c = D.curve_angles().cos().requires_grad_()
    objects = [
        M.NormFace(),
        M.SphereFace(int(m1), lam=lam),
        M.SphereFaceR(m1),
        M.CosFace(m3),
        M.ArcFace(m2),
        M.Combined(m1, m2, m3, beyond="continue"),
    ]
    expected = torch.stack([o.target(c) for o in objects])
    curves = D.target_logit_curves(m1, m2, m3, scale, lam)
    assert curves.shape == (6, 179)
    record_check(
        "recognition.curves_2d.target_logit_curves",
        "the margin objects",
        curves.numel(),
        float((curves / scale - expected).detach().abs().max()),
        2e-5,
        "float32 arccosine",
    )
    slopes = torch.stack([torch.autograd.grad(e.sum(), c, retain_graph=True)[0] for e in expected])
    ours = D.target_slope_curves(m1, m2, m3, scale, lam)
    # at the angles where ψ changes its piece, float32 may take either side
    near = (ours - slopes).abs() < 2e-3 * (1 + slopes.abs())
    assert float(near.float().mean()) > 0.995
    assert (ours >= -1e-4).all()


def test_wedges_meet_brute_force(record_check):
    centres = torch.tensor([0.3, 1.9, 3.6, 5.0], dtype=torch.float64)
    grid = torch.linspace(0, 2 * math.pi, 100001, dtype=torch.float64)[:-1]
    worst = 0.0
    for m in ((1.0, 0.4, 0.0), (1.0, 0.0, 0.2), (2.0, 0.0, 0.0), (0.9, 0.3, 0.1)):
        boundaries, wedges = D.circle_wedges(centres, *m)
        f = D.combined_target(*m)
        cosines = (grid[:, None] - centres).cos()
        for j in range(4):
            others = cosines.clone()
            others[:, j] = -9
            for angles, own in ((boundaries, cosines[:, j]), (wedges, f(cosines[:, j]))):
                wins = own > others.amax(1)
                offset = torch.remainder(grid - centres[j] + math.pi, 2 * math.pi) - math.pi
                inside = offset[wins]
                reach = (
                    torch.stack([inside.min(), inside.max()]) if len(inside) else torch.zeros(2, dtype=torch.float64)
                )
                worst = max(worst, float((angles[j] - centres[j] - reach).abs().max()))
    record_check(
        "recognition.curves_2d.circle_wedges",
        "every direction tried, radians",
        64,
        worst,
        1e-4,
        "the grid's step is 6.3e-5",
    )


def test_arcface_wedges_in_closed_form():
    centres = torch.tensor([0.0, 2.0, 4.0])
    _, wedges = D.circle_wedges(centres, 1.0, 0.5, 0.0)
    # cos(θ + m) = cos(2 - θ) at θ = (2 - m)/2
    torch.testing.assert_close(wedges[1], torch.tensor([2.0 - 0.75, 2.0 + 0.75]), atol=2e-5, rtol=0)
    _, closed = D.circle_wedges(torch.tensor([0.0, 0.4]), 1.0, 0.5, 0.0)
    assert abs(float(closed[0, 1])) < 2e-5  # 8 classes need m ≤ 1 - cos(2π/8); here the margin exceeds the gap


@pytest.mark.parametrize("detached", [0.0, 1.0])
def test_probabilities_loss_and_arrow_equal_autograd(detached, record_check):
    centres = torch.tensor([0.2, 1.5, 2.9, 4.4, 5.6], dtype=torch.float64)
    w = torch.stack([centres.cos(), centres.sin()], 1)
    worst = 0.0
    for angle in (0.5, 1.1, 3.3, 6.0):
        for m in ((1.0, 0.3, 0.1), (0.9, 0.4, 0.15)):
            x = (1.7 * torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)).requires_grad_()
            margin, y = M.Combined(*m, beyond="continue"), torch.tensor([1])
            grad = "detached" if detached else "exact"
            loss = M.margin_cross_entropy(x, w, y, margin, 8.0, grad=grad)
            logits = M.margin_logits(x, w, y, margin, 8.0)
            (gradient,) = torch.autograd.grad(loss, x)
            p, value, arrow = D.circle_sample(centres, 1.0, angle, 1.7, *m, 8.0, detached)
            worst = max(worst, float((value - loss).detach().abs()), float((arrow + gradient[0]).abs().max()))
            worst = max(worst, float((p - logits.detach().softmax(1)[0]).abs().max()))
    record_check("recognition.curves_2d.circle_sample", "autograd of margin_cross_entropy", 24, worst, 1e-9)


def test_lambda_mixes_in_plain_softmax():
    centres = torch.tensor([0.2, 1.5, 4.4], dtype=torch.float64)
    w = torch.stack([centres.cos(), centres.sin()], 1)
    x = torch.tensor([[math.cos(1.1), math.sin(1.1)]], dtype=torch.float64).requires_grad_()
    # SphereFace keeps |x| in place of the scale, so a feature of length 8 has the scale 8
    eight = M.margin_cross_entropy(8 * x, w, torch.tensor([1]), M.SphereFace(4, lam=5.0))
    tangent = torch.tensor([-math.sin(1.1), math.cos(1.1)], dtype=torch.float64)
    _, value, arrow = D.circle_sample(centres, 1.0, 1.1, 1.0, 4.0, 0.0, 0.0, 8.0, lam=5.0)
    (gradient,) = torch.autograd.grad(eight, x)
    torch.testing.assert_close(value, eight.detach())
    torch.testing.assert_close(arrow @ tangent, -(gradient[0] @ tangent))
    _, wedges = D.circle_wedges(centres, 4.0, 0.0, 0.0, 5.0)
    _, stricter = D.circle_wedges(centres, 4.0, 0.0, 0.0)
    assert (wedges[:, 1] - wedges[:, 0] > stricter[:, 1] - stricter[:, 0]).all()


def test_wire_and_edges_agree():
    centres = torch.tensor([0.0, 2.0, 4.0])
    boundaries, wedges = D.circle_wedges(centres, 1.0, 0.5, 0.0)
    points = D.circle_wire(centres, boundaries, wedges, torch.tensor([0.5, 0.5]), torch.tensor([30.0, 0.0]), 100)
    edges = D.circle_edges(3)
    assert points.shape == (75 + 36, 2) and max(max(e) for e in edges) == 110 and min(min(e) for e in edges) == 0
    assert (points >= 0).all() and (points <= 100).all()
    torch.testing.assert_close(points[73], torch.tensor([92.0, 50.0]))  # the first weight points to the right
    assert points[109, 1] < 50  # up is up
    assert float((points[110] - points[109]).norm()) == pytest.approx(14, abs=0.1)
    with pytest.raises(ValueError, match="classes"):
        D.circle_edges(1)


def test_triplet_kinds():
    kinds = D.triplet_kind(torch.tensor([0.5, 0.5, 0.5, 0.5]), torch.tensor([0.9, 0.6, 0.5, 0.3]), 0.2)
    assert kinds.tolist() == [0, 1, 2, 2]


class Figure(torch.nn.Module):
    def forward(self, m1, m2, m3, scale, lam, angle):
        centres = torch.arange(5, dtype=torch.float32) * 1.2
        boundaries, wedges = D.circle_wedges(centres, m1, m2, m3)
        p, loss, arrow = D.circle_sample(centres, 1.0, angle, 0.8, m1, m2, m3, scale)
        sample = 0.8 * torch.stack([angle.cos(), angle.sin()])
        return (
            D.target_logit_curves(m1, m2, m3, scale, lam),
            D.target_slope_curves(m1, m2, m3, scale, lam),
            p,
            loss,
            D.circle_wire(centres, boundaries, wedges, sample, arrow),
        )


def test_the_figures_run_in_onnxruntime(tmp_path, record_check):
    import onnxruntime

    settings = [(1.0, 0.5, 0.0, 16.0, 0.0, 1.3), (4.0, 0.1, 0.2, 30.0, 5.0, 2.2), (1.3, 0.3, 0.1, 8.0, 1.0, 0.4)]
    tensors = [torch.tensor(v) for v in settings[0]]
    torch.onnx.export(Figure(), tuple(tensors), dynamo=True, verbose=False).save(str(tmp_path / "f.onnx"))
    session = onnxruntime.InferenceSession(tmp_path / "f.onnx")
    worst = 0.0
    for values in settings:
        tensors = [torch.tensor(v) for v in values]
        feeds = {i.name: t.numpy() for i, t in zip(session.get_inputs(), tensors, strict=True)}
        for got, expected in zip(session.run(None, feeds), Figure()(*tensors), strict=True):
            worst = max(worst, float((torch.from_numpy(got) - expected).abs().max() / expected.abs().max()))
    record_check("recognition.curves_2d", "its ONNX graph in onnxruntime, relative", 15, worst, 1e-4, "float32")
