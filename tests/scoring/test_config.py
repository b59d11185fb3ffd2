"""How intensities are read, against the data set's own word for them."""

from pathlib import Path

import pytest

from auvseg.data.case import Dataset
from auvseg.scoring.config import modality_conflict


def dataset(*names, modality=None):
    return Dataset("toy", Path(), "", None, (), channel_names=names, modality=modality)


@pytest.mark.parametrize(
    ("names", "modality", "words"),
    [
        (("MRI",), "ct", ("--modality ct", "'MRI'", "Hounsfield units", "its own mean")),
        (("T1w",), "ct", ("'T1w'",)),
        (("CT",), "mri", ("--modality mri", "'CT'", "by numbers of all cases")),
        (("CT",), "windowed", ("--modality windowed", "'CT'")),
        ((" ct ",), "ct", ()),
        (("FLAIR",), "mri", ()),
        # What nobody knows contradicts nothing.
        (("flux",), "ct", ()),
        (("noNorm",), "windowed", ()),
        ((), "ct", ()),
    ],
)
def test_a_modality_against_the_channels_name_is_said_with_both_words(names, modality, words):
    said = modality_conflict(dataset(*names), modality, 0)
    assert bool(said) == bool(words)
    for word in words:
        assert word in said


def test_of_several_channels_the_one_that_is_looked_at_counts():
    both = dataset("CT", "PET", "T2w")
    assert modality_conflict(both, "ct", 0) == ""
    assert modality_conflict(both, "ct", 1) == ""
    assert "'T2w'" in modality_conflict(both, "ct", 2)


def test_a_data_set_without_names_may_say_it_otherwise():
    """A column of a table, or the header of DICOM."""
    assert "says that it is mri" in modality_conflict(dataset(modality="mri"), "ct", 0)
    assert modality_conflict(dataset(modality="ct"), "ct", 0) == ""
