"""Checks of 1:N rates against sorting every probe's list, identity by identity."""

import math

import pytest
import torch

from course_lib.recognition import identification as I


def gallery(seed=0, probes=120, enrolled=20, entries=45, strangers=8):
    g = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.arange(enrolled), torch.randint(0, enrolled, (entries - enrolled,), generator=g)])
    probe = torch.randint(0, enrolled + strangers, (probes,), generator=g)
    s = torch.randn(probes, entries, generator=g, dtype=torch.float64) + 1.5 * (probe[:, None] == labels)
    return s, probe, labels


def by_sorting(s, probe, labels):
    ranks, mates, bests = [], [], []
    for row, own in zip(s, probe.tolist(), strict=True):
        best = {}
        for value, identity in zip(row.tolist(), labels.tolist(), strict=True):
            best[identity] = max(value, best.get(identity, -math.inf))
        order = sorted(best, key=best.get, reverse=True)
        ranks.append(order.index(own) + 1 if own in best else 0)
        mates.append(best.get(own, -math.inf))
        bests.append(best[order[0]])
    return torch.tensor(ranks), torch.tensor(mates, dtype=s.dtype), torch.tensor(bests, dtype=s.dtype)


def test_ranks_equal_sorting(record_check):
    differing = 0
    for seed in range(3):
        s, probe, labels = gallery(seed)
        found = I.search(s, probe, labels)
        ranks, mates, bests = by_sorting(s, probe, labels)
        differing += int((found.rank != ranks).sum())
        torch.testing.assert_close(found.mate_score, mates)
        torch.testing.assert_close(found.best_score, bests)
        cmc = I.cumulative_match(s, probe, labels, 20)
        mated = ranks[ranks > 0]
        torch.testing.assert_close(cmc, torch.stack([(mated <= r).double().mean() for r in range(1, 21)]))
        assert (cmc.diff() >= 0).all() and float(cmc[-1]) == 1
    record_check("recognition.identification.search", "sorting each probe's identities", 360, differing, 0)


def test_open_set_equals_counting(record_check):
    worst, cases = 0.0, 0
    for rank in (1, 3):
        s, probe, labels = gallery(probes=600)
        ranks, mates, bests = by_sorting(s, probe, labels)
        result = I.open_set_rates(s, probe, labels, torch.tensor([0.02, 0.1, 0.5], dtype=torch.float64), rank=rank)
        for t, tpir, fpir, goal in zip(
            result.thresholds, result.tpir, result.realised_fpir, (0.02, 0.1, 0.5), strict=True
        ):
            counted = ((mates > t) & (ranks > 0) & (ranks <= rank)).sum() / (ranks > 0).sum()
            alarms = (bests[ranks == 0] > t).double().mean()
            worst = max(worst, abs(float(counted) - float(tpir)), abs(float(alarms) - float(fpir)))
            assert float(fpir) <= goal < float(fpir) + 1 / int((ranks == 0).sum()) + 1e-9
            cases += 2
        assert (result.low < result.tpir).all() and (result.tpir < result.high).all()
    record_check("recognition.identification.open_set_rates", "counting probes", cases, worst, 1e-7)


def test_too_few_strangers_are_undefined():
    s, probe, labels = gallery()
    result = I.open_set_rates(s, probe, labels, 1e-4)
    assert not result.defined.any() and result.tpir.isnan().all()


def test_errors():
    s, probe, labels = gallery()
    inside = probe < 20
    for call, name in (
        (lambda: I.search(s[:, :0], probe, labels[:0]), "similarity"),
        (lambda: I.search(s * math.nan, probe, labels), "similarity"),
        (lambda: I.cumulative_match(s, probe, labels, 0), "ranks"),
        (lambda: I.cumulative_match(s, probe + 100, labels), "probe_labels"),
        (lambda: I.open_set_rates(s, probe, labels, 0.0), "fpir"),
        (lambda: I.open_set_rates(s, probe, labels, 0.1, rank=0), "rank"),
        (lambda: I.open_set_rates(s[inside], probe[inside], labels), "probe_labels"),
    ):
        with pytest.raises(ValueError, match=name):
            call()
