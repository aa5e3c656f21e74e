"""Blur and sharpness: every measure against OpenCV, scikit-image, SciPy, NumPy loops and closed forms."""

import itertools

import cv2
import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import skimage.filters
import skimage.measure
import torch
from hypothesis import given
from hypothesis import strategies as st
from pictures import arrays, checkerboard, grey_portraits, noise_images, portraits

from course_lib import degrade
from course_lib.quality import chunks, sharpness

EXACT = 1e-12  # float64 on both sides: only the order of sums differs


def largest(ours: torch.Tensor, theirs) -> float:
    return float(np.abs(ours.numpy() - np.asarray(list(theirs))).max())


@pytest.fixture(scope="module")
def grey():
    return torch.cat((grey_portraits(64), noise_images(2, 64, 64)))


# ---- oracles -------------------------------------------------------------------------------------------------------
def gradient(image):
    return cv2.Sobel(image, cv2.CV_64F, 1, 0)[1:-1, 1:-1], cv2.Sobel(image, cv2.CV_64F, 0, 1)[1:-1, 1:-1]


def test_sobel(grey, record_check):
    theirs = np.stack([gradient(image) for image in arrays(grey)])
    record_check(
        "quality.sharpness.sobel", "OpenCV Sobel", 4, np.abs(sharpness.sobel(grey).numpy() - theirs).max(), EXACT
    )


def test_tenengrad(grey, record_check):
    energies = [gx**2 + gy**2 for gx, gy in map(gradient, arrays(grey))]
    difference = largest(sharpness.tenengrad(grey), (energy.mean() for energy in energies))
    record_check("quality.sharpness.tenengrad", "OpenCV Sobel", 4, difference, EXACT)
    for threshold in (0.3, 1.0):
        theirs = [np.where(np.sqrt(energy) >= threshold, energy, 0).mean() for energy in energies]
        difference = largest(sharpness.tenengrad(grey, threshold), theirs)
        record_check("quality.sharpness.tenengrad", "OpenCV Sobel", 4, difference, EXACT, note=f"threshold {threshold}")


def test_thresholds_one_for_each_image(grey, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 3 * grey[0].numel())  # the fourth image has a chunk of its own
    limits = torch.tensor([0.1, 0.5, 1.0, 2.0], dtype=torch.float64)
    each = torch.cat([sharpness.tenengrad(grey[i : i + 1], float(limits[i])) for i in range(4)])
    assert torch.equal(sharpness.tenengrad(grey, limits), each)
    assert torch.equal(sharpness.tenengrad(grey, limits[1]), sharpness.tenengrad(grey, 0.5))


def test_sobel_mean(grey, record_check):
    theirs = [np.hypot(*gradient(image)).mean() for image in arrays(grey)]
    record_check("quality.sharpness.sobel_mean", "OpenCV Sobel", 4, largest(sharpness.sobel_mean(grey), theirs), EXACT)
    # scikit-image divides its kernels by 4 and the magnitude by √2.
    theirs = [skimage.filters.sobel(image)[1:-1, 1:-1].mean() * 4 * np.sqrt(2) for image in arrays(grey)]
    record_check(
        "quality.sharpness.sobel_mean", "scikit-image sobel", 4, largest(sharpness.sobel_mean(grey), theirs), EXACT
    )


def test_adaptive_tenengrad_loops(record_check):
    image = noise_images(1, 9, 11)
    values = arrays(image)[0]
    gx, gy = gradient(values)
    total = 0.0
    for y in range(1, 8):
        for x in range(1, 10):
            across, down = values[y, x + 1] - values[y, x - 1], values[y + 1, x] - values[y - 1, x]
            total += abs(abs(across) - abs(down)) ** 1.2 * (gx[y - 1, x - 1] ** 2 + gy[y - 1, x - 1] ** 2)
    difference = largest(sharpness.adaptive_tenengrad(image), [total / 63])
    record_check("quality.sharpness.adaptive_tenengrad", "NumPy loop", 1, difference, EXACT)


def test_gradient_magnitude(grey, record_check):
    theirs = [np.hypot(*np.gradient(image))[1:-1, 1:-1].mean() for image in arrays(grey)]
    difference = largest(sharpness.mean_gradient_magnitude(grey), theirs)
    record_check("quality.sharpness.mean_gradient_magnitude", "NumPy gradient", 4, difference, EXACT)


