"""Histograms of 256 levels and what is read off them, against NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pictures import noise_images

from course_lib.quality import light
from course_lib.quality.histogram import entropy, histogram, levels, percentile


def bytes_image(seed: int, count: int = 2, height: int = 9, width: int = 13) -> torch.Tensor:
    return torch.randint(0, 256, (count, height, width), generator=torch.Generator().manual_seed(seed))


def test_levels_of_all_bytes(device):
    every = torch.arange(256, device=device)[None, None]
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(levels(every.to(dtype) / 255), every)
    # Images may leave [0, 1] by 1e-5: the ends stay the ends.
    assert levels(torch.tensor([[[-1e-5, 1 + 1e-5]]], device=device)).flatten().tolist() == [0, 255]


@given(st.integers(0, 10_000), st.booleans())
def test_counts(seed, masked):
    image = bytes_image(seed)
    inside = (bytes_image(seed + 1) < 100).double() if masked else None
    kept = [row[inside[i] > 0] if masked else row.flatten() for i, row in enumerate(image)]
    expected = np.stack([np.bincount(row.numpy(), minlength=256) for row in kept])
    assert (histogram(image.double() / 255, inside).numpy() == expected).all()


@pytest.mark.parametrize("masked", [False, True])
def test_graphs_count_alike(monkeypatch, masked):
    """What an exported graph does (scatter_add) gives the same counts as bincount."""
    values = bytes_image(0).float() / 255
    inside = (bytes_image(1) < 100).float() if masked else None
    eager = histogram(values, inside)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    assert torch.equal(histogram(values, inside), eager)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_percentiles_are_numpys(seed, share):
    image = bytes_image(seed)
    values = image.double() / 255
    inside = (bytes_image(seed + 1) < 200).double()
    inside[1] = 0
    inside[1, 0, 0] = 1  # one pixel: every percentile is its value
    for region in (None, inside):
        ours = percentile(values, histogram(values, region), share, region)
        kept = [row[region[i] > 0] if region is not None else row for i, row in enumerate(values)]
        theirs = [np.percentile(row.numpy(), 100 * share) for row in kept]
        assert ours.tolist() == pytest.approx(theirs, abs=1e-12)


def test_nothing_to_count():
    values, nothing = torch.rand(2, 4, 4), torch.zeros(2, 4, 4)
    counts = histogram(values, nothing)
    assert counts.sum() == 0
    assert torch.equal(entropy(counts), torch.zeros(2))
    assert torch.equal(percentile(values, counts, 0.5, nothing), torch.zeros(2))


def test_entropy_of_equal_shares():
    assert entropy(torch.eye(256)[:1]).item() == 0 and str(entropy(torch.eye(256)[:1]).item()) == "0.0"
    assert entropy(torch.ones(1, 256)).item() == 8


def test_gradient_of_a_percentile_is_that_of_the_rank():
    """With every level once, rank and level are the same thing, and torch.quantile knows the gradient."""
    order = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    values = (order.double() / 255).view(1, 16, 16).requires_grad_()
    for share in (0.01, 0.5, 0.123):
        ours = percentile(values, histogram(values), share)
        theirs = torch.quantile(values.flatten(), share)
        assert torch.allclose(ours, theirs)
        gradients = [torch.autograd.grad(value.sum(), values)[0] for value in (ours, theirs)]
        assert torch.allclose(*gradients, atol=1e-12)


def test_gradient_of_ties_is_shared():
    values = torch.full((1, 4, 4), 0.5, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(percentile(values, histogram(values), 0.99).sum(), values)
    assert torch.allclose(gradient, torch.full((1, 4, 4), 1 / 16, dtype=torch.float64))


def test_michelson_contrast_can_be_raised_by_its_gradient():
    face = noise_images(1, 16, 16).mul(0.5).add(0.25).requires_grad_()
    before = light.michelson_contrast(face)
    (gradient,) = torch.autograd.grad(before.sum(), face)
    after = light.michelson_contrast((face + 5 * gradient).detach().clamp(0, 1))
    assert after > before
