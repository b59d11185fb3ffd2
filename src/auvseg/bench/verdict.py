"""Interpret the interval of an area under the ROC curve in words."""

import math

CHANCE = 0.5

FINDS, BLIND, WRONG = "finds it", "no usable signal", "wrong direction"
"""What an interval says: above 0.5, around it, below it."""


def verdict_of(low: float, high: float) -> str:
    """Return the words for an interval; empty if there is none."""
    if math.isnan(low):
        return ""
    return FINDS if low > CHANCE else WRONG if high < CHANCE else BLIND
