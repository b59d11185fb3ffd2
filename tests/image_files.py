"""Image files for the tests of reading: sound ones of several formats, and headers that promise what is not there."""

import io
import zipfile

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from auvseg.errors import ReadError


def write_itk(path, voxels, compressed=False):
    """The fixture's grid through SimpleITK: spacing 0.5×2×3 mm; RAS axes to L, A, S are LPS axes (+x, -y, +z)."""
    image = sitk.GetImageFromArray(voxels.transpose())
    image.SetSpacing((0.5, 2.0, 3.0))
    image.SetDirection((1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0))
    image.SetOrigin((-10.0, 20.0, 30.0))
    sitk.WriteImage(image, str(path), compressed)
    return path


def write_npz(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def refusal(read, path, **options):
    """The message with which a file is refused: one line, the file's name, no folder."""
    with pytest.raises(ReadError) as caught:
        read(path, **options)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert "\n" not in message
    assert str(path.parent) not in message
    return message


def claim(path, shape):
    """A file of a hundred bytes of data under a header that promises `shape` bytes."""
    sizes = " ".join(map(str, shape))
    start = b""
    if path.suffix in (".nrrd", ".nhdr"):
        data = "data file: a.raw\n" if path.suffix == ".nhdr" else ""
        start = f"NRRD0004\ntype: uchar\ndimension: 3\nsizes: {sizes}\nencoding: raw\n{data}\n".encode()
    elif path.suffix in (".mha", ".mhd"):
        data = "a.raw" if path.suffix == ".mhd" else "LOCAL"
        start = f"NDims = 3\nDimSize = {sizes}\nElementType = MET_UCHAR\nElementDataFile = {data}\n".encode()
    elif path.suffix == ".npz":
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("imgs.npy", header.getvalue() + bytes(100))
        return path
    else:
        kind = nib.MGHImage if path.suffix == ".mgz" else nib.Nifti1Image
        image = kind(np.zeros((1, 1, 1), np.uint8), np.eye(4))
        if kind is nib.MGHImage:
            image.header["dims"][:3] = shape
        else:
            image.header["dim"][:4] = (3, *shape)
        with nib.openers.Opener(str(path), "wb") as handle:
            handle.write(image.header.binaryblock + bytes(104))
        return path
    path.write_bytes(start + bytes(100))
    path.with_name("a.raw").write_bytes(bytes(100))
    return path
