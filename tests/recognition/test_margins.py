"""Checks of the margin softmax: pytorch-metric-learning, InsightFace's formulation, gradcheck, closed forms."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from pytorch_metric_learning import losses

from course_lib.recognition import margins as M

TARGET_ONLY = [
    M.Softmax(), M.NormFace(), M.LSoftmax(2), M.LSoftmax(3, lam=0.5), M.SphereFace(4), M.SphereFace(4, lam=5.0),
    M.SphereFaceR(1.7), M.CosFace(0.35), M.ArcFace(0.5), M.ArcFace(0.5, "easy"), M.ArcFace(0.5, "continue"),
    M.Combined(1.0, 0.3, 0.2), M.Combined(0.9, 0.4, 0.15), M.MagFace(lower_length=2.0, upper_length=6.0),
    M.AdaFace().eval(),
]  # fmt: skip
ALL = [*TARGET_ONLY, M.CurricularFace().eval(), M.SubCentreArcFace(0.5, subcentres=3)]
NAMES = [f"{type(m).__name__}{i}" for i, m in enumerate(ALL)]


def batch(samples=12, classes=15, width=8, dtype=torch.float64, seed=0, device="cpu"):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, width, generator=g, dtype=torch.float64).to(device, dtype).requires_grad_()
    w = torch.randn(classes, width, generator=g, dtype=torch.float64).to(device, dtype).requires_grad_()
    return x, w, torch.randint(0, classes // 3, (samples,), generator=g).to(device)


def gradients(loss, *inputs):
    return torch.autograd.grad(loss, inputs)


@pytest.mark.parametrize("margin", ALL, ids=NAMES)
def test_gradcheck(margin):
    if isinstance(margin, M.AdaFace):
        pytest.skip("AdaFace's z carries no gradient by definition; its own test compares gradients")
    x, w, y = batch(samples=4, classes=6, width=3)
    assert torch.autograd.gradcheck(
        lambda a, b: M.margin_cross_entropy(a, b, y % 2, margin, 8.0, reduction="none"), (x, w), fast_mode=True
    )


@pytest.mark.parametrize("margin", TARGET_ONLY, ids=NAMES[: len(TARGET_ONLY)])
@pytest.mark.parametrize("grad", ["exact", "detached"])
def test_kernels_equal_plain_autograd(margin, grad, device, monkeypatch, record_check):
    monkeypatch.setattr("course_lib.recognition.margin_kernels.CHUNK", 4)  # several chunks, the last one short
    monkeypatch.setattr(
        "course_lib.recognition.margin_kernels.CACHED", 40
    )  # several blocks of rows, the last one short
    x, w, y = batch(device=device)
    weights = torch.rand(len(x), dtype=x.dtype, device=device)
    results = []
    for impl in ("simple", "fused", "chunked"):
        loss = M.margin_cross_entropy(x, w, y, margin, 16.0, grad=grad, impl=impl, reduction="none")
        results.append((loss, *gradients((loss * weights).sum(), x, w)))
    worst = max(
        float((a - b).detach().abs().max()) for other in results[1:] for a, b in zip(other, results[0], strict=True)
    )
    # fp64 rounding through logits of size 16
    record_check("recognition.margins.margin_cross_entropy", f"autograd, {type(margin).__name__}", 6, worst, 1e-12)


@pytest.mark.parametrize(
    ("margin", "peer", "scale"),
    [
        (M.ArcFace(math.radians(28.6)), lambda c, d: losses.ArcFaceLoss(c, d), 64.0),
        (M.CosFace(0.35), lambda c, d: losses.CosFaceLoss(c, d), 64.0),
        (M.NormFace(), lambda c, d: losses.NormalizedSoftmaxLoss(c, d, temperature=1 / 30), 30.0),
        (M.SphereFace(4), losses.SphereFaceLoss, 1.0),
        (M.LSoftmax(4), lambda c, d: losses.LargeMarginSoftmaxLoss(c, d), 1.0),
        (
            M.SubCentreArcFace(math.radians(28.6), subcentres=3),
            lambda c, d: losses.SubCenterArcFaceLoss(num_classes=c, embedding_size=d),
            64.0,
        ),
    ],
)
def test_equals_pytorch_metric_learning(margin, peer, scale, record_check):
    worst = 0.0
    for seed in range(4):
        classes = 10
        x, w, y = batch(16, classes * margin.subcentres, 12, seed=seed)
        y = y % classes
        theirs = peer(classes, 12).double()
        theirs.W.data = w.detach().t().clone()
        reference = theirs(x, y)
        gx, gw = gradients(reference, x, theirs.W)
        loss = M.margin_cross_entropy(x, w, y, margin, scale)
        ours = gradients(loss, x, w)
        worst = max(
            worst,
            float((loss - reference).abs()),
            float((ours[0] - gx).abs().max()),
            float((ours[1] - gw.t()).abs().max()),
        )
    # they clamp the cosine by 1e-7 and add small constants to the feature's length
    record_check(
        "recognition.margins.margin_cross_entropy", "pytorch-metric-learning " + type(theirs).__name__, 12, worst, 2e-5
    )


def test_detached_equals_the_insightface_formulation(record_check):
    x, w, _ = batch(32, 20, 16)
    with torch.no_grad():
        target = torch.randint(0, 20, (32,))
        x += 1.5 * w[target]  # half-learnt samples, no angle past π - m, which InsightFace doesn't guard
    z = F.linear(F.normalize(x), F.normalize(w)).clamp(-1, 1)
    with torch.no_grad():
        z.arccos_()
        z[torch.arange(32), target] += 0.5
        z.cos_()
    reference = F.cross_entropy(z * 64.0, target)
    expected = gradients(reference, x, w)
    loss = M.margin_cross_entropy(x, w, target, M.ArcFace(0.5), grad="detached")
    got = gradients(loss, x, w)
    worst = max(
        float((loss - reference).abs()), *(float((a - b).abs().max()) for a, b in zip(got, expected, strict=True))
    )
    record_check("recognition.margins.margin_cross_entropy", "arcface_torch's formulation (detached)", 3, worst, 1e-11)
    exact = gradients(M.margin_cross_entropy(x, w, target, M.ArcFace(0.5)), x, w)[0]
    cosine = F.cosine_similarity(exact.flatten(), got[0].flatten(), dim=0)
    assert 0.9 < float(cosine) < 0.9999  # the same value, a different direction


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("margin", ALL, ids=NAMES)
def test_parallel_and_opposite_features_give_finite_gradients(margin, dtype, device):
    g = torch.Generator().manual_seed(3)
    w = torch.randn(30, 16, generator=g).to(device, dtype)
    y = torch.arange(8, device=device) % (30 // margin.subcentres)
    rows = w[y * margin.subcentres]
    x = torch.cat([rows[:4] * 3, -rows[4:6], torch.zeros_like(rows[6:])])  # parallel, opposite, zero
    impls = ("simple",) if margin.changes_others or margin.subcentres > 1 else ("simple", "fused", "chunked")
    for impl in impls:
        a, b = x.clone().requires_grad_(), w.clone().requires_grad_()
        loss = M.margin_cross_entropy(a, b, y, margin, impl=impl)
        loss.backward()
        assert torch.isfinite(loss) and torch.isfinite(a.grad).all() and torch.isfinite(b.grad).all()
        assert a.grad.dtype == dtype and loss.dtype == torch.float32


def test_their_arcface_gives_nan_where_ours_does_not():
    """Fault of pytorch-metric-learning 2.9: a feature parallel to its class weight gives NaN in both gradients."""
    found = 0
    for seed in range(20):
        direction = torch.randn(2, generator=torch.Generator().manual_seed(seed))
        peer = losses.ArcFaceLoss(2, 2)
        peer.W.data = torch.stack([direction, -direction]).t().contiguous()
        x = (direction * 2)[None].clone().requires_grad_()
        peer(x, torch.tensor([0])).backward()
        found += bool(torch.isnan(x.grad).any() and torch.isnan(peer.W.grad).any())
        ours, w = x.detach().clone().requires_grad_(), peer.W.data.t().clone().requires_grad_()
        M.margin_cross_entropy(ours, w, torch.tensor([0]), M.ArcFace(0.5)).backward()
        assert torch.isfinite(ours.grad).all() and torch.isfinite(w.grad).all()
    assert found > 0


def test_half_precision_is_close_to_single():
    x, w, y = batch(32, 50, 64, dtype=torch.float32)
    reference = M.margin_cross_entropy(x, w, y, M.ArcFace(0.5), 16.0)
    for dtype, tolerance in ((torch.float16, 0.02), (torch.bfloat16, 0.12)):  # 16 · 2 · rounding of the cosine
        for impl in ("simple", "fused", "chunked"):
            loss = M.margin_cross_entropy(x.to(dtype), w.to(dtype), y, M.ArcFace(0.5), 16.0, impl=impl)
            assert abs(float(loss - reference)) < tolerance


def test_corners_of_the_combined_margin():
    c = torch.linspace(-1, 1, 200, dtype=torch.float64)
    torch.testing.assert_close(M.Combined(1.0, 0.5, 0.0).target(c), M.ArcFace(0.5).target(c))
    torch.testing.assert_close(M.Combined(1.0, 0.0, 0.35).target(c), M.CosFace(0.35).target(c), atol=1e-7, rtol=0)
    torch.testing.assert_close(M.Combined(4.0, 0.0, 0.0).target(c), M.SphereFace(4).target(c), atol=1e-6, rtol=0)
    assert (M.Combined(0.9, 0.4, 0.15).target(c).diff() > 0).all()


def test_margin_of_the_annealed_sphereface():
    """With λ = 5 the real multiplicative margin of m = 4 is 1.87 near 0, 1.44 at 45° and 1.34 at 60°."""
    for degrees, effective in ((1.0, 1.87), (45.0, 1.44), (60.0, 1.34)):
        theta = math.radians(degrees)
        value = M.SphereFace(4, lam=5.0).target(torch.tensor([math.cos(theta)], dtype=torch.float64))
        assert math.acos(float(value)) / theta == pytest.approx(effective, abs=0.012)
    assert M.annealed_lambda(0) == 1000 and M.annealed_lambda(10**6) == 5
    assert M.SphereFace(4).at(100).lam == pytest.approx(1000 / 13)
    assert M.LSoftmax(2).at(10**6).lam < 1e-40
    with pytest.raises(ValueError, match="step"):
        M.annealed_lambda(-1)


def test_magface_and_its_penalty():
    margin = M.MagFace()
    lengths = torch.tensor([1.0, 10, 60, 110, 500], dtype=torch.float64)
    torch.testing.assert_close(
        margin.margin_of(lengths), torch.tensor([0.45, 0.45, 0.625, 0.8, 0.8], dtype=torch.float64)
    )
    a = lengths.clone().requires_grad_()
    (slope,) = torch.autograd.grad(margin.penalty(a).sum(), a)
    torch.testing.assert_close(slope[[0, 3, 4]], torch.zeros(3, dtype=torch.float64))  # flat outside, and at u_a
    assert slope[2] < 0
    x, w, y = batch()
    with_penalty = M.margin_cross_entropy(x, w, y, margin, reduction="none")
    without = M.margin_cross_entropy(x, w, y, M.ArcFace(0.45, "easy"), reduction="none")  # all |x| below l_a
    torch.testing.assert_close(with_penalty - without, torch.full_like(without, 35 * (1 / 10 + 10 / 110**2)))
    with pytest.raises(ValueError, match="length"):
        margin.target(torch.ones(1))


def test_adaface_equals_its_published_form(record_check):
    margin = M.AdaFace(momentum=0.01)
    x, w, y = batch(16, 10, 8)
    length = x.detach().norm(dim=1)
    mean = 0.99 * 20 + 0.01 * length.float().mean()
    std = 0.99 * 100 + 0.01 * length.float().std()
    z = (0.333 * (length - mean) / (std + 1e-3)).clamp(-1, 1)
    cosine = F.linear(F.normalize(x), F.normalize(w)).clamp(-1 + 1e-3, 1 - 1e-3)
    hot = F.one_hot(y, 10)
    moved = (cosine.acos() - hot * (0.4 * z)[:, None]).clamp(1e-3, math.pi - 1e-3).cos() - hot * (0.4 + 0.4 * z)[
        :, None
    ]
    reference = F.cross_entropy(64 * moved, y)
    loss = M.margin_cross_entropy(x, w, y, margin)
    ours, theirs = gradients(loss, x, w), gradients(reference, x, w)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert float(margin.mean) == pytest.approx(float(mean), rel=1e-6)
    record_check(
        "recognition.margins.AdaFace", "the authors' head, written out", 1, float((loss - reference).abs()), 1e-5
    )
    short, long = margin.target(torch.full((2,), 0.5), torch.tensor([0.01, 100.0]))
    assert short > long  # a poor image is asked for less
    with pytest.raises(ValueError, match="length"):
        margin.target(torch.ones(1))


def test_curricularface_equals_its_published_form(record_check):
    margin = M.CurricularFace(0.5)
    margin.t.fill_(0.3)
    x, w, y = batch(16, 10, 8)
    cosine = F.linear(F.normalize(x), F.normalize(w))
    target = cosine.gather(1, y[:, None])
    t = 0.99 * 0.3 + 0.01 * target.mean()
    added = target * math.cos(0.5) - (1 - target**2).sqrt() * math.sin(0.5)
    final = torch.where(target > math.cos(math.pi - 0.5), added, target - 0.5 * math.sin(0.5))
    others = torch.where(cosine > added, cosine * (t + cosine), cosine)
    reference = F.cross_entropy(64 * others.scatter(1, y[:, None], final), y)
    loss = M.margin_cross_entropy(x, w, y, margin)
    record_check(
        "recognition.margins.CurricularFace",
        "the paper's equations, written out",
        1,
        float((loss - reference).abs()),
        1e-5,
    )
    assert float(margin.t) == pytest.approx(float(t), abs=1e-6)
    margin.eval()
    M.margin_cross_entropy(x, w, y, margin)
    assert float(margin.t) == pytest.approx(float(t), abs=1e-6)


def test_loss_at_the_start_of_training():
    """Features at 90° to every class: the loss is ln(1 + (C-1) e^{64 sin 0.5})... about 40, not a bug."""
    classes = 10572
    w = torch.zeros(classes, 2, dtype=torch.float64)
    w[:, 0] = 1
    loss = M.margin_cross_entropy(torch.tensor([[0.0, 1.0]], dtype=torch.float64), w, torch.tensor([0]), M.ArcFace(0.5))
    assert float(loss) == pytest.approx(39.9, abs=0.05)


def test_scale_of_normface():
    assert [round(M.least_scale(c), 1) for c in (10572, 85742)] == [13.9, 16.0]
    classes = 10575
    floor = math.log(1 + (classes - 1) * math.exp(-classes / (classes - 1)))
    assert floor == pytest.approx(8.27, abs=0.005)
    with pytest.raises(ValueError, match="classes"):
        M.least_scale(1)


def test_reductions_and_errors():
    x, w, y = batch()
    each = M.margin_cross_entropy(x, w, y, M.CosFace(), reduction="none")
    assert each.shape == (12,)
    torch.testing.assert_close(M.margin_cross_entropy(x, w, y, M.CosFace(), reduction="sum"), each.sum())
    for wrong in (dict(grad="half"), dict(impl="fast"), dict(reduction="max"), dict(scale=0.0)):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            M.margin_cross_entropy(x, w, y, M.CosFace(), **wrong)
    with pytest.raises(ValueError, match="labels"):
        M.margin_cross_entropy(x, w, y + 15, M.CosFace())
    with pytest.raises((ValueError, TypeError), match="weight"):  # the shape checker of the tests speaks first
        M.margin_cross_entropy(x, w[:, :5], y, M.CosFace())
    with pytest.raises(ValueError, match="impl"):
        M.margin_cross_entropy(x, w, y, M.CurricularFace(), impl="fused")
    with pytest.raises(ValueError, match="at least one"):
        M.margin_cross_entropy(x[:0], w, y[:0], M.CosFace())
    with pytest.raises(ValueError, match="sub-centres"):
        M.margin_cross_entropy(x, w[:14], y, M.SubCentreArcFace())
    for make in (
        lambda: M.SphereFace(0),
        lambda: M.SphereFace(4, lam=-1.0),
        lambda: M.Combined(0.0),
        lambda: M.Combined(0.9, beyond="easy"),
    ):
        with pytest.raises(ValueError):
            make()


def test_fused_allows_one_backward_only():
    x, w, y = batch()
    loss = M.margin_cross_entropy(x, w, y, M.ArcFace(), impl="fused")
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="one backward"):
        loss.backward()


@pytest.mark.parametrize("impl", ["simple", "fused", "chunked"])
def test_autocast_keeps_the_target_angle_in_single_precision(impl):
    x, w, y = batch(32, 50, 64, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        loss = M.margin_cross_entropy(x, w, y, M.ArcFace(0.5), 16.0, impl=impl)
    loss.backward()
    assert loss.dtype == torch.float32 and torch.isfinite(x.grad).all() and torch.isfinite(w.grad).all()
    reference = M.margin_cross_entropy(x.detach(), w.detach(), y, M.ArcFace(0.5), 16.0)
    assert abs(float(loss - reference)) < 0.12  # bfloat16 rounds the other classes' cosines to 3 digits


def test_many_classes_in_single_precision():
    """Rows longer than any vector register or cache line: the softmax that writes where it reads stays right."""
    x, w, y = batch(8, 20011, 16, dtype=torch.float32)
    losses = [
        M.margin_cross_entropy(x, w, y, M.ArcFace(0.5), impl=i, reduction="none")
        for i in ("simple", "fused", "chunked")
    ]
    torch.testing.assert_close(losses[1], losses[0], atol=2e-5, rtol=1e-6)
    torch.testing.assert_close(losses[2], losses[0], atol=2e-5, rtol=1e-6)
    torch.testing.assert_close(gradients(losses[1].sum(), x, w), gradients(losses[0].sum(), x, w), atol=2e-4, rtol=1e-4)


@given(
    lengths=st.lists(st.floats(0.05, 50), min_size=12, max_size=12),
    seed=st.integers(0, 1000),
    index=st.integers(0, 4),
)
def test_lengths_and_rotations_do_not_matter(lengths, seed, index):
    """Margins that normalise both sides see only angles: feature and weight lengths and a common rotation drop out."""
    margin = (M.NormFace(), M.CosFace(), M.ArcFace(), M.Combined(0.9, 0.4, 0.15), M.SphereFaceR(1.7))[index]
    x, w, y = (t.detach() for t in batch(seed=seed))
    turn = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))[0]
    scales = torch.tensor(lengths, dtype=torch.float64)[:, None]
    expected = M.margin_cross_entropy(x, w, y, margin, reduction="none")
    changed = M.margin_cross_entropy(scales * x @ turn, 3 * w @ turn, y, margin, reduction="none")
    torch.testing.assert_close(changed, expected, atol=1e-7, rtol=1e-7)


@given(seed=st.integers(0, 1000), smaller=st.floats(0.0, 0.4), more=st.floats(0.05, 0.4))
def test_a_larger_margin_never_lowers_the_loss(seed, smaller, more):
    x, w, y = (t.detach() for t in batch(seed=seed))
    for make in (M.CosFace, M.ArcFace, lambda m: M.SphereFaceR(1 + m), lambda m: M.Combined(1.2, m, 0.1)):
        low, high = (
            M.margin_cross_entropy(x, w, y, make(m), 16.0, reduction="none") for m in (smaller, smaller + more)
        )
        assert (high >= low - 1e-9).all()
