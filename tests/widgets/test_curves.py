import re
import xml.etree.ElementTree as ET

import pytest

from course_lib.widgets.curves import chart

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawn():
    return chart(
        [0.0, 1.0, 2.0],
        [4.0, 2.0, 1.0],
        title="<拉普拉斯> & co",
        x_label="σ (px)",
        reference=4.0,
        reference_label="clean",
    )


def test_the_marker_lies_on_the_curve(drawn):
    root = ET.fromstring(drawn.at(1.0, 2.0, "Now."))
    circle = root.find(f"{SVG}circle")
    path = next(
        p.get("d")
        for p in root.iter(f"{SVG}path")
        if p.get("style", "").count("--sf-accent") and p.get("d").count("L") == 2
    )
    corners = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", path)]
    assert (float(circle.get("cx")), float(circle.get("cy"))) == pytest.approx(
        corners[1], abs=0.06
    )  # 1 decimal is written


def test_a_marker_beyond_the_axis_stays_in_sight(drawn):
    circle = ET.fromstring(drawn.at(1.0, 1e9, "")).find(f"{SVG}circle")
    assert float(circle.get("cy")) == pytest.approx(drawn.box[1], abs=0.06)


def test_readers_who_do_not_see_it_are_told_the_curve(drawn):
    root = ET.fromstring(drawn.at(1.0, 2.0, "Now: 1, 2."))
    assert root.get("role") == "img"
    assert root.get("aria-label") == "<拉普拉斯> & co, σ (px): 4.00 → 1.00; clean 4.00. Now: 1, 2."


def test_the_drawing_fits_into_any_page(drawn):
    assert "<style" not in drawn.svg and "clip-path" not in drawn.svg and "DejaVu" not in drawn.svg
    assert not re.search(r"#0[0-9]0[0-9]0[0-9]", drawn.svg) and "currentColor" in drawn.svg
    root = ET.fromstring(drawn.svg)
    assert root.get("viewBox") and root.get("width") is None


def test_a_flat_curve_has_an_axis_too():
    flat = chart([0.0, 1.0], [0.0, 0.0], title="t", x_label="x", reference=0.0, reference_label="clean")
    assert "nan" not in flat.at(0.0, 0.0, "").lower()
