"""Find the cases and structures of a segmentation data set that are too noisy or ambiguous to learn from."""

from auvseg._version import __version__

__all__ = ["__version__"]
