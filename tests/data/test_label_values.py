"""The rule by which stored numbers are label values, and every format by it: the exact id, or a refusal."""

import gzip

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from auvseg.data.check.findings import Kind
from auvseg.data.check.label import LabelRules, label_facts, label_problems
from auvseg.data.label_values import INTEGER_TOLERANCE, as_label
from auvseg.data.reading import read_array
from auvseg.data.volume import load_volume
from auvseg.errors import CaseError
from fuzz.effort import effort

EXAMPLES = 40
SHAPE = (2, 3, 4)
BEYOND_FLOAT32 = (2**24 + 1, 576073730, 2**31 - 1)
"""Neighbours that float32 cannot tell apart, and the largest id."""


def ids(*values, dtype):
    """(2, 3, 4) array that holds the values and otherwise 0."""
    array = np.zeros(SHAPE, dtype)
    array.flat[: len(values)] = values
    return array


@given(st.integers(-(2**31), 2**31 - 1), st.floats(-0.5, 0.5))
def test_a_float_is_its_whole_number_within_the_tolerance_and_refused_beyond(whole, off):
    value = np.array([whole + off])
    error = abs(value[0] - whole)
    if error < INTEGER_TOLERANCE:
        assert as_label(value, "a") == whole
        assert label_facts(value.reshape(1, 1, 1)).values == {whole}
    elif error > INTEGER_TOLERANCE:
        with pytest.raises(CaseError, match=r"a: label values are not whole numbers \(such as"):
            as_label(value, "a")
        assert not label_facts(value.reshape(1, 1, 1)).is_label


def test_values_go_into_the_array_that_is_given():
    out = np.full(SHAPE, -7, np.int32)
    assert as_label(ids(1, 0.9999, 2, dtype=np.float64), "a", out=out) is out
    assert out.flat[:4].tolist() == [1, 1, 2, 0]


def test_the_value_that_is_too_large_is_named():
    with pytest.raises(CaseError, match=r"a: label values such as 3000000001 are not class numbers"):
        as_label(ids(5, 3_000_000_001, dtype=np.int64), "a")


def write_nifti(path, array, slope=1.0, intercept=0.0, kind=nib.Nifti1Image):
    """A NIfTI file that stores exactly this array, with a scaling in the header; nibabel itself would scale."""
    image = kind(array, np.eye(4), dtype=array.dtype) if kind is nib.Nifti1Image else kind(array, np.eye(4))
    content = bytearray(image.to_bytes())
    if kind is nib.Nifti1Image:
        content[112:120] = np.array([slope, intercept], "<f4").tobytes()
    path.write_bytes(gzip.compress(content) if path.name.endswith("z") else content)
    return path


def write_itk(path, array):
    sitk.WriteImage(sitk.GetImageFromArray(array.transpose()), str(path), useCompression=True)
    return path


def write_npz(path, array):
    np.savez(path, imgs=np.zeros(array.shape[::-1]), gts=array.transpose())
    return path


WRITERS = {
    "a.nii": write_nifti,
    "a.nii.gz": write_nifti,
    "a.mgz": lambda path, array: write_nifti(path, array, kind=nib.MGHImage),
    "a.nrrd": write_itk,
    "a.mha": write_itk,
    "a.tif": write_itk,
    "a.npz": write_npz,
}


def types_of(name):
    integers = [np.int32] if name == "a.mgz" else [np.int32, np.uint32]
    wide = [] if name in ("a.mgz", "a.tif") else [np.int64, np.uint64, np.float64]
    return [*integers, *wide]


