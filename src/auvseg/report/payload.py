"""Numbers and text as a page can hold them.

Numbers are rounded to four digits: a page is for looking; `scores.csv` has them all.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float


def numbers(values: Sequence[float] | Float[np.ndarray, "N"]) -> list[float | None]:
    """Values as JSON has them: four digits, missing ones null."""
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in map(float, values)]


def exact(values: Sequence[float] | Float[np.ndarray, "N"]) -> list[float | None]:
    """The same without rounding, for numbers that are compared with each other: ties must stay what they are."""
    return [value if math.isfinite(value) else None for value in map(float, values)]


def as_json(content: Any) -> str:
    """Compact JSON that can stand inside a page or a script whatever its strings hold.

    No `<`, `>` or `&` is left, so nothing ends an element or begins one, and no line separator of Unicode's, which
    older scripts take for the end of a line.
    """
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # A lone surrogate, which a case id may hold, is no text that a file could be written with.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
