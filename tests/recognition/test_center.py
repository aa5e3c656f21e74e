"""Checks of center loss: the paper's rule in a loop, and what widely used code does instead."""

import pytest
import torch

from course_lib.recognition.center import Centres, center_loss, update_centres


def test_loss_and_update_equal_the_papers_rule(record_check):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(20, 6, generator=g, dtype=torch.float64, requires_grad=True)
    c = torch.randn(7, 6, generator=g, dtype=torch.float64)
    y = torch.randint(0, 5, (20,), generator=g)
    loss = center_loss(x, c, y, "sum")
    expected = sum(0.5 * ((x[i] - c[y[i]]) ** 2).sum() for i in range(20))
    moved = c.clone()
    for j in range(7):
        gap = sum((c[j] - x[i].detach() for i in range(20) if y[i] == j), torch.zeros(6, dtype=torch.float64))
        moved[j] = c[j] - 0.5 * gap / (1 + int((y == j).sum()))
    ours = update_centres(c.clone(), x.detach(), y)
    (gradient,) = torch.autograd.grad(loss, x)
    worst = max(
        float((loss - expected).detach().abs()),
        float((ours - moved).abs().max()),
        float((gradient - (x - c[y])).detach().abs().max()),
    )
    record_check("recognition.center.update_centres", "the paper's equations in a loop", 3, worst, 1e-12)
    torch.testing.assert_close(center_loss(x, c, y), expected / 20)
    assert torch.equal(ours[5:], c[5:])  # classes that the batch lacks stay


def test_centres_move_to_the_class_means():
    g = torch.Generator().manual_seed(0)
    means = torch.tensor([[3.0, 0.0], [-3.0, 1.0]])
    centres = Centres(2, 2)
    for _ in range(60):
        y = torch.randint(0, 2, (32,), generator=g)
        centres(means[y] + 0.1 * torch.randn(32, 2, generator=g), y)
    assert (centres.centres - means).abs().max() < 0.1
    before = centres.centres.clone()
    centres.eval()
    centres(torch.randn(4, 2), torch.tensor([0, 1, 0, 1]))
    assert torch.equal(before, centres.centres)


def test_backward_sees_the_centres_of_the_forward_pass():
    centres = Centres(3, 2)
    x = torch.ones(3, 2, requires_grad=True)
    centres(x, torch.arange(3)).backward()
    torch.testing.assert_close(x.grad, torch.full((3, 2), 1 / 3))


def test_errors():
    x, c, y = torch.ones(2, 3), torch.zeros(4, 3), torch.tensor([0, 1])
    for call, name in (
        (lambda: center_loss(x[:0], c, y[:0]), "embeddings"),
        (lambda: center_loss(x, c, y, "max"), "reduction"),
        (lambda: update_centres(c, x, y, 2.0), "rate"),
    ):
        with pytest.raises(ValueError, match=name):
            call()
