"""Segmentations of 3D Slicer: by name, from several layers, put where they lie in their image."""

import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.data.check.findings import Kind
from auvseg.data.formats.slicer import Segment, names_segments, needed_export, segments_of
from auvseg.data.reading import make_header, read_array, read_header, read_label
from auvseg.errors import ReadError
from fuzz.effort import effort
from slicer_files import segment, write_slicer

SHAPE = (7, 6, 5)
AFFINE = np.array([[-0.9, 0, 0, 15], [0, 0.8, 0, -20], [0, 0, 2.5, 10], [0, 0, 0, 1.0]])
GRID = make_header(Path("image.nii"), SHAPE, AFFINE, np.dtype(np.int16))
NAMES = [("liver", 1, 0), ("tumour", 2, 0)]
VALUES = {"liver": 1, "tumour": 2}


@pytest.fixture
def label():
    """(7, 6, 5) without symmetry, whose border is background."""
    array = np.zeros(SHAPE, np.uint8)
    array[1:-1, 1:-1, 1:-1] = np.random.default_rng(0).integers(0, 3, (5, 4, 3))
    array[1, 1, 1], array[5, 4, 3] = 1, 2
    return array


def path_in(folder, ending=".seg.nrrd"):
    return folder / f"case{ending}"


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_classes_go_by_name_whatever_their_values_are(tmp_path, label, encoding, dtype):
    stored = np.array([0, 7, 3])[label].astype(dtype)
    path = write_slicer(path_in(tmp_path), stored, [("tumour", 3, 0), ("liver", 7, 0)], AFFINE, encoding=encoding)
    raw = read_label(path, VALUES, GRID)
    np.testing.assert_array_equal(raw.array, label)
    (note,) = raw.header.notes
    assert note.kind is Kind.RENUMBERED_LABEL
    assert note.message == "classes go by name: in the data set 'tumour' 2 (3 here), 'liver' 1 (7 here)"
    assert needed_export(path, VALUES, GRID) == note.message


def test_a_file_that_says_what_the_data_set_says_needs_no_word(tmp_path, label):
    path = write_slicer(path_in(tmp_path), label, NAMES, AFFINE)
    raw = read_label(path, VALUES, GRID)
    np.testing.assert_array_equal(raw.array, label)
    assert raw.header.notes == ()
    assert needed_export(path, VALUES, GRID) == ""


def test_header_and_voxels_may_be_two_files(tmp_path, label):
    path = write_slicer(path_in(tmp_path, ".seg.nhdr"), label, NAMES, AFFINE, data_file="case.raw.gz")
    np.testing.assert_array_equal(read_label(path, VALUES, GRID).array, label)


def test_only_the_wanted_segments_are_read_and_several_may_be_one_class(tmp_path, label):
    path = write_slicer(path_in(tmp_path), label, NAMES, AFFINE)
    np.testing.assert_array_equal(read_label(path, {"tumour": 300}, GRID).array, (label == 2) * 300)
    np.testing.assert_array_equal(read_label(path, {"tumour": 1, "liver": 1}, GRID).array, label > 0)


def test_segments_of_several_layers_are_put_into_one_label(tmp_path, label):
    layers = [(label == 1).astype(np.uint8), (label == 2).astype(np.uint8)]
    path = write_slicer(path_in(tmp_path), layers, [("liver", 1, 0), ("tumour", 1, 1)], AFFINE)
    raw = read_label(path, VALUES, GRID)
    np.testing.assert_array_equal(raw.array, label)
    assert [note.kind for note in raw.header.notes] == [Kind.NEEDS_EXPORT]
    assert read_header(path, part="label").shape == (*SHAPE, 2)


@pytest.mark.parametrize("fields", [{}, {"LabelValue": "1"}])
def test_files_of_old_have_a_layer_a_segment_and_no_values(tmp_path, label, fields):
    layers = [(label == 1).astype(np.uint8), (label == 2).astype(np.uint8)]
    stated = {**segment(0, "liver", None, None), **segment(1, "tumour", None, None)}
    stated |= {f"Segment{number}_{key}": value for number in (0, 1) for key, value in fields.items()}
    path = write_slicer(path_in(tmp_path), layers, stated, AFFINE)
    assert segments_of(path) == (Segment("liver", 1, 0), Segment("tumour", 1, 1))
    np.testing.assert_array_equal(read_label(path, VALUES, GRID).array, label)


