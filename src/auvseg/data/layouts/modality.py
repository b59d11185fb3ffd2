"""Derive the modality from the words that data sets use for their images (`CT`, `T1w`, `noNorm`).

Functions return the modality, or None if the words do not decide, and a note if something was assumed.
"""

from collections.abc import Iterable, Sequence

from auvseg.data.case import Modality

Verdict = tuple[Modality | None, str | None]
"""The modality and a note; either may be None."""

_MRI_LIKE = ("mr", "t1", "t2", "flair", "adc", "dwi", "dti", "pd", "swi", "dce", "bold", "mp-mri", "tof")
_CT_WORDS = ("ct", "cect", "ncct", "ldct", "cta")


def modality_of_channels(names: Sequence[str]) -> Verdict:
    """Apply nnU-Net's rule: a channel called CT holds Hounsfield units, any other name arbitrary intensities.

    A mix of both kinds decides nothing for the whole image.
    """
    if not names:
        return None, None
    is_ct = [name.strip().casefold() == "ct" for name in names]
    if all(is_ct):
        return "ct", None
    if any(is_ct):
        return None, f"channels {', '.join(names)}: some are CT, some are not; choose one with --channel and --modality"
    unknown = [name for name in names if modality_of_channel(name) is None]
    if not unknown:
        return "mri", None
    return "mri", (
        f"channel {', '.join(unknown)} is neither CT nor a known MRI sequence: read as arbitrary intensities like MRI, "
        "as nnU-Net does; if it holds Hounsfield units, add --modality ct"
    )


def modality_of_channel(name: str) -> Modality | None:
    """Return the modality that a channel name states for certain; None if neither CT nor a known MRI sequence."""
    word = name.strip().casefold()
    return "ct" if word == "ct" else "mri" if word.startswith(_MRI_LIKE) else None


def modality_of_words(words: Iterable[str]) -> Verdict:
    """Return the modality in the `modality` column of a table or datalist, if it is the same for every case."""
    stated = sorted({word.strip() for word in words})
    if stated in ([], [""]):
        return None, None
    found = {_of_word(word) for word in stated}
    if len(found) > 1:
        listed = ", ".join(word or "not stated" for word in stated)
        return None, f"the cases are of several modalities ({listed}): make one data set per modality"
    modality = found.pop()
    if modality is None:
        return None, f"modality {', '.join(stated)} is neither CT nor MRI: say --modality"
    return modality, None


def _of_word(word: str) -> Modality | None:
    lower = word.lower()
    if lower in _CT_WORDS or lower.startswith(("ct ", "ct_", "ct-")):
        return "ct"
    if lower == "windowed":
        return "windowed"
    return "mri" if lower.startswith(_MRI_LIKE) else None
