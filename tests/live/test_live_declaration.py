"""What a figure refuses, and what it says then."""

import pytest
import torch

from course_lib import live

ALT = ("A picture of nothing in particular.", "一幅没有特别内容的示意图像，仅供测试。")


def slider(name="sigma", low=0, high=4, step=0.1, value=1.0):
    return live.Slider(name, low, high, step, value, label=("Blur", "模糊"))


def figure(function=lambda sigma: sigma.reshape(1), inputs=None, outputs=None, **options):
    inputs = inputs or [slider()]
    outputs = outputs or [live.Bars("scores", [("A", "甲")])]
    return live.Figure(function, inputs, outputs, title=("T", "题"), **{"alt": ALT} | options)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"low": 4}, "low should be below high"),
        ({"step": 0}, "step should be in"),
        ({"step": 9}, "step should be in"),
        ({"value": 5}, r"value should be in \[0, 4\], got 5"),
        ({"value": 1.05}, "steps of 0.1"),
        ({"name": "2 sigma"}, "Python identifier"),
    ],
)
def test_a_slider_says_what_is_wrong_with_it(change, words):
    with pytest.raises(ValueError, match=words):
        slider(**change)


def test_a_slider_takes_what_a_degradation_says():
    from course_lib import degrade

    for record in degrade.degradations():
        made = live.Slider.of(record, "amount")
        assert (made.low, made.high) == record.range and made.start == record.identity
        assert made.label["zh"] == record.label["zh"] and made.spec()["step"] == record.step


@pytest.mark.parametrize("value", [-1, 2, 5])
def test_a_choice_starts_with_one_of_its_options(value):
    with pytest.raises(ValueError, match="index below 2"):
        live.Choice("kernel", [("a", "甲"), ("b", "乙")], value=value)


def test_a_choice_has_options():
    with pytest.raises(ValueError, match="at least two"):
        live.Choice("kernel", [("a", "甲")])


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (torch.rand(3, 8, 8), r"\(1, 1, H, W\) tensor, got \(3, 8, 8\)"),
        (torch.rand(1, 3, 8, 8) * 255, r"should lie in \[0, 1\]"),
        (torch.full((1, 3, 8, 8), torch.nan), r"should lie in \[0, 1\]"),
        ({("a", "甲"): torch.rand(1, 3, 8, 8), ("b", "乙"): torch.rand(1, 3, 9, 9)}, "one shape"),
        ({}, "no picture"),
    ],
)
def test_an_image_says_what_is_wrong_with_it(picture, words):
    with pytest.raises(ValueError, match=words):
        live.Image("image", picture)


def test_an_image_has_8_bits_everywhere():
    picture = live.Image("image", torch.rand(1, 3, 8, 8)).tensor(0)
    assert torch.equal(picture, (picture * 255).round() / 255)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("image_entropy", "Image entropy"),
        ("tenengrad", "Tenengrad"),
        (("x′", "x′"), "x′"),
        ({"en": "t-SNE", "zh": "t-SNE"}, "t-SNE"),
    ],
)
def test_terms_of_the_glossary_get_a_capital(text, shown):
    assert live.Bars("b", [text]).labels[0]["en"] == shown


def test_portraits_go_by_their_titles():
    from course_lib import data

    picture = torch.rand(1, 3, 8, 8)
    made = live.Image("image", {name: picture for name in data.PORTRAITS})
    assert made.options == [portrait.title for portrait in data.PORTRAITS.values()]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: live.Bars("b", []), "labels should be a list"),
        (lambda: live.Bars("b", "blur"), "labels should be a list"),
        (lambda: live.Bars("b", ["blur"], units=["px", "px"]), "units should have one entry"),
        (lambda: live.Bars("b", ["blur"], relative=False), "absolute bars need limits"),
        (lambda: live.Bars("b", ["blur"], relative=False, limits=(1, 0)), "lower bound should be below"),
        (lambda: live.Bars("b", ["blur"], relative=False, limits=[(0, 1), (0, 1)]), "2 limits for 1 labels"),
        (lambda: live.Curves("c", [0], ["blur"], "blur", "blur"), "at least two values"),
        (lambda: live.Curves("c", [0, 1], ["blur"], "blur", "blur", style="dots"), "'line' or 'area'"),
        (lambda: live.Curves("c", [0, 1], ["blur"], "blur", "blur", colours=["pink"]), "colours should name"),
        (lambda: live.Wire("w"), "nothing to draw"),
        (lambda: live.Group([(0, 1)], colour="pink"), "colour should be one of"),
    ],
)
def test_outputs_say_what_is_wrong_with_them(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_an_unknown_label_is_refused():
    with pytest.raises(KeyError, match=r"no key of data/glossary\.csv"):
        live.Bars("b", ["no such term"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"outputs": [live.Bars("sigma", [("A", "甲")])]}, r"\['sigma'\] repeat"),
        ({"inputs": [slider(), slider()], "function": lambda a, b: a.reshape(1)}, r"\['sigma'\] repeat"),
        ({"function": lambda sigma: (sigma.reshape(1), sigma)}, "declares 1 outputs, its function returns 2"),
        (
            {"function": lambda sigma: sigma.expand(3)},
            r"should return \(1,\), one number for each label, got shape \(3,\)",
        ),
        ({"outputs": [live.Picture("p")]}, r"\(1, 3, H, W\) or \(1, 1, H, W\), got shape \(1,\)"),
        ({"outputs": [live.Table("t", ["blur"], ["blur", "noise"])]}, r"should return \(1, 2\)"),
        ({"outputs": [live.Wire("w", edges=[(0, 7)])]}, "K > 7"),
        ({"outputs": [live.Curves("c", [0, 1], ["blur"], "blur", "blur", marker="q")]}, "no slider of this figure"),
        ({"outputs": [live.Wire("w", edges=[(0, 1)], over="q")]}, "no Picture of this figure"),
        ({"alt": ("Bars", "条")}, "alt text should say what is seen"),
    ],
)
def test_a_figure_says_what_is_wrong_with_it(options, words):
    with pytest.raises(ValueError, match=words):
        figure(**options)


def test_a_figure_needs_something_to_move_and_to_show():
    with pytest.raises(ValueError, match="at least one input and one output"):
        live.Figure(lambda: None, [], [], title=("T", "题"), alt=ALT)


@pytest.mark.parametrize(("values", "words"), [({"gain": 1}, "has no input"), ({"sigma": 9}, r"in \[0, 4\], got 9")])
def test_run_refuses_values_it_does_not_know(values, words):
    with pytest.raises(ValueError, match=words):
        figure().run(**values)


def test_run_moves_one_input_and_leaves_the_others():
    two = figure(
        lambda a, b: torch.stack([a, b]), [slider("a"), slider("b")], [live.Bars("s", [("A", "甲"), ("B", "乙")])]
    )
    assert two.run(a=3)["s"].tolist() == [3, 1]
    assert two.start["s"].tolist() == [1, 1]


def test_results_come_in_the_shapes_that_the_browser_draws():
    column = figure(lambda sigma: sigma.double().reshape(1, 1))
    assert column.start["scores"].shape == (1,) and column.start["scores"].dtype == torch.float32


def test_figures_shown_in_a_block_are_gathered_in_order():
    one, two = figure(), figure()
    with live.collecting() as shown:
        for each in (two, one):
            assert set(each._repr_mimebundle_()) == {"text/plain"}
    assert shown == [two, one]
