"""The threshold lab without a browser: its state against closed forms and the exact functions, its widgets, its drawings."""

import csv
import io
import math
import re
from xml.etree import ElementTree

import pytest
import torch
from scipy.stats import binomtest, norm
from widget_timing import usual_seconds

from course_lib.recognition import threshold_2d
from course_lib.widgets import ThresholdExperiment, ThresholdLab
from course_lib.widgets.threshold_lab import recorded_scores
from course_lib.widgets.threshold_lab_charts import all_charts, percent
from course_lib.widgets.threshold_lab_state import SETTINGS, Scores


@pytest.fixture
def state():
    return ThresholdExperiment()


@pytest.fixture(scope="module")
def recorded():
    generator = torch.Generator().manual_seed(0)
    draw = lambda count, middle: (middle + 0.1 * torch.randn(count, generator=generator)).clamp(-1, 1).double()  # noqa: E731
    return {split: Scores(draw(100, 0.6), draw(900, 0.1)) for split in ("development", "test")}


# ---- state ----------------------------------------------------------------------------------------------------------


def test_many_pairs_meet_the_closed_forms(state, record_check):
    state.set(genuine=20_000, impostor=20_000, gap=2.5, spread=1.2, threshold=1.0)
    r = state.report
    expected = {
        r.far.value: norm.sf(1.0),
        r.frr.value: norm.cdf((1.0 - 2.5) / 1.2),
        r.eer.value: norm.cdf(-2.5 / 2.2),
        r.area: norm.cdf(2.5 / math.sqrt(1 + 1.2**2)),
    }
    worst = max(abs(measured - truth) for measured, truth in expected.items())
    # a share of 20,000 has a standard error of at most 0.0035; the rates here stay below 0.0026
    record_check("widgets.ThresholdExperiment.report", "closed forms of two normals", 4, worst, 0.008)
    # its standard error is 0.012
    assert r.d_prime == pytest.approx(2.5 / math.sqrt((1 + 1.44) / 2), abs=0.05)


def test_intervals_are_scipys(state):
    state.set(genuine=50, impostor=200, threshold=1.5)
    far = state.report.far
    exact = binomtest(round(200 * far.value), 200).proportion_ci(0.95, "exact")
    assert (far.low, far.high) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_too_few_impostors_leave_the_target_undefined(state):
    state.set(impostor=500, far=0.001)
    assert math.isnan(state.report.tar.value) and math.isnan(state.report.tar_threshold)
    assert state.report.needed == 1000 and state.report.transferred is None
    state.set(impostor=1000)
    assert not math.isnan(state.report.tar.value) and state.report.transferred is not None


def test_a_shift_of_the_strangers_shows_on_the_test_split_only(state):
    state.set(impostor=5000, genuine=1000)
    before = state.report
    state.set(shift=0.5)
    after = state.report
    assert after.far == before.far and after.tar == before.tar
    assert after.transferred.far > 2 * before.transferred.far
    assert after.transferred.tar == before.transferred.tar


def test_more_pairs_of_one_kind_leave_the_other_as_it_was(state):
    genuine = state.development.genuine
    state.set(impostor=4000, threshold=1.0)
    assert torch.equal(state.development.genuine, genuine)
    state.set(seed=1)
    assert not torch.equal(state.development.genuine, genuine)
    assert not torch.equal(state.development.genuine, state.test.genuine)


def test_searches_meet_the_closed_form(state):
    state.set(genuine=20_000, impostor=20_000, gap=3.0, threshold=2.5)
    sizes = torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)
    fpir, tpir = state.search(sizes)
    expected_fpir, expected_tpir, _ = threshold_2d.expected_search(3.0, 1.0, 2.5, sizes.log10().float())
    # (1 - FAR)^100 multiplies the relative error of a FAR of 0.6 %, which 20,000 pairs know to 9 %
    assert float((fpir - expected_fpir).abs().max()) < 0.05
    assert float((tpir - expected_tpir).abs().max()) < 0.03


def test_the_roc_is_the_exact_one(state):
    far, tar, low, high = state.roc()
    assert float(far[0]) == pytest.approx(1 / 2000) and float(far[-1]) == 1.0 and float(tar[-1]) == 1.0
    assert not tar.isnan().any() and (tar.diff() >= 0).all()
    assert ((low <= tar) & (tar <= high)).all()


