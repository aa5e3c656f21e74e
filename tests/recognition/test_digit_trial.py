"""Checks of the trial on digits: splits do not meet, equal seeds mean equal runs, learning helps."""

import pytest
import torch

from course_lib.recognition import digit_trial as T
from course_lib.recognition import pairs
from course_lib.recognition.margins import Softmax, margin_cross_entropy


def triplet(x, w, y):
    return pairs.batch_hard_triplet_loss(x, y, "soft")


def softmax(x, w, y):
    return margin_cross_entropy(x, w, y, Softmax())


def test_splits_do_not_meet():
    x, y, held_out, truth = T.digit_split(40)
    assert x.shape == (400, 64) and torch.equal(y.bincount(), torch.full((10,), 40)) and truth.unique().numel() == 10
    assert float(torch.cdist(x, held_out).min()) > 0  # no image twice
    with pytest.raises(ValueError, match="per_identity"):
        T.digit_split(400)


def test_equal_seeds_mean_equal_runs_and_learning_helps():
    state = torch.random.get_rng_state()
    first, again = (T.digit_trial(triplet, steps=60, checkpoints=(1, 60), seed=3) for _ in range(2))
    assert torch.equal(state, torch.random.get_rng_state())
    assert first.losses == again.losses and first.errors == again.errors and len(first.losses) == 60
    assert first.errors[60] < 0.6 * first.errors[1]
    assert first.losses[0] != T.digit_trial(triplet, steps=1, checkpoints=(), seed=4).losses[0]


def test_a_warm_up_is_the_other_loss():
    plain = T.digit_trial(softmax, steps=6, checkpoints=())
    two = T.digit_trial(triplet, steps=6, checkpoints=(), warm_up=(softmax, 4))
    assert two.losses[:4] == plain.losses[:4] and two.losses[4] != plain.losses[4]


def test_error_of_known_pairs():
    x = torch.tensor([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1]])
    assert T.pair_error(x, torch.tensor([0, 0, 1, 1])) == 0
    assert T.pair_error(x, torch.tensor([0, 1, 0, 1])) >= 0.5


def test_wrong_labels_are_a_share_and_change_the_run():
    y = torch.arange(10).repeat_interleave(200)
    spoiled = T._spoiled(y, 0.3)
    # nine of ten random labels differ: 0.27, with a standard error of 0.01
    assert float((spoiled != y).float().mean()) == pytest.approx(0.27, abs=0.03)
    assert torch.equal(T._spoiled(y, 0.0), y)
    runs = [T.digit_trial(triplet, steps=2, checkpoints=(), wrong=w).losses for w in (0.0, 0.3)]
    assert runs[0] != runs[1]
