"""What holds for every measure: records, shared maps, masks, batches, types, gradients, export and compilation."""

import re
import subprocess
import sys
import textwrap
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pictures import grey_portraits, noise_images, portraits

from course_lib import i18n, images, quality
from course_lib.quality import chunks, light, maps, sharpness

RECORDS = [record for record in quality.measures() if record.takes == "image"]
NAMES = [record.name for record in RECORDS]
every = pytest.mark.parametrize("record", RECORDS, ids=NAMES)

# Smaller windows fit the small images that keep gradient checks quick.
SMALL = {"blur_effect": {"size": 3}, "crete_blur": {"size": 3}, "local_weber_contrast": {"size": 3}}
COUNTS = {record.name for record in RECORDS if not record.differentiable}
# Piecewise constant, with the gradient of the rank: see test_histogram.
READ_OFF = {"michelson_contrast", "luminance_range"}


def small(record):
    return partial(record.function, **SMALL.get(record.name, {}))


# ---- records -------------------------------------------------------------------------------------------------------
@every
def test_record(record):
    assert record.function.__name__ == record.name
    assert record.function is getattr(sharpness if record.family in ("blur", "sharpness") else light, record.name)
    assert record.label == i18n.label(record.name)
    assert record.range[0] < record.range[1]
    bibliography = (i18n.data_root().parent / "book" / "references.bib").read_text("utf-8")
    assert f"{{{record.reference}," in bibliography
    cited = re.findall(r"\[(\w+)\]", record.function.__doc__.split("Source:")[1])
    assert cited and all(f"{{{key}," in bibliography for key in cited)


def test_list_of_measures():
    assert len(set(NAMES)) == len(NAMES) == 36
    assert {record.family for record in quality.measures()} == set(quality.FAMILIES)
    with pytest.raises(ValueError, match="family: expected one of"):
        quality.Measure("tenengrad", sharpness.tenengrad, "smell", (0, 1), "", "higher", "krotkov1988")
    with pytest.raises(ValueError, match="direction: expected one of"):
        quality.Measure("tenengrad", sharpness.tenengrad, "blur", (0, 1), "", "up", "krotkov1988")
    with pytest.raises(KeyError, match="no key of data/glossary"):
        quality.Measure("no_such_measure", sharpness.tenengrad, "blur", (0, 1), "", "higher", "krotkov1988")


# ---- values --------------------------------------------------------------------------------------------------------
FLAT = {  # what a flat grey image of luma 0.6 gives; everything else is 0
    "normalized_variance": 0.0,
    "blur_effect": 1.0,
    "crete_blur": 1.0,
    "luminance_mean": ((0.6 + 0.055) / 1.055) ** 2.4,
    "weighted_block_illumination": 0.6,
    "brightness_hsb": 0.6,
    "brightness_luma": 0.6,
    "brightness_bezryadin": 1.4162 * ((0.6 + 0.055) / 1.055) ** 2.4,
}


@every
def test_flat_image(record, device):
    for dtype in (torch.float32, torch.float64):
        value = record.function(torch.full((2, 3, 24, 24), 0.6, dtype=dtype, device=device))
        assert value.tolist() == pytest.approx(
            [FLAT.get(record.name, 0.0)] * 2, abs=1e-4 if "bezr" in record.name else 1e-6
        )
    for level in (0.0, 1.0):
        assert record.function(torch.full((1, 1, 24, 24), level, device=device)).isfinite().all()


@every
@given(seed=st.integers(0, 10_000), channels=st.sampled_from([1, 3]), levels=st.sampled_from([2, 3, 256]))
def test_range(record, seed, channels, levels):
    """Noise of a few levels drives measures to their extremes."""
    image = torch.randint(0, levels, (1, channels, 12, 13), generator=torch.Generator().manual_seed(seed)).double() / (
        levels - 1
    )
    value = record.function(image).item()
    assert record.range[0] - 1e-9 <= value <= record.range[1] + 1e-9


@every
def test_scaling_law(record):
    """Half the intensity gives 2^−power times the value: how our numbers and those of 0..255 images relate."""
    if record.power is None:
        pytest.skip("no such law")
    # Even levels, so that half is a level too.
    image = torch.floor(portraits(48, torch.float64) * 127.5).mul(2).div(255)
    if record.name == "michelson_contrast":
        image = image[:, :1]
    whole, half = record.function(image), record.function(image / 2)
    assert torch.allclose(half, whole * 0.5**record.power, rtol=1e-9, atol=1e-12)


