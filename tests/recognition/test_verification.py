"""Checks of the verification protocols: scikit-learn's folds, a sweep of thresholds, and counting."""

import math

import numpy as np
import pytest
import torch
from sklearn.model_selection import KFold
from test_error_curves import scored

from course_lib.recognition import verification as V


def sweep(scores, same, folds=10):
    """The protocol as InsightFace writes it: all scores as thresholds, KFold without shuffling."""
    accuracies = []
    for train, test in KFold(folds, shuffle=False).split(scores):
        grid = np.concatenate([np.sort(scores[train]), [np.inf]])
        right = [np.mean((scores[train] >= t) == same[train]) for t in grid]
        best = np.flatnonzero(np.isclose(right, max(right)))[-1]  # the strictest of equals
        lower = scores[train][scores[train] < grid[best]]
        accuracies.append((max(right), grid[best], lower.max() if len(lower) else -np.inf, train, test))
    return accuracies


@pytest.mark.parametrize("ties", [False, True])
def test_ten_folds_equal_a_sweep_over_every_threshold(ties, record_check):
    worst = 0.0
    for seed in range(3):
        s, same = scored(seed, 150, 153, ties=ties)
        ours = V.ten_fold_accuracy(s, same)
        for fold, (best, high, low, train, test) in enumerate(sweep(s.numpy(), same.numpy())):
            t = float(ours.thresholds[fold])
            reached = np.mean((s.numpy()[train] >= t) == same.numpy()[train])
            worst = max(worst, abs(reached - best))
            assert low < t <= high
            expected = np.mean((s.numpy()[test] >= t) == same.numpy()[test])
            worst = max(worst, abs(float(ours.accuracy[fold]) - expected))
        assert float(ours.mean) == pytest.approx(float(ours.accuracy.mean()))
        assert float(ours.standard_error) == pytest.approx(np.std(ours.accuracy.numpy(), ddof=1) / math.sqrt(10))
    record_check(
        "recognition.verification.ten_fold_accuracy",
        f"a sweep over all thresholds{' with ties' if ties else ''}",
        60,
        worst,
        1e-12,
    )


def test_folds_may_be_named_and_systems_batched():
    s, same = scored(models=4)
    together = V.ten_fold_accuracy(s, same)
    assert together.mean.shape == (4,) and together.accuracy.shape == (4, 10)
    for i in range(4):
        torch.testing.assert_close(V.ten_fold_accuracy(s[i], same).accuracy, together.accuracy[i])
    sizes = [len(test) for _, test in KFold(10).split(same)]
    member = torch.arange(10).repeat_interleave(torch.tensor(sizes))
    torch.testing.assert_close(V.ten_fold_accuracy(s, same, member).accuracy, together.accuracy)


def test_all_pairs_of_one_kind_still_decide_right():
    s, same = torch.rand(20), torch.zeros(20, dtype=torch.bool)
    assert float(V.ten_fold_accuracy(s, same).mean) > 0.9
    assert float(V.ten_fold_accuracy(s, ~same).mean) > 0.9
    constant = V.ten_fold_accuracy(torch.zeros(20), torch.arange(20) % 2 == 0)
    assert float(constant.mean) == 0.5


def test_tar_at_far_by_hand():
    impostor = torch.tensor([0.9, 0.5, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, -0.1, -0.2])
    genuine = torch.tensor([0.95, 0.92, 0.6, 0.5, 0.45])
    s, same = torch.cat([genuine, impostor]), torch.arange(15) < 5
    # FAR 0.2 of 10 impostors allows 2; accepting 0.5 would accept three, so only what is above 0.5 counts
    result = V.tar_at_far(s, same, torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64))
    assert result.tar.tolist() == pytest.approx([0.6, 0.6, 1.0])
    assert result.realised_far.tolist() == pytest.approx([0.1, 0.1, 0.3])
    near = V.tar_at_far(s, same, torch.tensor([0.19, 0.21], dtype=torch.float64), mode="nearest")
    assert near.tar.tolist() == pytest.approx([0.6, 1.0]) and near.realised_far.tolist() == pytest.approx([0.1, 0.3])
    between = V.tar_at_far(s, same, 0.2, mode="interpolated")
    assert float(between.tar) == pytest.approx(0.7) and float(between.realised_far) == pytest.approx(0.2)
    everything = V.tar_at_far(s, same, 1.0)
    assert float(everything.tar) == 1 and float(everything.realised_far) == 1


