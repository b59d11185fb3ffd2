"""Convert numbers and text for the page.

Numbers are rounded to four digits; `scores.csv` has them in full.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float


def numbers(values: Sequence[float] | Float[np.ndarray, "N"]) -> list[float | None]:
    """Convert values for JSON: four digits, missing ones null."""
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in map(float, values)]


def exact(values: Sequence[float] | Float[np.ndarray, "N"]) -> list[float | None]:
    """Convert values for JSON without rounding, for numbers that are compared: rounding must not create ties."""
    return [value if math.isfinite(value) else None for value in map(float, values)]


def as_json(content: Any) -> str:
    """Write compact JSON that is safe to embed in a page or script, whatever its strings contain.

    `<`, `>` and `&` are escaped, so nothing can start or end an element, and so are Unicode line separators, which
    older scripts take for the end of a line.
    """
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # A lone surrogate, which a case id may hold, is no text that a file could be written with.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
