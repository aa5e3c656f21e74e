"""Every sample figure as an ONNX graph: the same numbers as torch, small, the same bytes each time."""

import math

import onnx
import pytest
import torch
from live_samples import figures

from course_lib import live
from course_lib.live import graph

CASES = 6


def test_the_graph_computes_what_torch_computes(figure, record_check):
    # Both work in float32 with sums in another order, about 1e-6 relative; counting (histograms) may move one pixel.
    generator = torch.Generator().manual_seed(1)
    largest = live.compare(figure, CASES, generator)
    record_check(f"live.Figure.export ({figure.name})", "onnxruntime", CASES + 1, largest, figure.tolerance)


def test_a_wrong_graph_is_seen(monkeypatch):
    figure = figures()[0]
    model = onnx.load_model_from_string(figure.export())
    weights = max((t for t in model.graph.initializer if t.data_type == 1), key=lambda t: len(t.raw_data))
    weights.raw_data = bytes(len(weights.raw_data))  # no noise any more
    monkeypatch.setitem(figure.__dict__, "_graph", model.SerializeToString())
    assert live.compare(figure, 3) > 1e-3


def test_a_graph_is_small_and_names_no_source_files():
    for figure in figures()[:3]:
        exported = figure.export()
        assert len(exported) < 120_000, figure.name
        assert b"/course_lib/" not in exported and b"site-packages" not in exported


def test_grids_are_computed_and_not_shipped():
    def turn(image, degrees):
        angle = torch.deg2rad(degrees)
        c, s, o = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)
        theta = torch.stack([torch.stack([c, -s, o]), torch.stack([s, c, o])])[None]
        grid = torch.nn.functional.affine_grid(theta, list(image.shape), align_corners=False)
        return torch.nn.functional.grid_sample(image, grid, align_corners=False)

    inputs = [live.Image("image", torch.rand(1, 3, 224, 224)), live.Slider("degrees", -45, 45, 1, 5, label="rotation")]
    alt = ("A picture of noise, turned by five degrees.", "一幅噪声图像，转动了五度，用于测试导出。")
    figure = live.Figure(turn, inputs, [live.Picture("seen")], title=("Turn", "旋转"), alt=alt)
    assert len(figure.export()) < 30_000  # a folded 224 x 224 grid has 400 kB
    assert live.compare(figure, 2) < 1e-4


def test_the_same_figure_gives_the_same_bytes():
    from live_samples import pose_figure

    assert pose_figure().export() == pose_figure().export()


def test_a_function_that_cannot_be_exported_is_named():
    alt = ("A bar that grows with the slider.", "随滑块增长的一个条形，用于测试错误信息。")
    slider = live.Slider("sigma", 0, 4, 1, 1, label="blur")
    figure = live.Figure(
        lambda sigma: sigma.reshape(1).clamp(1e-6, 1),
        [slider],
        [live.Bars("b", ["blur"])],
        ("T", "题"),
        alt,
        name="mixed",
    )
    with pytest.raises(RuntimeError, match=r"'mixed'.*bounds of clamp as floats"):
        figure.export()


def test_heavy_weights_go_to_a_file_of_their_own():
    whole = figures()[3].export()
    small, files = graph.split(whole)
    (name, weights), *more = files.items()
    assert not more and len(small) < 110_000 < len(whole) and len(weights) > 262_144
    assert name == f"{graph.digest(weights)}.bin"
    model = onnx.load_model_from_string(small)
    outside = [tensor for tensor in model.graph.initializer if tensor.external_data]
    before = {tensor.name: tensor.raw_data for tensor in onnx.load_model_from_string(whole).graph.initializer}
    for tensor in outside:
        place = {entry.key: entry.value for entry in tensor.external_data}
        start = int(place["offset"])
        assert weights[start : start + int(place["length"])] == before[tensor.name]
    assert graph.split(figures()[2].export()) == (figures()[2].export(), {})


def test_two_figures_share_the_weights_of_one_network():
    from live_samples import network

    alt = ("Three bars of what a network says.", "三个条形，表示网络对图像的输出，用于测试。")

    def made(function):
        image = live.Image("image", torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(0)))
        outputs = [live.Bars("logits", [("A", "甲"), ("B", "乙"), ("C", "丙")])]
        return live.Figure(function, [image], outputs, title=("T", "题"), alt=alt, name="net")

    one, two = (graph.split(made(f).export())[1] for f in (lambda x: network()(x)[0], lambda x: network()(1.0 - x)[0]))
    assert one and list(one) == list(two)


@pytest.mark.parametrize("shape", [(1, 3, 224, 224), (5, 7), (4096,)])
def test_noise_is_normal_and_repeats(shape):
    field = live.noise(*shape, seed=3)
    assert field.shape == shape and torch.equal(field, live.noise(*shape, seed=3))
    if field.numel() > 1000:
        assert abs(field.mean()) < 0.05 and abs(field.std() - 1) < 0.05
        assert not torch.equal(field, live.noise(*shape, seed=4))


def test_noise_is_white():
    # Correlation at any lag of a white field of N values has a standard deviation of 1/sqrt(N) = 0.0026 here.
    field = live.noise(1, 3, 224, 224)[0]
    for dy, dx in ((0, 1), (1, 0), (1, 1), (3, 5), (32, 0)):
        moved = field.roll((dy, dx), (1, 2))
        assert abs((field * moved).mean()) < 0.013
    assert abs((field[0] * field[1]).mean()) < 0.03


def test_noise_refuses_an_empty_shape():
    with pytest.raises(ValueError, match="at least 1"):
        live.noise(3, 0)


@pytest.mark.parametrize(
    ("kind", "expected", "got", "difference"),
    [
        ("bars", [[100.0, 0.01]], [[100.0, 0.011]], 0.1),  # a small number is not hidden by a large one
        ("wire", [[[100.0, 0.01]]], [[[100.0, 0.011]]], 1e-5),
        ("curves", [[[1.0, 2.0], [10.0, 20.0]]], [[[1.0, 2.2], [10.0, 20.0]]], 0.1),
        ("picture", [torch.zeros(1, 1, 2, 2)], [torch.full((1, 1, 2, 2), 0.5)], 0.5),
        ("bars", [[math.nan, 1.0]], [[math.nan, 1.0]], 0.0),
        ("bars", [[math.nan, 1.0]], [[2.0, 1.0]], math.inf),
    ],
)
def test_differences_are_relative(kind, expected, got, difference):
    pairs = [(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(expected, got, strict=True)]
    assert graph.difference(kind, pairs) == pytest.approx(difference, rel=1e-4)
