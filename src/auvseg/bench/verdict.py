"""The verdict on a measure, in words: what the interval of its area under the ROC curve says."""

import math

CHANCE = 0.5

FINDS, BLIND, WRONG = "finds it", "no usable signal", "wrong direction"
"""What an interval says: above 0.5, around it, below it."""


def verdict_of(low: float, high: float) -> str:
    """The verdict of an interval; empty where there is none."""
    if math.isnan(low):
        return ""
    return FINDS if low > CHANCE else WRONG if high < CHANCE else BLIND