def test_histograms_hold_every_pair(state):
    edges, genuine, impostor = state.histograms()
    width = edges[1] - edges[0]
    assert sum(genuine) * width == pytest.approx(1) == sum(impostor) * width


def test_measured_scores_replace_simulated_ones(recorded):
    state = ThresholdExperiment(recorded)
    state.use("recorded")
    state.set(threshold=0.35)
    assert torch.equal(state.development.genuine, recorded["development"].genuine)
    assert state.report.far.value == float((recorded["development"].impostor >= 0.35).double().mean())
    state.use("simulated")
    assert len(state.development.genuine) == SETTINGS["genuine"]


def test_wrong_settings_say_what_is_wrong(state):
    for wrong, word in (
        (dict(gapp=1.0), "gapp"),
        (dict(spread=0.0), "spread"),
        (dict(far=0.0), "far"),
        (dict(impostor=1), "impostor"),
    ):
        with pytest.raises(ValueError, match=word):
            state.set(**wrong)
    with pytest.raises(ValueError, match="source"):
        state.use("recorded")


def test_the_table_is_a_csv_file(state):
    state.keep()
    state.set(gap=4.0)
    rows = list(csv.DictReader(io.StringIO(state.csv().lstrip("\ufeff"))))
    assert [row["gap"] for row in rows] == ["3.0", "4.0"] and float(rows[1]["eer"]) < float(rows[0]["eer"])


# ---- drawings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "settings", [{}, dict(gap=0.0, threshold=8.0), dict(gap=6.0, genuine=20, impostor=50, far=0.0001, gallery=1)]
)
def test_every_state_can_be_drawn(state, monkeypatch, language, settings):
    monkeypatch.setenv("COURSE_LANG", language)
    state.set(**settings)
    drawn = all_charts(state)
    assert drawn.count("<svg") == 4 == drawn.count('role="img"')
    assert "nan" not in drawn.lower() and "inf" not in drawn.replace("info", "")
    for part in re.findall(r"<svg.*?</svg>", drawn, re.S):
        ElementTree.fromstring(part)
    assert bool(re.search("[\u4e00-\u9fff]", drawn)) == (language == "zh")


def test_rates_as_a_reader_writes_them():
    assert [percent(v) for v in (0.5, 0.0123, 0.00001, math.nan)] == ["50 %", "1.2 %", "0.0010 %", "–"]


# ---- widgets --------------------------------------------------------------------------------------------------------


def test_a_slider_changes_drawings_numbers_and_file():
    lab = ThresholdLab()
    before = (lab.charts.value, lab.figures.value, lab.export.value)
    lab.controls["threshold"].value = 3.0
    assert all(
        one != other for one, other in zip(before, (lab.charts.value, lab.figures.value, lab.export.value), strict=True)
    )
    assert lab.experiment.settings["threshold"] == 3.0


def test_the_undefined_is_said_in_the_readers_language(monkeypatch):
    for language, words in (("en", "needs 10,000 impostor pairs"), ("zh", "至少需要 10,000 对")):
        monkeypatch.setenv("COURSE_LANG", language)
        lab = ThresholdLab()
        assert words not in lab.figures.value
        lab.controls["far"].value = 0.0001
        assert lab.figures.value.count(words) == 3
        lab.to_far.click()  # there is nowhere to go
        assert lab.experiment.settings["threshold"] == 2.0


def test_buttons_move_the_threshold():
    lab = ThresholdLab()
    lab.to_eer.click()
    report = lab.experiment.report
    assert abs(report.far.value - report.frr.value) < 0.01
    lab.to_far.click()
    report = lab.experiment.report
    assert report.far.value <= 0.01 and 1 - report.frr.value == pytest.approx(report.tar.value)
    lab.again.click()
    assert lab.experiment.settings["seed"] == 1
    lab.keep.click()
    lab.keep.click()
    assert lab.kept.value.count("<tr>") == 3


def test_several_controls_move_at_once_from_a_cell():
    lab = ThresholdLab()
    lab.set(gap=4.0, impostor=20_000, genuine=77)
    assert lab.controls["gap"].value == 4.0 and lab.controls["impostor"].value == 20_000
    assert len(lab.experiment.development.genuine) == 77 and lab.controls["genuine"].value == 100
    with pytest.raises(ValueError, match="fog"):
        lab.set(fog=1.0)


