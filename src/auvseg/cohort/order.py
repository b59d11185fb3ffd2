"""What an order of cases rests on: whether there is one, and which structure puts a case where it stands."""

from dataclasses import dataclass

import pandas as pd

from auvseg.choices import Scope
from auvseg.measures.catalogue import MEASURES
from auvseg.measures.cohort import FEWEST, too_few
from auvseg.measures.default import AUV
from auvseg.measures.direction import suspicion_of
from auvseg.ranking import Criterion, numbers_in
from auvseg.wording import counted

_MOST_NAMED = 5


@dataclass(frozen=True)
class Behind:
    """What a case's number is made of.

    Attributes:
        class_id: the structure that puts the case where it stands.
        name: its name.
        structures: how many structures of the case have a number.
    """

    class_id: int
    name: str
    structures: int


def behind(table: pd.DataFrame, criterion: Criterion) -> dict[str, Behind]:
    """By case, the structure that puts it where it stands.

    Where a case is as suspicious as its most suspicious structure, it is that one. Where it is the mean over its
    structures, it is the one that lies farthest towards the suspicious end of the same structure's median: a lesion is
    harder than a liver in every case. Of several the first.

    Args:
        table: a scores table.
        criterion: what cases are compared by.

    Returns:
        An entry for every case with a number.
    """
    rows = _compared(table, criterion)
    suspicion = rows["suspicion"]
    if not criterion.of_farthest:
        suspicion = suspicion - rows.groupby("class_id")["suspicion"].transform("median")
    counts = rows.groupby("case").size()
    first = rows.assign(suspicion=suspicion).sort_values(
        ["case", "suspicion", "class_id"], ascending=[True, False, True], kind="stable"
    )
    first = first.drop_duplicates("case")
    return {
        str(case): Behind(int(class_id), str(name), int(counts[case]))
        for case, class_id, name in zip(first["case"], first["class_id"], first["class"], strict=True)
    }


def how_made(criterion: Criterion) -> str:
    """How the number of a case is made of those of its structures, in a sentence."""
    if criterion.of_farthest:
        return f"{criterion.name} of a case: the maximum over its structures"
    if criterion.name == AUV:
        return "AUV of a case: from the mean of S over its structures"
    if criterion.suspicious == "both":
        return f"distance of a case: the mean over its structures of how far {criterion.name} lies from the median"
    return f"{criterion.name} of a case: the mean over its structures"


def is_relative(criterion: Criterion) -> bool:
    """Whether the number says where a case lies among the others, and nothing without them."""
    compares = criterion.column in MEASURES and MEASURES[criterion.column].group == "cohort"
    return compares or criterion.name == AUV or criterion.suspicious == "both"


def no_order(table: pd.DataFrame, criterion: Criterion, scope: Scope = "case") -> str:
    """Why cases, or structures, cannot be put in order, in a sentence; empty where they can.

    Args:
        table: a scores table.
        criterion: what they are compared by.
        scope: `case` or `class`.
    """
    values = _values(_compared(table, criterion), criterion, scope)
    if values.nunique() > 1:
        return ""
    known = table[(table["status"] != "failed") & table["class_id"].notna()]
    cases, holding = known["case"].nunique(), _holding(known)
    if not cases:
        return "no case has a score: nothing to rank"
    if holding.empty:
        return f"none of {counted(cases, 'case')} holds any of the classes: nothing to rank"
    if is_relative(criterion) and cases < FEWEST:
        return too_few(counted(cases, "case"))
    if is_relative(criterion) and holding.max() < FEWEST:
        return f"of {counted(cases, 'case')} {too_few(_in_words(holding))}"
    if cases == 1:
        return "1 case: nothing to rank it against"
    unit = "case" if scope == "case" else "structure"
    if values.empty:
        return f"no {unit} has a number of {criterion.name}: nothing to rank"
    if _identical(known):
        return f"all {cases} cases are identical: nothing to rank"
    return f"all {counted(len(values), unit)} with a number of {criterion.name} have the same: nothing to rank"


