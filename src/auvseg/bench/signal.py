"""What the interval of an area under the ROC curve says of a measure, in words."""

import math

CHANCE = 0.5

FINDS, BLIND, WRONG = "finds it", "no usable signal", "wrong direction"
"""What an interval says: above 0.5, around it, below it."""


def signal(low: float, high: float) -> str:
    """The words for an interval; empty where there is none."""
    if math.isnan(low):
        return ""
    return FINDS if low > CHANCE else WRONG if high < CHANCE else BLIND
