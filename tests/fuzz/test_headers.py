"""Whatever headers say of voxel sizes: no size is silently another than stated, and no volume another than |det|."""

import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from auvseg.data.check.findings import Kind
from auvseg.data.formats.header import Header, mm_per_unit
from auvseg.data.reading import read_header
from auvseg.errors import ReadError
from fuzz import seeds
from fuzz.effort import effort
from fuzz.mutations import odd_json

EXAMPLES = 150
SHAPE = (2, 3, 4)
OF_SIZES = {
    Kind.CONTRADICTORY_SPACING,
    Kind.UNSTATED_SPACING,
    Kind.UNUSUAL_UNIT,
    Kind.IMPLAUSIBLE_SPACING,
    Kind.SPACING_UNSEEN,
    Kind.PIXELS_ONLY,
}

sizes = st.sampled_from([0.5, 0.75, 1.0, 2.5, 40.0])
odd_sizes = st.one_of(sizes, sizes, sizes, st.sampled_from([0.0, -1.0, math.nan, math.inf, 1e-30, 1e30]))
units = st.sampled_from(["mm", "um", "µm", "cm", "m", "", "microns", "Millimetre", "px", "furlong", "MM", "s"])


def read(folder: Path, name: str, content: bytes, **others: bytes) -> Header | None:
    """The header of a file; None where it is refused, in one line that begins with its name."""
    for ending, other in others.items():
        (folder / name).with_suffix(f".{ending}").write_bytes(other)
    (folder / name).write_bytes(content)
    try:
        header = read_header(folder / name)
    except ReadError as error:
        refused = str(error)
        header = None
    if header is None:
        assert refused.startswith(f"{name}: "), refused
        assert "\n" not in refused
        return None
    assert np.isfinite(header.spacing_mm).all()
    assert min(header.spacing_mm) > 0
    volume = abs(np.linalg.det(header.affine[:3, :3].astype(np.longdouble).astype(np.float64)))
    assert math.isclose(header.voxel_mm3, volume, rel_tol=1e-5)
    for note in header.notes:
        assert note.message
        assert "\n" not in note.message
    return header


def in_a_folder(check: Callable[..., None], *arguments: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder), *arguments)


@st.composite
def nifti_headers(draw) -> bytes:
    """Headers whose sform, qform, pixdim and unit agree, or do not."""
    image = nib.Nifti1Image(np.zeros(SHAPE, np.int16), np.eye(4))
    content = image.to_bytes()
    header = nib.Nifti1Header(content[:348], check=False)
    stated = [draw(odd_sizes) for _ in range(3)]
    own = stated if draw(st.booleans()) else [draw(odd_sizes) for _ in range(3)]
    order, signs = draw(st.permutations(range(3))), [draw(st.sampled_from([-1, 1])) for _ in range(3)]
    for row, axis in enumerate("xyz"):
        values = [0.0] * 4
        values[order[row]] = signs[row] * own[order[row]]
        values[draw(st.integers(0, 3))] += draw(st.sampled_from([0, 0, 0, 0.1, 10, math.nan]))
        header[f"srow_{axis}"] = values
        header[f"qoffset_{axis}"] = draw(st.sampled_from([0, 0, 10, math.nan]))
    for letter in "bcd":
        header[f"quatern_{letter}"] = draw(st.sampled_from([0, 0, 0.5, 1, math.sqrt(0.5), math.nan, 2]))
    header["pixdim"][:4] = [draw(st.sampled_from([1, -1, 0])), *stated]
    for name in ("sform_code", "qform_code"):
        header[name] = draw(st.sampled_from([0, 1, 2, 4, 9, -1]))
    header["xyzt_units"] = draw(st.sampled_from([0, 2, 10, 1, 3]))
    header["scl_slope"], header["scl_inter"] = (draw(st.sampled_from([1, 0, 2, math.nan, math.inf])) for _ in range(2))
    header["intent_code"] = draw(st.sampled_from([0, 0, 0, 1002, 1004, 1007]))
    return header.binaryblock + content[348:]


