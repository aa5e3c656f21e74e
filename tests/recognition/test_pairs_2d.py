"""Checks of the pair, batch and sampling figures: autograd on the losses themselves, the miners, onnxruntime."""

import math

import pytest
import torch

from course_lib.recognition import batch_2d as B
from course_lib.recognition import miners, pairs
from course_lib.recognition import pairs_2d as D
from course_lib.recognition import sampling_2d as S
from course_lib.recognition.curves_2d import triplet_kind
from course_lib.recognition.distances import pair_masks


def slope(function, d):
    d = d.clone().requires_grad_()
    value = function(d)
    return value.detach(), torch.autograd.grad(value.sum(), d)[0]


def test_pair_curves_equal_the_loss(record_check):
    losses, slopes = D.pair_curves(0.805)  # between two grid points: at the kink either side is a slope
    worst = 0.0
    for k, (same, squared) in enumerate(((True, True), (False, True), (True, False), (False, False))):
        tags = torch.full((200,), same)
        value, g = slope(
            lambda d, t=tags, s=squared: pairs.contrastive_distance_loss(d, t, 0.805, squared=s), D.distance_grid()
        )
        worst = max(worst, float((losses[k] - value).abs().max()), float((slopes[k] - g).abs().max()))
    record_check("recognition.pairs_2d.pair_curves", "autograd of contrastive_distance_loss", 1600, worst, 1e-6)


@pytest.mark.parametrize("p", [0.205, 0.705, 1.405])
def test_negative_curves_equal_the_losses(p, record_check):
    d = D.distance_grid()
    losses, pushes = D.negative_loss(p, d, 0.2, 1.005)
    own = torch.tensor(p).expand_as(d)
    functions = [
        lambda n: pairs.contrastive_distance_loss(n, torch.zeros(200, dtype=torch.bool), 1.005),
        lambda n: pairs.triplet_distance_loss(own**2, n**2, 0.2),
        lambda n: pairs.triplet_distance_loss(own, n, 0.2),
        lambda n: pairs.triplet_distance_loss(own, n, "soft"),
    ]
    worst = 0.0
    for k, function in enumerate(functions):
        value, g = slope(function, d)
        worst = max(worst, float((losses[k] - value).abs().max()), float((pushes[k] + g).abs().max()))
    record_check("recognition.pairs_2d.negative_loss", "autograd of the pair losses", 1600, worst, 1e-5, "float32")
    q, away = torch.tensor(p, requires_grad=True), torch.tensor(0.7)
    terms = [
        0.5 * q * q,
        (q**2 - away**2 + 0.2).relu(),
        (q - away + 0.2).relu(),
        torch.nn.functional.softplus(q - away),
    ]
    for pull, term in zip(D.positive_pull(p, 0.7, 0.2), terms, strict=True):
        assert float(pull) == pytest.approx(float(torch.autograd.grad(term, q)[0]), abs=1e-6)


@pytest.mark.parametrize("squared", [0.0, 1.0])
def test_regions_equal_the_kinds(squared, record_check):
    p, alpha, side = 0.6, 0.3, 64
    picture = D.region_picture(p, alpha, squared, side)[0]
    step = (torch.arange(side) - (side - 1) / 2) * (3.2 / side)
    radius = (step[:, None] ** 2 + step[None] ** 2).sqrt()
    power = 2 if squared else 1
    kind = triplet_kind(torch.full_like(radius, p**power), radius**power, alpha)
    colours = torch.tensor([D.EASY, D.SEMI_HARD, D.HARD])
    difference = (picture.permute(1, 2, 0) - colours[kind]).abs().amax(2)
    inner, outer = D.region_radii(p, alpha, squared)
    inside = torch.minimum((radius - inner).abs(), (radius - outer).abs()) > 0.5 * 3.2 / side
    record_check(
        "recognition.pairs_2d.region_picture",
        "triplet_kind at every pixel off the circles",
        int(inside.sum()),
        float(difference[inside].max()),
        1e-6,
    )


def test_triplet_wire_has_the_distances():
    points = D.triplet_wire(0.5, 1.2, 1.0, 0.5, 320)
    unit = 320 / 3.2
    assert float((points[1] - points[0]).norm()) == pytest.approx(0.5 * unit, rel=1e-5)
    assert float((points[2] - points[0]).norm()) == pytest.approx(1.2 * unit, rel=1e-5)
    assert float((points[4] - points[0]).norm()) == pytest.approx(0.2 * unit, rel=1e-4)  # pulled towards the anchor
    assert float((points[6] - points[0]).norm()) == pytest.approx(1.35 * unit, rel=1e-5)  # pushed away


