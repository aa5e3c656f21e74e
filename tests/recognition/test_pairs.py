"""Checks of the pair losses: pytorch-metric-learning where it is right, loops over definitions, gradcheck."""

import math

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning import losses
from pytorch_metric_learning.distances import DotProductSimilarity, LpDistance
from pytorch_metric_learning.miners import BatchEasyHardMiner, BatchHardMiner
from pytorch_metric_learning.reducers import MeanReducer

from course_lib.recognition import distances, miners
from course_lib.recognition import pairs as P


def batch(identities=6, images=4, width=8, seed=0, dtype=torch.float64, spread=1.0):
    g = torch.Generator().manual_seed(seed)
    centres = torch.randn(identities, 1, width, generator=g, dtype=torch.float64)
    x = (centres + spread * torch.randn(identities, images, width, generator=g, dtype=torch.float64)).flatten(0, 1)
    return x.to(dtype).requires_grad_(), torch.arange(identities).repeat_interleave(images)


def compare(ours, theirs, seeds=4, **options):
    """Largest difference of loss and gradient between two functions of (embeddings, labels)."""
    worst = 0.0
    for seed in range(seeds):
        x, y = batch(seed=seed, **options)
        a, b = ours(x, y), theirs(x, y)
        ga, gb = torch.autograd.grad(a, x)[0], torch.autograd.grad(b, x)[0]
        worst = max(worst, float((a - b).detach().abs()), float((ga - gb).abs().max()))
    return worst


