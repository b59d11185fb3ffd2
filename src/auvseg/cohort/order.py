"""Rank cases and structures, most suspicious first, and say when there are too few to rank."""

from dataclasses import dataclass

import pandas as pd

from auvseg.choices import Scope
from auvseg.cohort.compared import cohort_of, refuse_twice, require_columns
from auvseg.cohort.distance import MIN_CASES, too_few
from auvseg.cohort.suspicion import Criterion, find_criterion, judged_statuses, numbers_in, suspicions
from auvseg.measures.catalogue import AUV, MEASURES, Suspicious
from auvseg.wording import counted

MAX_NAMED = 5


@dataclass(frozen=True)
class Behind:
    """The structure that decides the rank of a case.

    Attributes:
        class_id: class of the structure.
        name: name of the structure.
        structures: number of the case's structures that have a value.
    """

    class_id: int
    name: str
    structures: int


def rank(
    table: pd.DataFrame, *, by: str | None = None, scope: Scope = "case", suspicious: Suspicious | None = None
) -> pd.DataFrame:
    """Order the scored cases from the most to the least suspicious.

    Training cases are compared with each other, validation and test cases with the training cases.

    Args:
        table: a scores table (`auvseg.load_scores`).
        by: `AUV`, a measure, or any other numeric column of the table; None: the `default_measure`. The suspicious end
            comes first.
        scope: `case` takes the mean of every measure over the classes that the case contains (METHOD section 2), and
            for measures that compare with the cohort the farthest class; `class` ranks every case and class, with AUV
            computed over the cases that contain the class.
        suspicious: the suspicious end of a column that is not a measure; measures know theirs.

    Returns:
        Columns `rank` (from 1; missing where `by` is), `case`, with scope `class` also `class_id` and `class`, then
        `AUV` (if the table has `S`), the measures, and `by` if it is none of them. If both ends of `by` are suspicious,
        `distance` precedes the measures: the distance from the median of the class, in robust standard deviations, for
        scope `case` the mean over the case's classes. Ties are in order of their ids; rows without `by` come last. If
        no two rows differ, none has a rank, and all are in order of their ids (`no_order` says why).
        Cases without any score are left out. A class that a case lacks is included if `by` scores absence
        (`label_outlier`).

    Raises:
        UsageError: `by` is not a numeric column of the table, or its direction is unknown or contradicted.
    """
    criterion = find_criterion(table, by, suspicious, to="rank")
    require_columns(table, ("case", "class_id", "class", "status"))
    refuse_twice(table[table["class_id"].notna()])
    measures = [name for name in MEASURES if name in table.columns]
    columns = measures if criterion.column in MEASURES else [*measures, criterion.column]
    # What is shown is what was compared.
    numbers = numbers_in(table, criterion.column)
    table = table.assign(**{criterion.column: numbers.where(table["status"].isin(judged_statuses(criterion)))})
    scored = table[(table["status"] == "ok") | _judged_absent(table, criterion, scope)]
    compared = suspicions(table, criterion, scope)
    keys = ["case"] if scope == "case" else ["case", "class_id", "class"]
    if scope == "case":
        over_classes = {name: "max" if name in MEASURES and MEASURES[name].of_farthest else "mean" for name in columns}
        ranking = scored.groupby("case", sort=True).agg(over_classes).reset_index()
    else:
        ranking = scored[[*keys, *columns]].reset_index(drop=True)
    of_row = ["case"] if scope == "case" else ["case", "class_id"]
    places = ranking[of_row].merge(compared[[*of_row, "value", "suspicion"]], on=of_row, how="left")
    if criterion.suspicious == "both":
        ranking.insert(len(keys), "distance", places["value"])
    if "S" in measures:
        of_scale = compared if criterion.name == AUV else suspicions(table, Criterion(AUV, "S", "high"), scope)
        auv = ranking[of_row].merge(of_scale[[*of_row, "value"]], on=of_row, how="left")
        ranking.insert(len(keys), AUV, auv["value"])
    ranking = ranking.assign(_suspicion=places["suspicion"])
    differ = _differ(compared)
    by_suspicion = ["_suspicion"] if differ else []
    ascending = [*[False] * len(by_suspicion), *[True] * len(keys)]
    ranking = ranking.sort_values([*by_suspicion, *keys], ascending=ascending, na_position="last", kind="stable")
    ranks = pd.Series(range(1, len(ranking) + 1), index=ranking.index, dtype="Int64")
    ranking.insert(0, "rank", ranks.where(ranking["_suspicion"].notna() & differ))
    return ranking.drop(columns="_suspicion").reset_index(drop=True)


def behind(table: pd.DataFrame, criterion: Criterion) -> dict[str, Behind]:
    """Find the structure that decides the rank of each case.

    If the case takes the value of its most suspicious structure, it is that structure. If it takes the mean over its
    structures, it is the one farthest from the median of the same structure, towards the suspicious end: a lesion is
    harder than a liver in every case. Ties go to the first.

    Args:
        table: a scores table.
        criterion: what cases are compared by.

    Returns:
        An entry for every case with a value, by case id.
    """
    of_structures = Criterion("S", "S", "low") if criterion.name == AUV else criterion
    rows = suspicions(table, of_structures, "class").dropna(subset="value")
    suspicion = rows["suspicion"]
    if not criterion.of_farthest:
        cohort = suspicion.where(rows["cohort"])
        suspicion = suspicion - cohort.groupby(rows["class_id"]).transform("median")
    counts = rows.groupby("case").size()
    first = rows.assign(suspicion=suspicion).sort_values(
        ["case", "suspicion", "class_id"], ascending=[True, False, True], kind="stable"
    )
    first = first.drop_duplicates("case")
    return {
        str(case): Behind(int(class_id), str(name), int(count))
        for case, class_id, name, count in zip(
            first["case"], first["class_id"], first["class"], counts.reindex(first["case"]), strict=True
        )
    }