@every
def test_mirrored_faces(record):
    image = grey_portraits(48)
    value, mirrored, upturned = (record.function(x) for x in (image, image.flip(3), image.flip(2)))
    # Measures of a corner of pixels lose another row or column at the border; SMD2 sees another pair.
    lopsided = {"energy_of_gradient", "grey_difference_sum", "grey_difference_product", "blur_effect"}
    tolerance = 0.1 if record.name in lopsided else 1e-9
    for other in (mirrored, upturned):
        assert torch.allclose(other, value, rtol=tolerance, atol=1e-12)


# ---- masks ---------------------------------------------------------------------------------------------------------
# These look beyond the region or at its place: mirrored borders, blocks of the image, the background.
NOT_A_CROP = {"blur_effect", "crete_blur", "weighted_block_illumination", "weber_contrast"}


@every
@pytest.mark.parametrize("kind", [torch.bool, torch.float32, torch.float64])
def test_mask_of_ones(record, kind):
    image = portraits(32, torch.float64)
    value = record.function(image, mask=torch.ones(2, 1, 32, 32, dtype=kind))
    expected = torch.zeros(2, dtype=torch.float64) if record.name == "weber_contrast" else record.function(image)
    assert torch.allclose(value, expected, atol=1e-12)


@every
def test_mask_of_a_rectangle(record):
    image, mask = portraits(40, torch.float64), torch.zeros(2, 1, 40, 40, dtype=torch.bool)
    mask[:, :, 5:33, 8:37] = True
    value = record.function(image, mask=mask)
    if record.name not in NOT_A_CROP:
        assert torch.allclose(value, record.function(image[:, :, 5:33, 8:37]), atol=1e-12)
    if record.name != "weber_contrast":
        outside = torch.where(mask, image, noise_images(2, 40, 40, channels=3))
        assert torch.allclose(record.function(outside, mask=mask), value, atol=1e-12)


@every
def test_nothing_counts(record):
    image = portraits(24, torch.float64).requires_grad_()
    value = record.function(image, mask=torch.zeros(2, 1, 24, 24))
    assert torch.equal(value, torch.zeros(2, dtype=torch.float64))
    if value.requires_grad:
        assert torch.autograd.grad(value.sum(), image)[0].isfinite().all()


@pytest.mark.parametrize("sobel", [True, False])
def test_masked_reblur_by_loops(sobel):
    """A ragged mask: a pixel counts if everything that its two edges are made of lies in it."""
    size, height, width = 3, 12, 14
    image, mask = noise_images(1, height, width), noise_images(1, height, width, seed=5) < 0.97
    grey, inside = np.pad(image[0, 0].numpy(), 2, "symmetric"), np.pad(mask[0, 0].numpy(), 2, "symmetric")
    results = []
    for axis in (0, 1):
        g, m = (a.T if axis == 0 else a for a in (grey, inside))
        high, wide = (width, height) if axis == 0 else (height, width)
        kept = total = 0.0
        for y in range(2, high - 1) if sobel else range(high):
            for x in range(2, wide - 1) if sobel else range(wide - 1):
                rows = range(y - 1, y + 2) if sobel else [y]
                weights = (1, 2, 1) if sobel else (1,)
                left, right = (x - 1, x + 1) if sobel else (x, x + 1)

                def line(at, blurred, rows=rows, weights=weights, g=g):
                    reach = range(at - 1, at + 2) if blurred else [at]
                    total = sum(w * g[r + 2, c + 2] for r, w in zip(rows, weights, strict=True) for c in reach)
                    return total / len(reach)

                if all(m[r + 2, c + 2] for r in rows for c in range(left - 1, right + 2)):
                    edge, again = (abs(line(right, blurred) - line(left, blurred)) for blurred in (False, True))
                    kept, total = kept + min(edge, again), total + edge
        results.append(kept / total)
    function = sharpness.blur_effect if sobel else sharpness.crete_blur
    assert function(image, size, mask=mask).item() == pytest.approx(max(results), abs=1e-12)


