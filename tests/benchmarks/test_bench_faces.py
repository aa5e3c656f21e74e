"""The benchmark of the face renderer in miniature."""

import torch

from course_lib.bench import faces


def test_eight_pictures_of_each_person():
    people, nuisance, index = faces.draw(20)
    assert len(people) == 3 and len(nuisance) == 20
    assert index.bincount().tolist() == [8, 8, 4]
    assert not people.baked


def test_speed_is_told_with_its_range_and_threads_come_back():
    before = torch.get_num_threads()
    rate = faces.speed(24, 1, 4, rounds=2)
    assert 0 < rate["worst"] <= rate["median"] <= rate["best"]
    assert torch.get_num_threads() == before


def test_memory_of_a_small_picture():
    assert 0 <= faces.memory(24, 1, 4) < 100