def how_made(criterion: Criterion) -> str:
    """Say in one sentence how the value of a case follows from its structures."""
    if criterion.of_farthest:
        return f"{criterion.name} of a case: the maximum over its structures"
    if criterion.name == AUV:
        return "AUV of a case: from the mean of S over its structures"
    if criterion.suspicious == "both":
        return f"distance of a case: the mean over its structures of how far {criterion.name} lies from the median"
    return f"{criterion.name} of a case: the mean over its structures"


def no_order(
    table: pd.DataFrame, criterion: Criterion, scope: Scope = "case", compared: pd.DataFrame | None = None
) -> str:
    """Say in one sentence why cases or structures cannot be ranked; empty if they can.

    Args:
        table: a scores table.
        criterion: what they are compared by.
        scope: `case` or `class`.
        compared: `suspicions` of all these; None: computed here.
    """
    compared = suspicions(table, criterion, scope) if compared is None else compared
    if _differ(compared):
        return ""
    values = compared.loc[compared["cohort"], "value"].dropna()
    known = _known(table)
    cases, holding = known["case"].nunique(), _holding(known)
    if not cases:
        return "no case has a score: nothing to rank"
    if holding.empty:
        return f"none of {counted(cases, 'case')} contains any of the classes: nothing to rank"
    if criterion.is_relative and cases < MIN_CASES:
        return too_few(counted(cases, "case"))
    if criterion.is_relative and holding.max() < MIN_CASES:
        return f"of {counted(cases, 'case')} {too_few(_in_words(holding))}"
    if cases == 1:
        return "1 case: nothing to rank it against"
    unit = "case" if scope == "case" else "structure"
    if values.empty:
        return f"no {unit} has a value of {criterion.name}: nothing to rank"
    if _identical(known):
        return f"all {cases} cases are identical: nothing to rank"
    return f"{criterion.name} is the same for all {counted(len(values), unit)} that have it: nothing to rank"


def doubt(table: pd.DataFrame, criterion: Criterion, scope: Scope = "case") -> str:
    """Say in one sentence which cases or structures are too few to be compared; empty if none are.

    Args:
        table: a scores table.
        criterion: what cases or structures are compared by.
        scope: `case` or `class`.
    """
    known = _known(table)
    if not criterion.is_relative or known.empty:
        return ""
    if known["case"].nunique() < MIN_CASES:
        return f"{too_few(counted(known['case'].nunique(), 'case'))}; treat this order with caution"
    few = _holding(known)
    few = few[few < MIN_CASES]
    of_mean = criterion.name == AUV and scope == "case"
    return "" if few.empty or of_mean else too_few(_in_words(few))


def enough_for_auv(table: pd.DataFrame, ranking: pd.DataFrame) -> pd.Series:
    """Mask the rows of a ranking whose AUV is meaningful: among fewer than `MIN_CASES`, one is always 0 and one 1.

    Args:
        table: the scores table.
        ranking: result of `rank` for this table: cases or, if it has `class_id`, structures.
    """
    scored = table[cohort_of(table) & ((table["status"] == "ok") & table["S"].notna()).to_numpy()]
    if "class_id" not in ranking:
        return pd.Series(bool(scored["case"].nunique() >= MIN_CASES), index=ranking.index)
    enough = scored.groupby("class_id")["case"].nunique() >= MIN_CASES
    return ranking["class_id"].isin(enough.index[enough])


def _differ(compared: pd.DataFrame) -> bool:
    """Whether any two values differ: of the cohort, or of all if the cohort has fewer than two."""
    values = compared["value"]
    of_cohort = values[compared["cohort"]].dropna()
    return bool((of_cohort if len(of_cohort) > 1 else values).nunique() > 1)


def _known(table: pd.DataFrame) -> pd.DataFrame:
    """The cohort's rows that were scored."""
    return table[cohort_of(table) & ((table["status"] != "failed") & table["class_id"].notna()).to_numpy()]


def _judged_absent(table: pd.DataFrame, criterion: Criterion, scope: Scope) -> pd.Series:
    """Rows of absent classes, if a measure scores absence; when ranking classes only if `by` is that measure."""
    judging = [name for name in table.columns if name in MEASURES and MEASURES[name].judges_absence]
    wanted = judging if scope == "case" else [name for name in judging if name == criterion.column]
    return (table["status"] == "absent") & table[wanted].notna().any(axis=1)


def _holding(known: pd.DataFrame) -> pd.Series:
    """Count the cases that contain each structure, by name, rarest first; structures that no case has are left out."""
    return known[known["status"] == "ok"].groupby("class")["case"].nunique().sort_values(kind="stable")


def _in_words(holding: pd.Series) -> str:
    shown = [f"{name} in {counted(count, 'case')}" for name, count in list(holding.items())[:MAX_NAMED]]
    return ", ".join(shown) + (f" and {len(holding) - len(shown)} more" if len(holding) > len(shown) else "")


def _identical(known: pd.DataFrame) -> bool:
    """Whether all cases contain the same structures with the same values."""
    recorded = [name for name, one in MEASURES.items() if one.group != "cohort" and name in known.columns]
    different = known.groupby("class_id")[["status", *recorded]].nunique(dropna=False)
    return bool(recorded) and bool((different <= 1).all(axis=None))
