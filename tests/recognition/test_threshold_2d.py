"""Checks of the threshold figures: SciPy's normal, the exact curves of the package, onnxruntime."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate
from scipy.stats import norm

from course_lib.recognition import curves
from course_lib.recognition import threshold_2d as T
from course_lib.recognition.verification import tar_at_far


def populations(gap=1.7, spread=1.2, used=300.0):
    genuine = gap + spread * T.fixed_normals(80, 1)
    impostor = T.fixed_normals(1000, 2)
    return genuine, impostor, T.first_of(1000, used)


def plain(genuine, impostor, used):
    """Scores and labels for the exact functions."""
    scores = torch.cat([genuine, impostor[:used]])
    return scores, torch.arange(len(scores)) < len(genuine)


def test_the_normal_equals_scipy(record_check):
    p = torch.cat([torch.logspace(-5, -0.4, 200), 1 - torch.logspace(-4, -0.4, 200)])
    apart = np.abs(T.normal_quantile(p).numpy() - norm.ppf(p.double().numpy())).max()
    record_check("recognition.threshold_2d.normal_quantile", "SciPy norm.ppf", 400, apart, 2e-3, "float32 near 1")
    low = torch.logspace(-5, -0.4, 200)
    apart = np.abs(T.normal_quantile(low).numpy() - norm.ppf(low.double().numpy())).max()
    # the polynomials' terms cancel to a thousandth of their size; a drawing shows 1e-2
    record_check("recognition.threshold_2d.normal_quantile", "SciPy norm.ppf, p < 0.4", 200, apart, 3e-4, "float32")
    x = torch.linspace(-5, 5, 101)
    record_check(
        "recognition.threshold_2d.normal_cdf",
        "SciPy norm.cdf",
        101,
        np.abs(T.normal_cdf(x).numpy() - norm.cdf(x.numpy())).max(),
        2e-7,
    )
    far = torch.linspace(-4, 9, 131)
    relative = np.abs(T._upper_tail(far).double().numpy() / norm.sf(far.double().numpy()) - 1).max()
    # float32 squares of numbers up to 9 in the exponent: 81/2 · 6e-8
    record_check("recognition.threshold_2d.expected_search", "SciPy norm.sf, relative", 131, relative, 2e-5)


@pytest.mark.parametrize("used", [40, 300, 1000])
def test_measured_curves_equal_the_exact_ones(used, record_check):
    genuine, impostor, weights = populations(used=float(used))
    scores, same = plain(genuine, impostor, used)
    far = torch.tensor([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0])
    exact = tar_at_far(scores, same, far)
    tar = T.measured_tar(genuine, impostor, weights, far)
    assert torch.equal(tar.isnan(), ~exact.defined)
    apart = float((tar - exact.tar).nan_to_num().abs().max())
    record_check("recognition.threshold_2d.measured_tar", "verification.tar_at_far", 7, apart, 1e-6, "float32")
    rate = T.measured_eer(genuine, impostor, weights)
    apart = abs(float(rate) - float(curves.equal_error_rate(scores, same)[0]))
    record_check("recognition.threshold_2d.measured_eer", "curves.equal_error_rate", 1, apart, 2e-6, "float32")
    for threshold in (-1.0, 0.8, 2.5):
        accepted, rejected = T.shares_reaching(genuine, impostor, weights, threshold)
        assert float(accepted) == pytest.approx(float((impostor[:used] >= threshold).float().mean()))
        assert float(rejected) == pytest.approx(float((genuine < threshold).float().mean()))


def test_histograms_equal_numpy():
    _, impostor, weights = populations()
    ours = T.histogram_density(impostor, weights, -4.0, 0.25, 32)
    theirs = np.histogram(impostor[:300].numpy(), np.arange(33) * 0.25 - 4, density=True)[0]
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-6)


def test_expectations_meet_many_draws_and_integrals(record_check):
    gap, spread = 2.2, 0.8
    assert float(T.expected_eer(3.0, 1.0)) == pytest.approx(norm.cdf(-1.5), abs=1e-6)
    assert float(T.expected_d_prime(3.0, 1.0)) == pytest.approx(3.0)
    # where FAR and FRR meet, FAR equals the rate itself
    rate = T.expected_eer(gap, spread)
    tar = T.expected_tar(gap, spread, T.normal_quantile(rate)[None])
    assert float(1 - tar) == pytest.approx(float(rate), abs=1e-5)
    worst = 0.0
    logs = torch.tensor([0.0, 2.0, 4.0, 6.0])
    fpir, tpir, rank1 = T.expected_search(gap, spread, 2.5, logs)
    for i, size in enumerate((10.0 ** logs.double()).tolist()):
        worst = max(worst, abs(float(fpir[i]) + math.expm1(size * math.log1p(-norm.sf(2.5)))))

        def density(z, size=size):
            return norm.pdf(z) * math.exp((size - 1) * math.log1p(-norm.sf(gap + spread * z)))

        start = (2.5 - gap) / spread
        worst = max(worst, abs(float(rank1[i]) - integrate.quad(density, -8, 8, limit=200)[0]))
        found = integrate.quad(density, start, 8, limit=200)[0]
        worst = max(worst, abs(float(tpir[i]) - found))
    # the slice that the threshold cuts is 0.02 wide: an error of its square
    record_check("recognition.threshold_2d.expected_search", "SciPy quad", 12, worst, 1e-4, "a sum of slices")
    assert (fpir.diff() >= 0).all() and (tpir.diff() <= 0).all() and float(rank1[0]) == pytest.approx(1, abs=1e-5)


class Figure(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.genuine, self.impostor = T.fixed_normals(50, 1), T.fixed_normals(400, 2)

    def forward(self, gap, spread, threshold, used):
        genuine, weights = gap + spread * self.genuine, T.first_of(400, used)
        far = torch.tensor([0.01, 0.1, 0.5])
        return (
            T.histogram_density(self.impostor, weights, -4.0, 0.5, 16),
            *T.shares_reaching(genuine, self.impostor, weights, threshold),
            T.measured_tar(genuine, self.impostor, weights, far),
            T.normal_quantile(T.measured_tar(genuine, self.impostor, weights, far)),
            T.measured_eer(genuine, self.impostor, weights),
            T.expected_tar(gap, spread, T.normal_quantile(far)),
            T.expected_eer(gap, spread),
            T.expected_d_prime(gap, spread),
            *T.expected_search(gap, spread, threshold, torch.tensor([0.0, 3.0, 6.0])),
        )


def test_the_figures_run_in_onnxruntime(tmp_path, record_check):
    import onnxruntime

    settings = [(2.0, 1.0, 1.5, 200.0), (4.5, 0.6, 2.5, 400.0), (0.5, 1.4, -0.5, 50.0)]
    tensors = tuple(torch.tensor(v) for v in settings[0])
    torch.onnx.export(Figure().eval(), tensors, dynamo=True, verbose=False).save(str(tmp_path / "f.onnx"))
    session = onnxruntime.InferenceSession(tmp_path / "f.onnx")
    worst = 0.0
    for values in settings:
        tensors = tuple(torch.tensor(v) for v in values)
        feeds = {i.name: t.numpy() for i, t in zip(session.get_inputs(), tensors, strict=True)}
        for got, expected in zip(session.run(None, feeds), Figure()(*tensors), strict=True):
            apart = (torch.from_numpy(got) - expected).nan_to_num().abs().max()
            assert torch.equal(torch.from_numpy(got).isnan(), expected.isnan())
            worst = max(worst, float(apart / expected.nan_to_num().abs().max().clamp_min(1e-6)))
    record_check("recognition.threshold_2d", "its ONNX graph in onnxruntime, relative", 39, worst, 1e-4, "float32")
