"""nnU-Net's commands in this process, for tests in which they have next to nothing to do."""

import multiprocessing
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from types import SimpleNamespace

import pytest


@contextmanager
def threads_for_processes():
    """Within the block nnU-Net's pools are of threads: a process of theirs imports PyTorch before it does anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocessing, "get_context", lambda method=None: SimpleNamespace(Pool=ThreadPool))
        yield


@contextmanager
def small_sample_of_intensities():
    """Within the block a fingerprint is of few voxels; nnU-Net draws a hundred million, however few there are."""
    from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor

    made = DatasetFingerprintExtractor.__init__

    def with_a_small_sample(self, *arguments, **options):
        made(self, *arguments, **options)
        self.num_foreground_voxels_for_intensitystats = 10_000

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatasetFingerprintExtractor, "__init__", with_a_small_sample)
        yield