@pytest.mark.parametrize(("name", "dtype"), [(name, dtype) for name in WRITERS for dtype in types_of(name)])
def test_ids_that_float32_merges_stay_apart_in_every_format(tmp_path, name, dtype):
    array = ids(*BEYOND_FLOAT32, 2**24, 576073732, dtype=dtype)
    raw = read_array(WRITERS[name](tmp_path / name, array), part="label")
    np.testing.assert_array_equal(as_label(raw.array, name), array.astype(np.int64))
    assert label_facts(raw.array).values == set(array.ravel().tolist())


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.npz"])
@pytest.mark.parametrize(
    ("value", "dtype"), [(2**31, np.int64), (2**53 + 1, np.int64), (2**64 - 1, np.uint64), (2.0**53, np.float64)]
)
def test_ids_beyond_32_bits_are_refused_by_their_value_in_every_format(tmp_path, name, value, dtype):
    raw = read_array(WRITERS[name](tmp_path / name, ids(value, dtype=dtype)), part="label")
    with pytest.raises(CaseError, match=f"{int(value)} are not class numbers"):
        as_label(raw.array, name)


@pytest.mark.parametrize("value", [2**24, 576073730, -(2**24)])
@pytest.mark.parametrize("name", ["a.nii", "a.nrrd", "a.mha", "a.npz"])
def test_ids_of_floats_that_may_have_been_their_neighbours_are_refused_and_found(tmp_path, name, value):
    raw = read_array(WRITERS[name](tmp_path / name, ids(1, value, dtype=np.float32)), part="label")
    with pytest.raises(CaseError, match="stored as float32"):
        as_label(raw.array, name)
    rules = LabelRules(frozenset({0, 1, value}), None)
    assert Kind.INDISTINCT_LABEL in {problem.kind for problem in label_problems(raw, label_facts(raw.array), rules)}


@pytest.mark.parametrize(("dtype", "value"), [(np.float32, 2**24 - 1), (np.float64, 2**24), (np.float16, 2047)])
def test_the_last_id_that_a_float_tells_from_the_next_is_read(tmp_path, dtype, value):
    raw = read_array(WRITERS["a.npz"](tmp_path / "a.npz", ids(1, value, dtype=dtype)), part="label")
    assert as_label(raw.array, "a").max() == value
    if dtype == np.float16:
        with pytest.raises(CaseError, match="stored as float16"):
            as_label(raw.array + np.float16(1), "a")


def test_a_label_of_doubles_takes_no_more_memory_than_before_where_floats_hold_its_values(tmp_path):
    raw = read_array(write_nifti(tmp_path / "a.nii", ids(1, 2, 200, dtype=np.float64)), part="label")
    assert raw.array.dtype == np.float32
    assert raw.header.dtype == "float64"


@effort(EXAMPLES)
@given(
    st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=24),
    st.sampled_from([1.0, -1.0, 2.0, 1000.0, 65536.0, 0.5, 0.1]),
    st.sampled_from([0.0, -3.0, 1024.0, 1e9, 0.25]),
)
def test_a_scaled_label_is_exact_or_refused(tmp_path_factory, stored, slope, intercept):
    path = write_nifti(tmp_path_factory.mktemp("scaled") / "a.nii", ids(*stored, dtype=np.int16), slope, intercept)
    meant = [np.float64(np.float32(slope)) * value + intercept for value in stored]
    raw = read_array(path, part="label")
    whole = [round(value) for value in meant]
    if all(abs(value - near) < INTEGER_TOLERANCE for value, near in zip(meant, whole, strict=True)) and all(
        -(2**31) <= near < 2**31 for near in whole
    ):
        if np.modf(intercept)[0] == 0:
            assert as_label(raw.array, "a").flat[: len(whole)].tolist() == whole
    else:
        with pytest.raises(CaseError, match="a: label values"):
            as_label(raw.array, "a")


def test_a_label_keeps_its_ids_on_the_way_into_a_volume(make_case, voxels):
    label = np.array([0.0, 576073731, 576073732])[voxels % 3]
    volume = load_volume(make_case(voxels, label=label))
    assert set(np.unique(volume.label)) == {0, 576073731, 576073732}
    assert volume.label.dtype == np.int32
