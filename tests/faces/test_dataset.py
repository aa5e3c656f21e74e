"""Cached data sets: disjoint people, the same data again, interrupted and simultaneous runs, bounded disk."""

import multiprocessing
import os

import pytest
import torch

from course_lib.faces import LABELS, another_day, dataset, sample_identities
from course_lib.faces.dataset import FaceDataset, FaceSettings, cache_folder, people, prune

SMALL = FaceSettings(identities=11, per_identity=2, size=32, days=2, labels=True)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    return tmp_path


def silent(done, blocks):
    """No progress bar."""


def test_a_second_call_reads_the_same_data_from_disk():
    steps = []
    first = FaceDataset(SMALL, progress=lambda done, blocks: steps.append((done, blocks)))
    assert steps == [(1, 2), (2, 2)]
    again = FaceDataset(SMALL, progress=lambda *_: pytest.fail("rendered twice"))
    assert torch.equal(first.images, again.images)
    assert len(first) == 22 and first.identities.unique().tolist() == list(range(11))
    item = first[3]
    assert item["image"].shape == (3, 32, 32) and item["image"].max() <= 1
    assert item["labels"].dtype == torch.int64
    assert first.tensors["day"].tolist() == [0, 1] * 11


def test_an_interrupted_run_goes_on_where_it_stopped():
    def stop(done, blocks):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FaceDataset(SMALL, progress=stop)
    folder = cache_folder() / SMALL.key()
    assert len(list(folder.glob("*.safetensors"))) == 1
    (folder / "block-00001.safetensors").write_bytes(b"half a file")
    steps = []
    whole = FaceDataset(SMALL, progress=lambda done, blocks: steps.append(done))
    assert steps == [2] and len(whole) == 22
    assert not list(folder.glob("*.tmp"))


def _make(root, queue):
    os.environ["COURSE_CACHE"] = root
    torch.set_num_threads(1)
    queue.put(int(FaceDataset(SMALL, progress=silent).images.long().sum()))


def test_two_processes_at_once_agree(own_cache):
    context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
    queue = context.Queue()
    workers = [context.Process(target=_make, args=(str(own_cache), queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    sums = [queue.get(timeout=300) for _ in workers]
    for worker in workers:
        worker.join()
    assert sums[0] == sums[1]


def test_people_of_different_splits_and_seeds_differ():
    vectors = [
        people(FaceSettings(identities=30, split=s, seed=k), b)[0].vector
        for s in ("train", "test")
        for k in (0, 1)
        for b in (0, 1)
    ]
    together = torch.cat(vectors)
    distance = torch.cdist(together, together) + 1e9 * torch.eye(len(together))
    assert distance.min() > 1  # 47 deviations drawn anew each time


def test_another_day_keeps_the_person():
    first, second = people(FaceSettings(identities=10, days=2), 0)
    assert torch.equal(first.vector, second.vector)
    assert not torch.equal(first["style"], second["style"])


def test_two_in_three_keep_their_hair_colour():
    first = sample_identities(400, torch.Generator().manual_seed(1))
    other = another_day(first, torch.Generator().manual_seed(2))
    same = (first["hair"] == other["hair"]).all(1)
    assert 0.58 < same.float().mean() < 0.72
    assert torch.equal(first["hair_code"][same], other["hair_code"][same])


def test_spectacles_change_nobody_who_wears_none():
    plain = FaceSettings(identities=8, per_identity=2, size=48, glasses=0.5, labels=True)
    a, b = FaceDataset(plain), FaceDataset(plain, spectacles=1.0)
    changed = (a.images != b.images).flatten(1).any(1)
    with_frame = (a.tensors["labels"] == LABELS.index("glasses")).flatten(1).any(1)
    assert 2 <= changed.sum() and not (changed & ~with_frame).any() and (changed | ~with_frame).float().mean() > 0.9
    assert torch.equal(a.tensors["points"], b.tensors["points"])


def test_glasses_belong_to_a_day_and_a_mask_to_a_picture():
    settings = FaceSettings(identities=6, per_identity=4, days=2, size=48, glasses=0.5, labels=True, foreground=True)
    data = FaceDataset(settings, progress=silent)
    worn = (data.tensors["labels"] == LABELS.index("glasses")).flatten(1).sum(1) > 4
    worn = worn.view(6, 2, 2)  # person, day, picture of that day
    assert torch.equal(worn[..., 0], worn[..., 1])
    assert 2 <= int(worn[..., 0].sum()) <= 10
    mask, labels = data.tensors["foreground"], data.tensors["labels"]
    assert mask.dtype == torch.uint8 and torch.equal(mask > 0, labels > 0)
    assert "foreground" not in FaceDataset(identities=1, per_identity=1, size=32, progress=silent).tensors


def test_disk_use_is_bounded():
    for seed in range(3):
        FaceDataset(FaceSettings(identities=1, per_identity=2, size=32, seed=seed), progress=silent)
    folders = [f for f in cache_folder().iterdir() if f.is_dir()]
    assert len(folders) == 3
    size = sum(f.stat().st_size for f in folders[0].glob("*"))
    newest = max(folders, key=lambda f: f.stat().st_mtime_ns)
    remaining = prune(limit=int(1.5 * size))
    assert remaining <= 1.5 * size
    assert [f for f in cache_folder().iterdir() if f.is_dir()] == [newest]


def test_room_made_by_another_process_does_not_stop_a_run():
    """Between the blocks, and while one is rendered, the whole folder may go."""
    steps = []

    def emptied(done, blocks):
        steps.append(done)
        assert prune(limit=0) == 0

    data = FaceDataset(SMALL, progress=emptied)
    assert steps == [1, 2] and len(data) == 22
    folder = cache_folder() / SMALL.key()
    assert not folder.exists() or not list(folder.glob("*.safetensors"))


def test_what_a_killed_process_left_is_cleared_away(monkeypatch):
    folder = cache_folder() / SMALL.key()
    folder.mkdir(parents=True)
    (folder / "block-00000.1.tmp").write_bytes(b"half")

    def fail(part, path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(dataset, "save_file", fail)
        with pytest.raises(OSError, match="disk full"):
            FaceDataset(SMALL, progress=silent)
    assert not list(folder.glob("*.tmp")) and not list(folder.glob("*.safetensors"))
    assert len(FaceDataset(SMALL, progress=silent)) == 22


def test_a_bar_is_shown_while_rendering(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    FaceDataset(identities=1, per_identity=1, size=32)
    assert "1/1" in capsys.readouterr().err


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="split"):
        FaceDataset(split="all")
    with pytest.raises(ValueError, match="per_identity"):
        FaceDataset(per_identity=0)
