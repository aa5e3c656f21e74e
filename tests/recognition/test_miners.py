"""Checks of miners and samplers: densities by integration, draws by counting, and the underflow of other code."""

import math

import pytest
import torch
from pytorch_metric_learning.miners import BatchHardMiner, DistanceWeightedMiner, TripletMarginMiner

from course_lib.recognition import miners
from course_lib.recognition.distances import pair_masks, pairwise_distances
from course_lib.recognition.samplers import IdentitySampler


def clustered(seed=0, identities=16, images=4, width=512):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(identities * images, width, generator=g), torch.arange(identities).repeat_interleave(images)


def test_sphere_density_matches_random_points(record_check):
    d = torch.linspace(0.001, 1.999, 4000, dtype=torch.float64)
    for n in (3, 16, 128):
        q = (miners.log_sphere_density(d, n) - miners.log_sphere_density(d, n).max()).exp()
        q = q / torch.trapezoid(q, d)
        x = torch.randn(2000, n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
        drawn = pairwise_distances(x)[~torch.eye(2000, dtype=torch.bool)]
        mean = torch.trapezoid(q * d, d)
        # 4e6 dependent pairs of 2000 points: the standard error of the mean is about 1e-3
        record_check(
            "recognition.miners.log_sphere_density",
            f"mean distance of random points, n={n}",
            1,
            float((mean - drawn.mean()).abs()),
            4e-3,
        )
    variance = torch.trapezoid(q * (d - mean) ** 2, d)
    assert float(mean) == pytest.approx(math.sqrt(2), abs=0.01) and float(variance) == pytest.approx(1 / 256, rel=0.05)


def test_weights_flatten_the_distance_histogram():
    """With weight 1/q, negatives are drawn evenly over distance: the point of the method."""
    x, y = clustered(width=4, identities=64)
    d = pairwise_distances(x)
    weights = miners.distance_weights(d, y, 4)
    negative = pair_masks(y)[1]
    torch.testing.assert_close(weights.sum(1), torch.ones(len(y)))
    assert (weights[~negative] == 0).all() and (weights[d >= 1.4] == 0).all()
    share, even = [], []
    for low in (0.5, 0.8, 1.1):
        bin_ = (d >= low) & (d < low + 0.3)
        share.append(float(weights[bin_].sum() / weights.sum()))
        even.append(float((bin_ & negative).sum() / ((d >= 0.5) & (d < 1.4) & negative).sum()))
    assert max(share) - min(share) < 0.5 * (max(even) - min(even))


def test_no_anchor_starves_where_pytorch_metric_learning_loses_nearly_all():
    """Fault of pytorch-metric-learning 2.9: one maximum for the whole batch; a close pair leaves 62 of 64 bare."""
    x, y = clustered()
    with torch.no_grad():
        x[4] = x[0] + 0.01 * torch.randn(
            512, generator=torch.Generator().manual_seed(1)
        )  # two identities, nearly one point
        x = x + 0.35 * x.mean(0) + 3 * torch.ones(512) * 0.2  # a common direction, so that distances fall below 1.4
    a, _, _ = miners.mine_triplets(x, y, "distance-weighted", generator=torch.Generator().manual_seed(0))
    assert a.unique().numel() == 64
    theirs = DistanceWeightedMiner(cutoff=0.5, nonzero_loss_cutoff=1.4)(x, y)[0]
    assert theirs.unique().numel() <= 8


def test_draws_follow_the_weights():
    weights = torch.tensor([[0, 0, 0.25, 0.75], [0, 0, 1.0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    y = torch.tensor([0, 0, 1, 2])
    g = torch.Generator().manual_seed(0)
    picks = torch.stack([miners.draw_negatives(weights, y, g)[2] for _ in range(2000)])
    # binomial with p = 0.75: three standard errors are 0.03
    assert float((picks[:, 0] == 3).float().mean()) == pytest.approx(0.75, abs=0.03)
    assert (picks[:, 1] == 2).all()
    again = [
        miners.mine_triplets(*clustered(), "uniform", generator=torch.Generator().manual_seed(5))[2] for _ in range(2)
    ]
    assert torch.equal(*again)


@pytest.mark.parametrize("strategy", miners.STRATEGIES)
def test_every_triplet_is_valid(strategy, device):
    x, y = clustered(width=8)
    x, y = x.to(device), y.to(device)
    g = torch.Generator(device).manual_seed(0)
    a, p, n = miners.mine_triplets(x, y, strategy, generator=g)
    assert len(a) > 0 and (y[a] == y[p]).all() and (a != p).all() and (y[a] != y[n]).all()
    for labels in (torch.zeros_like(y), torch.arange(len(y), device=device)):
        assert all(len(t) == 0 for t in miners.mine_triplets(x, labels, strategy, generator=g))


def test_hard_equals_pytorch_metric_learning(record_check):
    x, y = clustered(width=8)
    differing = sum(
        int((a != b).sum()) for a, b in zip(miners.mine_triplets(x, y, "hard"), BatchHardMiner()(x, y), strict=True)
    )
    record_check("recognition.miners.hard_indices", "pytorch-metric-learning BatchHardMiner", 192, differing, 0)
    ours = set(zip(*(t.tolist() for t in miners.mine_triplets(x, y, "all")), strict=True))
    theirs = set(zip(*(t.tolist() for t in TripletMarginMiner(10.0, "all")(x, y)), strict=True))
    record_check(
        "recognition.miners.mine_triplets", "pytorch-metric-learning, all triplets", len(theirs), len(ours ^ theirs), 0
    )


def test_wrong_strategy():
    with pytest.raises(ValueError, match="strategy"):
        miners.mine_triplets(*clustered(), "hardest")


def test_identity_sampler():
    y = torch.tensor([5] * 10 + [7] * 3 + [9] * 1 + [2] * 6 + [4] * 8)
    sampler = IdentitySampler(y, identities=2, images=4, seed=3)
    assert len(sampler) == 2
    first = list(sampler)
    assert len(first) == 2
    for indices in first:
        labels = y[indices]
        assert len(indices) == 8 and labels.unique().numel() == 2
        for identity in labels.unique():
            mine = [i for i in indices if y[i] == identity]
            assert len(mine) == 4 and len(set(mine)) == min(4, int((y == identity).sum()))
    assert len({int(y[i]) for b in first for i in b}) == 4  # no identity twice in an epoch
    second = list(sampler)
    sampler.set_epoch(0)
    assert list(sampler) == first != second
    for wrong in (dict(identities=1), dict(images=1), dict(identities=6)):
        with pytest.raises(ValueError):
            IdentitySampler(y, **wrong)
