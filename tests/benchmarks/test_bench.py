"""The benchmark: its peers compute the same numbers, its clock is fair, its record says nothing about the machine."""

import json
import platform
from itertools import count

import numpy as np
import pytest
import torch

from course_lib import quality
from course_lib.bench import __main__ as command
from course_lib.bench import peers, quality_command, recognition, recognition_cases, timing
from course_lib.bench import quality as bench

SIZES = (48, 112, 256)


@pytest.fixture(scope="module")
def works():
    return [bench.workload(2, size) for size in SIZES]


@pytest.mark.parametrize("peer", peers.PEERS, ids=lambda peer: f"{peer.measure}-{peer.library}-{peer.takes}")
def test_peer(peer, works, record_check):
    """What is raced is the same work: each peer is an oracle of its measure, in float32."""
    record = next(record for record in quality.measures() if record.name == peer.measure)
    largest = 0.0
    for work in works:
        ours = record.function(work.colour if peer.takes.startswith("rgb") else work.grey).numpy()
        theirs = np.array([peer.function(array) for array in work.arrays[peer.takes]])
        largest = max(largest, float((np.abs(ours - theirs) / np.maximum(1e-3, np.abs(theirs))).max()))
    module = "sharpness" if record.family in ("blur", "sharpness") else "light"
    name, note = f"quality.{module}.{peer.measure}", f"relative; {peer.takes} images of {', '.join(map(str, SIZES))} px"
    record_check(name, peer.library, 2 * len(SIZES), largest, peer.tolerance, note=note)


def test_every_measure_has_peers_for_both_kinds_of_numbers():
    images = [record.name for record in quality.measures() if record.takes == "image"]
    assert {peer.measure for peer in peers.PEERS} == set(images)
    assert {peer.measure for peer in peers.PEERS if peer.takes.endswith("32")} == set(images)


@pytest.mark.parametrize("kind", ["rgb8", "rgb32"])
def test_loop_is_all_measures(works, kind):
    results = peers.loop(works[1].arrays[kind])
    ours = quality.measure(works[1].colour)
    assert set(results[0]) == set(ours)
    for name, values in ours.items():
        theirs = [result[name] for result in results]
        # OpenCV's 8-bit grey is rounded, ours of RGB is not: entropy and noise feel that most.
        assert values.tolist() == pytest.approx(theirs, rel=0.1 if kind == "rgb8" else 0.02, abs=1e-3), name


def test_workload_is_the_same_for_all():
    work = bench.workload(3, 40)
    assert work.colour.shape == (3, 3, 40, 40) and work.grey.shape == (3, 1, 40, 40)
    for i in range(3):
        assert (work.arrays["rgb32"][i] == work.colour[i].permute(1, 2, 0).numpy()).all()
        assert (np.round(work.arrays["grey32"][i] * 255) == work.arrays["grey8"][i]).all()
    assert not torch.equal(work.colour[0], work.colour[2])


def test_race_takes_turns():
    ticks = count()
    order = []
    contestants = {"slow": lambda: order.append("slow"), "fast": lambda: order.append("fast")}
    seconds = timing.race(contestants, rounds=3, clock=lambda: float(next(ticks)), least_s=0.01)
    assert order == ["slow"] * 2 + ["fast"] * 2 + ["slow", "fast"] * 3  # warm-up and calibration, then turns
    assert seconds == {"slow": [1.0] * 3, "fast": [1.0] * 3}


def test_ratios():
    value = timing.ratio([2.0, 4.0, 30.0, 8.0, 6.0], [1.0, 1.0, 1.0, 1.0, 1.0])
    assert value.median == 6.0 and value.low < 6.0 < value.high
    assert timing.ratio([3.0], [1.0]) == timing.Ratio(3.0, 3.0, 3.0)
    assert bench.geometric_mean([timing.Ratio(0.5, 0.5, 0.5), timing.Ratio(2.0, 2.0, 2.0)]) == pytest.approx(1)


def test_command(tmp_path, capsys):
    threads = torch.get_num_threads()
    arguments = "--workloads 4x32 --rounds 2 --threads 1 --compiled --measures tenengrad luminance_mean image_entropy --output".split()
    record = quality_command.main([*arguments, str(tmp_path)])
    torch.set_num_threads(threads)
    shown = capsys.readouterr().out
    assert "tenengrad" in shown and "geometric mean" in shown and "all measures in one call" in shown
    text = (tmp_path / "quality-cpu.json").read_text("utf-8")
    assert json.loads(text) == record
    (work,) = record["workloads"]
    assert [row["measure"] for row in work["measures"]] == ["tenengrad", "luminance_mean", "image_entropy"]
    assert all(row["float32"]["median"] >= row["fastest"]["median"] > 0 for row in work["measures"])
    assert set(work["together"]) == {"float32", "8-bit"}
    # Ratios, versions and counts only: no times, no names.
    assert platform.node() not in text and "seconds" not in text and "processor" not in text


def test_recognition_in_small(tmp_path, monkeypatch, capsys):
    """Every kind of case at a tiny size: our side and theirs run, and only ratios are kept."""
    cases = {
        "arcface-tiny": lambda: recognition_cases.margin_case(20, batch=8, width=16),
        "contrastive-16": lambda: recognition_cases.pair_case(
            recognition_cases.P.contrastive_loss, recognition_cases.peer_loss("ContrastiveLoss"), 16
        ),
        "centre-tiny": lambda: recognition_cases.centre_case(classes=10, batch=8, width=4),
        "alignment-5": lambda: recognition_cases.alignment_case(5),
        "lfw-120": lambda: recognition_cases.lfw_case(120),
    }
    monkeypatch.setattr(recognition, "CASES", cases)
    monkeypatch.setattr(recognition, "child", lambda case, rounds=None, only=None: here(case, rounds, only))

    def here(case, rounds, only):
        return 2.0 if only else recognition.seconds(case, rounds)

    record = recognition.main(["--rounds", "1", "--output", str(tmp_path), "--cases", *cases])
    text = (tmp_path / "recognition-cpu.json").read_text("utf-8")
    assert json.loads(text) == record and list(record["ratios"]) == list(cases)
    assert set(record["ratios"]["arcface-tiny"]["time"]["insightface"]) == {
        "partial fc 0.1",
        *recognition_cases.KERNELS,
    }
    assert record["ratios"]["arcface-tiny"]["memory"]["linear"]["fused"] == 1
    assert record["ratios"]["lfw-120"]["time"]["threshold sweep"]["ours"] > 0
    assert platform.node() not in text and "seconds" not in text
    assert "insightface" in capsys.readouterr().out


def test_a_case_runs_in_a_process_of_its_own():
    times = recognition.child("lfw-6000", 1)
    assert set(times) == {"threshold sweep", "insightface", "ours"} and all(value > 0 for value in times.values())


def test_command_says_what_there_is(monkeypatch):
    ran = []
    monkeypatch.setattr(command, "COMMANDS", {"one": lambda options: ran.append(options)})
    command.main(["one", "--x"])
    command.main(["all", "--y"])
    assert ran == [["--x"], ["--y"]]
    with pytest.raises(SystemExit, match="got 'two'"):
        command.main(["two"])
