"""Data sets drawn in code with exactly one fault each, named after the kind of finding that it must give."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
from PIL import Image

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.check.dataset import check_dataset
from auvseg.data.check.findings import Kind
from auvseg.data.dataset import read_dataset
from deadly_path import DeadlyPath
from dicom_files import AXIAL, Scan, rectangle, write_contours, write_series
from slicer_files import write_slicer

SHAPE = (6, 5, 4)
PAIR = {"faulty": 1, "other": 2}
CLASSES = (ClassDef(1, "liver", (1,)), ClassDef(2, "tumour", (2,)))


class Folder:
    """Writes cases below a folder; every case's voxels differ from every other's."""

    def __init__(self, root):
        self.root = root
        self.affine = np.diag([1.0, 1.0, 2.0, 1.0])

    def write(self, name, array, affine=None):
        nib.save(nib.Nifti1Image(array, self.affine if affine is None else affine), self.root / name)
        return self.root / name

    def image(self, seed, shape=SHAPE):
        return np.random.default_rng(seed).integers(-1000, 1000, shape).astype(np.int16)

    def label(self, seed):
        array = np.random.default_rng(seed).integers(0, 3, SHAPE).astype(np.int16)
        array[0, 0, :3] = (0, 1, 2)
        return array

    def case(self, name, seed, *, image=None, label=None, affine=None, label_affine=None):
        label_affine = affine if label_affine is None else label_affine
        return Case(
            name,
            (self.write(f"{name}_image.nii", self.image(seed) if image is None else image, affine),),
            self.write(f"{name}_label.nii", self.label(seed) if label is None else label, label_affine),
        )

    def dataset(self, *cases, classes=CLASSES, **more):
        """The cases beside two sound ones."""
        sound = (self.case("sound_a", 100), self.case("sound_b", 101))
        return Dataset("drawn", self.root, "drawn in code", None, (*sound, *cases), classes, **more)


def unlabelled(path):
    """A test case of one image, whose header alone is at fault."""
    return Case("faulty", (path,), None, "test")


def patched(path, **fields):
    """A NIfTI file with other values in its header."""
    content = path.read_bytes()
    size = nib.Nifti1Header.sizeof_hdr
    header = nib.Nifti1Header(content[:size], check=False)
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(header.binaryblock + content[size:])
    return path


def shifted(affine, x_mm):
    moved = affine.copy()
    moved[0, 3] += x_mm
    return moved


def with_value(array, value):
    changed = array.astype(np.float32)
    changed[2, 2, 2] = value
    return changed


def missing_file(folder):
    case = folder.case("faulty", 1)
    case.images[0].unlink()
    return folder.dataset(case)


def nnunet(folder, label="{}.nii", declared=3):
    """Three cases as nnU-Net stores them, whose labels are called so."""
    for part in ("imagesTr", "labelsTr"):
        (folder.root / part).mkdir()
    for seed, name in enumerate(("sound_a", "sound_b", "faulty")):
        folder.write(f"imagesTr/{name}_0000.nii", folder.image(seed))
        folder.write("labelsTr/" + label.format(name), folder.label(seed))
    labels = {"background": 0, "liver": 1, "tumour": 2}
    description = {"channel_names": {"0": "CT"}, "labels": labels, "file_ending": ".nii", "numTraining": declared}
    (folder.root / "dataset.json").write_text(json.dumps(description))
    return read_dataset(folder.root)


def misnamed_file(folder):
    return nnunet(folder, label="{}_0000.nii")


def refused_by_nnunet(folder):
    return nnunet(folder, declared=7)


def with_split(folder, *folds):
    known = nnunet(folder)
    (folder.root / "splits_final.json").write_text(json.dumps(folds))
    return known


def split_overlap(folder):
    return with_split(folder, {"train": ["sound_a", "sound_b", "faulty"], "val": ["faulty"]})


def unusable_split(folder):
    return with_split(folder, {"train": ["sound_a", "sound_b.nii"], "val": ["faulty"]})


def doubtful_split(folder):
    return with_split(folder, {"train": ["sound_a"], "val": ["sound_b"]})


def inexact_path(folder):
    folder.dataset(folder.case("faulty", 1))
    rows = [f"{name},.\\{name}_image.nii,{name}_label.nii" for name in ("sound_a", "sound_b", "faulty")]
    (folder.root / "cases.csv").write_text("\n".join(["id,image,label", *rows]))
    return read_dataset(folder.root / "cases.csv")


def missing_label(folder):
    return folder.dataset(replace(folder.case("faulty", 1), label=None))


def unreadable(folder):
    case = folder.case("faulty", 1)
    case.images[0].write_bytes(case.images[0].read_bytes()[:400])
    return folder.dataset(case)


def unsupported_format(folder):
    case = folder.case("faulty", 1)
    path = case.images[0].rename(folder.root / "faulty_image.vox")
    return folder.dataset(replace(case, images=(path,)))


def ambiguous_case(folder):
    return folder.dataset(replace(folder.case("faulty", 1), problem="its study has 2 series"))


def unusable_series(folder):
    paths = write_series(folder.root / "faulty_series", folder.image(1), Scan())
    paths[2].unlink()
    return folder.dataset(replace(folder.case("faulty", 1), images=(folder.root / "faulty_series",)))


def altered_label(folder):
    # The grid of the images, whose axes point to the right, the front and upwards.
    scan = Scan(origin=(0.0, 0.0, 0.0), axes=-AXIAL, pixel_mm=(1.0, 1.0), step_mm=2.0)
    curves = [rectangle(scan, (0.5, 3.5), (0.5, 3.5), plane) for plane in (0, 2)]
    label = write_contours(folder.root / "faulty_label.dcm", scan, {"liver": curves})
    return folder.dataset(replace(folder.case("faulty", 1), label=label, label_values={"liver": 1}))


def crossing_contours(folder):
    scan = Scan(origin=(0.0, 0.0, 0.0), axes=-AXIAL, pixel_mm=(1.0, 1.0), step_mm=2.0)
    curves = [rectangle(scan, (0.5, 3.5), (0.5, 3.5), 1), rectangle(scan, (1.5, 4.5), (1.5, 3.5), 1)]
    label = write_contours(folder.root / "faulty_label.dcm", scan, {"liver": curves})
    return folder.dataset(replace(folder.case("faulty", 1), label=label, label_values={"liver": 1}))


def of_slicer(folder, segments, **more):
    label = write_slicer(folder.root / "faulty_label.seg.nrrd", folder.label(1), segments, folder.affine, **more)
    return folder.dataset(replace(folder.case("faulty", 1), label=label, label_values={"liver": 1, "tumour": 2}))


def renumbered_label(folder):
    return of_slicer(folder, [("tumour", 1, 0), ("liver", 2, 0)])


def needs_export(folder):
    label = np.zeros(SHAPE, np.int16)
    label[1:5, 1:4, 1:3] = 1 + np.indices((4, 3, 2)).sum(axis=0) % 2
    path = folder.root / "faulty_label.seg.nrrd"
    write_slicer(path, label[1:5, 1:4, 1:3], [("liver", 1, 0), ("tumour", 2, 0)], folder.affine, first=(1, 1, 1))
    return folder.dataset(replace(folder.case("faulty", 1), label=path, label_values={"liver": 1, "tumour": 2}))


def refused(folder, kind):
    return folder.dataset(replace(folder.case("faulty", 1), problem="a reason", problem_kind=kind))


def unnamed_label(folder):
    return refused(folder, Kind.UNNAMED_LABEL)


def contradicting_names(folder):
    return refused(folder, Kind.CONTRADICTING_NAMES)


def other_frame_of_reference(folder):
    return refused(folder, Kind.OTHER_FRAME_OF_REFERENCE)


def reader_crashed(folder):
    case = folder.case("faulty", 1)
    return folder.dataset(replace(case, images=(DeadlyPath(case.images[0]),)))


def too_many_axes(folder):
    return folder.dataset(folder.case("faulty", 1, image=folder.image(1, (*SHAPE, 3))))


def channel_mismatch(folder):
    case = folder.case("faulty", 1)
    return folder.dataset(replace(case, images=(*case.images, folder.write("second.nii", folder.image(2)))))


def nan_or_inf(folder):
    return folder.dataset(folder.case("faulty", 1, image=with_value(folder.image(1), np.nan)))


def constant_image(folder):
    return folder.dataset(folder.case("faulty", 1, image=np.full(SHAPE, 7, np.int16)))


def implausible_intensity(folder):
    # Hounsfield units with 1000 added.
    return folder.dataset(folder.case("faulty", 1, image=folder.image(1) + np.int16(1000)), modality="ct")


def unstated_spacing(folder):
    path = folder.root / "faulty_image.npz"
    np.savez(path, imgs=folder.image(1), direction=np.diag([-1.0, -1.0, 1.0]))
    return folder.dataset(unlabelled(path))


def unstated_orientation(folder):
    folder.affine = np.diag([-1.0, 1.0, 2.0, 1.0])
    path = folder.write("faulty_image.nii", folder.image(1))
    return folder.dataset(unlabelled(patched(path, sform_code=0, qform_code=0)))


def contradictory_spacing(folder):
    path = folder.write("faulty_image.nii", folder.image(1))
    return folder.dataset(unlabelled(patched(path, pixdim=[1, 1, 1, 1, 1, 1, 1, 1])))


def contradictory_orientation(folder):
    path = folder.write("faulty_image.nii", folder.image(1))
    return folder.dataset(unlabelled(patched(path, qform_code=1, qoffset_x=5)))


def sheared_grid(folder):
    path = folder.root / "faulty_image.npz"
    leaning = np.diag([-1.0, -1.0, 1.0])
    leaning[:2, 1] = (0.6, -0.8)
    np.savez(path, imgs=folder.image(1), direction=leaning, spacing=np.array([1.0, 1.0, 2.0]))
    return folder.dataset(unlabelled(path))


def implausible_spacing(folder):
    return folder.dataset(unlabelled(folder.write("faulty_image.nii", folder.image(1), np.diag([1e4, 1e4, 2e4, 1.0]))))


def unreadable_elsewhere(folder):
    path = folder.write("faulty_image.nii", folder.image(1))
    return folder.dataset(unlabelled(patched(path, intent_code=1004)))


def spacing_unseen(folder):
    return folder.dataset(unlabelled(tiff_stack(folder, spacing=1.5, unit="mm")))


def pixels_only(folder):
    folder.affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    path = folder.root / "faulty_image.png"
    Image.fromarray(folder.image(1)[..., 0].astype(np.uint8)).save(path)
    return folder.dataset(unlabelled(path))


def tiff_stack(folder, **description):
    """A stack of planes that ImageJ wrote; its axes point where those of a picture do."""
    folder.affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    path = folder.root / "faulty_image.tif"
    planes = [Image.fromarray(plane) for plane in folder.image(1).astype(np.uint8).transpose()]
    lines = [f"ImageJ=1.54f\nimages={len(planes)}", *(f"{name}={value}" for name, value in description.items())]
    options = {"tiffinfo": {270: "\n".join(lines)}, "resolution": 1.0, "resolution_unit": 1}
    planes[0].save(path, save_all=True, append_images=planes[1:], **options)
    return path


def unusual_unit(folder):
    path = folder.write("faulty_image.nii", folder.image(1), folder.affine @ np.diag([1e3, 1e3, 1e3, 1.0]))
    return folder.dataset(unlabelled(patched(path, xyzt_units=3)))


def repaired_header(folder):
    path = folder.write("faulty_image.nii", folder.image(1))
    return folder.dataset(unlabelled(patched(path, sizeof_hdr=340)))


def default_geometry(folder):
    return folder.dataset(folder.case("faulty", 1, affine=np.eye(4)))


def mixed_orientation(folder):
    return folder.dataset(folder.case("faulty", 1, affine=np.diag([-1.0, 1.0, 2.0, 1.0])))


def shape_mismatch(folder):
    return folder.dataset(folder.case("faulty", 1, label=folder.label(1)[:, :-1]))


def spacing_mismatch(folder):
    return folder.dataset(folder.case("faulty", 1, label_affine=np.diag([1.0, 1.0, 2.5, 1.0])))


def affine_mismatch(folder):
    return folder.dataset(folder.case("faulty", 1, label_affine=shifted(folder.affine, 5.0)))


def label_is_image(folder):
    return folder.dataset(folder.case("faulty", 1, image=folder.label(1).astype(np.float32)))


def background_not_zero(folder):
    label = np.ones((8, 8, 8), np.uint8)
    label[3:5, 3:5, 3:5] = 2
    return folder.dataset(folder.case("faulty", 1, image=folder.image(1, label.shape), label=label), classes=None)


def no_background(folder):
    return folder.dataset(folder.case("faulty", 1, label=np.maximum(folder.label(1), 1)))


def grey_levels(folder):
    return folder.dataset(folder.case("faulty", 1, label=(folder.label(1) > 0) * np.uint8(255)), classes=None)


def soft_label(folder):
    return folder.dataset(folder.case("faulty", 1, label=(folder.label(1) > 0) * np.float32(0.7)))


def rounded_label(folder):
    return folder.dataset(folder.case("faulty", 1, label=folder.label(1) * np.float32(0.9999)))


def non_integer_label(folder):
    return folder.dataset(folder.case("faulty", 1, label=with_value(folder.label(1), 0.5)))


def unexpected_label(folder):
    return folder.dataset(folder.case("faulty", 1, label=with_value(folder.label(1), 9)))


def indistinct_label(folder):
    wide = folder.case("wide", 2, label=with_value(folder.label(2), 2**24).astype(np.int32))
    faulty = folder.case("faulty", 1, label=with_value(folder.label(1), 2**24))
    dataset = folder.dataset(classes=(*CLASSES, ClassDef(2**24, "nerve", (2**24,))))
    # The sound cases' own type has no room for that class, which is another finding.
    return replace(dataset, cases=(wide, faulty))


def label_overflow(folder):
    wide = folder.case("wide", 2, label=with_value(folder.label(2), 300).astype(np.int16))
    narrow = folder.case("faulty", 1, label=folder.label(1).astype(np.uint8))
    return folder.dataset(wide, narrow, classes=(*CLASSES, ClassDef(300, "stent", (300,))))


def empty_label(folder):
    return folder.dataset(folder.case("faulty", 1, label=np.zeros(SHAPE, np.uint8)))


def class_never_present(folder):
    return folder.dataset(classes=(*CLASSES, ClassDef(3, "cyst", (3,))))


def duplicate_image(folder):
    # Another type on disk does not make it another image.
    return folder.dataset(folder.case("faulty", 1, image=folder.image(100).astype(np.float64)))


def duplicate_label(folder):
    # Large enough not to be equal by chance.
    shape = (12, 12, 12)
    label = np.random.default_rng(0).integers(0, 3, shape).astype(np.int16)
    label[0] = 0
    label[1:] += label[1:] == 0
    cases = (folder.case(name, seed, image=folder.image(seed, shape), label=label) for name, seed in PAIR.items())
    return folder.dataset(*cases)


def duplicate_id(folder):
    return folder.dataset(folder.case("faulty", 1), replace(folder.case("other", 2), case_id="Faulty"))


FAULTS = [
    missing_file,
    misnamed_file,
    inexact_path,
    refused_by_nnunet,
    split_overlap,
    unusable_split,
    doubtful_split,
    missing_label,
    unreadable,
    unsupported_format,
    ambiguous_case,
    unusable_series,
    altered_label,
    crossing_contours,
    renumbered_label,
    needs_export,
    unnamed_label,
    contradicting_names,
    other_frame_of_reference,
    reader_crashed,
    too_many_axes,
    channel_mismatch,
    nan_or_inf,
    constant_image,
    implausible_intensity,
    unstated_spacing,
    unstated_orientation,
    contradictory_spacing,
    contradictory_orientation,
    sheared_grid,
    implausible_spacing,
    unreadable_elsewhere,
    spacing_unseen,
    pixels_only,
    unusual_unit,
    repaired_header,
    default_geometry,
    mixed_orientation,
    shape_mismatch,
    spacing_mismatch,
    affine_mismatch,
    label_is_image,
    background_not_zero,
    no_background,
    grey_levels,
    soft_label,
    rounded_label,
    non_integer_label,
    unexpected_label,
    indistinct_label,
    label_overflow,
    empty_label,
    class_never_present,
    duplicate_image,
    duplicate_label,
    duplicate_id,
]
OF_TWO_CASES = ("duplicate_image", "duplicate_label", "duplicate_id")


def check(dataset, **options):
    """In this process, unless a file would kill it."""
    deadly = any(isinstance(path, DeadlyPath) for case in dataset.cases for path in case.images)
    return check_dataset(dataset, **{"num_workers": 1 if deadly else 0, **options})