def check_nifti(folder: Path, content: bytes) -> None:
    header = read(folder, "a.nii", content)
    if header is None:
        return
    raw = nib.Nifti1Header(content[:348], check=False)
    stated = np.abs(np.asarray(raw["pixdim"][1:4], np.float64))
    # What every reader makes of no size.
    stated[~np.isfinite(stated) | (stated == 0)] = 1.0
    found = {note.kind for note in header.notes}
    with np.errstate(invalid="ignore", over="ignore"):
        rows = np.array([raw[f"srow_{axis}"][:3] for axis in "xyz"], np.float64)
        forms = [stated, np.linalg.norm(rows, axis=0)] if raw["sform_code"] > 0 else [stated]
        agree = all(np.allclose(header.spacing_mm, form, rtol=2e-3) for form in forms)
    # Silence means that every source says this, in millimetres.
    assert agree or found & {*OF_SIZES, Kind.REPAIRED_HEADER}, (header.spacing_mm, forms)
    if not found:
        assert int(raw["xyzt_units"]) & 7 not in (1, 3)
        image = sitk.ReadImage(str(folder / "a.nii"))
        np.testing.assert_allclose(image.GetSpacing(), header.spacing_mm, rtol=2e-3)
        direction = np.diag([-1, -1, 1]) @ np.array(image.GetDirection()).reshape(3, 3)
        np.testing.assert_allclose(direction, header.affine[:3, :3] / header.spacing_mm, atol=2e-3)


def test_a_nifti_header_without_a_note_is_what_itk_reads():
    @effort(2 * EXAMPLES)
    @given(nifti_headers())
    def check(content):
        in_a_folder(check_nifti, content)

    check()


def check_units(folder: Path, numbers: list[float], named: list[str], has_space: bool) -> None:
    vectors = " ".join(
        f"({','.join(repr(size) if axis == at else '0' for at in range(3))})" for axis, size in enumerate(numbers)
    )
    quoted = " ".join(f'"{unit}"' for unit in named)
    if has_space:
        lines = ["space: RAS", "sizes: 2 3 4", f"space directions: {vectors}", f"space units: {quoted}"]
    else:
        lines = ["sizes: 2 3 4", f"spacings: {' '.join(map(repr, numbers))}", f"units: {quoted}"]
    text = "\n".join(["NRRD0004", "type: short", "dimension: 3", *lines, "encoding: raw", "endian: little", "", ""])
    header = read(folder, "a.nrrd", text.encode() + bytes(48))
    factors = [1.0 if unit == "" else mm_per_unit(unit) for unit in named]
    if header is None:
        assert None in factors or not all(math.isfinite(size) and size > 0 for size in numbers)
        return
    assert None not in factors, "a length in an unknown unit was read"
    found = {note.kind for note in header.notes}
    scaled = [size * factor for size, factor in zip(map(abs, numbers), factors, strict=True)]
    if not np.allclose(header.spacing_mm, scaled, rtol=1e-6):
        assert found & {Kind.IMPLAUSIBLE_SPACING, Kind.UNSTATED_SPACING}
    assert (set(factors) == {1.0}) or found & {Kind.UNUSUAL_UNIT, Kind.IMPLAUSIBLE_SPACING}


def test_a_length_of_an_nrrd_file_is_in_its_unit_or_there_is_a_note():
    @effort(EXAMPLES)
    @given(st.lists(odd_sizes, min_size=3, max_size=3), st.lists(units, min_size=3, max_size=3), st.booleans())
    def check(numbers, named, has_space):
        in_a_folder(check_units, numbers, named, has_space)

    check()


