"""A selection that obeys what people decided: their verdicts go before any measure.

`exclude` goes; `fix` goes too, for a label that has to be mended is not to be learnt from before; `keep` stays, however
suspicious. A case that is `unsure`, or has no verdict, is left to the measure.
"""

from collections.abc import Mapping
from dataclasses import replace

from auvseg.cohort.selection import Selection, with_outcome
from auvseg.errors import UsageError
from auvseg.review.verdicts import Decision
from auvseg.wording import counted

_GOES = {"exclude": True, "fix": True, "keep": False}


def obey(selection: Selection, decisions: Mapping[str, Decision]) -> Selection:
    """The selection after the verdicts.

    Args:
        selection: by a measure.
        decisions: by case id, of one review or a merged one.

    Raises:
        UsageError: no verdict is about a training case of this run, or nothing would be kept.
    """
    training = {*selection.kept, *selection.removed}
    goes = {case: _GOES[one.verdict] for case, one in decisions.items() if one.verdict in _GOES}
    known = {case: gone for case, gone in goes.items() if case in training}
    if decisions and not training & set(decisions):
        raise UsageError("the review is about none of this run's training cases; is it of another run?")
    removed = {case for case in training if known.get(case, case in selection.removed)}
    kept = tuple(case for case in sorted(training) if case not in removed)
    if not kept:
        raise UsageError("the review and the measure together keep no case at all")
    decided = selection.decisions.copy()
    for case, gone in known.items():
        rows = decided["case"] == case
        decided.loc[rows, "suspicious"] = gone
        decided.loc[rows, "reason"] = f"reviewed: {decisions[case].verdict}"
    strange = len(set(goes) - training)
    notes = [f"decided by review: {counted(len(known), 'case')}; by {selection.rule.by}: {len(training) - len(known)}"]
    if alone := sum(decisions[case].alone for case in known):
        notes.append(f"{alone} of these {counted(len(known), 'verdict')} are one rater's alone")
    doubts = [f"verdicts about cases that are no training cases of this run: {strange}"] if strange else []
    return replace(
        selection,
        kept=kept,
        removed=tuple(sorted(removed)),
        decisions=with_outcome(decided, removed),
        warnings=(*selection.warnings, *doubts),
        notes=(*selection.notes, *notes),
    )
