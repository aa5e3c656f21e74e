"""Checks of the networks: parameter counts and products as published, shapes, gradients, export."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from course_lib.recognition import backbones
from course_lib.recognition.backbones.inception import Inception, l2_pool

# parameters exactly; multiply-accumulates in 10^9 as InsightFace, the papers and our own count on paper give them
PUBLISHED = {
    "mobilefacenet": (1_003_136, 0.22, "1.00 M, MobileFaceNets with 128 dimensions"),
    "mobilefacenet-512": (2_059_520, 0.44, "InsightFace mbf, 2.06 M"),
    "mobilefacenet-large": (6_314_880, 1.82, "InsightFace mbf_large, 6.31 M"),
    "iresnet18": (24_025_600, 2.61, "InsightFace r18, 24.03 M"),
    "iresnet34": (34_139_328, 4.46, "InsightFace r34, 34.14 M"),
    "iresnet50": (43_590_848, 6.31, "InsightFace r50, 43.59 M"),
    "iresnet100": (65_156_160, 12.09, "InsightFace r100, 65.16 M"),
    "facenet": (7_464_096, 1.6, "FaceNet Table 2, 7.5 M, 1.6 B"),
    "vggface": (145_002_878 + 4096 * 1024, 15.47, "VGG-16 with 2622 classes, and the projection"),
    "course": (497_672, 0.07, "half a million"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_size_and_work(name, record_check):
    with torch.device("meta"):
        network = backbones.build(name).eval()
        image = torch.zeros(1, 3, network.size, network.size)
    with FlopCounterMode(display=False) as counter:
        out = network(image)
    parameters, products, source = PUBLISHED[name]
    count = sum(p.numel() for p in network.parameters())
    record_check(f"recognition.backbones.{name}", f"parameters: {source}", 1, abs(count - parameters), 0)
    # the published figures have two decimals
    record_check(
        f"recognition.backbones.{name}",
        f"10⁹ products: {source}",
        1,
        abs(counter.get_total_flops() / 2e9 - products),
        0.006,
    )
    assert out.shape[0] == 1 and out.ndim == 2


def test_vgg16_equals_its_known_size():
    with torch.device("meta"):
        network = backbones.VGGFace(identities=1000)
    counted = sum(p.numel() for n, p in network.named_parameters() if not n.startswith("projection"))
    assert counted == 138_357_544  # VGG-16 with 1000 classes, as every framework counts it


def test_facenet_rows_equal_the_papers_table(record_check):
    with torch.device("meta"):
        network = backbones.FaceNet()
    convolutions = lambda part: sum(p.numel() for p in part.parameters() if p.ndim > 1)  # noqa: E731
    thousands = {k: convolutions(v) / 1000 for k, v in network.inception.items()}
    table = {
        "3a": 164,
        "3b": 228,
        "3c": 398,
        "4a": 545,
        "4b": 595,
        "4c": 654,
        "4d": 722,
        "4e": 717,
        "5a": 1600,
        "5b": 1600,
    }
    worst = max(abs(thousands[k] - v) / v for k, v in table.items())
    record_check("recognition.backbones.FaceNet", "rows of the paper's Table 2, in thousands", 10, worst, 0.01)
    assert round(convolutions(network.stem[0]) / 1000) == 9 and round(convolutions(network.stem[2:4]) / 1000) == 115
    assert round(convolutions(network.head) / 1000) == 131


WIDTH = {"course": 128, "mobilefacenet": 128, "facenet": 128, "vggface": 4096}  # 512 where not named


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_parameter_is_reached(name):
    """On the meta device the graph is walked without numbers: shapes, and that no layer is left out."""
    with torch.device("meta"):
        network = backbones.build(name).train()
        image = torch.zeros(2, 3, network.size, network.size, requires_grad=True)
    out = network(image)
    assert out.shape == (2, WIDTH.get(name, 512))
    out.sum().backward()
    if name == "vggface":  # its classifier and its projection have steps of their own
        network.classify(image).sum().backward()
        network.project(image).sum().backward()
    assert image.grad is not None and image.grad.shape == image.shape
    assert not [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]


ALIGNED = ["course", "mobilefacenet", "mobilefacenet-512", "mobilefacenet-large"]
SLOW = ["iresnet18", "iresnet34", "iresnet50", "iresnet100"]


@pytest.mark.parametrize("name", [*ALIGNED, *(pytest.param(n, marks=pytest.mark.slow) for n in SLOW)])
def test_shapes_and_gradients(name, device):
    torch.manual_seed(0)
    network = backbones.build(name).to(device).train()
    image = torch.rand(2, 3, 112, 112, device=device, requires_grad=True)
    out = network(image)
    assert out.shape == (2, WIDTH.get(name, 512)) and torch.isfinite(out).all()
    (out * torch.randn_like(out)).sum().backward()  # the square of a normalised output would not depend on its bias
    for key, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert torch.isfinite(parameter.grad).all() and parameter.grad.abs().sum() > 0, key
    assert torch.isfinite(image.grad).all() and image.grad.abs().sum() > 0
    network.eval()
    with torch.no_grad():
        alone, together = network(image[:1]), network(image)[:1]
    torch.testing.assert_close(alone, together, atol=1e-3 * float(together.abs().max()), rtol=1e-3)


def test_facenet_blocks_and_pooling(device):
    block = Inception(8, 4, (4, 6), (2, 4), 3).to(device)
    x = torch.rand(2, 8, 14, 14, device=device, requires_grad=True)
    out = block(x)
    assert out.shape == (2, 17, 14, 14)
    out.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in block.parameters())
    reduced = Inception(8, 0, (4, 6), (2, 4), 0, "max", 2).to(device)
    assert reduced(x).shape == (2, 18, 7, 7)
    zero = torch.zeros(1, 1, 5, 5, device=device, requires_grad=True)
    l2_pool(zero).sum().backward()
    assert torch.isfinite(zero.grad).all()
    ones = l2_pool(torch.ones(1, 1, 5, 5, device=device))
    assert float(ones[0, 0, 2, 2]) == pytest.approx(3.0, abs=1e-5) and float(ones[0, 0, 0, 0]) == pytest.approx(
        2.0, abs=1e-5
    )


@pytest.mark.slow
def test_facenet_end_to_end():
    torch.manual_seed(0)
    network = backbones.FaceNet().train()
    out = network(torch.rand(2, 3, 224, 224))
    (out * torch.randn_like(out)).sum().backward()  # the square of a normalised output would not depend on its bias
    assert out.shape == (2, 128) and all(torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.slow
def test_vggface_end_to_end():
    torch.manual_seed(0)
    network = backbones.VGGFace(10, 16).eval()  # without dropout
    image = torch.rand(1, 3, 224, 224, requires_grad=True)
    network.classify(image)[0, 3].backward()
    assert torch.isfinite(image.grad).all() and image.grad.abs().sum() > 0
    reached = {n: p.grad for n, p in network.named_parameters() if not n.startswith("projection")}
    assert all(torch.isfinite(g).all() and g.abs().sum() > 0 for g in reached.values())


def test_vggface_learns_only_its_projection_in_the_second_step():
    with torch.device("meta"):
        network = backbones.VGGFace(10, 16)
    image = torch.zeros(2, 3, 224, 224, device="meta")
    assert network(image).shape == (2, 4096) and network.classify(image).shape == (2, 10)
    out = network.project(image)
    out.sum().backward()
    assert out.shape == (2, 16)
    assert {n for n, p in network.named_parameters() if p.grad is not None} == {"projection.weight"}


def test_iresnets_last_factor_stays_one():
    with torch.device("meta"):
        frozen = [n for n, p in backbones.IResNet(18).named_parameters() if not p.requires_grad]
    assert frozen == ["head.4.weight"]


@pytest.mark.parametrize("name", ["course", pytest.param("mobilefacenet", marks=pytest.mark.slow)])
def test_export_runs_in_onnxruntime(name, tmp_path, record_check):
    import onnxruntime

    torch.manual_seed(0)
    network = backbones.build(name).eval()
    image = torch.rand(1, 3, 112, 112)
    path = tmp_path / "network.onnx"
    torch.onnx.export(network, (image,), dynamo=True, verbose=False).save(str(path), external_data=False)
    session = onnxruntime.InferenceSession(path)
    (out,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    expected = network(image).detach()
    difference = float((torch.from_numpy(out) - expected).abs().max() / expected.abs().max())
    record_check(f"recognition.backbones.{name}", "its ONNX graph in onnxruntime", 1, difference, 1e-4, "fp32 rounding")


def test_errors():
    with pytest.raises(ValueError, match="name"):
        backbones.build("resnet")
    with pytest.raises(ValueError, match="depth"):
        backbones.IResNet(20)
    network = backbones.CourseNet()
    with pytest.raises((ValueError, TypeError)):
        network(torch.rand(1, 3, 96, 112))
