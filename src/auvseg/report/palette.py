"""The colours of classes, the same on every page and in every figure."""

PALETTE = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#f0e442", "#0072b2", "#999999")
"""Okabe and Ito's colours, told apart by nearly everybody; those first that are seen on tissue and on paper. After
the eighth class they begin anew."""


def colour_of(position: int) -> str:
    """The colour of the class at a position among the data set's, from 0."""
    return PALETTE[position % len(PALETTE)]