def test_laplacian(grey, record_check):
    maps = [cv2.Laplacian(image, cv2.CV_64F)[1:-1, 1:-1] for image in arrays(grey)]
    difference = largest(sharpness.laplacian_variance(grey), (values.var() for values in maps))
    record_check("quality.sharpness.laplacian_variance", "OpenCV Laplacian", 4, difference, EXACT)
    difference = largest(sharpness.energy_of_laplacian(grey), ((values**2).mean() for values in maps))
    record_check("quality.sharpness.energy_of_laplacian", "OpenCV Laplacian", 4, difference, EXACT)
    maps = [scipy.ndimage.laplace(image)[1:-1, 1:-1] for image in arrays(grey)]
    difference = largest(sharpness.laplacian_variance(grey), (values.var() for values in maps))
    record_check("quality.sharpness.laplacian_variance", "SciPy laplace", 4, difference, EXACT)


def test_l1_second_derivatives(grey, record_check):
    def second(image, axis):
        return np.abs(scipy.ndimage.correlate1d(image, [1, -2, 1], axis)[1:-1, 1:-1]).mean()

    theirs = [second(image, 0) + second(image, 1) for image in arrays(grey)]
    difference = largest(sharpness.l1_second_derivatives(grey), theirs)
    record_check("quality.sharpness.l1_second_derivatives", "SciPy correlate1d", 4, difference, EXACT)


def test_noise_level(grey, record_check):
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    stencils = [scipy.ndimage.correlate(image, kernel)[1:-1, 1:-1] for image in arrays(grey)]
    theirs = [np.sqrt(np.pi / 2) / 6 * np.abs(values).mean() for values in stencils]
    record_check(
        "quality.sharpness.noise_level", "SciPy correlate", 4, largest(sharpness.noise_level(grey), theirs), EXACT
    )


def test_first_differences_by_loops(record_check):
    image = noise_images(1, 8, 10)
    values = arrays(image)[0]
    right, down, brenner = [], [], []
    for y in range(8):
        for x in range(10):
            if x + 2 < 10:
                brenner.append((values[y, x + 2] - values[y, x]) ** 2)
            if x + 1 < 10 and y + 1 < 8:
                right.append(values[y, x + 1] - values[y, x])
                down.append(values[y + 1, x] - values[y, x])
    right, down = np.array(right), np.array(down)
    across, along = np.abs(np.diff(values, axis=1)).mean(), np.abs(np.diff(values, axis=0)).mean()
    expected = {
        "energy_of_gradient": (right**2 + down**2).mean(),
        "brenner_gradient": np.mean(brenner),
        "grey_difference_sum": (np.abs(right) + np.abs(down)).mean(),
        "grey_difference_product": np.abs(right * down).mean(),
        "kryszczuk_drygajlo_sharpness": (across + along) / 2,
        "vollath_autocorrelation": (values[:, 1:] * values[:, :-1]).mean() - values.mean() ** 2,
    }
    for name, value in expected.items():
        difference = largest(getattr(sharpness, name)(image), [value])
        record_check(f"quality.sharpness.{name}", "NumPy loop", 1, difference, EXACT)


def test_grey_levels(grey, record_check):
    images = arrays(grey)
    difference = largest(sharpness.grey_variance(grey), (image.var() for image in images))
    record_check("quality.sharpness.grey_variance", "NumPy var", 4, difference, EXACT)
    difference = largest(sharpness.normalized_variance(grey), (image.var() / image.mean() for image in images))
    record_check("quality.sharpness.normalized_variance", "NumPy var", 4, difference, EXACT)

    def moment(image):
        share = np.bincount(np.round(image * 255).astype(int).ravel(), minlength=256) / image.size
        level = np.arange(256) / 255
        return (np.abs(level - (level * share).sum()) * share).sum()

    difference = largest(sharpness.absolute_central_moment(grey[:2]), map(moment, images[:2]))
    record_check("quality.sharpness.absolute_central_moment", "NumPy over the histogram", 2, difference, EXACT)


