"""Light: illumination, brightness, exposure and contrast against OpenCV, scikit-image, SciPy, NumPy and closed forms."""

import cv2
import numpy as np
import pytest
import scipy.ndimage
import skimage.color
import skimage.measure
import torch
from hypothesis import given
from hypothesis import strategies as st
from pictures import arrays, checkerboard, grey_portraits, noise_images, portraits

from course_lib import images
from course_lib.quality import light

EXACT = 1e-12  # float64 on both sides: only the order of sums differs


def largest(ours: torch.Tensor, theirs) -> float:
    return float(np.abs(ours.numpy() - np.asarray(list(theirs))).max())


@pytest.fixture(scope="module")
def colour():
    return torch.cat((portraits(64, torch.float64), noise_images(2, 64, 64, channels=3)))


@pytest.fixture(scope="module")
def grey():
    return torch.cat((grey_portraits(64), noise_images(2, 64, 64)))


def luminance_of(rgb):
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


def test_brightness(colour, record_check):
    hsb = [skimage.color.rgb2hsv(image)[..., 2].mean() for image in arrays(colour)]
    record_check(
        "quality.light.brightness_hsb", "scikit-image rgb2hsv", 4, largest(light.brightness_hsb(colour), hsb), EXACT
    )
    luma = [cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2YUV)[..., 0].mean() for image in arrays(colour)]
    difference = largest(light.brightness_luma(colour), luma)
    record_check("quality.light.brightness_luma", "OpenCV RGB2YUV", 4, difference, 1e-6, note="OpenCV in float32")


def test_bezryadin(colour, record_check):
    matrix = np.array([[0.2053, 0.7125, 0.4670], [1.8537, -1.2797, -0.4429], [-0.3655, 1.0120, -0.6104]])
    theirs = [np.linalg.norm(skimage.color.rgb2xyz(image) @ matrix.T, axis=-1).mean() for image in arrays(colour)]
    difference = largest(light.brightness_bezryadin(colour), theirs)
    # scikit-image's XYZ matrix has six digits where the standard prints four.
    record_check("quality.light.brightness_bezryadin", "scikit-image rgb2xyz", 4, difference, 2e-4)


def test_formulas_of_brightness_disagree():
    """Pure colours: HSB calls blue as bright as white, luma and luminance do not."""
    blue = torch.zeros(1, 3, 8, 8)
    blue[:, 2] = 1
    white = torch.ones(1, 3, 8, 8)
    assert light.brightness_hsb(blue) == light.brightness_hsb(white) == 1
    assert light.brightness_luma(blue).item() == pytest.approx(0.114)
    assert light.luminance_mean(blue).item() == pytest.approx(0.0722)
    grey = torch.full((1, 1, 8, 8), 0.5)
    assert light.luminance_mean(grey).item() == pytest.approx(0.2140, abs=1e-4)
    assert light.brightness_bezryadin(blue) > light.brightness_bezryadin(
        images.srgb_from_linear(torch.full((1, 3, 8, 8), 0.0722))
    )


def test_luminance(colour, record_check):
    maps = [luminance_of(image) for image in arrays(colour)]
    difference = largest(light.luminance_mean(colour), (values.mean() for values in maps))
    record_check("quality.light.luminance_mean", "NumPy, IEC 61966-2-1", 4, difference, EXACT)
    difference = largest(light.luminance_variance(colour), (values.var() for values in maps))
    record_check("quality.light.luminance_variance", "NumPy, IEC 61966-2-1", 4, difference, EXACT)
    theirs = [skimage.color.rgb2xyz(image)[..., 1].mean() for image in arrays(colour)]
    record_check(
        "quality.light.luminance_mean", "scikit-image rgb2xyz", 4, largest(light.luminance_mean(colour), theirs), 1e-5
    )