def test_overlaps_go_by_the_rule_of_every_label_that_names_its_structures(tmp_path):
    liver, tumour = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    liver[1:6, 1:5, 1:4] = 1
    tumour[2:4, 2:4, 2] = 1
    path = write_slicer(path_in(tmp_path), [liver, tumour], [("liver", 1, 0), ("tumour", 1, 1)], AFFINE)
    with pytest.raises(ReadError, match=r"4 voxels of 'tumour', 100 % of it, also belong to 'liver'"):
        read_label(path, VALUES, GRID)
    # The rim of the smaller one: 1 of 43 voxels.
    tumour[:], tumour[:, :, 0], tumour[1, 1, 1] = 0, 1, 1
    path = write_slicer(path_in(tmp_path), [liver, tumour], [("liver", 1, 0), ("tumour", 1, 1)], AFFINE)
    raw = read_label(path, VALUES, GRID)
    np.testing.assert_array_equal(raw.array, np.where(tumour, 2, liver))
    assert [note.kind for note in raw.header.notes] == [Kind.NEEDS_EXPORT, Kind.ALTERED_LABEL]


CROP = (slice(1, 6), slice(1, 5), slice(1, 4))


@pytest.mark.parametrize("axes", list(itertools.product(itertools.permutations(range(3)), [(1, 1, 1), (-1, 1, -1)])))
def test_a_cropped_file_is_placed_where_it_lies_however_its_axes_are_stored(tmp_path, label, axes):
    cropped = nib.Nifti1Image(label[CROP], AFFINE @ np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1]]))
    turned = cropped.as_reoriented(np.array([axes[0], axes[1]]).T)
    stored = np.asarray(turned.dataobj)
    raw = read_label(write_slicer(path_in(tmp_path), stored, NAMES, turned.affine), VALUES, GRID)
    np.testing.assert_array_equal(raw.array, label)
    np.testing.assert_array_equal(raw.header.affine, AFFINE)
    (note,) = raw.header.notes
    assert note.kind is Kind.NEEDS_EXPORT
    assert note.message == "it has 5×4×3 voxels and is placed by its position, from voxel 1, 1, 1 of the image on"


def test_a_file_may_reach_beyond_its_image_with_background_alone(tmp_path, label):
    wide = np.pad(label, ((2, 1), (0, 3), (1, 0)))
    path = write_slicer(path_in(tmp_path), wide, NAMES, AFFINE, first=(-2, 0, -1))
    np.testing.assert_array_equal(read_label(path, VALUES, GRID).array, label)
    wide[0, 0, 0] = 1
    path = write_slicer(path_in(tmp_path), wide, NAMES, AFFINE, first=(-2, 0, -1))
    with pytest.raises(ReadError, match=r"1 voxels of its segments lie outside the image; is it the label of another"):
        read_label(path, VALUES, GRID)


