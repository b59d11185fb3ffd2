"""Where memory is short: what is given up in which order, and that it is said."""

import pytest
import torch

from auvseg.errors import CaseError
from auvseg.extractors.memory import Fallback, Way, is_out_of_memory, ways_from


def test_first_fewer_windows_then_precision_then_the_processor():
    assert [str(way) for way in ways_from(Way("cuda", "fp32", 4))] == [
        "4 windows at a time in fp32 on cuda",
        "2 windows at a time in fp32 on cuda",
        "1 window at a time in fp32 on cuda",
        "1 window at a time in bf16 on cuda",
        "1 window at a time in fp32 on cpu",
    ]
    assert ways_from(Way("cpu", "bf16")) == (Way("cpu", "bf16"),)


@pytest.mark.parametrize(
    "problem",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["cuda", "python", "processor"],
)
def test_every_kind_of_shortage_is_known(problem):
    assert is_out_of_memory(problem)
    outer = RuntimeError("Seems to be something else")
    outer.__cause__ = problem
    assert is_out_of_memory(outer)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


def test_it_goes_on_with_less_and_says_so():
    tried = []

    def attempt(way):
        tried.append(way)
        if way.device != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "done"

    fallback = Fallback(Way("cuda", "fp32", 2))
    assert fallback.remarks() == ()
    assert fallback.run(attempt) == "done"
    assert [way.device for way in tried] == ["cuda", "cuda", "cuda", "cpu"]
    assert fallback.remarks() == (
        "not enough memory for 2 windows at a time in fp32 on cuda: computed with 1 window at a time in fp32 on cpu",
    )
    fallback.run(attempt)
    assert len(tried) == 5


def test_when_nothing_is_left_the_case_fails_with_the_reason():
    def attempt(way):
        raise MemoryError

    with pytest.raises(CaseError, match="not enough memory, even with 1 window at a time in bf16 on cpu"):
        Fallback(Way("cpu", "fp32")).run(attempt)


def test_other_errors_are_not_hidden():
    def attempt(way):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        Fallback(Way("cpu", "fp32", 2)).run(attempt)