def test_a_rate_below_the_resolution_is_undefined():
    s, same = scored(genuine=300, impostor=300)
    impostors = int((~same).sum())
    for mode in V.MODES:
        result = V.tar_at_far(s, same, torch.tensor([1e-3, 1e-1], dtype=torch.float64), mode=mode)
        assert result.defined.tolist() == [False, True]
        assert result.tar.isnan().tolist() == [False, False] or result.tar.isnan().tolist() == [True, False]
        assert math.isnan(float(result.tar[0])) and math.isnan(float(result.low[0]))
        assert float(result.low[1]) < float(result.tar[1]) < float(result.high[1])
    assert V.tar_at_far(s, same, 1 / impostors).defined.all()


def test_conservative_never_exceeds_the_target(record_check):
    worst = -1.0
    for seed in range(5):
        s, same = scored(seed, ties=True, models=3)
        targets = torch.tensor([0.003, 0.01, 0.05, 0.2], dtype=torch.float64)
        result = V.tar_at_far(s, same, targets)
        worst = max(worst, float((result.realised_far - targets).max()))
        for i in range(3):
            for j, t in enumerate(result.thresholds[i]):
                assert float(result.realised_far[i, j]) == pytest.approx(float((s[i][~same] > t).double().mean()))
                assert float(result.tar[i, j]) == pytest.approx(float((s[i][same] > t).double().mean()))
    record_check("recognition.verification.tar_at_far", "the target (realised minus asked)", 60, worst, 0.0)


def test_a_threshold_travels_and_the_realised_rate_is_reported():
    dev, dev_same = scored(0, 5000, 5000)
    test, test_same = scored(1, 5000, 5000)
    result = V.transfer_threshold(dev, dev_same, test, test_same, 0.01)
    assert result.far != 0.01 and 0.006 < result.far < 0.016
    assert result.tar == pytest.approx(float((test[test_same] > result.threshold).double().mean()))
    shifted = V.transfer_threshold(dev, dev_same, test + 0.5, test_same, 0.01)  # another model: the threshold is wrong
    assert shifted.far > 2 * result.far
    with pytest.raises(ValueError, match="far"):
        V.transfer_threshold(dev, dev_same, test, test_same, 1e-5)


def test_insightfaces_interpolation_fails_on_tied_rates():
    """Fault of arcface_torch's verification.py: interp1d over repeated FARs raises on current SciPy; ours doesn't interpolate."""
    from scipy.interpolate import interp1d

    s, same = scored(genuine=100, impostor=100)
    grid = np.arange(-4, 4, 0.01)
    far = np.array([np.mean(s[~same].numpy() > t) for t in grid])
    with pytest.raises(ValueError, match="duplicates"):
        interp1d(far, grid, kind="slinear")
    assert V.tar_at_far(s, same, 0.05).defined.all()


def test_errors():
    s, same = scored()
    for call, name in (
        (lambda: V.ten_fold_accuracy(s, same, 1), "folds"),
        (lambda: V.ten_fold_accuracy(s, same, torch.zeros(len(s), dtype=torch.long)), "folds"),
        (lambda: V.tar_at_far(s, same, 0.1, mode="linear"), "mode"),
        (lambda: V.tar_at_far(s, same, 0.0), "far"),
        (lambda: V.tar_at_far(s, torch.ones_like(same)), "same"),
    ):
        with pytest.raises(ValueError, match=name):
            call()
