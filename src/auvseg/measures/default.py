"""Which measure cases are compared by where nobody says which: what the benches showed to hold without fitting."""

from typing import TYPE_CHECKING

from auvseg.measures.catalogue import IMAGE_OUTLIER, MEASURES, OUTLIER

if TYPE_CHECKING:
    import pandas as pd

AUV = "AUV"


def default_measure(table: "pd.DataFrame") -> str:
    """`outlier` where the image's quality was measured, else the paper's AUV, else `outlier` of the labels alone.

    Of what needs no fitting, `outlier` finds planted faults best; AUV finds them by chance (docs/bench-detect.md).

    Where nothing tells one case from another, as in a cohort too small to compare, it is `outlier` too, and in a table
    without both the first measure that it has.

    Args:
        table: a scores table. A column that is the same in all cases of a class does not count.
    """
    too_few = OUTLIER in table and table[OUTLIER].isna().all()
    if too_few or (_tells(table, OUTLIER) and (_tells(table, IMAGE_OUTLIER) or not _tells(table, "S"))):
        return OUTLIER
    if _tells(table, "S"):
        return AUV
    return next((AUV if name == "S" else name for name in (OUTLIER, *MEASURES) if name in table), AUV)


def _tells(table: "pd.DataFrame", name: str) -> bool:
    """Whether a column tells a case from another: whether it differs within a class."""
    if name not in table:
        return False
    classes = table["class_id"] if "class_id" in table else [0] * len(table)
    return bool(table[name].groupby(classes, dropna=False).nunique().gt(1).any())