def test_the_triplet_figure_chooses_its_form():
    for form, name in enumerate(("triplet_squared", "triplet_plain", "triplet_soft")):
        row = D.NEGATIVE_LOSSES.index(name)
        picture, wire, losses, pushes, now = D.triplet_figure(0.6, 0.7, 0.2, float(form), 60)
        assert picture.shape == (1, 3, 60, 60) and wire.shape == (13, 2) and losses.shape == pushes.shape == (4, 200)
        torch.testing.assert_close(now[[0, 2]], torch.stack([losses[row, 69], pushes[row, 69]]))
        torch.testing.assert_close(now[1], D.positive_pull(0.6, 0.7, 0.2)[row])


def test_hard_lifted_and_margin_based_curves(record_check):
    x = torch.arange(-100, 101) / 100
    losses, slopes = D.hard_curves(0.205)
    worst = 0.0
    for k, margin in enumerate((0.205, "soft")):
        value, g = slope(lambda t, m=margin: pairs.triplet_distance_loss(t, torch.zeros_like(t), m), x)
        worst = max(worst, float((losses[k] - value).abs().max()), float((slopes[k] - g).abs().max()))
    record_check("recognition.pairs_2d.hard_curves", "autograd of triplet_distance_loss", 804, worst, 1e-6)
    j, share = D.lifted_curves(0.5, 3.0, 0.905, 1.0)
    d = D.distance_grid().requires_grad_()
    others = torch.full((3, 200), 0.905)
    smooth = 0.5 + torch.cat([1 - d[None], 1 - others]).logsumexp(0)
    hardest = 0.5 + torch.cat([1 - d[None], 1 - others]).amax(0)
    worst = max(float((j[1] - smooth).detach().abs().max()), float((j[0] - hardest).detach().abs().max()))
    worst = max(worst, float((share[1] + torch.autograd.grad(smooth.sum(), d)[0]).abs().max()))
    record_check("recognition.pairs_2d.lifted_curves", "the sum written out, autograd", 600, worst, 1e-6)
    assert (j[0] <= j[1] + 1e-6).all() and (j[1] <= j[2] + 1e-6).all()
    losses, pushes = D.margin_based_curves(1.205, 0.2)
    x, y = torch.eye(2, 2), torch.tensor([0, 1])  # two points at distance √2
    at = losses[1, 140] + (math.sqrt(2) - 1.41) / 0.01 * (losses[1, 141] - losses[1, 140])
    assert float(pairs.margin_based_loss(x, y, 1.205)) == pytest.approx(float(at), abs=1e-4)
    assert pushes[1, 20] == 1 and float(pushes[2, 20]) == pytest.approx(0.42)


def test_similarity_pushes_equal_autograd(record_check):
    p, worst = 0.6, 0.0
    rows = D.similarity_pushes(p, 0.2, 50.0, 0.5, 0.25, 16.0)
    for k, s in ((120, 0.2), (140, 0.4), (155, 0.55), (170, 0.7)):
        angle = math.acos(p), -math.acos(s)
        x = torch.tensor([[1.0, 0], [math.cos(angle[0]), math.sin(angle[0])], [math.cos(angle[1]), math.sin(angle[1])]])
        n = torch.tensor(s, requires_grad=True)
        terms = [
            (2 * (n - p) + 0.2).relu() / 2,
            torch.log1p(torch.exp(n - p)),
            torch.log1p(torch.exp(50 * (n - 0.5))) / 50,
        ]
        for row, term in zip(rows, terms, strict=False):
            worst = max(worst, float((row[k] - torch.autograd.grad(term, n)[0]).abs()))
        x = x.requires_grad_()
        y = torch.tensor([0, 0, 1])
        # only anchor 0 has both; turning the negative changes s_n by -sin of its angle
        loss = pairs.circle_loss(x, y, 0.25, 16.0) * (1 + int(_second_anchor(x, y)))
        g = torch.autograd.grad(loss, x)[0]
        tangent = torch.tensor([-math.sin(angle[1]), math.cos(angle[1])])
        if not _second_anchor(x, y):
            worst = max(worst, abs(float(g[2] @ tangent) / -math.sin(angle[1]) / 16 - float(rows[3, k])))
    record_check("recognition.pairs_2d.similarity_pushes", "autograd of the losses", 16, worst, 1e-4, "float32")


