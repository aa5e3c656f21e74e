"""Degradations: against OpenCV, SciPy, Pillow and scikit-image; identities, batches, gradients, exported graphs."""

import inspect
import io
import math

import cv2
import numpy as np
import pytest
import scipy.fft
import scipy.ndimage
import scipy.stats
import skimage.exposure
import skimage.util
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from course_lib import data, degrade, images
from course_lib.degrade import compression

RECORDS = degrade.degradations()
KEYS = [record.key for record in RECORDS]
MIDDLE = {
    record.key: (record.identity + record.range[1 if record.identity != record.range[1] else 0]) / 2
    for record in RECORDS
}


def noisy(record, image):
    """The record with a fixed draw of its noise."""
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(image)
    return lambda *arguments: record(*arguments, noise if record.random else None)


def rand(*shape, seed=0, device="cpu", dtype=torch.float32):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(device, dtype)


def hwc(image):
    return np.ascontiguousarray(image[0].permute(1, 2, 0).numpy())


# ---- against what others wrote


@pytest.mark.parametrize("sigma", [0.3, 0.8, 1, 2.5, 6, 15])
def test_gaussian_blur_against_opencv(sigma, record_check):
    largest = 0.0
    for height, width in ((40, 61), (25, 25), (1, 9), (2, 30)):
        image = rand(1, 3, height, width)
        radius = math.floor(4 * sigma + 0.5)
        kernel = cv2.getGaussianKernel(2 * radius + 1, sigma, cv2.CV_64F)
        # sepFilter2D takes kernels wider than the image, which GaussianBlur may refuse.
        padded = cv2.copyMakeBorder(hwc(image), radius, radius, radius, radius, cv2.BORDER_REFLECT_101)
        expected = cv2.sepFilter2D(padded, cv2.CV_32F, kernel, kernel)[
            radius : radius + height, radius : radius + width
        ]
        largest = max(largest, np.abs(hwc(degrade.gaussian_blur(image, sigma)) - expected).max())
        if radius < min(height, width):
            blurred = cv2.GaussianBlur(hwc(image), (2 * radius + 1,) * 2, sigma, borderType=cv2.BORDER_REFLECT_101)
            largest = max(largest, np.abs(hwc(degrade.gaussian_blur(image, sigma)) - blurred).max())
    # Sums of up to 121 × 121 float32 products, in another order.
    record_check("degrade.gaussian_blur", "OpenCV GaussianBlur", 4, largest, 3e-6, f"σ = {sigma}, float32")


def test_gaussian_blur_against_scipy(record_check):
    image = rand(1, 1, 33, 50, dtype=torch.float64)
    differences = []
    for sigma, radius in ((0.5, None), (1.7, None), (4, None), (3, 4), (3, 0)):
        expected = scipy.ndimage.gaussian_filter(image[0, 0].numpy(), sigma, mode="mirror", truncate=4, radius=radius)
        differences.append(np.abs(degrade.gaussian_blur(image, sigma, radius=radius)[0, 0].numpy() - expected).max())
    record_check("degrade.gaussian_blur", "SciPy gaussian_filter", 5, max(differences), 1e-12, "float64")


def line_kernel(length: float, degrees: float, radius: int) -> np.ndarray:
    """The definition, by 200 000 points along the line: whole pixels along its longer axis, linear across it."""
    along = (np.arange(200_000) + 0.5) / 200_000 - 0.5
    x, y = along * length * math.cos(math.radians(degrees)), -along * length * math.sin(math.radians(degrees))
    steep = abs(y[-1]) > abs(x[-1])
    major, slope = (y, x[-1] / y[-1]) if steep else (x, y[-1] / x[-1])
    step = np.round(major)
    floor = np.floor(step * slope)
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    for offset, weight in ((0, 1 - (step * slope - floor)), (1, step * slope - floor)):
        row, column = (step, floor + offset) if steep else (floor + offset, step)
        inside = np.abs(floor + offset) <= radius
        np.add.at(
            kernel, (row[inside].astype(int) + radius, column[inside].astype(int) + radius), weight[inside] / 200_000
        )
    return kernel