PEERS = {
    "triplet_loss (plain distance)": (
        lambda x, y: P.triplet_loss(x, y, 0.2, squared=False),
        losses.TripletMarginLoss(0.2),
    ),
    "triplet_loss (squared)": (
        lambda x, y: P.triplet_loss(x, y, 0.2),
        losses.TripletMarginLoss(0.2, distance=LpDistance(power=2)),
    ),
    "batch_hard_triplet_loss": (
        lambda x, y: P.batch_hard_triplet_loss(x, y, 0.2, reduction="active"),
        lambda x, y: losses.TripletMarginLoss(0.2)(x, y, BatchHardMiner()(x, y)),
    ),
    "batch_hard_triplet_loss (soft)": (
        lambda x, y: P.batch_hard_triplet_loss(x, y, "soft"),
        lambda x, y: losses.TripletMarginLoss(0.0, smooth_loss=True)(x, y, BatchHardMiner()(x, y)),
    ),
    "contrastive_loss (unsquared)": (
        lambda x, y: P.contrastive_loss(x, y, 1.0, squared=False, reduction="active"),
        losses.ContrastiveLoss(0, 1.0),
    ),
    "lifted_structure_loss": (lambda x, y: P.lifted_structure_loss(x, y, 1.0), losses.LiftedStructureLoss(1.0)),
    "generalised_lifted_loss": (
        lambda x, y: P.generalised_lifted_loss(x, y, 1.0),
        losses.GeneralizedLiftedStructureLoss(1.0),
    ),
    "multi_similarity_loss": (lambda x, y: P.multi_similarity_loss(x, y), losses.MultiSimilarityLoss(2, 50, 0.5)),
    "circle_loss": (lambda x, y: P.circle_loss(x, y, 0.4, 80.0), losses.CircleLoss(0.4, 80)),
    "margin_based_loss": (
        lambda x, y: P.margin_based_loss(x, y, 1.2, 0.2, triplets=miners.mine_triplets(x, y, "all")),
        losses.MarginLoss(0.2, beta=1.2),
    ),
    "n_pair_loss": (
        lambda x, y: P.n_pair_loss(x[0::4], x[1::4]),  # theirs takes the first pair of each identity
        losses.NPairsLoss(distance=DotProductSimilarity(normalize_embeddings=False)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PEERS)
def test_equals_pytorch_metric_learning(name, record_check):
    worst = max(compare(*PEERS[name]), compare(*PEERS[name], spread=0.3))
    # they add 1e-6 to coordinates or floor distances differently; fp64 otherwise
    record_check(f"recognition.pairs.{name.split()[0]}", f"pytorch-metric-learning: {name}", 16, worst, 1e-7)


def test_semi_hard_equals_pytorch_metric_learning(record_check):
    """With two pictures a person its miner has no choice of a positive, and takes the nearest negative beyond it."""
    miner, peer = BatchEasyHardMiner("hard", "semihard"), losses.TripletMarginLoss(0.2, distance=LpDistance(power=2))
    peer.reducer = MeanReducer()
    worst = max(
        compare(P.semi_hard_triplet_loss, lambda x, y: peer(x, y, miner(x, y)), images=2, spread=spread)
        for spread in (1.0, 0.5)
    )
    record_check("recognition.pairs.semi_hard_triplet_loss", "pytorch-metric-learning: semi-hard", 16, worst, 1e-7)


def test_n_pair_equals_the_papers_sum(record_check):
    x, _ = batch(images=2)
    loss = P.n_pair_loss(x[0::2], x[1::2])
    by_definition = sum(
        torch.log1p(sum(torch.exp(x[2 * i] @ x[2 * j + 1] - x[2 * i] @ x[2 * i + 1]) for j in range(6) if j != i))
        for i in range(6)
    )
    record_check(
        "recognition.pairs.n_pair_loss", "the paper's sum, in a loop", 1, float((loss - by_definition / 6).abs()), 1e-10
    )
    assert float(P.n_pair_loss(x[0::2], x[1::2], 0.5) - loss) == pytest.approx(float(0.5 * (x**2).sum() / 6))
    with pytest.raises(ValueError, match="anchors"):
        P.n_pair_loss(x[:0], x[:0])


def loop_lifted(x, y, margin, form):
    d = torch.cdist(F.normalize(x), F.normalize(x))
    total, pairs = 0.0, 0
    for i in range(len(y)):
        for j in range(i + 1, len(y)):
            if y[i] != y[j]:
                continue
            both = torch.cat([margin - d[i][y != y[i]], margin - d[j][y != y[j]]])
            total = total + F.relu(d[i, j] + (both.max() if form == "max" else both.logsumexp(0))) ** 2
            pairs += 1
    return total / (2 * pairs)


@pytest.mark.parametrize("form", ["max", "smooth"])
def test_lifted_equals_a_loop_over_the_definition(form, record_check):
    x, y = batch(4, 3)
    difference = float((P.lifted_structure_loss(x, y, form=form) - loop_lifted(x, y, 1.0, form)).abs())
    record_check("recognition.pairs.lifted_structure_loss", f"the definition in a loop, {form}", 1, difference, 1e-10)


def largest_kept(loss, x, y):
    """Number of entries of the largest tensor that autograd keeps for the backward pass."""
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
        loss(x, y)
    return max(sizes)


def test_their_lifted_loss_pairs_all_positives_with_all_negatives():
    """Fault of pytorch-metric-learning 2.9: it keeps P·N numbers, which grow with the cube of the batch; ours B²."""
    theirs, ours = [], []
    for identities in (8, 16):
        x, y = batch(identities, 4)
        positives, negatives = (int(mask.sum()) for mask in distances.pair_masks(y))
        theirs.append(largest_kept(losses.LiftedStructureLoss(1.0), x, y))
        ours.append(largest_kept(P.lifted_structure_loss, x, y))
        assert theirs[-1] >= positives * negatives and ours[-1] <= len(y) ** 2
    assert theirs[1] / theirs[0] > 8 and ours[1] / ours[0] == 4


def test_smooth_lifted_bounds_the_max_form():
    for seed in range(5):
        x, y = batch(seed=seed)
        assert P.lifted_structure_loss(x, y, form="smooth") >= P.lifted_structure_loss(x, y, form="max")


def test_triplets_counted_equal_triplets_listed(record_check):
    worst = 0.0
    for seed in range(5):
        x, _ = batch(6, 5, seed=seed)
        y = torch.randint(0, 4, (30,), generator=torch.Generator().manual_seed(seed))  # uneven identities, singles
        d = distances.squared_distances(x)
        a, p, n = miners.mine_triplets(x, y, "all")
        listed = F.relu(d[a, p] - d[a, n] + 0.2)
        for reduction, value in (
            ("sum", listed.sum()),
            ("mean", listed.mean()),
            ("active", listed.sum() / (listed > 0).sum()),
        ):
            loss = P.triplet_loss(x, y, 0.2, reduction=reduction)
            g, h = torch.autograd.grad(loss, x)[0], torch.autograd.grad(value, x, retain_graph=True)[0]
            worst = max(
                worst, float(((loss - value) / value).detach().abs()), float(((g - h) / h.abs().max()).abs().max())
            )
    record_check("recognition.pairs.triplet_loss", "all triplets in a list", 15, worst, 1e-11)


def test_semi_hard_picks_what_a_loop_picks():
    x, y = batch(5, 4, spread=0.8)
    d = distances.squared_distances(x).detach()
    a, p, n = miners.mine_triplets(x, y, "semi-hard")
    d_plain = distances.pairwise_distances(x).detach()
    for i, j, k in zip(a.tolist(), p.tolist(), n.tolist(), strict=True):
        others = [m for m in range(len(y)) if y[m] != y[i]]
        beyond = [m for m in others if d_plain[i, m] > d_plain[i, j]]
        best = min(beyond, key=lambda m: d_plain[i, m]) if beyond else max(others, key=lambda m: d_plain[i, m])
        assert k == best
    assert len(a) == 5 * 4 * 3
    loss = P.semi_hard_triplet_loss(x, y, 0.2)
    torch.testing.assert_close(loss, F.relu(d[a, p] - d[a, n] + 0.2).mean())


def test_contrastive_is_half_the_squares():
    d = torch.tensor([0.0, 0.5, 0.5, 3.0])
    same = torch.tensor([True, True, False, False])
    torch.testing.assert_close(P.contrastive_distance_loss(d, same, 1.0), torch.tensor([0, 0.125, 0.125, 0]))
    torch.testing.assert_close(P.contrastive_distance_loss(d, same, 1.0, squared=False), torch.tensor([0, 0.5, 0.5, 0]))
    x, y = batch(4, 3)
    full = distances.pairwise_distances(x)
    off = ~torch.eye(12, dtype=torch.bool)
    each = P.contrastive_distance_loss(full, y[:, None] == y[None], 1.0)
    torch.testing.assert_close(P.contrastive_loss(x, y, reduction="sum"), each[off].sum())
    torch.testing.assert_close(P.contrastive_loss(x, y, reduction="mean"), each[off].mean())
    same = (y[:, None] == y[None]) & off
    balanced = each[same].mean() + each[~same & off].mean()
    torch.testing.assert_close(P.contrastive_loss(x, y), balanced)


def test_deepid2_is_identification_plus_verification():
    x, y = batch(5, 3)
    w = torch.randn(5, 8, dtype=torch.float64)
    expected = F.cross_entropy(x @ w.t(), y) + 0.05 * P.contrastive_loss(x, y, 2.0, normalise=False)
    torch.testing.assert_close(P.deepid2_loss(x, w, y, 2.0), expected)


def test_margin_based_with_learnt_thresholds():
    x, y = batch()
    beta = torch.full((6,), 1.2, dtype=torch.float64, requires_grad=True)
    scalar = P.margin_based_loss(x, y, 1.2)
    torch.testing.assert_close(P.margin_based_loss(x, y, beta), scalar)
    P.margin_based_loss(x, y, beta, nu=0.1).backward()
    assert (beta.grad != 0).all()


def test_multi_similarity_mining_equals_the_authors_rule():
    x, y = batch(spread=0.5)
    s = (F.normalize(x) @ F.normalize(x).t()).detach()
    keep_p, keep_n = miners.multi_similarity_masks(s, y)
    total = 0.0
    for i in range(len(y)):
        p = [s[i, j] for j in range(len(y)) if y[j] == y[i] and j != i]
        n = [s[i, j] for j in range(len(y)) if y[j] != y[i]]
        kept_p = [v for v in p if v < max(n) + 0.1]
        kept_n = [v for v in n if v > min(p) - 0.1]
        assert (len(kept_p), len(kept_n)) == (int(keep_p[i].sum()), int(keep_n[i].sum()))
        total += math.log1p(sum(math.exp(-2 * (v - 0.5)) for v in kept_p)) / 2
        total += math.log1p(sum(math.exp(50 * (v - 0.5)) for v in kept_n)) / 50
    assert float(P.multi_similarity_loss(x, y, mining=0.1)) == pytest.approx(total / len(y), rel=1e-9)


def test_weighted_triplet_lies_between_the_mean_and_the_hardest():
    x, y = batch(spread=0.7)
    d = distances.pairwise_distances(x)
    value = 0.0
    for i in range(len(y)):
        p, n = d[i][(y == y[i]) & (torch.arange(24) != i)], d[i][y != y[i]]
        value = value + F.softplus((p.softmax(0) * p).sum() - ((-n).softmax(0) * n).sum()) / 24
    torch.testing.assert_close(P.weighted_triplet_loss(x, y), value)
    assert P.weighted_triplet_loss(x, y) < P.batch_hard_triplet_loss(x, y, "soft")


def test_collapse_shows_the_margin():
    x = torch.ones(8, 4, requires_grad=True)
    y = torch.arange(4).repeat_interleave(2)
    assert float(P.batch_hard_triplet_loss(x, y, 0.3)) == pytest.approx(0.3, abs=1e-3)
    assert float(P.batch_hard_triplet_loss(x, y, "soft")) == pytest.approx(math.log(2), abs=1e-3)


LOSSES = {
    "triplet": lambda x, y: P.triplet_loss(x, y),
    "semi-hard": lambda x, y: P.semi_hard_triplet_loss(x, y),
    "batch-hard": lambda x, y: P.batch_hard_triplet_loss(x, y),
    "batch-hard soft": lambda x, y: P.batch_hard_triplet_loss(x, y, "soft"),
    "weighted": lambda x, y: P.weighted_triplet_loss(x, y),
    "contrastive": lambda x, y: P.contrastive_loss(x, y),
    "contrastive unsquared": lambda x, y: P.contrastive_loss(x, y, squared=False, reduction="active"),
    "lifted": lambda x, y: P.lifted_structure_loss(x, y),
    "lifted max": lambda x, y: P.lifted_structure_loss(x, y, form="max"),
    "generalised lifted": lambda x, y: P.generalised_lifted_loss(x, y),
    "margin-based": lambda x, y: P.margin_based_loss(x, y),
    "multi-similarity": lambda x, y: P.multi_similarity_loss(x, y),
    "multi-similarity mined": lambda x, y: P.multi_similarity_loss(x, y, mining=0.1),
    "circle": lambda x, y: P.circle_loss(x, y),
}


@pytest.mark.parametrize("name", LOSSES)
def test_degenerate_batches_stay_finite(name, device):
    coinciding = torch.ones(6, 4)
    for x, y in (
        (coinciding, torch.tensor([0, 0, 1, 1, 2, 2])),
        (torch.randn(6, 4), torch.zeros(6, dtype=torch.long)),  # one identity
        (torch.randn(6, 4), torch.arange(6)),  # no positives
        (torch.randn(1, 4), torch.zeros(1, dtype=torch.long)),
        (torch.zeros(4, 4), torch.tensor([0, 0, 1, 1])),
    ):
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            a = x.detach().clone().to(device, dtype).requires_grad_()
            loss = LOSSES[name](a, y.to(device))
            loss.backward()
            assert torch.isfinite(loss) and loss >= 0 and torch.isfinite(a.grad).all()
    with pytest.raises(ValueError, match="embeddings"):
        LOSSES[name](torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))


@pytest.mark.parametrize("name", [n for n in LOSSES if n != "circle"])
def test_gradcheck(name):
    x, y = batch(3, 3, 4, spread=0.8)
    assert torch.autograd.gradcheck(lambda a: LOSSES[name](a, y), (x,), fast_mode=True)


def test_one_identity_is_zero_where_pytorch_metric_learning_is_not():
    """Fault of pytorch-metric-learning 2.9: its generalised lifted loss is above 0 with nothing to push apart."""
    x, y = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.zeros(6, dtype=torch.long)
    assert float(losses.GeneralizedLiftedStructureLoss()(x, y)) > 0
    assert float(P.generalised_lifted_loss(x, y)) == 0


def test_wrong_options_are_named():
    x, y = batch()
    for call, name in (
        (lambda: P.contrastive_loss(x, y, reduction="max"), "reduction"),
        (lambda: P.triplet_loss(x, y, reduction="max"), "reduction"),
        (lambda: P.batch_hard_triplet_loss(x, y, reduction="max"), "reduction"),
        (lambda: P.batch_hard_triplet_loss(x, y, "hard"), "margin"),
        (lambda: P.lifted_structure_loss(x, y, form="mean"), "form"),
    ):
        with pytest.raises(ValueError, match=name):
            call()
    with pytest.raises((ValueError, TypeError), match="labels"):
        P.triplet_loss(x, y[:-1])


def test_focal_and_hardest():
    logits = torch.randn(10, 5, dtype=torch.float64, requires_grad=True)
    y = torch.randint(0, 5, (10,))
    plain = F.cross_entropy(logits, y, reduction="none")
    p = plain.neg().exp()
    torch.testing.assert_close(P.focal_cross_entropy(logits, y, 2.0, "none"), (1 - p) ** 2 * plain)
    torch.testing.assert_close(P.focal_cross_entropy(logits, y, 0.0), plain.mean())
    torch.testing.assert_close(P.hardest_mean(plain, 0.3), plain.sort(descending=True).values[:3].mean())
    sure = torch.tensor([[200.0, 0.0]], requires_grad=True)
    P.focal_cross_entropy(sure, torch.tensor([0]), 0.5).backward()
    assert torch.isfinite(sure.grad).all()
    for call in (
        lambda: P.focal_cross_entropy(logits, y, -1.0),
        lambda: P.hardest_mean(plain, 0.0),
        lambda: P.hardest_mean(plain[:0]),
    ):
        with pytest.raises(ValueError):
            call()
