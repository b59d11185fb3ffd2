"""Fixtures for every test; turns on run-time checks of types and array shapes before auvseg is imported."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("auvseg", "typechecked.check")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images; a test that needs it is skipped, with the reason, where it is absent."""
    folder = Path(os.environ.get("AUVSEG_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set AUVSEG_DATA")
    return folder
