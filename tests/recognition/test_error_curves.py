"""Checks of ROC, DET, area, equal error rate, d′ and intervals: scikit-learn, SciPy, counting by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score, roc_curve

from course_lib.recognition import curves
from course_lib.recognition.intervals import clopper_pearson


def scored(seed=0, genuine=400, impostor=900, gap=1.5, ties=False, models=1):
    g = torch.Generator().manual_seed(seed)
    same = torch.rand(genuine + impostor, generator=g) < genuine / (genuine + impostor)
    s = torch.randn(models, len(same), generator=g, dtype=torch.float64) + gap * same
    s = (4 * s).round() / 4 if ties else s
    return (s[0] if models == 1 else s), same


@pytest.mark.parametrize("ties", [False, True])
def test_roc_equals_scikit_learn(ties, record_check):
    worst = 0.0
    for seed in range(3):
        s, same = scored(seed, ties=ties)
        far, tar, thresholds = roc_curve(same.numpy(), s.numpy(), drop_intermediate=False)
        ours = curves.roc(s, same)
        points = {(round(a, 12), round(b, 12)) for a, b in zip(ours.far.tolist(), ours.tar.tolist(), strict=True)}
        theirs = {(round(a, 12), round(b, 12)) for a, b in zip(far, tar, strict=True)}
        worst = max(worst, len(points ^ theirs))
        assert set(ours.thresholds.tolist()) == set(thresholds.tolist())
        area = float(curves.area_under_roc(s, same))
        record_check(
            "recognition.curves.area_under_roc",
            "scikit-learn roc_auc_score",
            1,
            abs(area - roc_auc_score(same, s)),
            1e-12,
        )
    record_check(
        "recognition.curves.roc", f"scikit-learn roc_curve{' with ties' if ties else ''}", 3 * len(points), worst, 0
    )


def test_equal_error_rate_equals_the_crossing_of_scikit_learns_curve(record_check):
    worst = 0.0
    for seed in range(5):
        s, same = scored(seed, ties=seed > 2)
        far, tar, _ = roc_curve(same.numpy(), s.numpy(), drop_intermediate=False)
        # np.interp keeps the vertical steps that a function of the FAR can't have twice
        crossing = brentq(lambda x, f=far, t=tar: 1 - x - np.interp(x, f, t), 0.0, 1.0, xtol=1e-12)
        worst = max(worst, abs(float(curves.equal_error_rate(s, same)[0]) - crossing))
    record_check("recognition.curves.equal_error_rate", "scikit-learn ROC and SciPy brentq", 5, worst, 1e-9)


def test_equal_error_rate_by_hand():
    s = torch.tensor([0.9, 0.8, 0.7, 0.4, 0.6, 0.3, 0.2, 0.1])
    same = torch.tensor([True] * 4 + [False] * 4)
    rate, threshold = curves.equal_error_rate(s, same)
    assert float(rate) == pytest.approx(0.25) and 0.4 <= float(threshold) <= 0.6 + 1e-6
    assert (
        float(curves.equal_error_rate(s[same.logical_not() | (s > 0.5)], same[same.logical_not() | (s > 0.5)])[0])
        == 0.0
    )
    worst = curves.equal_error_rate(torch.tensor([0.0, 1.0]), torch.tensor([True, False]))[0]
    assert float(worst) == 1.0


def test_scores_of_any_range_and_batch_size_give_one_answer():
    """Fault of torchmetrics 1.9: cosines outside [0, 1] pass a sigmoid per update, so the EER depends on the batch."""
    from torchmetrics.classification import BinaryAUROC

    g = torch.Generator().manual_seed(0)
    same = torch.rand(2000, generator=g) < 0.5
    s = (0.1 + 0.25 * same + 0.15 * torch.randn(2000, generator=g)).clamp(-1, 1)
    truth = float(curves.area_under_roc(s, same))
    values = []
    for size in (64, 2):
        metric = BinaryAUROC()
        for a, b in zip(s.split(size), same.long().split(size), strict=True):
            metric.update(a, b)
        values.append(float(metric.compute()))
    assert abs(values[1] - truth) > 0.02
    assert float(curves.area_under_roc(5 * s - 3, same)) == pytest.approx(truth, abs=1e-6)
    rates = [
        float(curves.equal_error_rate(f(s.double()), same)[0]) for f in (lambda x: x, lambda x: 3 * x - 7, torch.exp)
    ]
    assert max(rates) - min(rates) < 1e-12


def test_normal_scores_give_a_straight_det(record_check):
    s, same = scored(genuine=20000, impostor=20000, gap=2.0)
    x, y = curves.det(s, same)
    middle = (x.abs() < 1.5) & (y.abs() < 1.5)
    # probit(FRR) = -d' - probit(FAR) for equal variances; 40,000 scores give a standard error of about 0.02
    record_check(
        "recognition.curves.det",
        "the line of two normals",
        int(middle.sum()),
        float((y + x + 2.0)[middle].abs().max()),
        0.06,
    )
    p = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    record_check(
        "recognition.curves.probit",
        "SciPy norm.ppf",
        50,
        float(np.abs(curves.probit(p).numpy() - norm.ppf(p)).max()),
        1e-12,
    )
    assert float(curves.d_prime(s, same)) == pytest.approx(2.0, abs=0.04)
    assert float(curves.equal_error_rate(s, same)[0]) == pytest.approx(norm.cdf(-1), abs=0.006)


def test_many_systems_at_once():
    s, same = scored(models=3)
    rate, threshold = curves.equal_error_rate(s, same)
    assert rate.shape == threshold.shape == (3,)
    for i in range(3):
        assert float(curves.equal_error_rate(s[i], same)[0]) == float(rate[i])
        torch.testing.assert_close(curves.d_prime(s, same)[i], curves.d_prime(s[i], same))
        torch.testing.assert_close(curves.area_under_roc(s, same)[i], curves.area_under_roc(s[i], same))


def test_clopper_pearson_equals_scipy(record_check):
    worst = 0.0
    cases = [(0, 10), (10, 10), (3, 300), (299, 300), (1, 1), (57, 1000)]
    for k, n in cases:
        for confidence in (0.9, 0.95, 0.99):
            low, high = clopper_pearson(torch.tensor(k), n, confidence)
            reference = binomtest(k, n).proportion_ci(confidence, "exact")
            worst = max(worst, abs(float(low) - reference.low), abs(float(high) - reference.high))
    record_check("recognition.intervals.clopper_pearson", "SciPy binomtest, exact", 36, worst, 1e-10)
    low, high = clopper_pearson(torch.tensor([0, 5]), torch.tensor([3000, 10]))
    assert float(high[0]) == pytest.approx(-math.log(0.025) / 3000, rel=1e-3)
    for wrong in (dict(confidence=1.0), dict(trials=0)):
        with pytest.raises(ValueError):
            clopper_pearson(torch.tensor([1]), **({"trials": 5} | wrong))


def test_bands_hold_the_truth_as_often_as_they_promise():
    trials, truth = 200, 0.07
    drawn = torch.distributions.Binomial(trials, torch.tensor(truth)).sample((2000,)) / trials
    low, high = curves.band(drawn.double(), trials)
    covered = float(((low <= truth) & (truth <= high)).double().mean())
    assert covered >= 0.94  # exact intervals cover at least 95 %; three standard errors of 2000 draws are 1.5 %


def test_errors():
    s = torch.tensor([0.1, 0.2])
    for call in (
        lambda: curves.roc(s, torch.tensor([True, True])),
        lambda: curves.roc(torch.tensor([0.1, math.nan]), torch.tensor([True, False])),
        lambda: curves.d_prime(s, torch.tensor([True, False])),
    ):
        with pytest.raises(ValueError):
            call()