def _second_anchor(x, y):
    """Whether the positive, as an anchor of its own, has a loss above 0, which the figure leaves out."""
    s = (x @ x.t()).detach()
    push, pull = (s[1, 2] + 0.25).relu() * (s[1, 2] - 0.25), (1.25 - s[0, 1]) * (s[0, 1] - 0.75)
    return bool(16 * (push - pull) > -17)


def small_batch(dtype=torch.float64):
    g = torch.Generator().manual_seed(3)
    centres = torch.tensor([[0.0, 0.7], [-0.7, -0.4], [0.7, -0.4]], dtype=dtype)
    x = (centres[:, None] + 0.35 * torch.randn(3, 3, 2, generator=g, dtype=dtype)).flatten(0, 1)
    return x.requires_grad_(), torch.arange(3).repeat_interleave(3)


def test_batch_slopes_equal_autograd(record_check):
    x, y = small_batch()
    d = B.plane_distances(x)
    a = 0.4
    positive, negative = pair_masks(y)
    triplets = pairs.triplet_loss(x, y, a, squared=False, normalise=False, reduction="mean")
    margin_based = (a + torch.where(positive, d - 1, 1 - d)).relu()[positive | negative].mean()
    losses = [
        pairs.contrastive_loss(x, y, a, normalise=False, reduction="mean"),
        triplets,
        pairs.semi_hard_triplet_loss(x, y, a, squared=False, normalise=False),
        pairs.batch_hard_triplet_loss(x, y, a, normalise=False),
        pairs.lifted_structure_loss(x, y, a, form="max", normalise=False),
        pairs.lifted_structure_loss(x, y, a, normalise=False),
        margin_based,
    ]
    slopes = B.edge_slopes(d.detach(), y, a)
    worst = 0.0
    for k, loss in enumerate(losses):
        expected = -torch.autograd.grad(loss, x, retain_graph=True)[0]
        assert float(expected.abs().max()) > 0.02
        worst = max(worst, float((B.point_steps(x.detach(), slopes[k]) - expected).abs().max()))
    record_check("recognition.batch_2d.edge_slopes", "autograd of the pair losses, seven of them", 126, worst, 1e-9)


def test_groups_and_wire_agree():
    x, y = small_batch(torch.float32)
    x = x.detach()
    slopes = B.edge_slopes(B.plane_distances(x), y, 0.4)
    points, groups = B.batch_wire(x, slopes[3], 100), B.batch_groups(y.tolist())
    assert len(points) == 4 * 36 + 4 * 9 == 1 + max(max(e) for edges in groups.values() for e in edges)
    assert len(groups["pull"]) == 9 and len(groups["push"]) == 27 and len(groups["identity_2"]) == 3
    length = (points[1::2] - points[::2]).norm(dim=1)
    strong, weak = length[:36] > 1e-3, length[36:72] > 1e-3
    weight = (slopes[3] + slopes[3].t()).abs()
    used = torch.tensor([bool(weight[i, j] > 0) for i, j in B.edge_list(9)])
    assert not (strong & weak).any() and torch.equal(strong | weak, used) and 0 < int(used.sum()) < 36


def test_the_batch_figure_counts_its_edges():
    places = torch.tensor([[0.1, 0.1]])
    points = torch.cat([places, B.PLACES[1:]])
    d, y = B.plane_distances(points), torch.tensor(B.IDENTITIES)
    for k, name in enumerate(B.BATCH_LOSSES):
        wire, (pulled, pushed, share) = B.batch_figure(float(k), 0.5, 0.1, 0.1)
        assert wire.shape == (180, 2) and 0 < pulled <= 9 and 0 < pushed <= 27 and 0 < share <= 1, name
    hardest = B.batch_figure(3.0, 0.5, 0.1, 0.1)[1]
    a, p, n = miners.hard_indices(d, y)
    active = d[a, p] + 0.5 > d[a, n]
    pairs_used = {tuple(sorted(t)) for t in zip(a[active].tolist(), n[active].tolist(), strict=True)}
    assert int(hardest[1]) == len(pairs_used)


def test_density_and_histograms(record_check):
    for n in (3, 16, 128):
        q = S.sphere_density(float(n))
        x = torch.nn.functional.normalize(torch.randn(2000, n, generator=torch.Generator().manual_seed(n)))
        drawn = torch.cdist(x, x)[~torch.eye(2000, dtype=torch.bool)]
        mean = float((q * S.sphere_grid()).sum() / 200)
        record_check(
            "recognition.sampling_2d.sphere_density", f"mean distance of random points, n={n}", 1,
            abs(mean - float(drawn.mean())), 4e-3, "standard error of 2000 points about 1e-3",
        )  # fmt: skip
        # 32768 simulated distances: the standard error of their mean is below 2e-3
        assert float(S.simulated_distances(float(n)).mean()) == pytest.approx(mean, abs=6e-3)
    histograms = S.drawn_histograms(128.0, 64.0, 1.3)
    torch.testing.assert_close(histograms.sum(1) * 2 / S.BINS, torch.ones(4))
    means = (histograms * S.histogram_grid()).sum(1) * 2 / S.BINS
    assert means[2] < means[3] < means[0] and means[2] < means[1] < means[0]  # hard, weighted; semi-hard; uniform