@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0, 77.0, 90.0, 135.0, 160.0, -20.0])
def test_motion_blur_against_opencv(angle, record_check):
    image = rand(1, 3, 41, 58)
    largest = 0.0
    for length in (1.5, 4.0, 7.0, 12.3):
        kernel = line_kernel(length, angle, 8)
        assert kernel.sum() == pytest.approx(1)
        # filter2D correlates; the kernel is symmetric about its centre, so that is the same.
        expected = cv2.filter2D(hwc(image), cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101)
        largest = max(largest, np.abs(hwc(degrade.motion_blur(image, length, angle)) - expected).max())
    # The kernel is summed from 200 000 points: each weight to 1e-5.
    record_check("degrade.motion_blur", "OpenCV filter2D", 4, largest, 1e-4, f"{angle:g}°")


def test_motion_blur_in_closed_form(record_check):
    image = rand(1, 3, 30, 30, dtype=torch.float64)
    kernels = {
        (7.0, 0.0): np.full((1, 7), 1 / 7),
        (7.0, 90.0): np.full((7, 1), 1 / 7),
        (5 * math.sqrt(2), 45.0): np.eye(5)[::-1] / 5,  # from bottom left to top right
        (5 * math.sqrt(2), 135.0): np.eye(5) / 5,
    }
    differences = []
    for (length, angle), kernel in kernels.items():
        expected = cv2.filter2D(hwc(image), cv2.CV_64F, kernel, borderType=cv2.BORDER_REFLECT_101)
        differences.append(np.abs(hwc(degrade.motion_blur(image, length, angle)) - expected).max())
    record_check("degrade.motion_blur", "OpenCV filter2D, exact kernels", 4, max(differences), 1e-12, "float64")


def test_motion_blur_reaches_no_further_than_its_radius():
    image = rand(1, 1, 9, 40)
    assert torch.allclose(degrade.motion_blur(image, 31.0, radius=3), degrade.motion_blur(image, 7.0), atol=1e-6)
    assert torch.allclose(
        degrade.motion_blur(image, 5.0, 20.0, radius=16), degrade.motion_blur(image, 5.0, 20.0), atol=1e-6
    )
    assert torch.equal(degrade.motion_blur(image, 31.0, radius=0), image)
    with pytest.raises(ValueError, match="length: expected a finite"):
        degrade.motion_blur(image, math.inf)
    with pytest.raises(ValueError, match="radius: expected at least 0"):
        degrade.motion_blur(image, 5.0, radius=-1)


@pytest.mark.parametrize("degrees", [0.5, 10.0, -33.0, 90.0, 180.0, 271.0])
def test_rotation_against_opencv_and_scipy(degrees, record_check):
    smooth = degrade.gaussian_blur(rand(1, 3, 50, 71, dtype=torch.float64), 1.5)
    ours = degrade.rotate(smooth, degrees)
    matrix = cv2.getRotationMatrix2D((35, 24.5), degrees, 1)
    options = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REFLECT_101}
    expected = cv2.warpAffine(hwc(smooth.float()), matrix, (71, 50), **options)
    difference = np.abs(hwc(ours) - expected).max()
    record_check("degrade.rotate", "OpenCV warpAffine", ours.numel(), difference, 1e-5, f"{degrees:g}°, float32")
    exact = scipy.ndimage.rotate(hwc(smooth), degrees, reshape=False, order=1, mode="mirror")
    record_check(
        "degrade.rotate", "SciPy rotate", ours.numel(), np.abs(hwc(ours) - exact).max(), 1e-9, f"{degrees:g}°, float64"
    )


def test_quarter_turns_of_a_square():
    image = rand(1, 3, 16, 16)
    assert torch.allclose(degrade.rotate(image, 90.0), torch.rot90(image, 1, (2, 3)), atol=1e-5)