def check_meta(folder: Path, spacing: list[float], size: list[float] | None, unit: str) -> None:
    lines = [f"ElementSpacing = {' '.join(map(repr, spacing))}", f"DistanceUnits = {unit}"]
    lines += [] if size is None else [f"ElementSize = {' '.join(map(repr, size))}"]
    start = ["ObjectType = Image", "NDims = 3", "DimSize = 2 3 4", "ElementType = MET_SHORT"]
    text = "\n".join([*start, *lines, "ElementDataFile = LOCAL", ""])
    header = read(folder, "a.mha", text.encode() + bytes(48))
    if header is None:
        return
    factor = 1.0 if unit == "" else mm_per_unit(unit)
    assert factor is not None
    found = {note.kind for note in header.notes}
    if not np.allclose(header.spacing_mm, factor * np.abs(spacing), rtol=1e-6):
        assert Kind.IMPLAUSIBLE_SPACING in found
    if size is not None and not np.allclose(size[:2], spacing[:2], rtol=2e-3):
        assert Kind.CONTRADICTORY_SPACING in found


def test_a_length_of_a_meta_image_is_in_its_unit_or_there_is_a_note():
    numbers = st.lists(odd_sizes, min_size=3, max_size=3)

    @effort(EXAMPLES)
    @given(numbers, st.none() | numbers, units)
    def check(spacing, size, unit):
        in_a_folder(check_meta, spacing, size, unit)

    check()


def check_sidecar(folder: Path, sidecar: bytes, stack: bytes) -> None:
    header = read(folder, "a.tif", stack, json=sidecar)
    if header is None:
        return
    try:
        content = json.loads(sidecar)
    except (ValueError, RecursionError):
        content = None
    found = {note.kind for note in header.notes}
    if isinstance(content, dict) and "spacing" in content:
        assert list(header.spacing_mm) == [float(size) for size in reversed(content["spacing"])]
    else:
        assert found & {Kind.SPACING_UNSEEN, Kind.UNSTATED_SPACING}
        assert Kind.UNREADABLE_ELSEWHERE in found


def test_a_stack_with_a_sidecar_has_its_size_or_is_refused_or_says_why_not():
    @effort(EXAMPLES)
    @given(odd_json({"spacing": [2.5, 0.5, 0.75]}), st.sampled_from(seeds.tiff_stack()))
    def check(sidecar, stack):
        in_a_folder(check_sidecar, sidecar, stack)

    check()


def check_description(folder: Path, description: str, pixels: list[int]) -> None:
    planes = [seeds.Image.fromarray(plane.astype(np.uint16)) for plane in seeds.VOXELS]
    options = {"tiffinfo": {270: description}, "x_resolution": pixels[0], "y_resolution": pixels[1]}
    planes[0].save(folder / "b.tif", save_all=True, append_images=planes[1:], resolution_unit=pixels[2], **options)
    header = read(folder, "a.tif", (folder / "b.tif").read_bytes())
    assert header is not None
    found = {note.kind for note in header.notes}
    assert (header.spacing_mm == (1.0, 1.0, 1.0)) or Kind.SPACING_UNSEEN in found
    assert found & {Kind.SPACING_UNSEEN, Kind.UNSTATED_SPACING}


@st.composite
def descriptions(draw) -> str:
    """What microscopes write, with numbers and units that may be none."""
    number = st.one_of(st.sampled_from(["0.5", "0", "-1", "nan", "1e400", "", "&#48;", "½"]), st.text(max_size=3))
    if draw(st.booleans()):
        attributes = [f'PhysicalSize{axis}="{draw(number)}"' for axis in "XYZ" if draw(st.integers(0, 3))]
        attributes += [f'PhysicalSize{axis}Unit="{draw(units)}"' for axis in "XYZ" if draw(st.booleans())]
        return f"<OME><Image><Pixels {' '.join(attributes)}/></Image></OME>"[: draw(st.sampled_from([10, 60, 2000]))]
    return f"ImageJ=1.54f\nunit={draw(units)}\nspacing={draw(number)}\n{draw(st.text(max_size=5))}"


def test_a_size_that_a_stack_states_itself_is_read_aloud_or_not_at_all():
    @effort(EXAMPLES)
    @given(descriptions(), st.lists(st.integers(0, 3), min_size=3, max_size=3))
    def check(description, pixels):
        in_a_folder(check_description, description, pixels)

    check()