def test_entropy(grey, record_check):
    bytes8 = [np.round(image * 255).astype(np.uint8) for image in arrays(grey)]
    ours = sharpness.image_entropy(grey)
    difference = largest(ours, map(skimage.measure.shannon_entropy, bytes8))
    record_check("quality.sharpness.image_entropy", "scikit-image shannon_entropy", 4, difference, EXACT)
    theirs = [
        scipy.stats.entropy(cv2.calcHist([image], [0], None, [256], [0, 256]).ravel(), base=2) for image in bytes8
    ]
    # OpenCV counts in float32, and SciPy normalises in it.
    record_check("quality.sharpness.image_entropy", "OpenCV calcHist, SciPy entropy", 4, largest(ours, theirs), 1e-5)


@pytest.mark.parametrize("size", [2, 3, 10, 11, 30])
def test_blur_effect_is_scikit_image(grey, record_check, size):
    theirs = [skimage.measure.blur_effect(image, h_size=size) for image in arrays(grey)]
    difference = largest(sharpness.blur_effect(grey, size), theirs)
    record_check("quality.sharpness.blur_effect", "scikit-image blur_effect", 4, difference, EXACT, note=f"size {size}")


def test_blur_effect_of_colour_and_of_oblong_images(record_check):
    image = portraits(64, torch.float64)[:, :, :40]
    grey = [cv2.cvtColor(a.astype(np.float32), cv2.COLOR_RGB2GRAY) for a in arrays(image)]
    difference = largest(sharpness.blur_effect(image), map(skimage.measure.blur_effect, grey))
    record_check(
        "quality.sharpness.blur_effect",
        "scikit-image blur_effect",
        2,
        difference,
        1e-6,
        note="RGB, OpenCV's grey in float32",
    )


@pytest.mark.parametrize("size", [5, 9, 10])
def test_crete_blur(grey, record_check, size):
    def one(image, axis):
        blurred = scipy.ndimage.uniform_filter1d(image, size, axis)
        edge, left = np.abs(np.diff(image, axis=axis)), np.abs(np.diff(blurred, axis=axis))
        lost = np.maximum(0, edge - left)
        return (edge.sum() - lost.sum()) / edge.sum()

    theirs = [max(one(image, 0), one(image, 1)) for image in arrays(grey)]
    difference = largest(sharpness.crete_blur(grey, size), theirs)
    record_check("quality.sharpness.crete_blur", "SciPy uniform_filter1d", 4, difference, EXACT, note=f"size {size}")


# ---- what the reference says of them -------------------------------------------------------------------------------
def test_blur_lowers_what_is_high_when_sharp():
    face = portraits(128, torch.float64)
    values = {sigma: degrade.gaussian_blur(face, sigma) for sigma in (0.0, 1.0, 3.0)}
    for record in sharpness.MEASURES:
        if record.name == "image_entropy":
            continue
        soft = [record.function(values[sigma]) for sigma in (0.0, 1.0, 3.0)]
        for before, after in itertools.pairwise(soft):
            assert ((after < before) if record.direction == "higher" else (after > before)).all(), record.name


def test_blur_effect_falls_with_the_size_of_the_filter():
    face = portraits(128)
    for function in (sharpness.blur_effect, sharpness.crete_blur):
        assert (function(face, 3) > function(face, 11)).all() and (function(face, 11) > function(face, 30)).all()


def test_entropy_is_no_focus_measure_for_every_image():
    board = checkerboard(64, 8)
    blurred = degrade.gaussian_blur(board, 2.0)
    assert sharpness.image_entropy(board) == 1
    assert sharpness.image_entropy(blurred) > 5
    assert sharpness.laplacian_variance(blurred) < sharpness.laplacian_variance(board)


def test_noise_raises_laplacian_variance_as_much_as_the_kernel_says(record_check):
    """Monte Carlo: 20 s², 24 s² and s itself from pure noise around mid-grey; no clipping at s = 0.03."""
    s, count = 0.03, 64
    generator = torch.Generator().manual_seed(1)
    noise = s * torch.randn(count, 1, 64, 64, dtype=torch.float64, generator=generator)
    for name, expected in (("laplacian_variance", 20 * s**2), ("tenengrad", 24 * s**2), ("noise_level", s)):
        values = getattr(sharpness, name)(0.5 + noise)
        error = float((values.mean() / expected - 1).abs())
        # Four standard errors of the mean over 64 images.
        tolerance = 4 * float(values.std() / values.mean()) / count**0.5
        record_check(
            f"quality.sharpness.{name}", "closed form for white noise", count, error, tolerance, note="relative"
        )