def doubt(table: pd.DataFrame, criterion: Criterion, scope: Scope = "case") -> str:
    """Who is too few to be compared where others are in order, in a sentence; empty where all are enough.

    Args:
        table: a scores table.
        criterion: what cases or structures are compared by.
        scope: `case` or `class`.
    """
    known = table[(table["status"] != "failed") & table["class_id"].notna()]
    if not is_relative(criterion) or known.empty:
        return ""
    if known["case"].nunique() < FEWEST:
        return f"{too_few(counted(known['case'].nunique(), 'case'))}; this order says little"
    few = _holding(known)
    few = few[few < FEWEST]
    of_mean = criterion.name == AUV and scope == "case"
    return "" if few.empty or of_mean else too_few(_in_words(few))


def enough_for_auv(ranking: pd.DataFrame) -> pd.Series:
    """Which rows of a ranking have an AUV that says something: among fewer than `FEWEST`, one is 0 and one is 1 always.

    Args:
        ranking: of `auvseg.rank`, of cases or, where it has `class_id`, of structures.
    """
    known = ranking["S"].notna()
    if "class_id" not in ranking:
        return pd.Series(bool(known.sum() >= FEWEST), index=ranking.index)
    return known.groupby(ranking["class_id"]).transform("sum") >= FEWEST


def uncompared(table: pd.DataFrame, criterion: Criterion) -> dict[int, str]:
    """Why a structure has no number that says where it lies among the others, by class id: too few cases hold it."""
    if not is_relative(criterion) or criterion.name == AUV:
        return {}
    held = table[table["status"] == "ok"].groupby("class_id").agg(name=("class", "first"), cases=("case", "nunique"))
    few = held[held["cases"] < FEWEST]
    return {
        int(class_id): too_few(f"{name} in {counted(int(cases), 'case')}")
        for class_id, name, cases in zip(few.index, few["name"], few["cases"], strict=True)
    }


def _compared(table: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """The structures that have a number: `case, class_id, class, suspicion` (high = suspicious)."""
    statuses = ("ok", "absent") if criterion.judges_absence else ("ok",)
    numbers = numbers_in(table, criterion.column)
    there = table["status"].isin(statuses) & numbers.notna() & table["class_id"].notna()
    rows = table.loc[there, ["case", "class_id", "class"]].assign(suspicion=numbers[there])
    if criterion.suspicious == "both":
        rows["suspicion"] = rows.groupby("class_id")["suspicion"].transform(
            lambda v: suspicion_of(v.to_numpy(), "both")
        )
        return rows.dropna(subset="suspicion")
    if criterion.suspicious == "low" or criterion.name == AUV:  # AUV is high where S is low
        rows["suspicion"] = -rows["suspicion"]
    return rows


def _values(rows: pd.DataFrame, criterion: Criterion, scope: Scope) -> pd.Series:
    if scope == "class":
        return rows["suspicion"]
    by_case = rows.groupby("case")["suspicion"]
    return by_case.max() if criterion.of_farthest else by_case.mean()


def _holding(known: pd.DataFrame) -> pd.Series:
    """How many cases hold each structure, by its name, the fewest first; without those that none holds."""
    return known[known["status"] == "ok"].groupby("class")["case"].nunique().sort_values(kind="stable")


def _in_words(holding: pd.Series) -> str:
    shown = [f"{name} in {counted(count, 'case')}" for name, count in list(holding.items())[:_MOST_NAMED]]
    return ", ".join(shown) + (f" and {len(holding) - len(shown)} more" if len(holding) > len(shown) else "")


def _identical(known: pd.DataFrame) -> bool:
    """Whether all cases hold the same structures with the same numbers."""
    recorded = [name for name, one in MEASURES.items() if one.group != "cohort" and name in known.columns]
    different = known.groupby("class_id")[["status", *recorded]].nunique(dropna=False)
    return bool(recorded) and bool((different <= 1).all(axis=None))
