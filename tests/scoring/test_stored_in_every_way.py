"""One case, stored in every way that is read, has the same scores: no patient is how a file was written."""

import itertools
import json
from functools import partial

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.extractors import register_extractor
from auvseg.measures.catalogue import CASE_MEASURES
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.score import score
from auvseg.scoring.table import load_scores
from dicom_files import Scan, write_series
from small_extractor import Small

SHAPE = (14, 12, 10)
SPACING = (0.75, 0.5, 2.5)
AFFINE = np.array([[0.75, 0, 0, -15], [0, 0.5, 0, -20], [0, 0, 2.5, 10], [0, 0, 0, 1]])
ORIENTATIONS = [
    "".join(signs) for order in itertools.permutations(("LR", "PA", "IS")) for signs in itertools.product(*order)
]
ORGAN = ClassDef(1, "organ", (1,))
"""The tumour inside it, label 2, is what the organ's place is measured against."""


def anatomy():
    """Image and label along axes to R, A and S; no mirror image or turn of them is the same."""
    x, y, z = np.ogrid[tuple(slice(0, size) for size in SHAPE)]
    label = np.zeros(SHAPE, np.uint8)
    label[((x - 6) / 5) ** 2 + ((y - 5) / 4) ** 2 + ((z - 4) / 3) ** 2 <= 1] = 1
    label[((x - 8) / 2) ** 2 + ((y - 6) / 2) ** 2 + ((z - 5) / 2) ** 2 <= 1] = 2
    noise = np.random.default_rng(0).integers(-40, 40, SHAPE)
    image = (2 * (noise + 100 * label + 7 * x + 5 * y - 3 * z)).astype(np.int16)
    return image, label


IMAGE, LABEL = anatomy()


def turned(array, axcodes):
    """The array along other axes, and its affine."""
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt(tuple("RAS")), nib.orientations.axcodes2ornt(tuple(axcodes))
    )
    turned_array = nib.orientations.apply_orientation(array, turn)
    return np.ascontiguousarray(turned_array), AFFINE @ nib.orientations.inv_ornt_aff(turn, SHAPE)


def nifti(folder, ending, axcodes="RAS", kind=nib.Nifti1Image, types=(np.int16, np.uint8), mend=None):
    """A pair of files through nibabel; `mend` has the last word on an image."""
    paths = []
    for name, array, dtype in zip(("image", "label"), (IMAGE, LABEL), types, strict=True):
        stored, own = turned(array, axcodes)
        options = {"dtype": dtype} if issubclass(kind, nib.Nifti1Pair) else {}
        image = kind(stored.astype(dtype), own, **options)
        if mend is not None:
            image = mend(image) or image
        paths.append(folder / f"{name}{ending}")
        nib.save(image, paths[-1])
    return paths


def form_codes(image, qform, sform):
    image.set_qform(AFFINE, qform)
    image.set_sform(AFFINE, sform)


def big_endian(image):
    return type(image)(np.asarray(image.dataobj), image.affine, image.header.as_byteswapped(">"))


def scaled(folder):
    """Of the image half of every value is stored, of the label twice; the slope makes good for it."""
    paths = nifti(folder, ".nii", types=(np.int16, np.int16))
    for path, slope in zip(paths, (2.0, 0.5), strict=True):
        image = nib.load(path)
        stored = nib.Nifti1Image((np.asarray(image.dataobj) / slope).astype(np.int16), AFFINE).to_bytes()
        header = nib.Nifti1Header(stored[:348])
        header["scl_slope"], header["scl_inter"] = slope, 0.0
        path.write_bytes(header.binaryblock + stored[348:])
    return paths


def in_unit(image, unit, factor):
    other = type(image)(np.asarray(image.dataobj), np.diag([factor, factor, factor, 1]) @ AFFINE)
    other.header.set_xyzt_units(unit)
    return other


def with_fourth_axis(image):
    return nib.Nifti1Image(np.asarray(image.dataobj)[..., None], image.affine)


def itk(folder, ending, axcodes="RAS", types=(np.int16, np.uint8), compressed=False, change=None):
    """A pair of files through ITK; `change` rewrites the header's text."""
    paths = []
    for name, array, dtype in zip(("image", "label"), (IMAGE, LABEL), types, strict=True):
        stored, affine = turned(array, axcodes)
        lps = np.diag([-1, -1, 1, 1]) @ affine
        image = sitk.GetImageFromArray(stored.astype(dtype).transpose())
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        image.SetSpacing(spacing.tolist())
        image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
        image.SetOrigin(lps[:3, 3].tolist())
        paths.append(folder / f"{name}{ending}")
        sitk.WriteImage(image, str(paths[-1]), compressed)
        if change is not None:
            paths[-1].write_bytes(change(paths[-1].read_bytes()))
    return paths


