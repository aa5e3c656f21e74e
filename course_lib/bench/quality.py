"""Times every measure of quality, alone and together, against the loop over images that a user would write."""

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_lib import data, images, quality
from course_lib.bench import peers
from course_lib.bench.peers import Array, Peer
from course_lib.bench.timing import Ratio, race, ratio

# Compiling takes seconds a measure, and pays where a measure is arithmetic on neighbours or colours and nothing else.
COMPILED = (
    "tenengrad",
    "sobel_mean",
    "energy_of_gradient",
    "brenner_gradient",
    "grey_difference_sum",
    "grey_difference_product",
    "kryszczuk_drygajlo_sharpness",
    "mean_gradient_magnitude",
    "energy_of_laplacian",
    "l1_second_derivatives",
    "luminance_mean",
    "brightness_luma",
)


@dataclass(frozen=True)
class Workload:
    """The same pictures in every form that a contestant may want.

    Attributes:
        name: what they are.
        colour: (B, 3, H, W) float32 of 8-bit values.
        grey: (B, 1, H, W), their grey levels as OpenCV rounds them.
        arrays: {"rgb8", "rgb32", "grey8", "grey32"}: lists of (H, W[, 3]) arrays.
    """

    name: str
    colour: Tensor
    grey: Tensor
    arrays: dict[str, list[Array]]


@dataclass(frozen=True)
class Row:
    """One measure on one workload: against peers on the same float32 numbers, and against the fastest peer at all."""

    measure: str
    float32: Ratio
    float32_peer: str
    fastest: Ratio
    fastest_peer: str


def workload(count: int, size: int) -> Workload:
    """Crops around the two portraits, each a little moved and with some noise, so that no two are alike."""
    generator = torch.Generator().manual_seed(0)
    margin = max(4, size // 16)
    portraits = functional.interpolate(data.portraits(240), size=(size + margin,) * 2, mode="bilinear", antialias=True)
    places = torch.randint(0, margin, (count, 2), generator=generator).tolist()
    faces = torch.stack([portraits[i % 2, :, y : y + size, x : x + size] for i, (y, x) in enumerate(places)])
    faces = (faces + 0.01 * torch.randn(faces.shape, generator=generator)).clamp(0, 1)
    rgb8 = [np.ascontiguousarray(images.to_array(face[None])) for face in faces]
    grey8 = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in rgb8]
    arrays: dict[str, list[Array]] = {"rgb8": rgb8, "grey8": grey8}
    arrays |= {
        f"{kind}32": [image.astype(np.float32) / 255 for image in arrays[f"{kind}8"]] for kind in ("rgb", "grey")
    }
    colour = torch.cat([images.from_array(image) for image in rgb8])
    grey = torch.stack([torch.from_numpy(image) for image in arrays["grey32"]])[:, None]
    return Workload(f"{count} × {size}²", colour, grey, arrays)


def single(work: Workload, name: str, rounds: int, clock: Callable[[], float], *, compiled: bool = False) -> Row:
    """Races one measure against all of its peers."""
    rivals = [peer for peer in peers.PEERS if peer.measure == name]
    pictures = work.colour if rivals[0].takes.startswith("rgb") else work.grey
    function = next(record.function for record in quality.measures() if record.name == name)
    ours = partial(quality.measure, pictures, [name], compiled=True) if compiled else partial(function, pictures)
    contestants: dict[str, Callable[[], object]] = {"ours": ours}
    contestants |= {_title(peer): partial(_loop, peer.function, work.arrays[peer.takes]) for peer in rivals}
    seconds = race(contestants, rounds, clock)
    floats = _fastest(seconds, (_title(peer) for peer in rivals if peer.takes.endswith("32")))
    fastest = _fastest(seconds, map(_title, rivals))
    return Row(name, ratio(seconds[floats], seconds["ours"]), floats, ratio(seconds[fastest], seconds["ours"]), fastest)


def together(work: Workload, rounds: int, clock: Callable[[], float]) -> dict[str, Ratio]:
    """Races one ``measure`` call for all measures against the loops, on float32 and on 8-bit images."""
    contestants: dict[str, Callable[[], object]] = {
        "ours": partial(quality.measure, work.colour),
        "float32": partial(peers.loop, work.arrays["rgb32"]),
        "8-bit": partial(peers.loop, work.arrays["rgb8"]),
    }
    seconds = race(contestants, rounds, clock)
    return {name: ratio(seconds[name], seconds["ours"]) for name in ("float32", "8-bit")}


def throughput(work: Workload, rounds: int) -> dict[str, float]:
    """Images a second on the current GPU, for each measure and for all in one call."""
    colour, grey = work.colour.cuda(), work.grey.cuda()
    chosen = {peer.measure: colour if peer.takes.startswith("rgb") else grey for peer in peers.PEERS}
    calls: dict[str, Callable[[], Any]] = {name: partial(quality.measure, x, [name]) for name, x in chosen.items()}
    calls["all"] = partial(quality.measure, colour)
    return {name: len(colour) / _gpu_seconds(call, rounds) for name, call in calls.items()}


def summary(rows: list[Row]) -> dict[str, dict[str, Any]]:
    """For each column the geometric mean of the ratios, and which measure has the lowest."""
    return {
        column: {
            "geometric_mean": geometric_mean(getattr(row, column) for row in rows),
            "lowest": min(rows, key=lambda row: getattr(row, column).median).measure,
        }
        for column in ("float32", "fastest")
    }


def geometric_mean(ratios: Iterable[Ratio]) -> float:
    """The mean that treats twice as fast and half as fast as opposites."""
    return math.exp(statistics.fmean(math.log(item.median) for item in ratios))


def _gpu_seconds(call: Callable[[], Any], rounds: int) -> float:
    for _ in range(3):
        call()
    times = []
    for _ in range(rounds):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / 1000)
    return statistics.median(times)


def _title(peer: Peer) -> str:
    return f"{peer.library} {'8-bit' if peer.takes.endswith('8') else 'float32'}"


def _fastest(seconds: dict[str, list[float]], names: Iterable[str]) -> str:
    return min(names, key=lambda name: statistics.median(seconds[name]))


def _loop(function: Callable[[Array], float], arrays: list[Array]) -> list[float]:
    return [function(array) for array in arrays]
