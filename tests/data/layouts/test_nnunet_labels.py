import re

import pytest

from auvseg.data.check.findings import Kind
from auvseg.data.layouts.dataset_json import Remarks
from auvseg.data.layouts.nnunet_labels import read_labels
from auvseg.errors import DatasetError


def findings_on(labels, **more):
    remarks = Remarks()
    read_labels({"labels": labels, **more}, "dataset.json", remarks)
    return remarks.all_findings()


@pytest.mark.parametrize(
    ("labels", "more"),
    [
        ({"background": 0, "liver": 1, "tumour": 2}, {}),
        ({"background": 0, "liver": 1, "ignore": 2}, {}),
        ({"background": 0, "liver": [1]}, {}),
        ({"background": 0, "whole": [1, 2], "core": 2}, {"regions_class_order": [1, 2]}),
    ],
)
def test_what_nnunet_takes_gets_no_finding(labels, more):
    assert findings_on(labels, **more) == ()


@pytest.mark.parametrize(
    ("labels", "more", "words"),
    [
        ({"liver": 1}, {}, "no background"),
        ({"background": 0, "liver": 1, "tumour": 3}, {}, r"\[0, 1, 3\] have gaps"),
        (
            {"background": 0, "liver": 1, "ignore": 255},
            {},
            "the ignore label is 255, not the highest value",
        ),
        ({"background": 0, "whole": [1, 2], "core": 2}, {}, "'regions_class_order' does not list 2 values"),
        (
            {"background": 0, "whole": [1, 2], "core": 2},
            {"regions_class_order": [1]},
            "'regions_class_order' does not list",
        ),
    ],
)
def test_what_nnunet_refuses_is_found(labels, more, words):
    (found,) = findings_on(labels, **more)
    assert found.kind == Kind.REFUSED_BY_NNUNET
    assert re.search(words, found.message)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"background": 0, "a": [1, 2], "b": [2, 1]}, "'a' and 'b' have the same value"),
        ({"background": 0, "a": [1, 2], "ignore": 2}, "the value 2 is both 'a' and 'ignore'"),
        ({"background": 0, "a": 1, "ignore": 0}, "'ignore' must not be 0"),
        ({"background": 0, "a": 1, "ignore": [2, 3]}, "'ignore' must have one value"),
        ({"background": 0, "a": -1}, "'a' must have a whole number from 0, not -1"),
    ],
)
def test_a_value_with_two_meanings_is_refused(labels, words):
    with pytest.raises(DatasetError, match=words):
        read_labels({"labels": labels}, "dataset.json", Remarks())


def test_labels_the_other_way_round_are_told_the_right_way():
    with pytest.raises(DatasetError, match=r'not \'background\'; write {"background": 0}'):
        read_labels({"labels": {"0": "background", "1": "liver"}}, "dataset.json", Remarks())


def test_numbers_in_quotes_are_told_to_stand_without():
    with pytest.raises(DatasetError, match=r"not '1'; write 1 without quotes"):
        read_labels({"labels": {"background": 0, "liver": "1"}}, "dataset.json", Remarks())
