import pytest

from auvseg.data.layouts.modality import modality_of_channels, modality_of_words


@pytest.mark.parametrize(
    ("names", "modality", "is_noted"),
    [
        ((), None, False),
        (("CT",), "ct", False),
        ((" ct ",), "ct", False),
        (("CT", "CT"), "ct", False),
        (("T1w", "FLAIR", "ADC"), "mri", False),
        (("MRI",), "mri", False),
        (("PET",), "mri", True),
        (("CT", "PET"), None, True),
        (("CT", "T1"), None, True),
    ],
)
def test_only_channels_called_ct_hold_hounsfield_units(names, modality, is_noted):
    found, note = modality_of_channels(names)
    assert (found, note is not None) == (modality, is_noted)
    if is_noted:
        assert "--modality" in note


@pytest.mark.parametrize(
    ("words", "modality", "is_noted"),
    [
        ((), None, False),
        (("", " "), None, False),
        (("CT", "cect", " ct "), "ct", False),
        (("CT", ""), None, True),
        (("MR", "T2"), "mri", False),
        (("windowed",), "windowed", False),
        (("CT", "MR"), None, True),
        (("ultrasound",), None, True),
    ],
)
def test_words_of_cases_decide_only_if_they_agree(words, modality, is_noted):
    found, note = modality_of_words(words)
    assert (found, note is not None) == (modality, is_noted)


def test_the_note_does_not_depend_on_the_order_of_the_cases():
    assert modality_of_words(["MR", "CT"]) == modality_of_words(["CT", "MR"])
