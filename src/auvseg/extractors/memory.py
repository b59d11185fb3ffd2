"""Memory of networks: a cache of plane embeddings, and fallbacks if a device runs out of memory."""

import gc
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32

from auvseg.errors import CaseError

Embedding = TypeVar("Embedding")
"""What an encoder makes of a plane."""


@runtime_checkable
class RemembersPlanes(Protocol):
    """An extractor that can keep the embeddings of planes."""

    def remember_planes(self, count: int) -> None:
        """Keep the embeddings of the last `count` different planes from now on; 0 keeps none."""
        ...


class PlaneMemory(Generic[Embedding]):
    """The embeddings of the planes that were seen last, found by the planes' content.

    Args:
        capacity: planes to keep; 0 keeps none.
    """

    def __init__(self, capacity: int = 0) -> None:
        if capacity < 0:
            raise ValueError(f"a memory holds at least 0 planes, not {capacity}")
        self._capacity = capacity
        self._known: OrderedDict[bytes, Embedding] = OrderedDict()

    def forget(self) -> None:
        """Keep nothing of what was seen so far."""
        self._known.clear()

    def recall(
        self, plane: Float32[np.ndarray, "H W"], encode: Callable[[Float32[np.ndarray, "H W"]], Embedding]
    ) -> Embedding:
        """The embedding of a plane: the one that is known, or what `encode` makes of it."""
        if self._capacity == 0:
            return encode(plane)
        key = hashlib.sha256(np.ascontiguousarray(plane).tobytes()).digest()
        if key not in self._known:
            self._known[key] = encode(plane)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


Precision = Literal["fp32", "bf16"]

T = TypeVar("T")

_WORDS = ("out of memory", "can't allocate memory", "not enough memory")
"""How PyTorch says it in a plain RuntimeError, for the processor's memory above all."""


@dataclass(frozen=True)
class Way:
    """How windows go through a network.

    Attributes:
        device: `cpu`, `cuda` or `cuda:N`.
        precision: `fp32`, or `bf16` where PyTorch's autocast has it so.
        batch: windows at a time.
        unit: what a window is called.
    """

    device: str
    precision: Precision
    batch: int = 1
    unit: str = "window"

    def __str__(self) -> str:
        many = f"1 {self.unit}" if self.batch == 1 else f"{self.batch} {self.unit}s"
        return f"{many} at a time in {self.precision} on {self.device}"


def ways_from(first: Way) -> tuple[Way, ...]:
    """The first way and all that need less memory, the nearest first; the last is the processor in full precision."""
    ways = [first]
    while ways[-1].batch > 1:
        ways.append(replace(ways[-1], batch=ways[-1].batch // 2))
    if first.precision == "fp32":
        ways.append(replace(ways[-1], precision="bf16"))
    if torch.device(first.device).type != "cpu":
        ways.append(Way("cpu", first.precision))
    return tuple(ways)


def ways_of_planes(first: Way) -> tuple[Way, ...]:
    """For models of planes, which see one at a time: the processor, in the precision that was asked for."""
    return (first,) if torch.device(first.device).type == "cpu" else (first, replace(first, device="cpu"))


def named_precision(name: str) -> Precision:
    """The precision that a user names; `auto` is `fp32`."""
    return "bf16" if name == "bf16" else "fp32"


class Fallback:
    """Goes on with less where the memory is not enough.

    Args:
        first: the way that was asked for.
        ways: it and all that need less, in the order in which they are tried; None: `ways_from(first)`.
    """

    def __init__(self, first: Way, ways: tuple[Way, ...] | None = None) -> None:
        self._ways = ways_from(first) if ways is None else ways
        self._taken = 0

    @property
    def way(self) -> Way:
        """The way that is taken now."""
        return self._ways[self._taken]

    def run(self, attempt: Callable[[Way], T]) -> T:
        """The result of the first way for which the memory is enough.

        Raises:
            CaseError: it is not enough for any.
        """
        while True:
            try:
                return attempt(self.way)
            except (RuntimeError, MemoryError) as problem:
                if not is_out_of_memory(problem):
                    raise
            self.give_way()

    def give_way(self) -> None:
        """Take the next way. Called where the error, and with it every tensor of the failed attempt, is gone.

        Raises:
            CaseError: there is none.
        """
        if self._taken + 1 == len(self._ways):
            raise CaseError(f"not enough memory, even with {self.way}; use a machine with more")
        self._taken += 1
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def remarks(self) -> tuple[str, ...]:
        """What was given up, in a sentence; empty where nothing was."""
        if self._taken == 0:
            return ()
        return (f"not enough memory for {self._ways[0]}: computed with {self.way}",)


def is_out_of_memory(problem: BaseException | None) -> bool:
    """Whether an error, or what caused it, says that the memory is not enough."""
    while problem is not None:
        if isinstance(problem, MemoryError | torch.OutOfMemoryError):
            return True
        if isinstance(problem, RuntimeError) and any(words in str(problem).lower() for words in _WORDS):
            return True
        problem = problem.__cause__
    return False