def nrrd(folder, space, unit="mm", factor=1.0, encoding="raw", detached=False):
    """A pair of NRRD files, by hand."""
    signs = {"R": 1, "L": -1, "A": 1, "P": -1, "S": 1, "I": -1}
    to_space = np.array([signs[letter] for letter in space]) * factor
    paths = []
    for name, array, kind in (("image", IMAGE, "short"), ("label", LABEL, "uchar")):
        columns = [",".join(repr(float(x)) for x in AFFINE[:3, axis] * to_space) for axis in range(4)]
        lines = [
            "NRRD0004",
            f"type: {kind}",
            "dimension: 3",
            f"space: {space}",
            f"sizes: {' '.join(map(str, SHAPE))}",
            f"space directions: ({columns[0]}) ({columns[1]}) ({columns[2]})",
            f'space units: "{unit}" "{unit}" "{unit}"',
            f"space origin: ({columns[3]})",
            "endian: little",
            f"encoding: {encoding}",
        ]
        voxels = array.tobytes(order="F")
        if encoding == "ascii":
            voxels = " ".join(map(str, array.ravel(order="F"))).encode()
        path = folder / f"{name}{'.nhdr' if detached else '.nrrd'}"
        if detached:
            lines.append(f"data file: {name}.raw")
            (folder / f"{name}.raw").write_bytes(voxels)
        path.write_bytes("\n".join([*lines, "", ""]).encode() + (b"" if detached else voxels))
        paths.append(path)
    return paths


def meta_in_micrometres(content):
    lines = content.split(b"\n")
    for number, line in enumerate(lines):
        key, _, value = line.partition(b" = ")
        if key in (b"ElementSpacing", b"Offset"):
            numbers = " ".join(repr(1000 * float(one)) for one in value.split())
            lines[number] = key + b" = " + numbers.encode()
            if key == b"Offset":
                lines[number] += b"\nDistanceUnits = um"
    return b"\n".join(lines)


def npz(folder):
    """MedSAM's: (z, y, x) along ITK's axes."""
    arrays = {name: turned(array, "LPS")[0].transpose() for name, array in (("imgs", IMAGE), ("gts", LABEL))}
    np.savez(folder / "case.npz", spacing=np.array(SPACING), **arrays)
    return [folder / "case.npz"] * 2


def tiff(folder):
    """nnU-Net's: a stack along ITK's axes, and a sidecar."""
    paths = []
    for name, array, dtype in (("case_0000", IMAGE, np.float32), ("case", LABEL, np.uint8)):
        stack = sitk.GetImageFromArray(turned(array, "LPS")[0].astype(dtype).transpose())
        paths.append(folder / f"{name}.tif")
        sitk.WriteImage(stack, str(paths[-1]))
    (folder / "case.json").write_text(json.dumps({"spacing": SPACING[::-1]}))
    return paths


def dicom(folder):
    """A series, with a label of another format."""
    scan = Scan(origin=(15.0 - 0.75 * 13, 20.0 - 0.5 * 11, 10.0), pixel_mm=(0.75, 0.5), step_mm=2.5, intercept=0.0)
    write_series(folder / "series", turned(IMAGE, "LPS")[0].transpose(), scan)
    return [folder / "series", nifti(folder, ".nii", "LPS")[1]]


