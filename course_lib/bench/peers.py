"""For each measure, what a careful user of OpenCV, scikit-image and NumPy would write for one image.

Each peer takes the kind of array that it is fastest on (8-bit or float32) and returns the value on the [0, 1] scale, so
the tests use it as an oracle too. OpenCV's borders are cut off: our measures count inner pixels only.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import blur_effect, shannon_entropy

Array = NDArray[Any]
INNER = (slice(1, -1), slice(1, -1))
LINEAR = np.array(
    [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in np.arange(256) / 255], np.float32
)
LUMA = np.array((0.299, 0.587, 0.114))
LUMINANCE = np.array(((0.2126, 0.7152, 0.0722),), np.float32)
XYZ = np.array(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)))
DEF = np.array(((0.2053, 0.7125, 0.4670), (1.8537, -1.2797, -0.4429), (-0.3655, 1.0120, -0.6104)))
POWERS = (np.arange(256) ** 1.2).astype(np.float32)
NOISE = np.array(((1, -2, 1), (-2, 4, -2), (1, -2, 1)), np.float32)


@dataclass(frozen=True)
class Peer:
    """One way to compute a measure without us.

    Attributes:
        measure: which measure.
        library: whose code does the work, for the table and the checks page.
        takes: "grey8", "grey32" (float32 in [0, 1]), "rgb8" or "rgb32".
        function: one image, (H, W) or (H, W, 3), to a number.
        tolerance: largest difference from ours, relative to the larger of 1e-3 and the value. Both sides compute in
            float32, which is good for 2e-5 of these means; a peer that may round pixels to other levels says so.
    """

    measure: str
    library: str
    takes: str
    function: Callable[[Array], float]
    tolerance: float = 2e-5


PEERS: list[Peer] = []


def _peer(
    measure: str, *takes: str, library: str = "OpenCV", power: float = 0.0, tolerance: float = 2e-5
) -> Callable[[Callable], Callable]:
    """Registers a function for each kind of array it takes; with 8 bits its value is 255^power too large."""

    def register(function: Callable[[Array], float]) -> Callable[[Array], float]:
        for kind in takes:
            scaled = _scaled(function, power) if power and kind.endswith("8") else function
            PEERS.append(Peer(measure, library, kind, scaled, tolerance))
        return function

    return register


def _scaled(function: Callable[[Array], float], power: float) -> Callable[[Array], float]:
    return lambda image: function(image) / 255**power


def _mean_square(values: Array) -> float:
    return cv2.norm(values, cv2.NORM_L2SQR) / values.size


def _mean_abs(values: Array) -> float:
    return cv2.norm(values, cv2.NORM_L1) / values.size


def _variance(values: Array) -> float:
    return float(cv2.meanStdDev(values)[1].item()) ** 2


# ---- first differences ---------------------------------------------------------------------------------------------
def _sobel(grey: Array) -> tuple[Array, Array]:
    if grey.dtype == np.uint8:
        across, down = cv2.spatialGradient(grey)
    else:
        across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return across[INNER], down[INNER]


@_peer("tenengrad", "grey32", "grey8", power=2.0)
def _tenengrad(grey: Array) -> float:
    across, down = _sobel(grey)
    return _mean_square(across) + _mean_square(down)


@_peer("sobel_mean", "grey32", "grey8", power=1.0)
def _sobel_mean(grey: Array) -> float:
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return cv2.mean(cv2.magnitude(across, down)[INNER])[0]


@_peer("energy_of_gradient", "grey32", "grey8", power=2.0)
def _energy_of_gradient(grey: Array) -> float:
    corner = grey[:-1, :-1]
    return (
        cv2.norm(grey[:-1, 1:], corner, cv2.NORM_L2SQR) + cv2.norm(grey[1:, :-1], corner, cv2.NORM_L2SQR)
    ) / corner.size


@_peer("brenner_gradient", "grey32", "grey8", power=2.0)
def _brenner_gradient(grey: Array) -> float:
    return cv2.norm(grey[:, 2:], grey[:, :-2], cv2.NORM_L2SQR) / (grey.size - 2 * len(grey))


@_peer("grey_difference_sum", "grey32", "grey8", power=1.0)
def _grey_difference_sum(grey: Array) -> float:
    corner = grey[:-1, :-1]
    return (cv2.norm(grey[:-1, 1:], corner, cv2.NORM_L1) + cv2.norm(grey[1:, :-1], corner, cv2.NORM_L1)) / corner.size


@_peer("grey_difference_product", "grey32", "grey8", power=2.0)
def _grey_difference_product(grey: Array) -> float:
    corner = grey[:-1, :-1]
    across, down = cv2.absdiff(grey[:-1, 1:], corner), cv2.absdiff(grey[1:, :-1], corner)
    return cv2.mean(cv2.multiply(across, down, dtype=cv2.CV_32F))[0]


@_peer("kryszczuk_drygajlo_sharpness", "grey32", "grey8", power=1.0)
def _kryszczuk_drygajlo_sharpness(grey: Array) -> float:
    right, down = grey[:, 1:], grey[1:]
    return (
        cv2.norm(right, grey[:, :-1], cv2.NORM_L1) / right.size + cv2.norm(down, grey[:-1], cv2.NORM_L1) / down.size
    ) / 2


def _central(grey: Array) -> tuple[Array, Array]:
    return cv2.absdiff(grey[1:-1, 2:], grey[1:-1, :-2]), cv2.absdiff(grey[2:, 1:-1], grey[:-2, 1:-1])


@_peer("mean_gradient_magnitude", "grey32")
def _mean_gradient_magnitude(grey: Array) -> float:
    return cv2.mean(cv2.magnitude(*_central(grey)))[0] / 2


@_peer("adaptive_tenengrad", "grey32", "grey8", power=3.2)
def _adaptive_tenengrad(grey: Array) -> float:
    across, down = (values[INNER] for values in (cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)))
    weight = cv2.absdiff(*_central(grey))
    weight = cv2.LUT(weight, POWERS) if grey.dtype == np.uint8 else cv2.pow(weight, 1.2)
    return float((weight * (across * across + down * down)).mean())


# ---- second differences --------------------------------------------------------------------------------------------
@_peer("laplacian_variance", "grey32", "grey8", power=2.0)
def _laplacian_variance(grey: Array) -> float:
    return _variance(cv2.Laplacian(grey, cv2.CV_16S if grey.dtype == np.uint8 else cv2.CV_32F)[INNER])


@_peer("energy_of_laplacian", "grey32", "grey8", power=2.0)
def _energy_of_laplacian(grey: Array) -> float:
    return _mean_square(cv2.Laplacian(grey, cv2.CV_16S if grey.dtype == np.uint8 else cv2.CV_32F)[INNER])


@_peer("l1_second_derivatives", "grey32", "grey8", power=1.0)
def _l1_second_derivatives(grey: Array) -> float:
    depth = cv2.CV_16S if grey.dtype == np.uint8 else cv2.CV_32F
    return sum(_mean_abs(cv2.Sobel(grey, depth, x, 2 - x, ksize=1)[INNER]) for x in (2, 0))


def _noise_level(grey: Array) -> float:
    depth = cv2.CV_16S if grey.dtype == np.uint8 else cv2.CV_32F
    return _mean_abs(cv2.filter2D(grey, depth, NOISE)[INNER]) * (np.pi / 2) ** 0.5 / 6


@_peer("laplacian_variance_corrected", "grey32", "grey8", power=2.0)
def _laplacian_variance_corrected(grey: Array) -> float:
    return _laplacian_variance(grey) - 20 * _noise_level(grey) ** 2


@_peer("tenengrad_corrected", "grey32", "grey8", power=2.0)
def _tenengrad_corrected(grey: Array) -> float:
    return _tenengrad(grey) - 24 * _noise_level(grey) ** 2


# ---- grey levels ---------------------------------------------------------------------------------------------------
@_peer("grey_variance", "grey32", "grey8", power=2.0)
def _grey_variance(grey: Array) -> float:
    return _variance(grey)


@_peer("normalized_variance", "grey32", "grey8", power=1.0)
def _normalized_variance(grey: Array) -> float:
    mean, deviation = cv2.meanStdDev(grey)
    return float(deviation.item()) ** 2 / float(mean.item())


@_peer("rms_contrast", "grey32", "grey8", power=1.0)
def _rms_contrast(grey: Array) -> float:
    return float(cv2.meanStdDev(grey)[1].item())


def _bytes(image: Array) -> Array:
    return image if image.dtype == np.uint8 else cv2.convertScaleAbs(image, alpha=255)


def _histogram(grey: Array) -> Array:
    return cv2.calcHist([_bytes(grey)], [0], None, [256], [0, 256]).ravel() / grey.size


@_peer("absolute_central_moment", "grey32", "grey8")
def _absolute_central_moment(grey: Array) -> float:
    share, level = _histogram(grey), np.arange(256) / 255
    return float((np.abs(level - (level * share).sum()) * share).sum())


@_peer("vollath_autocorrelation", "grey32", "grey8", power=2.0)
def _vollath_autocorrelation(grey: Array) -> float:
    return cv2.mean(cv2.multiply(grey[:, 1:], grey[:, :-1], dtype=cv2.CV_32F))[0] - cv2.mean(grey)[0] ** 2


def _entropy(grey: Array) -> float:
    share = _histogram(grey)
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


@_peer("image_entropy", "grey32", "grey8")
def _image_entropy(grey: Array) -> float:
    return _entropy(grey)


_peer("image_entropy", "grey8", library="scikit-image")(shannon_entropy)


@_peer("contrast_range", "grey32", "grey8", power=1.0)
def _contrast_range(grey: Array) -> float:
    low, high, *_ = cv2.minMaxLoc(grey)
    return high - low


@_peer("michelson_contrast", "grey32", "grey8", library="NumPy")
def _michelson_contrast(grey: Array) -> float:
    low, high = np.percentile(grey, (1, 99))
    return (high - low) / (high + low)


@functools.cache
def _ellipse(height: int, width: int) -> tuple[Array, Array]:
    rows, columns = ((np.arange(size) + 0.5) / size - 0.5 for size in (height, width))
    face = ((rows[:, None] / 0.4) ** 2 + (columns / 0.3) ** 2 <= 1).astype(np.uint8)
    return face, 1 - face


@_peer("weber_contrast", "grey32", "grey8")
def _weber_contrast(grey: Array) -> float:
    face, background = (cv2.mean(grey, mask)[0] for mask in _ellipse(*grey.shape))
    return (face - background) / background


@_peer("local_weber_contrast", "grey32")
def _local_weber_contrast(grey: Array) -> float:
    local = cv2.blur(grey, (9, 9))[4:-4, 4:-4]
    return cv2.mean(cv2.divide(cv2.absdiff(grey[4:-4, 4:-4], local), local))[0]


@functools.cache
def _block_weights() -> Array:
    distance = np.arange(4) - 1.5
    weights = np.exp(-(distance[:, None] ** 2 + distance**2) / 2)
    return weights / weights.sum()


@_peer("weighted_block_illumination", "grey32")
def _weighted_block_illumination(grey: Array) -> float:
    return float((cv2.resize(grey, (4, 4), interpolation=cv2.INTER_AREA) * _block_weights()).sum())


# ---- re-blur -------------------------------------------------------------------------------------------------------
_peer("blur_effect", "grey32", library="scikit-image")(blur_effect)


@_peer("crete_blur", "grey32")
def _crete_blur(grey: Array) -> float:
    results = []
    for image, kernel, before, after in (
        (grey, (9, 1), np.s_[:, :-1], np.s_[:, 1:]),
        (grey, (1, 9), np.s_[:-1], np.s_[1:]),
    ):
        blurred = cv2.blur(image, kernel, borderType=cv2.BORDER_REFLECT)
        edge, left = cv2.absdiff(image[after], image[before]), cv2.absdiff(blurred[after], blurred[before])
        results.append(cv2.mean(cv2.min(edge, left))[0] / cv2.mean(edge)[0])
    return max(results)


# ---- colour and light ----------------------------------------------------------------------------------------------
def _linear(image: Array) -> Array:
    if image.dtype == np.uint8:
        return cv2.LUT(image, LINEAR)
    return np.where(
        image <= 0.04045,
        image * np.float32(1 / 12.92),
        cv2.pow(cv2.addWeighted(image, 1 / 1.055, image, 0, 0.055 / 1.055), 2.4),
    )


def _luminance(image: Array) -> Array:
    return cv2.transform(_linear(image), LUMINANCE)


@_peer("luminance_mean", "rgb32", "rgb8")
def _luminance_mean(image: Array) -> float:
    return float(LUMINANCE[0] @ np.array(cv2.mean(_linear(image))[:3]))


@_peer("luminance_variance", "rgb32", "rgb8")
def _luminance_variance(image: Array) -> float:
    return _variance(_luminance(image))


@_peer("brightness_hsb", "rgb32", "rgb8", power=1.0)
def _brightness_hsb(image: Array) -> float:
    red, green, blue = cv2.split(image)
    return cv2.mean(cv2.max(cv2.max(red, green), blue))[0]


@_peer("brightness_luma", "rgb32", "rgb8", power=1.0)
def _brightness_luma(image: Array) -> float:
    return float(LUMA @ np.array(cv2.mean(image)[:3]))


@_peer("brightness_bezryadin", "rgb32", "rgb8")
def _brightness_bezryadin(image: Array) -> float:
    d, e, f = cv2.split(cv2.transform(_linear(image), (DEF @ XYZ).astype(np.float32)))
    return cv2.mean(cv2.magnitude(cv2.magnitude(d, e), f))[0]


# A pixel whose luminance lies within float32 rounding of a level's edge may fall on either side of it.
_edge = functools.partial(_peer, tolerance=2e-3)


@_edge("under_exposure", "rgb32", "rgb8")
def _under_exposure(image: Array) -> float:
    return float(np.count_nonzero(_luminance(image) < 25.5 / 255)) / (image.size / 3)


@_edge("over_exposure", "rgb32", "rgb8")
def _over_exposure(image: Array) -> float:
    return float(np.count_nonzero(_luminance(image) >= 246.5 / 255)) / (image.size / 3)


@_edge("dynamic_range", "rgb32", "rgb8")
def _dynamic_range(image: Array) -> float:
    return _entropy(_bytes(_luminance(image)))


@_edge("luminance_range", "rgb32", "rgb8", library="NumPy")
def _luminance_range(image: Array) -> float:
    low, high = np.percentile(_bytes(_luminance(image)), (1, 99))
    return (high - low) / 255


def loop(pictures: list[Array]) -> list[dict[str, float]]:
    """What a user would write for all measures: each image in turn, grey computed once, then one function a measure.

    Args:
        pictures: (H, W, 3) RGB, all uint8 or all float32 in [0, 1].

    Returns:
        {measure: value} of each image.
    """
    bits = "8" if pictures[0].dtype == np.uint8 else "32"
    chosen = {peer.measure: peer for peer in reversed(PEERS)}  # OpenCV before scikit-image where there are both
    chosen |= {peer.measure: peer for peer in reversed(PEERS) if peer.takes.endswith(bits)}
    results = []
    for picture in pictures:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        arrays = {f"rgb{bits}": picture, f"grey{bits}": grey}
        if bits == "8":
            arrays["grey32"] = grey.astype(np.float32) / 255
        results.append({name: peer.function(arrays[peer.takes]) for name, peer in chosen.items()})
    return results
