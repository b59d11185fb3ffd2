"""Checkpoint files: the two layouts, and what is refused without being run."""

import hashlib

import pytest
import torch
from safetensors.torch import save_file

from auvseg.errors import WeightsError
from auvseg.extractors.medsam2_checkpoint import load_checkpoint
from medsam2_weights import SMALL, random_state, write_checkpoint


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


def test_the_published_layout_is_read_and_its_bytes_are_hashed(tmp_path):
    path = write_checkpoint(tmp_path / "MedSAM2_latest.pt")
    state, sha256 = load_checkpoint(path)
    assert same(state, random_state(SMALL))
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_safetensors_with_the_same_names_are_read(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(random_state(SMALL), path)
    state, sha256 = load_checkpoint(path)
    assert same(state, random_state(SMALL))
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


class Runs:
    """A pickle that would run something."""

    ran = False

    def __reduce__(self):
        return (setattr, (Runs, "ran", True))


def test_a_file_that_would_run_something_is_not_loaded(tmp_path):
    torch.save({"model": {"a": Runs()}}, tmp_path / "evil.pt")
    with pytest.raises(WeightsError, match=r"evil\.pt is damaged, or holds more than plain weights"):
        load_checkpoint(tmp_path / "evil.pt")
    assert not Runs.ran


@pytest.mark.parametrize("content", [{"a": torch.zeros(1)}, {"model": {}}, {"model": {"a": 3}}, [1], torch.zeros(1)])
def test_a_file_of_another_layout_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"other\.pt holds no state dict as MedSAM2's files do"):
        load_checkpoint(tmp_path / "other.pt")


@pytest.mark.parametrize("name", ["half.pt", "half.safetensors"])
def test_a_truncated_file_is_refused(tmp_path, name):
    whole = write_checkpoint(tmp_path / "whole.pt").read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=f"{name} is damaged"):
        load_checkpoint(tmp_path / name)


@pytest.mark.parametrize("name", ["", "missing.pt"])
def test_a_folder_or_a_missing_file_is_refused_with_what_is_needed(tmp_path, name):
    with pytest.raises(WeightsError, match=r"cannot be read .*such as MedSAM2_latest\.pt"):
        load_checkpoint(tmp_path / name)