def test_masked_blocks_without_pixels_get_no_weight():
    image, mask = noise_images(1, 32, 32), torch.zeros(1, 1, 32, 32)
    mask[..., 8:16, 8:16] = 1
    assert light.weighted_block_illumination(image, mask=mask).item() == pytest.approx(
        image[..., 8:16, 8:16].mean().item()
    )


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (torch.ones(1, 1, 8, 9), ValueError, r"mask: expected shape \(2, 1, 16, 20\)"),
        (torch.full((2, 1, 16, 20), 0.5), ValueError, "mask: expected only the values 0 and 1"),
    ],
)
def test_wrong_masks(mask, error, message):
    image = noise_images(2, 16, 20)
    with pytest.raises(error, match=message):
        chunks.check_mask(mask, image)
    with pytest.raises(TypeError, match="mask: expected bool or floating point"):
        chunks.check_mask(torch.ones(2, 1, 16, 20, dtype=torch.int64), image)


# ---- batches, types, devices ---------------------------------------------------------------------------------------
@every
def test_batch_is_a_loop(record, monkeypatch):
    image, mask = (
        torch.cat((portraits(24), noise_images(3, 24, 24, channels=3).float())),
        torch.rand(5, 1, 24, 24) < 0.9,
    )
    for region in (None, mask):
        each = [record.function(image[i : i + 1], mask=None if region is None else region[i : i + 1]) for i in range(5)]
        monkeypatch.setattr(chunks, "CHUNK", 10**9)
        whole = record.function(image, mask=region)
        monkeypatch.setattr(chunks, "CHUNK", 2 * image[0].numel())  # three chunks: 2, 2 and 1
        assert torch.allclose(whole, torch.cat(each), rtol=1e-5, atol=1e-7)
        assert torch.allclose(record.function(image, mask=region), whole, rtol=1e-5, atol=1e-7)


@every
def test_float32_is_precise(record):
    """Of 512 px float32 images a value has five digits: sums are not run up in one register."""
    image = portraits(512)
    single, double = record.function(image).double(), record.function(image.double())
    # Where a level's edge decides, single pixels may change sides.
    tolerance = 1e-3 if record.name in COUNTS | READ_OFF else 1e-5
    assert torch.allclose(single, double, rtol=tolerance, atol=1e-7)


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtype_and_device_stay(record, dtype, device):
    image = portraits(32).to(device, dtype)
    value = record.function(image)
    assert value.dtype == dtype and value.device.type == device.type and value.shape == (2,)
    # The result is the float32 result of the same numbers, rounded once.
    assert torch.allclose(value.float(), record.function(image.float()), rtol=0.01, atol=1e-3)


def test_grey_and_its_copies_in_rgb_agree():
    image = grey_portraits(32)
    one, three = quality.measure(image), quality.measure(image.expand(-1, 3, -1, -1))
    for name in NAMES:
        tolerance = 0.02 if name in COUNTS | READ_OFF else 1e-4  # the weights of luminance sum to 1, those of luma too
        assert torch.allclose(one[name], three[name], rtol=tolerance, atol=1e-6), name


# ---- gradients -----------------------------------------------------------------------------------------------------
@every
def test_gradient(record):
    if record.name in COUNTS | READ_OFF:
        pytest.skip("read off a histogram")
    image = noise_images(1, 5, 6, seed=4, channels=3).mul(0.9).add(0.05).requires_grad_()
    mask = torch.ones(1, 1, 5, 6)
    mask[..., 0, 0] = 0
    assert torch.autograd.gradcheck(small(record), (image,))
    assert torch.autograd.gradcheck(partial(small(record), mask=mask), (image,))


@every
def test_gradient_of_counts(record):
    image = noise_images(1, 12, 12).requires_grad_()
    assert record.function(image).requires_grad == record.differentiable


@every
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_gradient_of_flat_images_is_finite(record, level):
    if not record.differentiable:
        pytest.skip("counts")
    for dtype in (torch.float32, torch.float64):
        image = torch.full((1, 3, 12, 12), level, dtype=dtype, requires_grad=True)
        assert torch.autograd.grad(record.function(image).sum(), image)[0].isfinite().all()


# ---- together ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("masked", [False, True])
def test_measure_is_the_single_functions(masked):
    image = portraits(32)
    mask = torch.zeros(2, 1, 32, 32) if masked else None
    if masked:
        mask[:, :, 4:28, 6:26] = 1
    together = quality.measure(image, mask=mask)
    assert list(together) == NAMES
    for record in RECORDS:
        assert torch.equal(together[record.name], record.function(image, mask=mask)), record.name