def test_shares_equal_the_miners():
    g = torch.Generator().manual_seed(0)
    x = torch.nn.functional.normalize(torch.randn(33, 32, generator=g) + 0.4)
    y = torch.arange(33) // 1
    y[1] = 0
    d = torch.cdist(x, x)
    weights = miners.distance_weights(d, y, 32)
    shares = S.drawn_shares(d[:1, 2:], 32.0, float(d[0, 1]))[:, 0]
    torch.testing.assert_close(shares[3], weights[0, 2:], atol=1e-5, rtol=1e-4)
    _, _, hard = miners.hard_indices(d, y)
    assert int(shares[2].argmax()) + 2 == int(hard[0])
    semi = miners.mine_triplets(x, y, "semi-hard")
    assert int(shares[1].argmax()) + 2 == int(semi[2][0])


def test_one_maximum_starves_and_a_row_maximum_does_not():
    d = S.starvation_batch(512.0, 0.1)
    assert float(d[0, 1]) == pytest.approx(0.1, abs=1e-3)
    assert float(S.starved_anchors(d, 512.0, 0.0)[1]) == 64
    left, kept = S.starved_anchors(d, 512.0, 1.0)
    assert float(kept) == 2 and float(left[2]) < -87.3
    assert float(S.starved_anchors(S.starvation_batch(16.0, 0.1), 16.0, 1.0)[1]) == 64


class Figures(torch.nn.Module):
    def forward(self, p, n, alpha, x, dimension):
        losses, pushes = D.negative_loss(p, D.distance_grid(), alpha, 1.0)
        points = torch.tensor([[0.0, 0.7], [0.3, 0.9], [-0.7, -0.4], [-0.5, -0.6], [0.7, -0.4], [0.5, -0.1]])
        points = torch.cat([torch.stack([x, 0 * x + 0.1])[None], points[1:]])
        slopes = B.edge_slopes(B.plane_distances(points), torch.tensor([0, 0, 1, 1, 2, 2]), alpha)
        return (
            *D.pair_curves(alpha), losses, pushes, D.region_picture(p, alpha, 1.0, 60), *D.triplet_figure(p, n, alpha, alpha * 0 + 1, 60),
            D.positive_pull(p, n, alpha), *D.hard_curves(alpha), *D.lifted_curves(p, 3.0, n, alpha),
            *D.margin_based_curves(p, alpha), D.similarity_pushes(p - 1, alpha, 50.0, 0.5, 0.25, 64.0), slopes,
            B.batch_wire(points, slopes[5]), *B.batch_figure(alpha * 10, alpha, x, x),
            S.sphere_density(dimension), S.sampling_weight(dimension),
            S.drawn_histograms(dimension, 20.0, p), *S.starved_anchors(S.starvation_batch(dimension, 0.2), dimension, 1.0),
        )  # fmt: skip


def test_the_figures_run_in_onnxruntime(tmp_path, record_check):
    import onnxruntime

    settings = [(0.505, 1.105, 0.2, 0.4, 128.0), (1.205, 0.605, 0.3, -0.3, 2.0), (0.8, 1.3, 0.05, 0.9, 512.0)]
    tensors = [torch.tensor(v) for v in settings[0]]
    torch.onnx.export(Figures(), tuple(tensors), dynamo=True, verbose=False).save(str(tmp_path / "f.onnx"))
    session = onnxruntime.InferenceSession(tmp_path / "f.onnx")
    worst, count = 0.0, 0
    for values in settings:
        tensors = [torch.tensor(v) for v in values]
        feeds = {i.name: t.numpy() for i, t in zip(session.get_inputs(), tensors, strict=True)}
        for got, expected in zip(session.run(None, feeds), Figures()(*tensors), strict=True):
            count += 1
            worst = max(
                worst, float((torch.from_numpy(got) - expected).abs().max() / expected.abs().max().clamp_min(1e-6))
            )
    record_check(
        "recognition.pairs_2d",
        "its ONNX graph in onnxruntime, relative",
        count,
        worst,
        1e-3,
        "float32, histograms count",
    )
