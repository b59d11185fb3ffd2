import numpy as np
import pytest
import torch

from auvseg.extractors.memory import PlaneMemory


class Encoder:
    def __init__(self):
        self.seen = 0

    def __call__(self, plane):
        self.seen += 1
        return torch.from_numpy(plane * 2)


def planes(count):
    return [np.full((3, 4), n, np.float32) for n in range(count)]


def test_a_plane_is_encoded_once_whatever_its_memory_layout():
    memory, encoder = PlaneMemory(2), Encoder()
    plane = np.arange(12, dtype=np.float32).reshape(3, 4)
    first = memory.recall(plane, encoder)
    again = memory.recall(np.asfortranarray(plane), encoder)
    assert encoder.seen == 1
    assert torch.equal(first, again)


def test_what_was_not_asked_for_longest_is_forgotten():
    memory, encoder = PlaneMemory(2), Encoder()
    a, b, c = planes(3)
    for plane in (a, b, a, c, a):
        memory.recall(plane, encoder)
    assert encoder.seen == 3
    memory.recall(b, encoder)
    assert encoder.seen == 4


def test_without_room_nothing_is_kept():
    memory, encoder = PlaneMemory(), Encoder()
    for _ in range(2):
        memory.recall(planes(1)[0], encoder)
    assert encoder.seen == 2


def test_a_negative_room_is_refused():
    with pytest.raises(ValueError, match="at least 0"):
        PlaneMemory(-1)