NIFTI = {
    "gz": partial(nifti, ending=".nii.gz"),
    "nifti-2": partial(nifti, ending=".nii", kind=nib.Nifti2Image),
    "nifti-2 gz": partial(nifti, ending=".nii.gz", kind=nib.Nifti2Image),
    "pair by hdr": partial(nifti, ending=".hdr", kind=nib.Nifti1Pair),
    "pair by img": partial(nifti, ending=".img", kind=nib.Nifti1Pair),
    "packed pair": partial(nifti, ending=".img.gz", kind=nib.Nifti1Pair),
    "nifti-2 pair": partial(nifti, ending=".img", kind=nib.Nifti2Pair),
    "mgh": partial(nifti, ending=".mgh", kind=nib.MGHImage),
    "mgz": partial(nifti, ending=".mgz", kind=nib.MGHImage, axcodes="LIA"),
    "big-endian": partial(nifti, ending=".nii", mend=big_endian),
    "big-endian pair": partial(nifti, ending=".img", kind=nib.Nifti1Pair, mend=big_endian),
    "big-endian nifti-2": partial(nifti, ending=".nii", kind=nib.Nifti2Image, mend=big_endian),
    "fourth axis": partial(nifti, ending=".nii", mend=with_fourth_axis),
    "qform alone": partial(nifti, ending=".nii", mend=partial(form_codes, qform=1, sform=0)),
    "sform alone": partial(nifti, ending=".nii", mend=partial(form_codes, qform=0, sform=1)),
    "both forms": partial(nifti, ending=".nii", mend=partial(form_codes, qform=1, sform=4)),
    "micrometres": partial(nifti, ending=".nii", mend=partial(in_unit, unit="micron", factor=1e3)),
    "metres": partial(nifti, ending=".nii.gz", mend=partial(in_unit, unit="meter", factor=1e-3)),
    "scaled": scaled,
    "no unit": partial(nifti, ending=".nii", mend=partial(in_unit, unit="unknown", factor=1)),
}
TYPES = {
    f"{np.dtype(image)} and {np.dtype(label)}": partial(nifti, ending=".nii", types=(image, label))
    for image, label in (
        (np.int16, np.int8),
        (np.int16, np.uint16),
        (np.int32, np.int16),
        (np.int32, np.uint32),
        (np.int64, np.int64),
        (np.float32, np.float32),
        (np.float64, np.float64),
    )
}
OTHERS = {
    "mha": partial(itk, ending=".mha"),
    "mha packed": partial(itk, ending=".mha", compressed=True),
    "mhd": partial(itk, ending=".mhd"),
    "mhd packed": partial(itk, ending=".mhd", compressed=True),
    "mha floating": partial(itk, ending=".mha", types=(np.float64, np.float32)),
    "mha other axes": partial(itk, ending=".mha", axcodes="PSL"),
    "mha in micrometres": partial(itk, ending=".mha", change=meta_in_micrometres),
    "nrrd": partial(itk, ending=".nrrd"),
    "nrrd packed": partial(itk, ending=".nrrd", compressed=True),
    "nhdr": partial(itk, ending=".nhdr"),
    "nrrd other axes": partial(itk, ending=".nrrd", axcodes="SAL"),
    "nrrd RAS": partial(nrrd, space="RAS"),
    "nrrd LAS": partial(nrrd, space="LAS"),
    "nrrd LPS": partial(nrrd, space="LPS"),
    "nrrd ascii": partial(nrrd, space="RAS", encoding="ascii"),
    "nrrd detached": partial(nrrd, space="LPS", detached=True),
    "nrrd in micrometres": partial(nrrd, space="RAS", unit="um", factor=1e3),
    "nrrd in centimetres": partial(nrrd, space="LPS", unit="cm", factor=0.1),
    "nrrd in metres": partial(nrrd, space="LAS", unit="m", factor=1e-3),
    "npz": npz,
    "tiff": tiff,
    "dicom": dicom,
}
WAYS = {axcodes: partial(nifti, ending=".nii", axcodes=axcodes) for axcodes in ORIENTATIONS} | NIFTI | TYPES | OTHERS


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("ways")
    cases = []
    for name, write in WAYS.items():
        folder = root / name.replace(" ", "_")
        folder.mkdir()
        image, label = write(folder)
        cases.append(Case(name, (image,), label))
    return Dataset("ways", root, "drawn in code", None, tuple(sorted(cases, key=lambda case: case.case_id)), (ORGAN,))


def test_there_are_at_least_72_ways():
    assert len(WAYS) >= 72


def test_one_case_has_the_same_scores_however_it_is_stored(dataset, tmp_path, reads_in_this_process):
    register_extractor("small", Small)
    summary = score(dataset, tmp_path, ScoreConfig(modality="mri", extractor="small"), views=False)
    assert summary.failed == ()
    table = load_scores(tmp_path)
    assert set(table["status"]) == {"ok"}
    # Measures against the cohort compare the ways with each other.
    measures = [name for name in CASE_MEASURES if table[name].notna().any()]
    assert {"S", "volume_ml", "compactness", "offset_x_mm", "through_plane"} <= set(measures)
    numbers = table.set_index("case")[measures].astype(float)
    assert list(numbers.index) == sorted(WAYS)
    first = numbers.loc["RAS"]
    differs = ~np.isclose(numbers, first, rtol=1e-5, atol=1e-6, equal_nan=True)
    assert not differs.any(), (list(numbers.index[differs.any(axis=1)]), list(numbers.columns[differs.any(axis=0)]))
    assert first["volume_ml"] == pytest.approx(np.count_nonzero(LABEL == 1) * 0.75 * 0.5 * 2.5 / 1000)
