"""The two portraits, their points, and the LFW patches."""

import inspect
import json
import socket

import numpy as np
import pytest
import skimage.data
import torch
from matplotlib.cbook import get_sample_data
from PIL import Image

from course_lib import data, images


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whatever tries to connect fails: everything here comes with the packages."""

    def refuse(*arguments, **options):
        raise AssertionError("data tried to reach the network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    data._square.cache_clear()


@pytest.mark.parametrize("name", data.PORTRAITS)
@pytest.mark.parametrize("size", [None, 64, 224, 512])
def test_portraits_are_square_images(name, size):
    image = data.portrait(name, size)
    side = size or data.PORTRAITS[name].crop[2]
    assert image.shape == (1, 3, side, side) and image.dtype == torch.float32
    images.check_images(image, channels=(3,))
    assert image.std() > 0.15


def test_crops_are_cut_out_of_the_photographs(record_check):
    left, top, side = data.PORTRAITS["astronaut"].crop
    expected = skimage.data.astronaut()[top : top + side, left : left + side]
    assert np.array_equal(images.to_array(data.portrait("astronaut")), expected)
    left, top, side = data.PORTRAITS["hopper"].crop
    photograph = Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)).convert("RGB")
    square = photograph.crop((left, top, left + side, top + side))
    assert np.array_equal(images.to_array(data.portrait("hopper")), np.asarray(square))
    # In float, since Pillow's 8-bit resizing clips the overshoot between its two passes.
    planes = [
        Image.fromarray(plane).resize((224, 224), Image.Resampling.BICUBIC)
        for plane in images.from_array(np.asarray(square))[0].numpy()
    ]
    small = np.clip(np.stack([np.asarray(plane) for plane in planes]), 0, 1)
    difference = np.abs(data.portrait("hopper", 224)[0].numpy() - small).max()
    record_check("data.portrait", "Pillow crop and resize", small.size, difference, 2e-5, "float32 sums")


def test_portraits_is_the_batch():
    batch = data.portraits(96)
    assert torch.equal(batch[:1], data.portrait("astronaut", 96))
    assert torch.equal(batch[1:], data.portrait("hopper", 96))
    assert data.portraits().shape == (2, 3, 224, 224)


@pytest.mark.parametrize("size", [None, 224, 240, 400])
def test_changing_a_portrait_does_not_change_the_next(size):
    for name in data.PORTRAITS:
        before = data.portrait(name, size)
        data.portrait(name, size).zero_()
        assert torch.equal(data.portrait(name, size), before)


def test_titles_and_alternative_texts():
    for record in data.PORTRAITS.values():
        assert set(record.title) == set(record.alt) == {"en", "zh"}
        assert all(len(text) > 30 for text in record.alt.values())
        assert any("一" <= letter <= "鿿" for letter in record.alt["zh"] + record.title["zh"])
        assert record.licence == "Public domain" and record.credit and record.source


@pytest.mark.parametrize("name", data.PORTRAITS)
def test_points_lie_in_the_face_and_face_fills_half_the_height(name):
    points = data.landmarks(name, 200)
    assert points.shape == (68, 2) and points.dtype == torch.float32
    assert (points > 0).all() and (points < 199).all()
    brows_to_chin = points[8, 1] - points[17:27, 1].min()
    assert 0.35 < brows_to_chin / 200 < 0.5  # the forehead makes it half
    assert points[36:42, 0].max() < points[42:48, 0].min()  # the person's right eye is left in the image


@pytest.mark.parametrize("name", data.PORTRAITS)
def test_points_move_with_the_pixels(name):
    with open(data.root() / "landmarks.json", encoding="utf-8") as file:
        original = torch.tensor(json.load(file)[name]["ibug68"])
    left, top, side = data.PORTRAITS[name].crop
    assert torch.allclose(data.landmarks(name), original - torch.tensor([left, top]), atol=1e-4)
    # A spot painted on the photograph's square at a point is found, resized, at the mapped point.
    for index in (8, 30, 36, 54):
        column, row = data.landmarks(name)[index].round().int().tolist()
        spot = torch.zeros(1, 1, side, side)
        spot[..., row - 2 : row + 3, column - 2 : column + 3] = 1
        shrunk = images.resize(spot, side // 2)[0, 0]
        rows, columns = torch.meshgrid(torch.arange(side // 2), torch.arange(side // 2), indexing="ij")
        centre = torch.stack(((columns * shrunk).sum(), (rows * shrunk).sum())) / shrunk.sum()
        # Rounding to the painted pixel moves by up to half a pixel, a quarter after halving; clamping moves a little more.
        assert (centre - data.landmarks(name, side // 2)[index]).abs().max() < 0.3


def test_patches():
    faces, others = data.lfw_patches(), data.lfw_patches(faces=False)
    images.check_images(faces, channels=(1,))
    images.check_images(others, channels=(1,))
    assert np.allclose(faces[:, 0].numpy(), skimage.data.lfw_subset()[:100], atol=1e-7)
    # What the docstring warns of: mean absolute vertical difference alone tells them apart.
    strength = [patches.diff(dim=2).abs().mean((1, 2, 3)) for patches in (faces, others)]
    assert (strength[0][:, None] > strength[1]).float().mean() > 0.98


def test_errors():
    portrait = inspect.unwrap(data.portrait)
    with pytest.raises(ValueError, match=r"name: expected one of 'astronaut', 'hopper', got 'lena'"):
        portrait("lena")
    with pytest.raises(ValueError, match="size"):
        portrait("hopper", 0)
    with pytest.raises(ValueError, match="size"):
        inspect.unwrap(data.landmarks)("hopper", -3)


def test_root_is_the_data_folder():
    assert (data.root() / "glossary.csv").is_file()
