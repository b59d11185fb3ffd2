"""Known faults of graded severity, for images and labels, each with the truth that a measure has to find."""

from auvseg.bench.corruptions.base import Corrupted, Corruption, Truth
from auvseg.bench.corruptions.catalogue import CORRUPTIONS

__all__ = ["CORRUPTIONS", "Corrupted", "Corruption", "Truth"]
