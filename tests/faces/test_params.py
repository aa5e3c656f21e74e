"""What is drawn: the anatomy by itself, and circumstances as wide as they say."""

import torch

from course_lib.faces import render, sample_identities, sample_nuisance


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_anatomy_does_not_depend_on_tone_age_or_sex():
    light = sample_identities(300, generator(1), tone=0.05, age=0.1, feminine=1)
    dark = sample_identities(300, generator(1), tone=0.95, age=0.9, feminine=0)
    assert torch.equal(light.vector, dark.vector)
    # Where all are drawn, nothing in the vector follows them: 4.5 standard errors of a correlation of 2000 pairs.
    drawn = sample_identities(2000, generator(2))
    standard = lambda v: (v - v.mean(0)) / v.std(0)  # noqa: E731
    others = standard(torch.stack([drawn[name] for name in ("tone", "age", "feminine")], 1))
    assert (standard(drawn.vector).T @ others / 2000).abs().max() < 0.1


def test_the_shifts_of_sex_can_be_switched_off():
    women = sample_identities(50, generator(3), feminine=1, sex_shift=0)
    men = sample_identities(50, generator(3), feminine=0, sex_shift=0)
    assert torch.equal(women["jaw_width"], men["jaw_width"])
    assert (sample_identities(50, generator(3), feminine=0)["jaw_width"] > men["jaw_width"]).all()


def test_light_and_crop_are_as_wide_as_they_say():
    drawn = sample_nuisance(4000, generator(4))
    stops = drawn["exposure"].log2()
    assert 0.4 < stops.std() < 0.5 and stops.abs().max() <= 1.0
    gains = drawn["white_balance"]
    torch.testing.assert_close(gains.mean(1), torch.ones(4000))
    # From yellow to blue more than from green to magenta.
    yellow = (gains[:, 0] / gains[:, 2]).log() / 2
    green = gains[:, 1].log() - (gains[:, 0].log() + gains[:, 2].log()) / 2
    assert 0.1 < yellow.std() < 0.16 and green.std() < 0.06
    assert 0.02 < drawn["shift_x"].std() < 0.03 and 0.05 < drawn["scale"].log().std() < 0.08
    still = sample_nuisance(10, generator(5), light=0, crop=0)
    for name, value in (
        ("exposure", 1),
        ("white_balance", 1),
        ("shift_x", 0),
        ("shift_y", 0),
        ("scale", 1),
        ("hair_light", 1),
    ):
        assert (still[name] == value).all(), name


def test_a_perfect_crop_centres_eyes_and_mouth():
    pose = {"yaw": 0, "pitch": 0, "roll": 0, "expression": 0}
    people = sample_identities(6, generator(6))
    exact = render(people, sample_nuisance(6, generator(7), crop=0, **pose), size=48, supersample=1)
    middle = 0.5 * (exact.landmarks[:, [36, 39, 42, 45]].mean(1) + exact.landmarks[:, [48, 54]].mean(1))
    expected = torch.tensor([23.5, 23.5 + 0.05 * 48])
    # Perspective: eyes and mouth lie at different depths.
    assert (middle - expected).abs().max() < 0.6
    loose = render(people, sample_nuisance(6, generator(7), crop=1, **pose), size=48, supersample=1)
    moved = 0.5 * (loose.landmarks[:, [36, 39, 42, 45]].mean(1) + loose.landmarks[:, [48, 54]].mean(1))
    assert (moved - middle).abs().max() > 1.0
