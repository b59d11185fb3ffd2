import errno
import multiprocessing
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from auvseg.data.workers import transfer

DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture(params=["memory files", "no memory files", "memory files that fill up"])
def way(request, monkeypatch):
    """How arrays travel: on Linux, elsewhere, and on Linux where memory is short."""
    if request.param == "memory files" and not hasattr(os, "memfd_create"):
        pytest.skip("this system has no anonymous memory files")
    if request.param == "no memory files":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    if request.param == "memory files that fill up":
        monkeypatch.setattr(os, "write", no_room)
    return request.param


def no_room(file, content):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def round_trip(message):
    ours, theirs = multiprocessing.Pipe()
    sender = threading.Thread(target=transfer.send, args=(theirs, message))
    sender.start()
    received = transfer.receive(ours)
    sender.join()
    ours.close()
    theirs.close()
    return received


def open_descriptors():
    return len(list(DESCRIPTORS.iterdir()))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint8])
def test_large_arrays_arrive_as_they_were_and_can_be_written_to(way, order, dtype):
    array = np.asarray(np.random.default_rng(0).integers(0, 99, (90, 120, 130)), dtype=dtype, order=order)
    received = round_trip({"array": array, "name": "case"})
    np.testing.assert_array_equal(received["array"], array)
    assert (received["array"].dtype, received["array"].flags.f_contiguous) == (array.dtype, order == "F")
    received["array"][0, 0, 0] = 7
    assert received["name"] == "case"


def test_large_and_small_arrays_keep_their_places(way):
    arrays = [
        np.full(size, number, np.float32) for number, size in enumerate((500_000, 3, 400_000, 0, 262_144, 262_143))
    ]
    for sent, received in zip(arrays, round_trip(arrays), strict=True):
        np.testing.assert_array_equal(received, sent)


@pytest.mark.parametrize(
    "array", [np.ones((3, 400_000))[:, ::2], np.ones((200, 100, 50)).transpose(1, 2, 0), np.array(1.0)]
)
def test_arrays_of_any_layout_arrive(way, array):
    np.testing.assert_array_equal(round_trip(array), array)


def test_an_array_used_twice_in_a_message_is_still_one(way):
    array = np.zeros(500_000)
    first, second = round_trip((array, array))
    first[3] = 5
    assert second[3] == 5


def test_what_cannot_be_pickled_fails_before_anything_is_sent(way):
    ours, theirs = multiprocessing.Pipe()
    with pytest.raises((AttributeError, TypeError, Exception), match="pickle"):
        transfer.send(theirs, [np.zeros(500_000), lambda: None])
    assert not ours.poll()


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="counts descriptors where Linux lists them")
def test_no_descriptor_outlives_its_array(way):
    before = open_descriptors()
    received = [round_trip(np.zeros(500_000)) for _ in range(5)]
    assert open_descriptors() <= before + len(received)
    del received
    assert open_descriptors() == before


def test_a_closed_end_is_an_end_of_file(way):
    ours, theirs = multiprocessing.Pipe()
    theirs.close()
    with pytest.raises((EOFError, OSError)):
        transfer.receive(ours)


def test_an_array_that_was_made_to_be_shared_is_not_copied():
    if not hasattr(os, "memfd_create"):
        pytest.skip("this system has no anonymous memory files")
    before = open_descriptors()
    array = transfer.shareable((3, 700, 200), np.float32)
    array[:] = np.random.default_rng(0).random(array.shape)
    received = round_trip({"array": array, "other": array[:1].copy()})["array"]
    np.testing.assert_array_equal(received, array)
    array[2, 1, 0] = 77.0
    assert received[2, 1, 0] == 77.0
    del array
    assert received[2, 1, 0] == 77.0
    del received
    assert open_descriptors() == before


@pytest.mark.parametrize("part", [np.s_[1:], np.s_[:, :-1], np.s_[..., ::-1]], ids=str)
def test_a_part_of_such_an_array_travels_by_itself(part):
    array = transfer.shareable((4, 700, 200), np.int32)
    array[:] = np.random.default_rng(0).integers(0, 99, array.shape)
    received = round_trip(array[part])
    np.testing.assert_array_equal(received, array[part])
    assert not np.shares_memory(received, array)
    array[:] = -1
    assert (received >= 0).all()


def test_without_memory_files_an_array_to_be_shared_is_like_any_other(monkeypatch):
    monkeypatch.setattr(os, "memfd_create", lambda name: no_room(name, b""), raising=False)
    array = transfer.shareable((3, 700, 200), np.float32)
    assert array.shape == (3, 700, 200)
    assert not array.any()
    assert transfer.shareable((2, 0), np.int32).size == 0
