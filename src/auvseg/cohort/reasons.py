"""Why every row of a ranking stands where it stands: the report's sentence, and the structure behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from auvseg.choices import Scope
from auvseg.cohort.deviation import signed
from auvseg.cohort.explainer import Explainer
from auvseg.cohort.order import behind, doubt, enough_for_auv, how_made, no_order
from auvseg.measures.catalogue import Suspicious
from auvseg.measures.default import AUV, default_measure
from auvseg.ranking import Criterion, find_criterion, rank

if TYPE_CHECKING:
    from auvseg.scoring.view import CaseView


@dataclass(frozen=True)
class Ranked:
    """A ranking as people read it.

    Attributes:
        rows: of `auvseg.rank`, as many as were asked for, with the columns that say why a row stands where it stands.
            Of cases `structure` (the one that puts the case there; empty where there is no order), `n` (how many of
            its structures have the number that was ranked by) and `why`; of structures `why` alone.
        total: rows of the whole ranking.
        criterion: what was ranked by.
        scope: `case` or `class`.
        how_made: how the number of a case is made of those of its structures, in a sentence; empty for structures.
        no_order: why the rows are in no order but that of their ids, in a sentence; empty where they are.
        doubt: who is too few to be compared, in a sentence; empty where all are enough.
    """

    rows: pd.DataFrame
    total: int
    criterion: Criterion
    scope: Scope
    how_made: str
    no_order: str
    doubt: str


def ranked(
    table: pd.DataFrame,
    *,
    by: str | None = None,
    scope: Scope = "case",
    suspicious: Suspicious | None = None,
    top: int | None = None,
    view_of: "Callable[[str], CaseView | None]" = lambda case: None,
) -> Ranked:
    """Rank a run, and say why.

    Args:
        table: a scores table (`auvseg.load_scores`).
        by: as for `auvseg.rank`.
        scope: as for `auvseg.rank`.
        suspicious: as for `auvseg.rank`.
        top: so many rows, the most suspicious first; None: all.
        view_of: reads what was kept of a case while it was scored; called only where that adds to a sentence.

    Raises:
        UsageError: as `auvseg.rank`.
    """
    criterion = find_criterion(table, by or default_measure(table), suspicious, to="rank")
    unordered = no_order(table, criterion, scope)
    doubted = "" if unordered else doubt(table, criterion, scope)
    ranking = rank(table, by=criterion.name, scope=scope, suspicious=suspicious)
    made = {} if unordered or scope == "class" else behind(table, criterion)
    if AUV in ranking and criterion.name != AUV:
        ranking[AUV] = ranking[AUV].where(enough_for_auv(ranking))
    rows = ranking.head(len(ranking) if top is None else top)
    cases = list(rows["case"].unique())
    first = {case: one.class_id for case, one in made.items()}
    asked = set(rows["class_id"] if scope == "class" else map(first.get, cases))
    if None not in asked:
        # Of a hundred structures a case those that are spoken of.
        table = table[table["class_id"].isin(asked)]
    explainer = Explainer(
        table, signed(table), cases, by=criterion.column, behind=first, every_absence=scope == "class"
    )
    said = {case: explainer.sentences(case, partial(view_of, case)) for case in cases}
    if scope == "class":
        keys = zip(rows["case"], rows["class_id"], strict=True)
        rows = rows.assign(why=[said[case].get(int(class_id), "") for case, class_id in keys])
    else:
        rows = rows.assign(
            structure=[made[case].name if case in made else "" for case in rows["case"]],
            n=[made[case].structures if case in made else 0 for case in rows["case"]],
            why=[next(iter(said[case].values()), "") for case in rows["case"]],
        )
    return Ranked(
        rows=rows,
        total=len(ranking),
        criterion=criterion,
        scope=scope,
        how_made=how_made(criterion) if scope == "case" else "",
        no_order=unordered,
        doubt=doubted,
    )
