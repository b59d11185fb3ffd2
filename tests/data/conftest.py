"""Small files drawn in code: one array of signal, and NIfTI files of it in any orientation."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from auvseg.data.case import Case


@pytest.fixture
def voxels() -> np.ndarray:
    """(5, 6, 7) int16 without any symmetry, so that no exchange of axes goes unseen."""
    return np.random.default_rng(0).permutation(5 * 6 * 7).reshape(5, 6, 7).astype(np.int16)


@pytest.fixture
def affine() -> np.ndarray:
    """Spacing 0.5×2×3 mm, axes to L, A, S, and an origin away from 0."""
    matrix = np.diag([-0.5, 2.0, 3.0, 1.0])
    matrix[:3, 3] = (10.0, -20.0, 30.0)
    return matrix


@pytest.fixture
def write_nifti(tmp_path: Path, affine: np.ndarray):
    """Write an array as NIfTI-1, or as another nibabel class, below the test's folder."""

    def write(name: str, array: np.ndarray, matrix: np.ndarray = affine, kind: type = nib.Nifti1Image) -> Path:
        path = tmp_path / name
        nib.save(kind(array, matrix), path)
        return path

    return write


@pytest.fixture
def make_case(write_nifti):
    """A case with the images and the label written as NIfTI."""

    def make(*images: np.ndarray, label: np.ndarray | None = None, label_affine: np.ndarray | None = None) -> Case:
        paths = tuple(write_nifti(f"image_{number}.nii.gz", image) for number, image in enumerate(images))
        if label is None:
            return Case("case", paths, None)
        extra = () if label_affine is None else (label_affine,)
        return Case("case", paths, write_nifti("label.nii.gz", label, *extra))

    return make