@pytest.mark.parametrize("factor", [1.0, 1.5, 2.0, 3.0, 4.0, 7.3, 100.0])
def test_downsampling_against_opencv(factor, record_check):
    image = rand(1, 3, 48, 60)
    small = max(1, round(60 / factor)), max(1, round(48 / factor))
    reduced = cv2.resize(hwc(image), small, interpolation=cv2.INTER_AREA)
    expected = cv2.resize(reduced, (60, 48), interpolation=cv2.INTER_LINEAR)
    difference = np.abs(hwc(degrade.downsample(image, factor)) - expected).max()
    record_check(
        "degrade.downsample",
        "OpenCV INTER_AREA and INTER_LINEAR",
        image.numel(),
        difference,
        2e-5,
        f"factor {factor:g}, float32",
    )


def test_light_against_scikit_image_and_pillow(record_check):
    image = data.portrait("hopper", 64)
    gammas = [
        np.abs(hwc(degrade.gamma(image, g)) - skimage.exposure.adjust_gamma(hwc(image), g)).max()
        for g in (0.3, 0.7, 2.0, 3.0)
    ]
    record_check("degrade.gamma", "scikit-image adjust_gamma", 4, max(gammas), 1e-5, "float32 powers")
    picture = Image.fromarray(images.to_array(image))
    eight_bit = images.from_array(np.asarray(picture))
    contrasts = [
        np.abs(
            hwc(degrade.reduce_contrast(eight_bit, 1 - kept))
            - np.asarray(ImageEnhance.Contrast(picture).enhance(kept)) / 255.0
        ).max()
        for kept in (0.2, 0.5, 0.9)
    ]
    # Pillow rounds luma, its mean and the result to whole levels: up to half a level, half, and one (it truncates).
    record_check(
        "degrade.reduce_contrast", "Pillow ImageEnhance.Contrast", 3, max(contrasts), 2 / 255, "8-bit steps in Pillow"
    )
    darks = [
        np.abs(
            hwc(degrade.darken(eight_bit, 1 - kept))
            - np.asarray(ImageEnhance.Brightness(picture).enhance(kept)) / 255.0
        ).max()
        for kept in (0.1, 0.5, 0.8)
    ]
    record_check(
        "degrade.darken", "Pillow ImageEnhance.Brightness", 3, max(darks), 1.01 / 255, "8-bit results in Pillow"
    )


def test_exposure_multiplies_light(record_check):
    image = rand(2, 3, 8, 8) * 0.5
    doubled = images.luminance(degrade.expose(image, 1.0)) / images.luminance(image)
    halved = images.luminance(degrade.expose(image, -1.0)) / images.luminance(image)
    difference = max((doubled - 2).abs().max().item(), (halved - 0.5).abs().max().item())
    record_check(
        "degrade.expose", "closed form: luminance × 2^stops", 256, difference, 1e-4, "float32 powers, there and back"
    )
    assert degrade.expose(torch.full((1, 3, 2, 2), 0.9), 3.0).min() > 1 - 1e-6  # clipped


def test_gaussian_noise_against_scikit_image(record_check):
    image = rand(1, 3, 20, 30, dtype=torch.float64)
    expected = skimage.util.random_noise(hwc(image), "gaussian", rng=np.random.default_rng(5), var=0.1**2)
    noise = torch.from_numpy(np.random.default_rng(5).standard_normal((20, 30, 3))).permute(2, 0, 1)[None]
    difference = np.abs(hwc(degrade.gaussian_noise(image, 0.1, noise=noise)) - expected).max()
    record_check(
        "degrade.gaussian_noise",
        "scikit-image random_noise",
        expected.size,
        difference,
        1e-12,
        "the same draw, float64",
    )


