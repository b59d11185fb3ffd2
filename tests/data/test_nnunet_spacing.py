"""The voxel size that nnU-Net's own readers take of a file, as its header says beside auvseg's: held against them."""

import gzip
import json

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from auvseg.data.case import Case
from auvseg.data.reading import read_header
from auvseg.data.volume import load_volume
from faulty_datasets import patched

AFFINE = np.diag([0.75, 0.5, 2.5, 1.0])
VOXELS = np.arange(210, dtype=np.int16).reshape(5, 6, 7)
MICROMETRES = {"xyzt_units": 3, "scale": 1e3}
METRES = {"xyzt_units": 1, "scale": 1e-3}
MISNAMED = {"xyzt_units": 1}
OTHER_PIXDIM = {"pixdim": [1, 1, 2, 3, 1, 1, 1, 1]}
NO_PIXDIM = {"pixdim": [1, 0, 0.5, 2.5, 1, 1, 1, 1]}


def nifti(folder, ending=".nii.gz", scale=1.0, **fields):
    path = folder / "case_0000.nii"
    nib.save(nib.Nifti1Image(VOXELS, np.diag([scale, scale, scale, 1.0]) @ AFFINE), path)
    patched(path, **fields)
    if ending == ".nii":
        return path
    packed = folder / "case_0000.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1, mtime=0))
    return packed


def nrrd(folder):
    lines = ["NRRD0004", "type: short", "dimension: 3", "space: RAS", "sizes: 5 6 7", "encoding: raw", "endian: little"]
    lines += ["space directions: (750,0,0) (0,500,0) (0,0,2500)", 'space units: "um" "um" "um"', "", ""]
    (folder / "case_0000.nrrd").write_bytes("\n".join(lines).encode() + VOXELS.tobytes(order="F"))
    return folder / "case_0000.nrrd"


def meta(folder):
    lines = ["ObjectType = Image", "NDims = 3", "DimSize = 5 6 7", "ElementType = MET_SHORT", "DistanceUnits = um"]
    lines += ["ElementSpacing = 750 500 2500", "ElementDataFile = LOCAL", ""]
    (folder / "case_0000.mha").write_bytes("\n".join(lines).encode() + VOXELS.tobytes(order="F"))
    return folder / "case_0000.mha"


def tiff(folder, description="", sidecar=None):
    planes = [Image.fromarray(plane) for plane in VOXELS.astype(np.uint8).transpose()]
    options = {"tiffinfo": {270: description}, "x_resolution": 4, "y_resolution": 2, "resolution_unit": 1}
    planes[0].save(folder / "case_0000.tif", save_all=True, append_images=planes[1:], **options)
    if sidecar is not None:
        (folder / "case.json").write_text(json.dumps({"spacing": sidecar}))
    return folder / "case_0000.tif"


@pytest.mark.parametrize("options", [{}, MICROMETRES, METRES, MISNAMED, OTHER_PIXDIM, NO_PIXDIM], ids=str)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_of_nifti(tmp_path, options, ending):
    check_size(nifti(tmp_path, ending, **options), "NibabelIO" if ending == ".nii" else "SimpleITKIO")


@pytest.mark.parametrize("write", [nrrd, meta])
def test_of_text_headers(tmp_path, write):
    path = write(tmp_path)
    check_size(path, "SimpleITKIO")
    assert read_header(path).spacing_mm == pytest.approx((0.75, 0.5, 2.5))


@pytest.mark.parametrize("description", ["", "ImageJ=1.54f\nunit=um\nspacing=2.5\n"])
@pytest.mark.parametrize("sidecar", [None, [2.5, 0.5, 0.75]])
def test_of_tiff(tmp_path, description, sidecar):
    check_size(tiff(tmp_path, description, sidecar), "Tiff3DIO")


def check_size(path, name):
    from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_file_ending

    ending = path.name[path.name.index(".") :]
    reader = determine_reader_writer_from_file_ending(ending, str(path), verbose=False)
    assert reader.__name__ == name
    _, properties = reader().read_images([str(path)])
    header = read_header(path)
    assert header.nnunet_spacing is None or header.nnunet_spacing != header.spacing_mm
    seen = header.nnunet_spacing or header.spacing_mm
    assert seen == pytest.approx(properties["spacing"][::-1])
    volume = load_volume(Case("case", (path,), None))
    x, y, z = seen
    assert (volume.nnunet_spacing or volume.spacing_mm) == pytest.approx((z, y, x))
