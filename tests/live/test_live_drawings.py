"""SVG of every output, numbers as they are written, the poster, the bundle for the website."""

import base64
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import pytest
import torch
from live_samples import figures

from course_lib import live
from course_lib.live import MIME, axes, bundle, svg

SPACE = "{http://www.w3.org/2000/svg}"


@pytest.fixture(params=["en", "zh"])
def language(request, monkeypatch) -> str:
    monkeypatch.setenv("COURSE_LANG", request.param)
    return request.param


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0, 3, "0"),
        (1.0, 3, "1.00"),
        (-0.0594, 3, "−0.0594"),
        (13.7432, 3, "13.7"),
        (4123.4, 3, "4123"),
        (1.234e-5, 3, "1.23×10⁻⁵"),
        (-2.5e7, 2, "−2.5×10⁷"),
        (float("nan"), 3, "–"),
        (float("inf"), 3, "–"),
    ],
)
def test_numbers_are_written_for_people(value, digits, text):
    assert svg.number(value, digits) == text


@pytest.mark.parametrize(("value", "text"), [(33.04, "33.0"), (-4.58e-6, "0.0"), (-0.06, "−0.1"), (120.0, "120.0")])
def test_numbers_of_one_scale_have_fixed_decimals(value, text):
    assert svg.number(value, 3, decimals=1) == text


@pytest.mark.parametrize(
    ("value", "start", "text"),
    [
        (1.0, 1.0, ""),
        (1.12, 1.0, "+12 %"),
        (0.5, 1.0, "−50 %"),
        (3.4, 1.0, "×3.4"),
        (-0.9, -1.0, "+10 %"),
        (1.0, 0.0, ""),
    ],
)
def test_changes_are_written_for_people(value, start, text):
    assert svg.change(value, start) == text


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 3), (0.1, 6), (0, 0.0123), (1000, 25000)])
def test_ticks_are_round_and_inside(low, high):
    ticks = axes.ticks(low, high)
    assert 3 <= len(ticks) <= 7 and min(ticks) >= low - 1e-9 and max(ticks) <= high + 1e-9
    assert all(len(f"{tick:g}") <= 6 for tick in ticks)


def test_a_poster_shows_title_and_labels_in_the_readers_language(figure, language):
    root = ElementTree.fromstring(figure.poster())
    words = "".join(root.itertext())
    assert figure.title[language] in words
    for output in figure.outputs:
        labels = getattr(output, "labels", [])
        for label in labels if len(labels) > 1 else []:  # a single curve is named by its axis
            assert label[language] in words
    pictures = root.findall(f".//{SPACE}image")
    assert len(pictures) == len(figure.shown_pictures())
    assert len(figure.poster()) < 60_000


def test_the_style_sheet_has_the_same_palette():
    sheet = (Path(__file__).resolve().parents[2] / "book/_ext/static/live-figure.css").read_text(encoding="utf-8")
    light, dark = re.findall(r"live-figure \{([^}]*--lf-ink[^}]*)\}", sheet)[:2]
    for block, palette in ((light, svg.LIGHT), (dark, svg.DARK)):
        assert dict(re.findall(r"--lf-(\w+): (#\w+)", block)).items() >= palette.items()


def test_bars_grow_and_shrink_from_their_start():
    bars = figures()[0].outputs[1]
    _, at, trend = svg.share(bars, 0, 1.5, 1.0)
    assert (at, trend) == (0.75, "up")
    assert svg.share(bars, 0, 9.0, 1.0)[1] == 1.0 and svg.share(bars, 0, 0.5, 1.0)[1:] == (0.25, "down")
    signed = figures()[1].outputs[2]
    assert svg.share(signed, 0, -0.5, 0.0)[:2] == (0.5, 0.25)


def test_curves_keep_inside_their_axes():
    figure = figures()[1]
    wild = figure.start["histogram"].clone()
    wild[0, 3] = float("nan")
    root = ElementTree.fromstring(svg.frame(axes.curves(figure.outputs[1], wild * 100, wild)))
    for line in root.iter(f"{SPACE}polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 420 and 0 <= y <= 280


def test_far_lines_are_drawn_first_and_fainter():
    figure = figures()[2]
    root = ElementTree.fromstring(svg.frame(svg.wire(figure.outputs[0], figure.start["box"])))
    shown = [
        float(line.attrib["style"].split("opacity:")[1])
        for line in root.iter(f"{SPACE}line")
        if "opacity" in line.attrib["style"]
    ]
    assert shown == sorted(shown) and shown[0] < 0.6


def test_a_line_without_length_leaves_no_dot():
    assert svg.stroke([3.0, 3.0], [3.0, 3.0], live.Group([(0, 1)]), 1.0, 1.0) == ""


def test_the_bundle_holds_what_the_browser_needs(figure, monkeypatch):
    monkeypatch.setenv("COURSE_SITE", "1")
    shown = figure._repr_mimebundle_()
    assert set(shown) == {MIME, "text/plain"}
    made = json.loads(json.dumps(shown[MIME], allow_nan=False))
    spec, files = made["spec"], {name: base64.b64decode(content) for name, content in made["files"].items()}
    assert files[spec["graph"]] and all(files[name] for name in spec["weights"])
    for known, part in zip(spec["inputs"], figure.inputs, strict=True):
        for name, picture in zip(known.get("files", []), getattr(part, "tensors", []), strict=True):
            pixels = torch.tensor(np.asarray(PIL.Image.open(io.BytesIO(files[name]))))
            assert torch.equal(pixels.permute(2, 0, 1)[None] / 255, picture)  # lossless
    for known, output in zip(spec["outputs"], figure.outputs, strict=True):
        assert ("still" in known) == (output.kind == "picture")
    assert files[made["poster"]] == figure.poster()
    words = [spec["title"], spec["alt"], *spec["words"].values(), *(part["label"] for part in spec["inputs"])]
    assert all(set(word) == {"en", "zh"} and all(word.values()) for word in words)


def test_what_is_not_finite_becomes_null():
    assert bundle.rounded(torch.tensor([1.23456789, float("nan"), -float("inf")])) == [1.23457, None, None]


@pytest.mark.parametrize(
    "name", ["Kryszczuk–Drygajlo sharpness of faces", "克里什丘克与德里加伊洛的人脸清晰度度量值", "short"]
)
def test_a_long_name_beside_a_bar_takes_two_lines(name):
    lines = ElementTree.fromstring(f"<g>{svg.side_label(name, 0, 160)}</g>").findall("text")
    assert len(lines) == (1 if name == "short" else 2)
    assert "".join(part.text.replace(" ", "") for part in lines) == name.replace(" ", "")
    assert all(svg.width_of(part.text) <= 160 for part in lines)