@pytest.mark.parametrize("mean", [0.02, 0.3, 1.0, 1.9, 2.0, 5.0, 20.0, 100.0, 1000.0])
def test_poisson_noise_against_scipy(mean, record_check):
    photons = 200 * mean  # white is far away, so that nothing is clipped
    # All quantiles of the normal distribution evenly, not a sample: the test has no luck in it.
    noise = torch.from_numpy(scipy.stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)).reshape(1, 1, 400, 500)
    counts = degrade.poisson_noise(torch.full_like(noise, 0.005), photons, noise=noise) * photons
    assert torch.allclose(counts, counts.round(), atol=1e-6)  # whole photons
    # Both moments and the whole distribution. Exact below 2; an expansion with one correction is least exact just above.
    bias, spread = abs(counts.mean().item() / mean - 1), abs(counts.var().item() / mean - 1)
    record_check("degrade.poisson_noise", "SciPy poisson: mean (relative)", 200_000, bias, 0.01, f"λ = {mean:g}")
    record_check("degrade.poisson_noise", "SciPy poisson: variance (relative)", 200_000, spread, 0.04, f"λ = {mean:g}")
    share = torch.bincount(counts.round().long().flatten()).numpy() / 200_000
    exact = scipy.stats.poisson.pmf(np.arange(len(share)), mean)
    distance = 0.5 * (np.abs(share - exact).sum() + 1 - exact.sum())
    record_check("degrade.poisson_noise", "SciPy poisson: total variation", 200_000, distance, 0.01, f"λ = {mean:g}")


def test_black_has_no_shot_noise_and_levels_are_photons():
    noise = torch.linspace(-5, 5, 300).reshape(1, 3, 10, 10)
    assert degrade.poisson_noise(torch.zeros(1, 3, 10, 10), 50.0, noise=noise).abs().max() == 0
    image = rand(1, 3, 10, 10)
    assert torch.allclose(
        degrade.shot_noise(image, 0.1, noise=noise), degrade.poisson_noise(image, 100.0, noise=noise), atol=1e-6
    )
    assert torch.equal(degrade.poisson_noise(image, math.inf, noise=noise), image)


