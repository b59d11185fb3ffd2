"""Which measure cases are compared by where nobody says which: what the benches showed to hold without fitting."""

from typing import TYPE_CHECKING

from auvseg.measures.catalogue import IMAGE_OUTLIER, OUTLIER

if TYPE_CHECKING:
    import pandas as pd

AUV = "AUV"


def default_measure(table: "pd.DataFrame") -> str:
    """`outlier` where the image's quality was measured, else the paper's AUV, else `outlier` of the labels alone.

    Of what needs no fitting, `outlier` finds planted faults best; AUV finds them by chance (docs/bench-detect.md).

    Args:
        table: a scores table. A column that is the same in all rows tells no case from another and does not count.
    """

    def tells(name: str) -> bool:
        return name in table and table[name].nunique() > 1

    if tells(OUTLIER) and (tells(IMAGE_OUTLIER) or not tells("S")):
        return OUTLIER
    return AUV
