"""What only all cases together show, from what looking at each of them returned."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from auvseg.data.case import Case, ClassDef
from auvseg.data.check.case import CaseCheck
from auvseg.data.check.dataset import (
    default_geometries,
    duplicate_ids,
    duplicate_images,
    duplicate_labels,
    missing_classes,
    mixed_orientations,
)
from auvseg.data.check.findings import Kind
from auvseg.data.reading import Header


def checked(case_id, *, image="", label=None, values=frozenset({0, 1}), affine=None):
    """A case with what `check_case` would have returned; hashes are any text."""
    case = Case(case_id, (Path(f"{case_id}_0000.nii"),), Path(f"{case_id}.nii"))
    header = None
    if affine is not None:
        spacing = tuple(np.linalg.norm(affine[:3, :3], axis=0))
        header = Header((4, 4, 4), affine, spacing, "".join(nib.aff2axcodes(affine)), "int16")
    return case, CaseCheck((), ((f"{case_id}_0000.nii", image or case_id),), label, values, header)


def blamed(findings):
    return {found.case_id: found.message for found in findings}


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (("a", "b"), {}),
        (("a", "a"), {"a": "2 cases have this id"}),
        (
            ("A", "a", "b"),
            {
                "A": "2 cases have this id, if capital letters do not count (a)",
                "a": "2 cases have this id, if capital letters do not count (A)",
            },
        ),
    ],
)
def test_equal_ids_are_found_and_named(ids, expected):
    assert blamed(duplicate_ids(Case(case_id, (), None) for case_id in ids)) == expected


def test_ids_that_look_the_same_are_the_same():
    assert len(blamed(duplicate_ids(Case(case_id, (), None) for case_id in ("caf\u00e9", "cafe\u0301")))) == 2


def test_a_case_that_is_listed_for_training_and_for_validation_is_no_matter_of_its_id():
    twice = [Case("a", (Path("a.nii"),), None, subset) for subset in ("training", "validation")]
    (found,) = duplicate_ids(twice)
    assert (found.kind, found.message) == (Kind.SPLIT_OVERLAP, "it is listed for training and for validation")
    (found,) = duplicate_ids([twice[0], twice[0]])
    assert (found.kind, found.advice) == (Kind.DUPLICATE_ID, "list it once")


def test_copies_name_each_other():
    cases = [checked("a", image="x"), checked("b", image="x"), checked("c", image="y")]
    assert blamed(duplicate_images(cases)) == {
        "a": "the same voxels as the image of b",
        "b": "the same voxels as the image of a",
    }


def test_thousands_of_copies_are_all_found_and_few_of_them_named():
    found = list(duplicate_images([checked(f"{number:04d}", image="x") for number in range(3000)]))
    assert len(found) == 3000
    assert found[0].message == "the same voxels as the image of 0001, 0002, 0003 ..."
    assert found[-1].message == "the same voxels as the image of 0000, 0001, 0002 ..."


def test_labels_that_were_not_hashed_are_no_copies():
    cases = [checked("a"), checked("b"), checked("c", label="x"), checked("d", label="x")]
    assert set(blamed(duplicate_labels(cases))) == {"c", "d"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([{0, 1}, {2}], []),
        ([{0, 1}, {1}], ["no case contains 'core' (2)"]),
        ([{0}], ["no case contains 'whole' (1, 2)", "no case contains 'core' (2)"]),
        ([None, {0, 2}], []),
        # Where no label could be read there is nothing to conclude.
        ([None, None], []),
        ([], []),
    ],
)
def test_a_class_is_missing_where_no_label_that_could_be_read_holds_it(values, expected):
    classes = (ClassDef(1, "whole", (1, 2)), ClassDef(2, "core", (2,)))
    cases = [checked(str(n), values=None if one is None else frozenset(one)) for n, one in enumerate(values)]
    assert [found.message for found in missing_classes(classes, cases)] == expected


def test_orientations_are_counted_the_commonest_first():
    flips = {"a": (1, 1), "b": (-1, -1), "c": (-1, -1), "d": (1, -1)}
    cases = [checked(name, affine=np.diag([x, y, 2.0, 1.0])) for name, (x, y) in flips.items()]
    (found,) = mixed_orientations([*cases, checked("unread")])
    assert found.message == "stored axes differ: 2 LPS (b, c); 1 RAS (a); 1 RPS (d)"
    assert list(mixed_orientations(cases[1:3])) == []


def test_unset_headers_count_only_beside_set_ones():
    unset = [checked("a", affine=np.eye(4)), checked("b", affine=np.diag([-1.0, -1.0, 1.0, 1.0]))]
    moved = np.eye(4)
    moved[:3, 3] = 1.0
    assert list(default_geometries(unset)) == []
    assert list(default_geometries([*unset, checked("c", affine=moved)])) == []
    assert set(blamed(default_geometries([*unset, checked("c", affine=np.diag([0.7, 0.7, 5.0, 1.0]))]))) == {"a", "b"}