def test_measured_scores_bring_their_own_threshold(recorded):
    lab = ThresholdLab(recorded)
    lab.source.value = "recorded"
    slider = lab.controls["threshold"]
    assert (slider.min, slider.max) == (-1.0, 1.0) and 0.1 < slider.value < 0.6
    assert lab.controls["gap"].disabled
    lab.source.value = "simulated"
    assert slider.max == 8.0 and not lab.controls["gap"].disabled and 1.0 < slider.value < 2.0


def test_the_record_of_the_course_network_is_read_where_there_is_one():
    found = recorded_scores()
    assert found is None or {"development", "test"} == set(found)


def test_a_move_takes_less_than_50_ms():
    """With the starting numbers of pairs."""
    prepare = "from course_lib.widgets import ThresholdLab; lab = ThresholdLab()"
    assert usual_seconds(prepare, 'lab.controls["threshold"].value = 1.0 + step / 10') < 0.050


# ---- the numbers that the lab's answers state ------------------------------------------------------------------------


def test_answer_1(state):
    fars, frrs = [], []
    for threshold in (1.0, 1.5, 2.0, 2.5, 3.0):
        state.set(threshold=threshold)
        fars.append(state.report.far.value)
        frrs.append(state.report.frr.value)
    assert fars == pytest.approx([0.17, 0.064, 0.0205, 0.0055, 0.0], abs=6e-4)
    assert frrs == pytest.approx([0.0233, 0.0633, 0.16, 0.2933, 0.5367], abs=6e-4)
    assert state.report.far.high == pytest.approx(3.7 / 2000, rel=0.02)
    assert state.report.eer.value == pytest.approx(0.063, abs=6e-4) and state.report.d_prime == pytest.approx(
        2.99, abs=5e-3
    )
    assert (state.report.eer.low, state.report.eer.high) == (
        pytest.approx(0.039, abs=6e-4),
        pytest.approx(0.097, abs=6e-4),
    )


def test_answer_2(state):
    tars = {}
    for impostors in (1000, 20_000):
        tars[impostors] = []
        for seed in range(6):
            state.set(impostor=impostors, far=0.001, seed=seed)
            tars[impostors].append(state.report.tar.value)
    assert (min(tars[1000]), max(tars[1000])) == (pytest.approx(0.33, abs=0.005), pytest.approx(0.65, abs=0.005))
    assert (min(tars[20_000]), max(tars[20_000])) == (pytest.approx(0.40, abs=0.005), pytest.approx(0.47, abs=0.005))


def test_answer_3(state):
    found = []
    for spread in (0.5, 1, 2):
        state.set(spread=spread, genuine=3000, impostor=20_000, far=0.001)
        found += [state.report.eer.value, state.report.tar.value]
    assert found == pytest.approx([0.023, 0.37, 0.068, 0.43, 0.16, 0.46], abs=5e-3)


def test_answer_4(state):
    def realised(impostors, shift):
        fars = []
        for seed in range(6):
            state.set(impostor=impostors, shift=shift, seed=seed)
            fars.append(state.report.transferred.far)
        return min(fars), max(fars)

    assert realised(100, 0.0) == (pytest.approx(0.008, abs=5e-4), pytest.approx(0.027, abs=5e-4))
    assert realised(2000, 0.0) == (pytest.approx(0.007, abs=5e-4), pytest.approx(0.015, abs=5e-4))
    assert realised(20_000, 0.0) == (pytest.approx(0.0084, abs=5e-5), pytest.approx(0.011, abs=5e-4))
    assert realised(20_000, 0.5) == (pytest.approx(0.032, abs=3e-3), pytest.approx(0.032, abs=3e-3))


def test_answer_5(state):
    state.set(genuine=3000, impostor=20_000)
    fpir = []
    for gallery in (10, 30, 100):
        state.set(gallery=gallery)
        fpir.append(state.report.fpir)
    assert fpir == pytest.approx([0.21, 0.5, 0.91], abs=0.015)
    state.set(threshold=3.5)
    assert (state.report.fpir, state.report.tpir) == (pytest.approx(0.02, abs=1e-3), pytest.approx(0.31, abs=5e-3))
    for gap, tpir in ((5.0, 0.89), (5.5, 0.96)):
        state.set(threshold=3.75, gap=gap)
        assert state.report.tpir == pytest.approx(tpir, abs=5e-3) and state.report.fpir < 0.02
