"""What all tests of extractors share."""

import pytest


@pytest.fixture(autouse=True)
def _small_runs(reads_in_this_process):
    """Runs here are of a few tiny cases."""
