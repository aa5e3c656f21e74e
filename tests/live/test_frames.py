"""Stored frames: they come back as they were, one at a time, in torch and in an exported graph."""

import pytest
import torch

from course_lib import live
from course_lib.live.frames import Frames


def smooth(n: int) -> torch.Tensor:
    coarse = torch.rand(n, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=(24, 24), mode="bicubic").clamp(0, 1)


def test_frames_come_back_as_they_were():
    pictures = smooth(5)
    frames = Frames(pictures)
    assert len(frames) == 5
    back = frames(torch.tensor([3, 0, 3]))
    # Colour is kept at half the size: these clouds change their hue every four pixels, faces do so hardly anywhere.
    assert (back - pictures[[3, 0, 3]]).abs().mean() < 0.03
    grey = pictures.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert (Frames(grey)(torch.arange(5)) - grey).abs().max() < 0.006


def test_each_frame_is_found_by_the_graph(record_check):
    frames = Frames(smooth(7))

    def pick(number):
        return frames(number.round().long().reshape(1))

    alt = ("A picture of coloured clouds.", "一幅彩色云状图像，用于测试逐帧取图。")
    slider = live.Slider("number", 0, 6, 1, 2, label=("Frame", "帧"))
    figure = live.Figure(pick, [slider], [live.Picture("seen")], title=("Frames", "逐帧"), alt=alt)
    record_check("live.frames.Frames", "onnxruntime", 8, live.compare(figure, 7), 1e-5)
    assert len(figure.export()) < 7 * 24 * 24 * 1.5 + 12_000


def test_wrong_pictures_are_refused():
    with pytest.raises(ValueError, match="even sides"):
        Frames(torch.zeros(2, 3, 25, 24))
    with pytest.raises(ValueError, match="some"):
        Frames(torch.zeros(0, 3, 24, 24))
