import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.cohort.reasons import MAX_CAUSES, NOTABLE, WORDS, Cause, Held, carrying_planes, causes, missing, sentence
from auvseg.measures.catalogue import CASE_MEASURES


def carried(contributions, planes=None):
    values = np.array(contributions, dtype=np.float64)
    return carrying_planes(np.arange(len(values)) if planes is None else np.array(planes), values)


def test_every_recorded_measure_has_words():
    assert set(WORDS) == set(CASE_MEASURES)


def test_a_sentence_is_built_from_the_numbers():
    found = (Cause("volume_ml", 41.0, 10.0, 6.0), Cause("agreement", 0.31, 0.87, 5.0))
    assert sentence("left tumour", found, "worst on slices 40–52") == (
        "left tumour: volume 4.1× the cohort's median; Dice with the model's mask 0.31 (median 0.87); "
        "worst on slices 40–52"
    )
    assert sentence("liver", ()) == "liver: no measure lies far from the cohort"
    assert missing("kidney", Held(29, 37)) == "kidney: missing; 29 of 37 cases have it"


def test_a_sentence_says_among_how_many_where_not_all_cases_have_the_structure():
    found = (Cause("volume_ml", 41.0, 10.0, 6.0),)
    assert "among" not in sentence("cyst", found, held=Held(30, 30))
    assert sentence("cyst", found, held=Held(7, 30)).endswith("median; compared with the 7 of 30 cases that have it")
    assert sentence("cyst", found, held=Held(1, 30)).startswith("cyst in 1 case: too few to compare")


def test_the_measure_that_cases_are_ranked_by_is_named_first_where_it_stands_out():
    z = {"noise": 9.0, "parts": 8.0, "gaps": 7.0, "S": 3.0, "snr": 1.0}
    values = dict.fromkeys(z, 1.0)
    assert [one.measure for one in causes(values, z, values, "S")] == ["S", "noise", "parts"]
    assert [one.measure for one in causes(values, z, values, "snr")] == ["noise", "parts", "gaps"]


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (Cause("volume_ml", 12.0, 10.0, 3.0), "volume 12.0 ml (median 10.0 ml)"),
        (Cause("volume_ml", 2.0, 10.0, 3.0), "volume 0.2× the cohort's median"),
        (Cause("slices", 240.0, 60.0, 3.0), "slices 4× the cohort's median"),
        (Cause("volume_ml", 3.0, 0.0, 3.0), "volume 3 ml (median 0 ml)"),
        (Cause("offset_z_mm", -7.46, 0.1, 3.0), "height above the other structures -7.5 mm (median 0.1 mm)"),
        (Cause("sharpness", -9.214, -9.209, 3.0), "fine detail -9.214 (median -9.209)"),
        (Cause("sharpness", -3.7, -3.0, 3.0), "fine detail 0.5× the cohort's median"),
        (Cause("share", -0.11, -2.0, 3.0), "size relative to the other structures 6.6× the cohort's median"),
        (Cause("abruptness", 0.11, 0.02, 3.0), "ends abruptly: end slices 11.0 % of the largest (median 2 %)"),
        (Cause("abruptness", 0.02, 0.11, 3.0), "end slices 2 % of the largest (median 11.0 %)"),
        (Cause("S", 0.1234567891, 0.1234567892, 3.0), "S 0.123457 (median 0.123457)"),
    ],
)
def test_numbers_are_short_and_told_apart_from_the_median(cause, words):
    assert cause.in_words() == words


def test_the_farthest_numbers_are_named_and_none_that_is_near():
    z = {"S": NOTABLE, "noise": 9.0, "snr": NOTABLE - 0.01, "edge": np.nan, "parts": 4.0, "gaps": 3.0}
    values = dict.fromkeys(z, 1.0)
    found = causes(values, z, values)
    assert [one.measure for one in found] == ["noise", "parts", "gaps"]
    assert len(found) == MAX_CAUSES
    assert causes(values, dict.fromkeys(z, 0.0), values) == ()


def test_planes_that_carry_half_are_named():
    assert carried([0, 0, 1, 9, 9, 1, 0, 0, 0, 0]) == "worst on slices 3–4"
    assert carried([0, 0, 0, 9, 0, 1, 0, 0]) == "worst on slice 3"
    assert carried([1, 2, 9, 9], planes=[40, 44, 48, 52]) == "worst on slices 48–52"


@pytest.mark.parametrize(
    "contributions", [[], [1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1, 1], [np.nan, np.nan, np.nan, np.nan]]
)
def test_planes_are_not_named_where_that_says_nothing(contributions):
    assert carried(contributions) == ""


@given(st.lists(st.floats(0, 1e6), min_size=4, max_size=40))
def test_no_shorter_run_of_planes_carries_half(contributions):
    words = carried(contributions)
    total = sum(contributions)
    lengths = [
        end - start
        for start in range(len(contributions))
        for end in range(start + 1, len(contributions) + 1)
        if total > 0 and sum(contributions[start:end]) >= 0.5 * total * (1 + 1e-9)
    ]
    if words:
        numbers = [int(one) for one in words.replace("–", " ").split() if one.isdigit()]
        assert numbers[-1] - numbers[0] + 1 <= min(lengths, default=len(contributions))
    elif lengths:
        assert min(lengths) >= len(contributions) // 2