def test_exposure_as_ofiq_counts_it(colour, record_check):
    """ISO/IEC 29794-5 counts floor(255 Y + ½) in 0..25 and 247..255, and takes the entropy of the histogram."""
    levels = [np.floor(255 * luminance_of(image) + 0.5).astype(np.uint8) for image in arrays(colour)]
    cases = {
        "under_exposure": [(values <= 25).mean() for values in levels],
        "over_exposure": [(values >= 247).mean() for values in levels],
        "dynamic_range": [skimage.measure.shannon_entropy(values) for values in levels],
        "luminance_range": [np.subtract(*np.percentile(values, (99, 1))) / 255 for values in levels],
    }
    for name, theirs in cases.items():
        against = "scikit-image shannon_entropy" if name == "dynamic_range" else "NumPy on 8-bit luminance"
        record_check(f"quality.light.{name}", against, 4, largest(getattr(light, name)(colour), theirs), EXACT)


def test_ends_of_exposure():
    """Every level of luminance once: 26 of 256 are under-exposed, 9 are over-exposed."""
    image = images.srgb_from_linear(torch.arange(256, dtype=torch.float64).view(1, 1, 16, 16) / 255)
    assert light.under_exposure(image) == 26 / 256 and light.over_exposure(image) == 9 / 256
    assert light.under_exposure(image, 0) == light.over_exposure(image, 255) == 1 / 256
    assert light.dynamic_range(image) == 8


def test_michelson(grey, record_check):
    bytes8 = [np.round(image * 255).astype(np.uint8) for image in arrays(grey[:2])]
    for tail in (0.0, 0.01, 0.05):
        ends = [np.percentile(image, (100 * tail, 100 - 100 * tail)) for image in bytes8]
        difference = largest(
            light.michelson_contrast(grey[:2], tail), ((high - low) / (high + low) for low, high in ends)
        )
        record_check("quality.light.michelson_contrast", "NumPy percentile", 2, difference, EXACT, note=f"tail {tail}")
    # Of images that are not 8-bit the percentiles are read to half a level.
    ends = [np.percentile(image, (1, 99)) for image in arrays(grey[2:])]
    theirs = [luminance_of(np.full(3, high)) - luminance_of(np.full(3, low)) for low, high in ends]
    difference = largest(light.luminance_range(grey[2:], 0.01), theirs)
    record_check(
        "quality.light.luminance_range",
        "NumPy percentile",
        2,
        difference,
        1.01 / 255,
        note="not 8-bit: half a level each",
    )


def test_contrast(grey, record_check):
    values = arrays(grey)
    difference = largest(light.rms_contrast(grey), (image.std() for image in values))
    record_check("quality.light.rms_contrast", "NumPy std", 4, difference, EXACT)
    difference = largest(light.contrast_range(grey), (np.ptp(image) for image in values))
    record_check("quality.light.contrast_range", "NumPy ptp", 4, difference, EXACT)


@pytest.mark.parametrize("size", [3, 9, 15])
def test_local_weber(grey, record_check, size):
    grey = grey * 0.9 + 0.05  # SciPy's running sums leave 1e-17 of black windows, and it would divide by that
    reach = size // 2
    inner = (slice(reach, -reach),) * 2
    theirs = []
    for image in arrays(grey):
        local = scipy.ndimage.uniform_filter(image, size)[inner]
        theirs.append((np.abs(image[inner] - local) / local).mean())
    difference = largest(light.local_weber_contrast(grey, size), theirs)
    record_check(
        "quality.light.local_weber_contrast", "SciPy uniform_filter", 4, difference, 1e-10, note=f"size {size}"
    )


def test_weber_of_object_and_background(grey, record_check):
    mask = torch.zeros(4, 1, 64, 64, dtype=torch.bool)
    mask[:, :, 10:50, 20:44] = True
    inside = mask[0, 0].numpy()
    theirs = [image[inside].mean() / image[~inside].mean() - 1 for image in arrays(grey)]
    difference = largest(light.weber_contrast(grey, mask=mask), theirs)
    record_check("quality.light.weber_contrast", "NumPy", 4, difference, EXACT, note="object given by a mask")
    face = np.zeros((200, 200), np.uint8)
    cv2.ellipse(face, ((99.5, 99.5), (0.6 * 200, 0.8 * 200), 0), 1, -1)
    image = noise_images(1, 200, 200)
    by_mask = light.weber_contrast(image, mask=torch.from_numpy(face).bool()[None, None])
    assert float((light.weber_contrast(image) - by_mask).abs()) < 0.01  # the edge of the ellipse is drawn otherwise


