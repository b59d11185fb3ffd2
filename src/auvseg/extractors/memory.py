"""What a network said of the planes it saw last, for callers that show it the same plane again.

The detection bench does: a fault of the label leaves the image as it is, and encoding takes ten times as long as
decoding.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float32

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