def test_drawn_noise_follows_its_generator():
    image = rand(2, 3, 8, 8)
    for function, severity in ((degrade.gaussian_noise, 0.1), (degrade.poisson_noise, 30.0), (degrade.shot_noise, 0.2)):
        first, again, other = (
            function(image, severity, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
        )
        assert torch.equal(first, again) and not torch.equal(first, other)


# ---- JPEG


def saved(image: torch.Tensor, quality: int) -> tuple[np.ndarray, dict]:
    array = images.to_array(image)
    file = io.BytesIO()
    picture = Image.fromarray(array if image.shape[1] == 3 else array[..., 0])
    picture.save(file, "JPEG", quality=quality, subsampling=2 if image.shape[1] == 3 else -1)
    opened = Image.open(file)
    return np.atleast_3d(np.asarray(opened, dtype=np.float64)), opened.quantization


def test_quantisation_tables_against_pillow(record_check):
    differences = []
    for quality in range(1, 101):
        _, tables = saved(torch.zeros(1, 3, 8, 8), quality)
        scale = compression._table_scale(torch.full((1, 1, 1), float(quality)))
        for base, table in zip((compression.LUMA_TABLE, compression.CHROMA_TABLE), tables.values(), strict=True):
            differences.append(np.abs(compression._table(base, scale).flatten().numpy() - np.array(table)).max())
    record_check("degrade.jpeg", "Pillow: quantisation tables, qualities 1 to 100", 12_800, max(differences), 0)


def test_cosine_transform_against_scipy(record_check):
    blocks = rand(10, 64, dtype=torch.float64)
    expected = scipy.fft.dctn(blocks.numpy().reshape(10, 8, 8), axes=(1, 2), norm="ortho").reshape(10, 64)
    difference = np.abs((blocks @ compression._cosines(blocks).mT).numpy() - expected).max()
    record_check("degrade.jpeg", "SciPy dctn", 640, difference, 1e-13, "float64")


@pytest.mark.parametrize("quality", [5, 10, 25, 50, 75, 90, 95, 100])
def test_jpeg_against_pillow(quality, record_check):
    astronaut = data.portrait("astronaut")
    means, noises = [], []
    for image in (astronaut, data.portrait("hopper")[..., 3:104, 5:82], images.luma(astronaut)):
        clean = images.from_array(images.to_array(image))[:, : image.shape[1]]
        expected, _ = saved(clean, quality)
        ours = hwc(degrade.jpeg(clean, float(quality))).astype(np.float64) * 255
        means.append(np.abs(ours - expected).mean())
        original = hwc(clean) * 255.0
        noises.append(abs(10 * math.log10(np.square(expected - original).mean() / np.square(ours - original).mean())))
    # Pillow's result is in whole levels (0.25 from ours in the mean by itself), and so are Y', Cb and Cr in its decoder,
    # where half a level of Cb is 0.9 of blue; a coefficient close to the middle of two steps may go the other way.
    record_check("degrade.jpeg", "Pillow: mean difference in levels of 255", 3, max(means), 1, f"quality {quality}")
    record_check(
        "degrade.jpeg",
        "Pillow: difference in PSNR, dB",
        3,
        max(noises),
        0.15 if quality < 90 else 0.6,
        f"quality {quality}",
    )


def test_cubic_rounding_is_smooth_and_close():
    image = data.portrait("astronaut", 64)
    straight, cubic = degrade.jpeg(image, 30.0), degrade.jpeg(image, 30.0, rounding="cubic")
    assert 0 < (straight - cubic).abs().mean() < 0.01
    values = torch.linspace(-2.4, 2.4, 50, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(compression._cubic, values)
    with pytest.raises(ValueError, match="rounding"):
        inspect.unwrap(degrade.jpeg)(image, 30.0, rounding="hard")


# ---- occlusion


def test_occlusion_is_a_block():
    image = rand(2, 3, 20, 40)
    expected = image.clone()
    expected[..., 5:15, 10:30] = 0.3
    assert torch.allclose(degrade.occlude(image, 0.25, colour=0.3), expected, atol=1e-6)
    corner = image.clone()
    corner[..., 10:, :20] = 0  # moved inside from beyond the corner
    assert torch.allclose(degrade.occlude(image, 0.25, (0.0, 1.0)), corner, atol=1e-6)
    places = torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    both = degrade.occlude(image, 0.25, places)
    assert torch.allclose(both[1], corner[1], atol=1e-6) and not torch.allclose(both[0], corner[0])


@given(st.floats(0, 1), st.floats(-0.5, 1.5), st.floats(-0.5, 1.5))
def test_occlusion_covers_its_share(share, x, y):
    covered = degrade.occlude(torch.zeros(1, 1, 13, 22, dtype=torch.float64), share, (x, y), colour=1.0)
    # Below a share of 1e-12 nothing is covered.
    assert covered.mean().item() == pytest.approx(share, abs=1e-9)


# ---- what holds for all


@pytest.mark.parametrize("record", RECORDS, ids=KEYS)
def test_identity_is_exact(record, device):
    image = rand(3, 3, 21, 34, device=device)
    image[0, :, 0, :2] = torch.tensor([0.0, 1.0], device=device)
    degraded = noisy(record, image)
    for severity in (record.identity, torch.tensor(record.identity), torch.full((3,), record.identity, device=device)):
        assert torch.equal(degraded(image, severity), image)
    if record.exact:
        options = dict(record.options) | ({"noise": torch.randn_like(image)} if record.random else {})
        assert torch.equal(record.function(image, record.identity, **options), image)


@pytest.mark.parametrize("record", RECORDS, ids=KEYS)
@settings(max_examples=12)
@given(position=st.floats(0, 1), seed=st.integers(0, 99), height=st.integers(1, 20), width=st.integers(1, 20))
def test_results_are_images_and_severities_agree(record, position, seed, height, width):
    image = rand(2, 3, height, width, seed=seed)
    low, high = record.range
    severity = low + position * (high - low)
    degraded = noisy(record, image)
    result = degraded(image, severity)
    images.check_images(result)
    assert result.shape == image.shape and result.dtype == image.dtype
    assert torch.allclose(degraded(image, torch.tensor(severity, dtype=torch.float64)), result, atol=1e-5)
    assert torch.allclose(degraded(image, torch.full((2,), severity, dtype=torch.float64)), result, atol=1e-5)


@pytest.mark.parametrize("record", RECORDS, ids=KEYS)
def test_each_image_gets_its_own_severity(record, device):
    image = rand(3, 3, 24, 19, device=device)
    severities = torch.tensor([record.identity, MIDDLE[record.key], record.range[0]], device=device)
    together = noisy(record, image)(image, severities)
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(image)
    for index in range(3):
        alone = record(image[index : index + 1], severities[index], noise[index : index + 1])
        assert torch.allclose(together[index : index + 1], alone, atol=1e-5)
    assert together.device == image.device


@pytest.mark.parametrize("record", RECORDS, ids=KEYS)
def test_grey_images_and_small_dtypes(record, device):
    grey = rand(1, 1, 18, 18, device=device)
    assert noisy(record, grey)(grey, MIDDLE[record.key]).shape == grey.shape
    for dtype in (torch.float16, torch.bfloat16):
        image = rand(1, 3, 18, 18, device=device).to(dtype)
        degraded = noisy(record, image)
        result = degraded(image, torch.tensor(MIDDLE[record.key]))
        assert result.dtype == dtype and result.device.type == device.type
        # Computed in float32 on the same rounded image; the last rounding is dtype's.
        wide = degraded(image.float(), torch.tensor(MIDDLE[record.key]))
        assert torch.allclose(result.float(), wide, atol=2 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("record", RECORDS, ids=KEYS)
def test_gradients_are_finite_everywhere(record, device):
    image = rand(2, 3, 17, 16, device=device)
    image[0, :, :6] = 0  # black, white and grey areas
    image[0, :, 6:12] = 1
    image[1] = 0.5
    for severity in (*record.range, record.identity, MIDDLE[record.key]):
        pixels = image.clone().requires_grad_()
        severities = torch.full((2,), float(severity), device=device, requires_grad=True)
        (noisy(record, image)(pixels, severities) ** 2).sum().backward()
        assert torch.isfinite(pixels.grad).all()
        assert severities.grad is None or torch.isfinite(severities.grad).all()


SMOOTH = [
    "occlude",
    "darken",
    "expose",
    "gaussian_blur",
    "motion_blur",
    "gaussian_noise",
    "gamma",
    "reduce_contrast",
    "rotate",
]


@pytest.mark.parametrize("key", SMOOTH)
def test_gradients_are_the_derivative(key):
    record = RECORDS[KEYS.index(key)]
    # Inside (0, 1), small changes and little noise: away from clipping and from the corners of linear interpolation.
    image = (rand(1, 1, 6, 5, dtype=torch.float64) * 0.2 + 0.4).requires_grad_()
    near = record.identity + 0.13 * (MIDDLE[key] - record.identity)
    severity = torch.tensor(near, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(noisy(record, image.detach()), (image, severity))


@pytest.mark.parametrize("record", RECORDS, ids=KEYS)
def test_severities_that_are_none(record):
    image = rand(2, 3, 8, 8)
    function = inspect.unwrap(record.function)
    name = list(inspect.signature(record.function).parameters)[1]
    options = dict(record.options) | ({"noise": torch.randn_like(image)} if record.random else {})
    with pytest.raises(ValueError, match=f"{name}: expected .* got nan"):
        function(image, float("nan"), **options)
    with pytest.raises(ValueError, match=f"{name}: expected .* got (nan|values from nan)"):
        function(image, torch.tensor([0.5, float("nan")]), **options)
    with pytest.raises(ValueError, match=rf"{name}: expected .* shape \(2,\), got \(3,\)"):
        function(image, torch.ones(3), **options)
    with pytest.raises(TypeError, match=f"{name}: expected a floating-point tensor"):
        function(image, torch.tensor(1), **options)
    with pytest.raises(TypeError, match=f"{name}: expected a number or a tensor, got str"):
        function(image, "1", **options)
    if record.key != "rotate":
        with pytest.raises(ValueError, match=f"{name}: expected values from .* got -99"):
            function(image, -99.0, **options)
    with pytest.raises(ValueError, match="image: expected values in"):
        record.function(image * 255, record.identity, **options)


def test_other_arguments_that_are_none():
    image = rand(2, 3, 8, 8)
    for function in (degrade.gaussian_noise, degrade.poisson_noise, degrade.shot_noise):
        with pytest.raises(ValueError, match="noise: expected the image's shape"):
            inspect.unwrap(function)(image, 1.0, noise=torch.randn(1, 3, 8, 8))
    with pytest.raises(ValueError, match="colour"):
        degrade.occlude(image, 0.1, colour=2.0)
    with pytest.raises(ValueError, match="centre"):
        inspect.unwrap(degrade.occlude)(image, 0.1, torch.rand(3, 2))
    with pytest.raises(ValueError, match="radius"):
        degrade.gaussian_blur(image, 1.0, radius=-1)


def test_the_catalogue_is_complete():
    assert len(set(KEYS)) == len(RECORDS)
    public = {name for name in degrade.__all__ if name.islower()} - {"degradations", "poisson_noise"}  # by its level
    assert {record.function.__name__ for record in RECORDS} == public
    for record in RECORDS:
        assert record.key == record.function.__name__
        assert set(record.label) == set(record.unit) == {"en", "zh"} and all(record.label.values())
        assert record.range[0] <= record.identity <= record.range[1]
        steps = (record.range[1] - record.range[0]) / record.step
        assert steps == pytest.approx(round(steps), abs=1e-6)
        assert (record.identity - record.range[0]) / record.step == pytest.approx(
            round((record.identity - record.range[0]) / record.step), abs=1e-6
        )


# ---- exported graphs


class Everything(torch.nn.Module):
    def forward(self, image, noise, severities):
        return [
            record(image, severity, noise if record.random else None)
            for record, severity in zip(RECORDS, severities, strict=True)
        ]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """All degradations in one graph: one severity each, 0-d, for an image of 64 px."""
    onnxruntime = pytest.importorskip("onnxruntime")
    image = data.portrait("astronaut", 64)
    severities = [torch.tensor(MIDDLE[key]) for key in KEYS]
    program = torch.onnx.export(
        Everything().eval(), (image, torch.randn_like(image), severities), dynamo=True, verbose=False
    )
    path = tmp_path_factory.mktemp("onnx") / "degrade.onnx"
    program.save(str(path), external_data=False)
    # No table of the image's size is stored in the graph.
    assert path.stat().st_size < 700_000
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("position", [0.0, 0.23, 0.5, 0.871, 1.0, None])
def test_exported_graphs_give_the_same_images(session, position):
    image = data.portrait("hopper", 64)
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(3))
    values = [r.identity if position is None else r.range[0] + position * (r.range[1] - r.range[0]) for r in RECORDS]
    severities = [torch.tensor(value, dtype=torch.float32) for value in values]
    names = [entry.name for entry in session.get_inputs()]
    results = session.run(
        None, dict(zip(names, [image.numpy(), noise.numpy(), *[s.numpy() for s in severities]], strict=True))
    )
    for record, severity, theirs in zip(RECORDS, severities, results, strict=True):
        ours = record(image, severity, noise if record.random else None).numpy()
        difference = np.abs(ours - theirs)
        if record.key in ("jpeg", "shot_noise"):
            # A coefficient or count on the edge between two steps may fall to either side: rare, so the mean is small.
            assert difference.mean() < 2e-4, record.key
        else:
            assert difference.max() < 2e-5, record.key
        if position is None:
            assert np.array_equal(theirs, image.numpy()), record.key


def test_an_export_says_what_it_needs():
    class Motion(torch.nn.Module):
        def forward(self, image, length):
            return degrade.motion_blur(image, length)

    class Noise(torch.nn.Module):
        def forward(self, image, sigma):
            return degrade.gaussian_noise(image, sigma)

    for module, message in ((Motion(), "radius: expected a number of pixels"), (Noise(), "noise: expected a tensor")):
        with pytest.raises(Exception, match=message):
            torch.export.export(module, (rand(1, 3, 8, 8), torch.tensor(3.0)), strict=False)
