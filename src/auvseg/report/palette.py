"""The colours of classes, the same on every page and in every figure."""

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")
"""Okabe and Ito's colours, told apart by nearly everybody; after the eighth class they begin anew."""


def colour_of(position: int) -> str:
    """The colour of the class at a position among the data set's, from 0."""
    return PALETTE[position % len(PALETTE)]