def test_each_map_is_computed_once(monkeypatch):
    calls = {"luma": 0, "linear_from_srgb": 0, "weighted": 0, "histogram": 0}

    def counted(module, name):
        function = getattr(module, name)

        def wrapper(*args, **options):
            calls[name] += 1
            return function(*args, **options)

        monkeypatch.setattr(module, name, wrapper)

    for name in ("luma", "linear_from_srgb", "weighted"):
        counted(images, name)
    counted(maps, "histogram")
    quality.measure(portraits(32))
    assert calls == {"luma": 1, "linear_from_srgb": 1, "weighted": 1 + 3, "histogram": 2}  # three: Bezryadin's D, E, F


def test_names():
    image = portraits(24)
    assert list(quality.measure(image, ["tenengrad", "rms_contrast", "tenengrad"])) == ["tenengrad", "rms_contrast"]
    assert quality.measure(image, []) == {}
    with pytest.raises(ValueError, match="'sharpnes' is no measure of images; there are sobel_mean"):
        quality.measure(image, ["sharpnes"])
    with pytest.raises(ValueError, match="'head_pose_yaw' is no measure of images"):
        quality.measure(image, ["head_pose_yaw"])
    with pytest.raises(ValueError, match="divide 8-bit values by 255"):
        quality.measure(image * 255)


def test_bad_image_late_in_the_batch_is_found():
    image = portraits(512).repeat(3, 1, 1, 1)
    image[-1, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="got NaN"):
        sharpness.tenengrad(image)


# ---- graphs --------------------------------------------------------------------------------------------------------
class AllMeasures(torch.nn.Module):
    def forward(self, image):
        return tuple(quality.measure(image).values())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_measure_exports(tmp_path, record_check):
    """One ONNX graph of all measures at 64 px, run by onnxruntime on other images than it was exported with."""
    import onnxruntime

    example = portraits(64)
    program = torch.onnx.export(AllMeasures(), (example,), dynamo=True, verbose=False)
    program.save(str(tmp_path / "measures.onnx"))
    session = onnxruntime.InferenceSession(tmp_path / "measures.onnx", providers=["CPUExecutionProvider"])
    cases = [example.flip(0), noise_images(2, 64, 64, channels=3).float(), torch.zeros(2, 3, 64, 64), example * 0.5]
    outputs = [session.run(None, {session.get_inputs()[0].name: x.numpy()}) for x in cases]
    for record, *results in zip(RECORDS, *outputs, strict=True):
        pairs = [(result, record.function(x).numpy()) for result, x in zip(results, cases, strict=True)]
        difference = max(np.max(np.abs(a - b) / np.maximum(0.01, np.abs(b))) for a, b in pairs)
        module = "sharpness" if record.family in ("blur", "sharpness") else "light"
        # onnxruntime runs float32 sums of 4096 pixels up in one register; a pixel on a level's edge may change sides.
        tolerance = 1e-3 if record.name in COUNTS | READ_OFF else 1e-4
        record_check(
            f"quality.{module}.{record.name}", "onnxruntime, exported graph", 8, difference, tolerance, note="relative"
        )


@pytest.mark.slow
def test_compiled_gives_the_same():
    """In a process of its own: torch.compile does not see through the shape checks that the tests wrap around calls."""
    names = ["laplacian_variance", "image_entropy", "luminance_mean"]
    script = f"""
        import torch
        from course_lib import data, quality
        faces = data.portraits(48)
        mask = torch.zeros(2, 1, 48, 48); mask[..., 8:40, 8:40] = 1
        for region in (None, mask):
            eager = quality.measure(faces, {names}, mask=region)
            compiled = quality.measure(faces, {names}, mask=region, compiled=True)
            assert list(compiled) == {names}
            for name in eager:
                assert torch.allclose(compiled[name], eager[name], rtol=1e-3), (name, compiled[name], eager[name])
        try:
            quality.measure(faces * 255, {names}, compiled=True)
        except ValueError as error:
            print("refused:", error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "refused: image" in done.stdout


@pytest.mark.slow
def test_more_sets_of_names_can_be_compiled_than_torch_keeps_versions_of_one_function():
    script = """
        import torch
        from course_lib import quality
        images = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
        for name in [record.name for record in quality.measures() if record.takes == "image"][:10]:
            fused, plain = (quality.measure(images, [name], compiled=compiled)[name] for compiled in (True, False))
            torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-6)  # fused sums run in another order
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)
