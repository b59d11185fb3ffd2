"""Phantom data sets, written once for all tests, and one reader for them."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from auvseg.demo.phantom import draw_phantom, write_phantom_dataset


def _canonical(path: Path) -> tuple[np.ndarray, nib.Nifti1Image]:
    stored = nib.load(path)
    return np.asarray(nib.as_closest_canonical(stored).dataobj).transpose(2, 1, 0), stored


@pytest.fixture(scope="session")
def read_case():
    """Read (image, label) of a case as canonical (D, H, W) arrays, with the stored NIfTI images beside them."""

    def read(dataset: Path, case_id: str) -> SimpleNamespace:
        image, stored_image = _canonical(dataset / "imagesTr" / f"{case_id}_0000.nii.gz")
        label, stored_label = _canonical(dataset / "labelsTr" / f"{case_id}.nii.gz")
        return SimpleNamespace(image=image, label=label, stored_image=stored_image, stored_label=stored_label)

    return read


@pytest.fixture(scope="session")
def drawn():
    """Draw a clean case by index and seed, once for all tests; nobody may change it."""

    @cache
    def draw(index, seed=0):
        phantom = draw_phantom(index, seed=seed)
        phantom.image.flags.writeable = phantom.label.flags.writeable = False
        return phantom

    return draw


@pytest.fixture(scope="session")
def clean_dataset(tmp_path_factory) -> Path:
    """Five clean cases of seed 0: three of them have lesions."""
    return write_phantom_dataset(tmp_path_factory.mktemp("clean"), cases=5)