@pytest.mark.parametrize(
    "affine",
    [
        AFFINE @ np.diag([0.5, 0.5, 0.5, 1]),
        AFFINE @ np.array([[1, 0, 0, 0.4], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        AFFINE @ np.array([[0.98, -0.2, 0, 0], [0.2, 0.98, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    ],
    ids=["oversampled", "half a voxel", "turned"],
)
def test_a_file_on_another_grid_is_refused_with_advice(tmp_path, label, affine):
    path = write_slicer(path_in(tmp_path), label[CROP], NAMES, affine)
    with pytest.raises(ReadError, match=r"lies on another grid than the image; resample it .* reference volume"):
        read_label(path, VALUES, GRID)


def test_a_tenth_of_a_voxel_is_no_other_grid(tmp_path, label):
    moved = AFFINE.copy()
    moved[:3, 3] += (0.05, -0.05, 0.2)
    np.testing.assert_array_equal(
        read_label(write_slicer(path_in(tmp_path), label[CROP], NAMES, moved, first=(1, 1, 1)), VALUES, GRID).array,
        label,
    )


def test_a_file_as_large_as_its_image_and_somewhere_else_is_taken_as_any_label_is(tmp_path, label):
    moved = AFFINE.copy()
    moved[0, 3] += 0.4
    raw = read_label(write_slicer(path_in(tmp_path), label, NAMES, moved), VALUES, GRID)
    np.testing.assert_array_equal(raw.array, label)
    np.testing.assert_array_equal(raw.header.affine, moved)


def test_one_voxel_stands_for_an_empty_segmentation(tmp_path):
    path = write_slicer(path_in(tmp_path), np.zeros((1, 1, 1), np.uint8), NAMES, np.eye(4))
    raw = read_label(path, VALUES, GRID)
    assert raw.array.shape == SHAPE
    assert not raw.array.any()


def test_without_its_image_a_label_lies_where_it_is(tmp_path, label):
    raw = read_label(write_slicer(path_in(tmp_path), label[CROP], NAMES, AFFINE), VALUES, None)
    np.testing.assert_array_equal(raw.array, label[CROP])


@pytest.mark.parametrize(
    ("segments", "reason"),
    [
        ([("liver", 1, 0), ("liver", 2, 0)], "two of its segments are called 'liver'"),
        ([(None, 1, 0), ("tumour", 2, 0)], "segment 0 has no name"),
        ([("  ", 1, 0), ("tumour", 2, 0)], "segment 0 has no name"),
        ([("liver", 1, 0), ("tumour", 1, 0)], "'liver' and 'tumour' have the same value, 1, in the same layer"),
        ([("liver", 1, 0)], "voxels hold 2, which no segment of its header names"),
        ([("liver", 0, 0), ("tumour", 2, 0)], "segment 0 has an odd value"),
        ([("liver", "one", 0), ("tumour", 2, 0)], "segment 0 has an odd value or layer: 'one'"),
        ([("liver", 1, -1), ("tumour", 2, 0)], "segment 0 has an odd value"),
        ([("liver", 1, 0), ("tumour", 2, 5)], "segment 'tumour' lies in layer 5, and there are 1"),
        ([("kidney", 1, 0), ("spleen", 2, 0)], r"names its segments \(kidney, spleen\), and none of them is a class"),
    ],
)
def test_segments_that_names_do_not_tell_apart_are_refused(tmp_path, label, segments, reason):
    path = write_slicer(path_in(tmp_path), label, segments, AFFINE)
    assert names_segments(path)
    with pytest.raises(ReadError, match=reason):
        read_label(path, VALUES, GRID)


def test_fractions_are_refused(tmp_path, label):
    fields = {**segment(0, "liver", 1), "Segmentation_SourceRepresentation": "Fractional labelmap"}
    path = write_slicer(path_in(tmp_path), label, fields, AFFINE)
    with pytest.raises(ReadError, match="holds fractional segments; export them as a binary labelmap"):
        read_label(path, VALUES, GRID)


def test_a_file_that_names_nothing_is_a_label_like_any(tmp_path, label):
    path = write_slicer(path_in(tmp_path), label, [], AFFINE)
    assert not names_segments(path)
    np.testing.assert_array_equal(read_label(path, {}, GRID).array, label)
    with pytest.raises(ReadError, match="numbers per voxel"):
        read_array(write_slicer(path_in(tmp_path), [label, label], [], AFFINE), part="label")


@pytest.mark.parametrize("content", [b"", b"NRRD", b"GIF89a", b"NRRD0004\nSegment0_Name"])
def test_what_is_no_segmentation_names_none(tmp_path, content):
    path_in(tmp_path).write_bytes(content)
    assert not names_segments(path_in(tmp_path))
    assert not names_segments(tmp_path / "missing.seg.nrrd")


@pytest.mark.parametrize("count", [0, 2**32, 2**32 + 2, 2**40, 2**63])
def test_layers_that_the_file_cannot_hold_are_refused(tmp_path, label, count):
    path = write_slicer(path_in(tmp_path), [label, label], [("liver", 1, 0), ("tumour", 2, 0)], AFFINE)
    path.write_bytes(path.read_bytes().replace(b"sizes: 2 ", f"sizes: {count} ".encode()))
    with pytest.raises(ReadError, match=r"case\.seg\.nrrd: (damaged|truncated)"):
        read_label(path, VALUES, GRID)


def test_names_come_as_they_were_given(tmp_path, label):
    named = [("left  lung\\n(Größe := 2)", 1, 0), ("# 50 %", 2, 0)]
    assert [one.name for one in segments_of(write_slicer(path_in(tmp_path), label, named, AFFINE))] == [
        "left lung (Größe := 2)",
        "# 50 %",
    ]


_names = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="\\"), min_size=1, max_size=8)


@effort(60)
@given(
    st.dictionaries(_names, st.tuples(st.integers(1, 255), st.integers(0, 2)), min_size=1, max_size=5),
    st.tuples(*[st.integers(-2, 4)] * 3),
    st.randoms(use_true_random=False),
)
def test_every_segment_comes_back_by_its_name_or_is_refused(tmp_path_factory, named, first, random):
    """What is drawn in the segments' own places, and how they are called, numbered and cropped, changes nothing."""
    assume_apart = len(set(named.values())) == len(named)
    layers = [np.zeros((3, 3, 3), np.uint8) for _ in range(3)]
    expected = np.zeros(SHAPE, np.int64)
    numbers = {name: number for number, name in enumerate(sorted(named), start=1)}
    places = random.sample(list(np.ndindex(3, 3, 3)), len(named))
    inside = True
    for (name, (value, layer)), place in zip(named.items(), places, strict=True):
        layers[layer][place] = value
        at = tuple(np.add(place, first))
        inside &= all(0 <= index < size for index, size in zip(at, SHAPE, strict=True))
        if inside:
            expected[at] = numbers[name]
    stated = [(name, value, layer) for name, (value, layer) in named.items()]
    path = write_slicer(path_in(tmp_path_factory.mktemp("slicer")), layers, stated, AFFINE, first=first)
    if assume_apart and inside:
        np.testing.assert_array_equal(read_label(path, numbers, GRID).array, expected)
    else:
        with pytest.raises(ReadError, match=r"same value|outside the image"):
            read_label(path, numbers, GRID)
