import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from course_lib.widgets.numbers import change, number, place, short

values = st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (12.345, "12.3"), (0.0456789, "0.0457"), (1.234e-5, "1.23·10⁻⁵"), (-0.5, "−0.500"), (999.96, "1000"),
        (1e7, "1.00·10⁷"), (-2e-7, "−2.00·10⁻⁷"), (math.nan, "–"), (math.inf, "∞"), (-math.inf, "−∞"), (123456.0, "123000"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


def test_axis_numbers_have_no_zeros_at_the_end():
    assert [short(v) for v in (0.0, 0.5, 1.0, 100.0, 0.25, 1e-6)] == ["0", "0.5", "1", "100", "0.25", "1.00·10⁻⁶"]


@pytest.mark.parametrize(
    ("value", "clean", "low", "text"),
    [
        (2.0, 2.0, 0.0, "="), (2.001, 2.0, 0.0, "≈"), (1.0, 2.0, 0.0, "×0.500"), (0.01, 2.0, 0.0, "×0.0050"),
        (0.5, 0.0, 0.0, "+0.50"), (-0.5, 0.5, -1.0, "−1.0"), (0.0, 0.0, 0.0, "="),
    ],
)  # fmt: skip
def test_a_change_is_a_ratio_where_ratios_mean_something(value, clean, low, text):
    assert change(value, clean, low) == text


@given(values, values, values, st.sampled_from([(0.0, 1e6), (0.0, math.inf), (-math.inf, math.inf), (-50.0, 20.0)]))
def test_a_larger_score_never_has_a_shorter_bar(one, other, clean, limits):
    low, high = limits
    smaller, larger = sorted((one, other))
    assume(larger <= high and clean <= high)
    assert 0 <= place(smaller, clean, low, high) <= place(larger, clean, low, high) <= 1


def test_bars_show_the_range_unless_the_clean_value_would_be_lost_in_it():
    assert place(0.25, 0.5, 0.0, 1.0) == 0.25
    assert place(45.0, 0.0, -90.0, 90.0) == 0.75
    assert place(0.01, 0.01, 0.0, 20.0) == 0.5 and place(0.02, 0.01, 0.0, 20.0) == pytest.approx(2 / 3)
    assert place(0.0, 0.0, 0.0, math.inf) == 0.0
    assert place(-0.1, 0.1, -56.0, 16.0) == 0.25
