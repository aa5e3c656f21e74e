"""Thumbnails and discriminant analysis, the baseline of face recognition."""

import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from course_lib.recognition.curves import equal_error_rate
from course_lib.recognition.face_report import all_pairs
from course_lib.recognition.thumbnails import fit_discriminant, thumbnails


def people(count, each, seed):
    """What tells people apart lies in two dim directions; a bright one is noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count).repeat_interleave(each)
    centre = torch.randn(count, 2, generator=generator)
    noise = torch.randn(len(labels), 6, generator=generator) * torch.tensor([0.1, 0.1, 9.0, 1.0, 1.0, 1.0])
    noise[:, :2] += centre[labels]
    # The loud direction leaks into all others, so that only whitening finds the quiet ones.
    return noise + 0.7 * noise[:, 2:3], labels


def test_discriminant_is_that_of_scikit_learn(record_check):
    features, labels = people(20, 10, 1)
    ours = fit_discriminant(features.double(), labels)
    theirs = LinearDiscriminantAnalysis(solver="svd").fit(features.double().numpy(), labels.numpy())
    expected = torch.from_numpy(theirs.transform(features.double().numpy()))
    found = ours(features.double())[:, : expected.shape[1]]
    sign = (found * expected).sum(0).sign()
    # Two orders of the same sums in double precision. The directions have arbitrary signs, and scikit-learn divides by
    # N where we divide by N - C, a common factor that no cosine sees.
    scale = (1 - 20 / 200) ** 0.5
    difference = (found * sign - expected * scale).abs().max() / expected.abs().max()
    record_check(
        "recognition.thumbnails.fit_discriminant",
        "scikit-learn's LinearDiscriminantAnalysis, relative",
        expected.numel(),
        float(difference),
        1e-8,
    )


def test_what_varies_within_people_becomes_equal_in_all_directions():
    features, labels = people(20, 50, 2)
    for dimensions in (0, 5):
        mapped = fit_discriminant(features, labels, dimensions=dimensions)(features)
        means = torch.stack([mapped[labels == k].mean(0) for k in range(20)])
        within = mapped - means[labels]
        covariance = within.T @ within / (len(within) - 20)
        torch.testing.assert_close(covariance, torch.eye(len(covariance)), atol=1e-3, rtol=0)


def test_it_finds_unseen_people_where_raw_distances_fail():
    train, test = people(60, 10, 3), people(30, 6, 4)

    def error(features):
        pairs = all_pairs(features, test[1])
        return float(equal_error_rate(pairs.scores, pairs.same)[0])

    assert error(test[0] - train[0].mean(0)) > 0.35
    assert (
        error(fit_discriminant(*train, dimensions=2)(test[0])) < 0.2
    )  # thirty people on a circle: some are neighbours


def test_thumbnails_are_means_of_tiles():
    image = torch.arange(2 * 3 * 8 * 8, dtype=torch.float32).view(2, 3, 8, 8)
    small = thumbnails(image, 4).view(2, 3, 4, 4)
    assert torch.equal(small, image.view(2, 3, 4, 2, 4, 2).mean((3, 5)))


def test_wrong_arguments_are_named():
    features, labels = people(4, 3, 5)
    with pytest.raises(ValueError, match="side"):
        thumbnails(torch.zeros(1, 3, 8, 8), 9)
    with pytest.raises(ValueError, match="labels"):
        fit_discriminant(features, torch.zeros_like(labels))
    with pytest.raises(ValueError, match="shrinkage"):
        fit_discriminant(features, labels, shrinkage=1.0)
    with pytest.raises(ValueError, match="dimensions"):
        fit_discriminant(features, labels, dimensions=4)
