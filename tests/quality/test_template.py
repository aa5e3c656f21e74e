"""The template matcher equals NumPy's correlation coefficient and knows its limits."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.quality.template import template_similarity


def noise(seed, size=32, count=4):
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(seed))


def test_equals_the_correlation_coefficient(record_check, device):
    face, reference = noise(1), noise(2)
    ours = template_similarity(face.to(device), reference.to(device)).cpu().numpy()
    theirs = [
        np.corrcoef(a.flatten().double(), b.flatten().double())[0, 1] for a, b in zip(face, reference, strict=True)
    ]
    # float32 sums over 1024 pixels: about 1e-6
    record_check("quality.template.template_similarity", "NumPy corrcoef", 4, np.abs(ours - theirs).max(), 5e-6)


@given(st.floats(0.1, 0.9), st.floats(0.0, 0.1), st.integers(0, 99))
def test_brightness_and_contrast_do_not_matter(gain, offset, seed):
    face = noise(seed, count=1)
    assert template_similarity(face * gain + offset, face).item() == pytest.approx(1, abs=1e-4)


def test_a_negative_is_the_opposite_and_a_flat_image_is_nothing():
    face = noise(3)
    torch.testing.assert_close(template_similarity(1 - face, face), -torch.ones(4), atol=1e-5, rtol=0)
    flat = torch.full((1, 1, 32, 32), 0.5, requires_grad=True)
    similarity = template_similarity(flat, face[:1])
    similarity.sum().backward()
    assert similarity.item() == 0 and torch.isfinite(flat.grad).all()


def test_gradients_are_right():
    face = noise(4, 6, 1).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: template_similarity(x, noise(5, 6, 1).double(), size=6), face)


def test_a_thumbnail_of_one_pixel_is_refused():
    with pytest.raises(ValueError, match="size"):
        template_similarity(noise(1), noise(2), size=1)