@pytest.mark.parametrize("name", ["laplacian_variance", "tenengrad"])
def test_correction_gives_back_the_value_without_noise(name, record_check):
    """The corrected value of noisy faces is unbiased: s known, mean over 100 draws."""
    # Values well inside [0, 1], so that noise clips nothing.
    face = degrade.gaussian_blur(grey_portraits(64), 1.0) * 0.6 + 0.2
    s = 0.04
    generator = torch.Generator().manual_seed(2)
    noisy = face[:1] + s * torch.randn(100, 1, 64, 64, dtype=torch.float64, generator=generator)
    function = getattr(sharpness, name)
    clean, corrected = function(face[:1]), function(noisy, noise=s)
    assert function(noisy).mean() > clean * 1.3
    error, tolerance = float((corrected.mean() - clean).abs()), 4 * float(corrected.std()) / 10
    record_check(
        f"quality.sharpness.{name}", "Monte Carlo, noise known", 100, error, tolerance, note="four standard errors"
    )
    assert torch.equal(function(noisy, noise=torch.full((100,), s, dtype=torch.float64)), corrected)


def test_estimated_correction_undoes_most_of_the_noise():
    """Blurred portraits with noise: the estimate takes off at least 80 % of what noise adds."""
    face = degrade.gaussian_blur(grey_portraits(128), 2.0) * 0.6 + 0.2
    noisy = face + 0.04 * torch.randn(face.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    for name in ("laplacian_variance", "tenengrad"):
        plain, corrected = getattr(sharpness, name), getattr(sharpness, name + "_corrected")
        assert ((corrected(noisy) - plain(face)).abs() < 0.2 * (plain(noisy) - plain(face))).all()


def test_correction_needs_threshold_zero():
    with pytest.raises(ValueError, match="noise: the correction holds for threshold 0"):
        sharpness.tenengrad(grey_portraits(32), 0.5, noise=0.1)


def test_what_each_direction_sees():
    """Stripes along columns change from left to right only."""
    stripes = (torch.arange(32) % 4 < 2).double().expand(1, 1, 32, 32)
    across, down = stripes, stripes.transpose(2, 3)
    assert sharpness.brenner_gradient(across) == 1 and sharpness.brenner_gradient(down) == 0
    assert sharpness.vollath_autocorrelation(down) == 0.25  # neighbours in a row are equal
    assert sharpness.grey_difference_product(across) == 0 and sharpness.grey_difference_product(down) == 0
    for name in ("tenengrad", "laplacian_variance", "kryszczuk_drygajlo_sharpness", "adaptive_tenengrad", "crete_blur"):
        function = getattr(sharpness, name)
        assert torch.allclose(function(across), function(down), atol=1e-15), name


@given(st.integers(0, 10_000))
def test_corner_of_a_step(seed):
    """A step from a to b across a column: every gradient measure in closed form."""
    a, b = torch.rand(2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).tolist()
    image = torch.full((1, 1, 6, 6), a, dtype=torch.float64)
    image[..., 3:] = b
    step = abs(b - a)
    close = pytest.approx
    assert float(sharpness.tenengrad(image)) == close((4 * step) ** 2 * 2 / 4)  # two of four inner columns
    assert float(sharpness.sobel_mean(image)) == close(4 * step / 2)
    assert float(sharpness.energy_of_gradient(image)) == close(step**2 / 5)
    assert float(sharpness.brenner_gradient(image)) == close(step**2 / 2)
    assert float(sharpness.laplacian_variance(image)) == close(step**2 / 2)
    assert float(sharpness.kryszczuk_drygajlo_sharpness(image)) == close(step / 10)
    assert float(sharpness.noise_level(image)) == close(0, abs=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: sharpness.blur_effect(x, 1), "size: expected from 2 up to"),
        (lambda x: sharpness.crete_blur(x, 17), "size: expected from 2 up to the image's shorter side 16"),
        (lambda x: sharpness.adaptive_tenengrad(x, 0.0), "power: expected a number above 0"),
        (lambda x: sharpness.tenengrad(x * 255), "divide 8-bit values by 255"),
        (lambda x: sharpness.tenengrad(x * float("nan")), "got NaN"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(noise_images(1, 16, 20))
