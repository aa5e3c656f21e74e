"""The numbers that the face quality lab's answers state, on Eileen Collins' portrait."""

import pytest
import torch

from course_lib.widgets import Experiment


@pytest.fixture(scope="module")
def ratios():
    """Scores under some settings as shares of the clean image's."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small images gain nothing from a second
    lab = Experiment()
    rest = dict(lab.settings)

    def measured(**settings: float) -> dict[str, float]:
        lab.set(**rest | settings)
        return {name: value / lab.clean[name] if lab.clean[name] else 0.0 for name, value in lab.scores.items()}

    yield measured
    torch.set_num_threads(threads)


def test_1_blur(ratios):
    slight, strong = ratios(gaussian_blur=1.0), ratios(gaussian_blur=8.0)
    assert slight["laplacian_variance"] == pytest.approx(0.07, abs=0.005)
    assert slight["tenengrad"] == pytest.approx(0.5, abs=0.02)
    assert slight["grey_variance"] == pytest.approx(0.96, abs=0.005)
    assert strong["grey_variance"] == pytest.approx(0.7, abs=0.02)
    assert slight["brightness_luma"] == pytest.approx(1, abs=0.005)
    assert strong["image_entropy"] > 1  # "under strong blur the entropy of this portrait rises a little"


def test_2_noise(ratios):
    noise, both = ratios(gaussian_noise=0.08), ratios(gaussian_blur=2.0, gaussian_noise=0.05)
    assert noise["laplacian_variance"] == pytest.approx(5, abs=0.2)
    assert both["laplacian_variance"] == pytest.approx(1.6, abs=0.05)
    assert both["laplacian_variance_corrected"] == pytest.approx(0.01, abs=0.006)
    assert noise["blur_effect"] < 1 and noise["crete_blur"] < 1


def test_3_light(ratios):
    dark, pale = ratios(darken=0.5), ratios(reduce_contrast=0.5)
    assert dark["sobel_mean"] == pytest.approx(1 / 2, abs=0.005)
    assert dark["tenengrad"] == pytest.approx(1 / 4, abs=0.005)
    assert dark["laplacian_variance"] == pytest.approx(1 / 4, abs=0.005)
    assert dark["blur_effect"] == pytest.approx(1, abs=0.005)
    assert dark["rms_contrast"] == pytest.approx(1 / 2, abs=0.005) == pale["rms_contrast"]
    for name in ("michelson_contrast", "weber_contrast"):
        assert dark[name] == pytest.approx(1, abs=0.01)
        assert pale[name] == pytest.approx(0.5, abs=0.08)


def test_4_rotation(ratios):
    assert ratios(rotate=1.0)["laplacian_variance"] == pytest.approx(0.5, abs=0.04)
    assert ratios(rotate=20.0)["laplacian_variance"] == pytest.approx(0.5, abs=0.04)


def test_5_jpeg(ratios):
    at = {quality: ratios(jpeg=float(quality)) for quality in (80, 50, 20, 10, 5, 2)}
    assert at[10]["laplacian_variance"] == pytest.approx(0.54, abs=0.005)
    assert at[5]["laplacian_variance"] == pytest.approx(0.61, abs=0.005)
    entropies = [scores["image_entropy"] for scores in at.values()]
    assert entropies == sorted(entropies, reverse=True)


def test_7_a_lost_face():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    lab = Experiment()
    rest, clean = dict(lab.settings), lab.reading.angles

    def read(**settings):
        lab.set(**rest | settings)
        return lab.reading

    assert read(gaussian_blur=2.0).score == pytest.approx(0.69, abs=0.006) and not lab.reading.found
    assert not read(rotate=23.0).found and not read(rotate=-23.0).found
    left = {"darken": (0.7, 0.75), "jpeg": (10.0, 0.75), "gaussian_noise": (0.15, 0.74)}
    for name, (severity, score) in left.items():
        assert read(**{name: severity}).score == pytest.approx(score, abs=0.006), name
    assert lab.scores["laplacian_variance"] > 2 * lab.clean["laplacian_variance"]
    for settings in ({"gaussian_blur": 2.0}, *({name: severity} for name, (severity, _) in left.items())):
        assert max(abs(a - b) for a, b in zip(read(**settings).angles, clean, strict=True)) < 3.6, settings
    torch.set_num_threads(threads)
