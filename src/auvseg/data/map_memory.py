"""What the maps of an extractor take in memory, as plain numbers: those who ask need no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MapMemory:
    """What the maps of a case take in memory, for whoever must know before the case is read.

    Attributes:
        plane_bytes: of one plane of one map; None: float32 on the volume's grid.
        open_maps: whole maps that are held at a time at most, finished or not, however many classes there are.
        fixed_bytes: what the network takes beside its weights and the maps.
        max_planes: of a map; None: as many as the volume has.
    """

    plane_bytes: int | None = None
    open_maps: int = 3
    fixed_bytes: int = 1 << 30
    max_planes: int | None = None


UNKNOWN = MapMemory()
"""Of an extractor that does not say."""
