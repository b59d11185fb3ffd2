"""Colours of classes, the same on every page and in every figure."""

PALETTE = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#f0e442", "#0072b2", "#999999")
"""Okabe and Ito's colour-blind safe palette, ordered by visibility on tissue and paper. It repeats after eight
classes."""


def colour_of(position: int) -> str:
    """Return the colour of the class at a position in the data set, from 0."""
    return PALETTE[position % len(PALETTE)]
