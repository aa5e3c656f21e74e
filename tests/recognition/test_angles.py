"""Checks of the changed cosines against the arccosine, NumPy's Chebyshev polynomials and published values."""

import math

import numpy as np
import pytest
import torch

from course_lib.recognition import angles


@pytest.fixture
def theta():
    return torch.linspace(0.01, math.pi - 0.01, 500, dtype=torch.float64)


def test_cos_plus_is_the_cosine_of_the_sum(theta, record_check):
    worst = max(
        float((angles.cos_plus(theta.cos(), m, "none") - (theta + m).cos()).abs().max()) for m in (0.1, 0.5, 1.2)
    )
    # fp64 rounding of sqrt(1 - c²) near 0 is 1e-14
    record_check("recognition.angles.cos_plus", "cos(arccos(c) + m)", 1500, worst, 1e-12)


def test_policies_past_pi(theta):
    m = 0.4992  # pytorch-metric-learning's 28.6 degrees
    at_edge = torch.tensor(math.cos(math.pi - m), dtype=torch.float64)
    assert float(angles.cos_plus(at_edge + 1e-6, m, "linear")) == pytest.approx(-1, abs=1e-5)
    assert float(angles.cos_plus(at_edge - 1e-9, m, "linear")) == pytest.approx(-1.1169, abs=1e-4)
    assert float(angles.cos_plus(at_edge - 1e-9, m, "continue")) == pytest.approx(-1, abs=1e-5)
    for policy in ("linear", "continue"):
        assert (angles.cos_plus(theta.cos(), m, policy).diff() < 0).all()
    assert not (angles.cos_plus(theta.cos(), m, "none").diff() < 0).all()
    jump = angles.cos_plus(torch.tensor([1e-9, -1e-9], dtype=torch.float64), m, "easy").diff()
    assert float(jump) == pytest.approx(math.sin(m), abs=1e-6)
    with pytest.raises(ValueError, match="beyond"):
        angles.cos_plus(theta, m, "wrap")


def test_slope_of_arcface_is_a_ratio_of_sines(record_check):
    degrees = torch.tensor([10.0, 30, 60, 90, 150], dtype=torch.float64)
    c = torch.deg2rad(degrees).cos().requires_grad_()
    (slope,) = torch.autograd.grad(angles.cos_plus(c, 0.5, "none").sum(), c)
    theta = torch.deg2rad(degrees)
    record_check(
        "recognition.angles.cos_plus",
        "slope sin(θ+m)/sin θ",
        5,
        float((slope - (theta + 0.5).sin() / theta.sin()).abs().max()),
        1e-10,
    )
    # the values that recognition papers' curves show, to their two printed decimals
    torch.testing.assert_close(
        slope, torch.tensor([3.60, 1.71, 1.15, 0.88, 0.05], dtype=torch.float64), atol=0.02, rtol=0
    )


def test_chebyshev_and_psi(theta, record_check):
    worst = 0.0
    for n in range(6):
        oracle = np.polynomial.chebyshev.Chebyshev.basis(n)(theta.cos().numpy())
        worst = max(worst, float(np.abs(angles.chebyshev(theta.cos(), n).numpy() - oracle).max()))
    record_check("recognition.angles.chebyshev", "NumPy Chebyshev basis", 3000, worst, 1e-12)
    eighths = torch.tensor([0, 45, 90, 135, 180], dtype=torch.float64).deg2rad().cos()
    torch.testing.assert_close(angles.psi(eighths, 4), torch.tensor([1.0, -1, -3, -5, -7], dtype=torch.float64))
    for m in (1, 2, 3, 4, 5):
        value = angles.psi(theta.cos(), m)
        assert (value.diff() < 0).all() and float(value.min()) >= 1 - 2 * m
        torch.testing.assert_close(value, angles.psi_real(theta.cos(), float(m)), atol=1e-9, rtol=0)
    with pytest.raises(ValueError, match="multiple"):
        angles.psi(theta, 0)
    with pytest.raises(ValueError, match="order"):
        angles.chebyshev(theta, -1)


def test_capped_multiple(theta):
    torch.testing.assert_close(
        angles.cos_times_capped(theta.cos(), 1.7), (1.7 * theta).clamp(max=math.pi).cos(), atol=1e-9, rtol=0
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_at_both_ends(dtype, device):
    ends = torch.tensor([1.0, -1.0, 1 - 1e-7, -1 + 1e-7], dtype=dtype, device=device)
    functions = [lambda c, b=b: angles.cos_plus(c, 0.5, b) for b in angles.BEYOND]
    functions += [
        lambda c: angles.psi(c, 4),
        lambda c: angles.psi_real(c, 0.9, 0.4),
        lambda c: angles.cos_times_capped(c, 1.7),
    ]
    for function in functions:
        c = ends.clone().requires_grad_()
        value = function(c)
        value.sum().backward()
        assert value.dtype == dtype and torch.isfinite(value).all() and torch.isfinite(c.grad).all()


def test_unit_keeps_zero_rows_and_does_not_overflow(device):
    rows = torch.tensor([[0.0, 0.0], [3.0, 4.0]], device=device, requires_grad=True)
    direction, length = angles.unit(rows)
    torch.testing.assert_close(length, torch.tensor([0.0, 5.0], device=device))
    torch.testing.assert_close(direction, torch.tensor([[0.0, 0.0], [0.6, 0.8]], device=device))
    (direction.sum() + length.sum()).backward()
    assert torch.isfinite(rows.grad).all()
    big = torch.full(
        (1, 512), 100.0, dtype=torch.float16, device=device
    )  # the squares' sum is 5e6, past float16's 65504
    torch.testing.assert_close(angles.unit(big)[1], torch.tensor([100 * math.sqrt(512)], device=device))
