"""The face report: rates against the functions they come from, intervals against a plain bootstrap, bins by hand."""

import numpy as np
import pytest
import torch

from course_lib.recognition.curves import equal_error_rate
from course_lib.recognition.face_report import BINS, TARGETS, all_pairs, face_report
from course_lib.recognition.verification import tar_at_far


def people(count=30, each=5, noise=0.9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    identity = torch.arange(count).repeat_interleave(each)
    centres = torch.randn(count, 16, generator=generator)
    return centres[identity] + noise * torch.randn(len(identity), 16, generator=generator), identity


def test_pairs_are_all_unordered_pairs():
    embeddings, identity = people(3, 2)
    pairs = all_pairs(embeddings, identity)
    assert len(pairs.same) == 15 and int(pairs.same.sum()) == 3 and bool((pairs.first < pairs.second).all())
    expected = torch.nn.functional.cosine_similarity(embeddings[pairs.first], embeddings[pairs.second])
    assert torch.allclose(pairs.scores, expected, atol=1e-6)


def test_values_are_those_of_the_plain_functions():
    embeddings, identity = people()
    report = face_report(embeddings, identity + 100, replicates=0)
    pairs = all_pairs(embeddings, identity)
    assert report["eer"] == {"value": round(float(equal_error_rate(pairs.scores, pairs.same)[0]), 5)}
    tars = tar_at_far(pairs.scores, pairs.same, torch.tensor(TARGETS)).tar
    assert [report["tar_1e-2"]["value"], report["tar_1e-3"]["value"]] == [round(float(t), 5) for t in tars]
    assert (report["people"], report["pictures"], report["genuine"]) == (30, 150, 300)
    assert report["impostor"] == 150 * 149 // 2 - 300 and report["bins"] == {}


def slow_bootstrap(embeddings, identity, replicates):
    """Draws people, writes out their pictures, leaves out pairs of one person drawn twice, and measures anew."""
    generator = np.random.default_rng(1)
    similarity = torch.nn.functional.normalize(embeddings) @ torch.nn.functional.normalize(embeddings).t()
    count = int(identity.max()) + 1
    rows = []
    for _ in range(replicates):
        drawn = generator.integers(count, size=count)
        pictures = torch.cat([(identity == person).nonzero().squeeze(1) for person in drawn])
        copy = torch.cat([torch.full((int((identity == p).sum()),), place) for place, p in enumerate(drawn)])
        a, b = torch.triu_indices(len(pictures), len(pictures), 1)
        same = copy[a] == copy[b]
        usable = same | (identity[pictures[a]] != identity[pictures[b]])
        scores, same = similarity[pictures[a], pictures[b]][usable], same[usable]
        rows.append([float(equal_error_rate(scores, same)[0]), float(tar_at_far(scores, same, 1e-2).tar)])
    return np.array(rows)


def test_intervals_agree_with_a_bootstrap_written_out(record_check):
    embeddings, identity = people()
    report = face_report(embeddings, identity, replicates=400)
    rows = slow_bootstrap(embeddings, identity, 400)
    limits = np.percentile(rows, [2.5, 97.5], axis=0).T
    ours = np.array([[report[name]["low"], report[name]["high"]] for name in ("eer", "tar_1e-2")])
    # 400 draws leave a percentile uncertain by about a tenth of the interval's width
    widths = limits[:, 1] - limits[:, 0]
    difference = float((np.abs(ours - limits) / widths[:, None]).max())
    record_check(
        "recognition.face_report.face_report",
        "a bootstrap over people written out, SciPy-free",
        2,
        difference,
        0.25,
        "limits of two intervals, relative to their width; both are drawn",
    )


def test_a_value_lies_in_its_interval_and_more_people_narrow_it():
    few, many = (face_report(*people(n), replicates=100) for n in (12, 60))
    for report in (few, many):
        assert report["eer"]["low"] <= report["eer"]["value"] <= report["eer"]["high"]
    assert many["eer"]["high"] - many["eer"]["low"] < few["eer"]["high"] - few["eer"]["low"]


def test_bins_partition_the_pairs_and_use_one_threshold():
    embeddings, identity = people(20, 6)
    count = len(identity)
    generator = torch.Generator().manual_seed(2)
    light = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator))
    truth = {
        "day": torch.arange(count) % 6 // 3,
        "yaw": torch.rand(count, generator=generator) * 80 - 40,
        "light": torch.cat([light, torch.rand(count, 3)], 1),
        "occlusion": torch.rand(count, generator=generator) * 0.3,
    }
    report = face_report(embeddings, identity, truth=truth, replicates=50)
    assert list(report["bins"]) == ["day", "yaw", "light", "occlusion"]
    for rows in report["bins"].values():
        assert sum(row["genuine"] for row in rows) == report["genuine"]
        assert sum(row["impostor"] for row in rows) == report["impostor"]
        accepted = sum(row["tar"]["value"] * row["genuine"] for row in rows if row["genuine"])
        assert accepted / report["genuine"] == pytest.approx(report["tar_1e-2"]["value"], abs=1e-4)
        false = sum(row.get("far", 0) * row["impostor"] for row in rows)
        assert false / report["impostor"] <= TARGETS[0]
    pairs = all_pairs(embeddings, identity)
    yaw = torch.maximum(truth["yaw"].abs()[pairs.first], truth["yaw"].abs()[pairs.second])
    assert report["bins"]["yaw"][0]["genuine"] == int(((yaw < BINS["yaw"][0]) & pairs.same).sum())
    same_day = (truth["day"][pairs.first] == truth["day"][pairs.second]) & pairs.same
    assert report["bins"]["day"][0]["genuine"] == int(same_day.sum())


def test_too_few_impostors_leave_a_rate_undefined():
    report = face_report(*people(4, 3), replicates=20)
    assert (report["tar_1e-3"]["value"] is None and report["tar_1e-2"]["value"] is None) or report["impostor"] >= 100


def test_refusals():
    with pytest.raises(ValueError, match="two or more"):
        face_report(torch.rand(1, 4), torch.zeros(1, dtype=torch.int64))
    with pytest.raises(ValueError, match="genuine"):
        face_report(torch.rand(4, 4), torch.arange(4))