def test_weighted_blocks(grey, record_check):
    distance = np.arange(4) - 1.5
    weights = np.exp(-(distance[:, None] ** 2 + distance**2) / 2)
    theirs = [
        (skimage.measure.block_reduce(image, 16, np.mean) * weights).sum() / weights.sum() for image in arrays(grey)
    ]
    difference = largest(light.weighted_block_illumination(grey), theirs)
    record_check("quality.light.weighted_block_illumination", "scikit-image block_reduce", 4, difference, EXACT)
    odd = noise_images(1, 13, 22)
    means = [[part.mean() for part in np.array_split(strip, 4, 1)] for strip in np.array_split(arrays(odd)[0], 4, 0)]
    difference = largest(light.weighted_block_illumination(odd), [(np.array(means) * weights).sum() / weights.sum()])
    record_check(
        "quality.light.weighted_block_illumination",
        "NumPy array_split",
        1,
        difference,
        EXACT,
        note="sides not divisible by 4",
    )


def test_centre_weighs_more_than_the_edge():
    spot = torch.zeros(2, 1, 32, 32)
    spot[0, :, 12:20, 12:20] = 1
    spot[1, :, :8, :8] = 1
    middle, corner = light.weighted_block_illumination(spot).tolist()
    assert middle > 5 * corner
    even = light.weighted_block_illumination(spot, 100.0)  # a wide Gaussian is the plain mean
    assert even.tolist() == pytest.approx([1 / 16, 1 / 16], abs=1e-4)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_two_levels_in_closed_form(a, b):
    """A checkerboard of two greys: contrast in closed form."""
    board = a + (b - a) * checkerboard(32, 8)
    low, high = min(a, b), max(a, b)
    close = pytest.approx
    assert light.rms_contrast(board).item() == close((high - low) / 2, abs=1e-12)
    assert light.contrast_range(board).item() == close(high - low, abs=1e-12)
    level = [np.floor(255 * value + 0.5) for value in (low, high)]
    expected = (level[1] - level[0]) / (level[1] + level[0]) if level[1] else 0.0
    assert light.michelson_contrast(board).item() == close(expected, abs=1e-12)
    assert light.brightness_luma(board).item() == close((low + high) / 2, abs=1e-12)


def test_hot_pixel_decides_the_range_but_not_the_percentiles():
    face = grey_portraits(64)[:1] * 0.5 + 0.2
    hot = face.clone()
    hot[..., 5, 5] = 1
    assert light.contrast_range(hot) > light.contrast_range(face) + 0.1
    assert light.michelson_contrast(hot, 0.0) > light.michelson_contrast(face, 0.0) + 0.05
    assert abs(light.michelson_contrast(hot) - light.michelson_contrast(face)) < 0.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: light.michelson_contrast(x, 0.5), "tail: expected a share in"),
        (lambda x: light.luminance_range(x, -0.1), "tail: expected a share in"),
        (lambda x: light.local_weber_contrast(x, 8), "size: expected an odd number"),
        (
            lambda x: light.local_weber_contrast(x, 17),
            "size: expected an odd number from 3 to the image's shorter side 16",
        ),
        (lambda x: light.weighted_block_illumination(x, 0.0), "spread: expected a number of blocks above 0"),
        (lambda x: light.weighted_block_illumination(x[:, :, :3]), "expected sides of at least 4"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(noise_images(1, 16, 20))


def test_weber_contrast_has_gradients_after_a_call_without():
    """The ellipse is kept between calls: it may not remember that the first of them was made for inference only."""
    image = torch.rand(1, 1, 37, 41, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        light.weber_contrast(image)
    image.requires_grad_()
    light.weber_contrast(image).sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0
