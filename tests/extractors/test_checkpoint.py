"""Checkpoint files: their layouts, and what is refused without being run."""

import hashlib

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from auvseg.errors import WeightsError
from auvseg.extractors.checkpoint import Published, checkpoint_path, fill, load_checkpoint

UNDER_A_KEY = Published("Model", "model.pt", keys=("model", "net"), bare=False)
BARE = Published("Model", "model.pt", keys=("model",))
STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize(
    ("content", "published"),
    [
        ({"model": STATE, "epoch": 3}, UNDER_A_KEY),
        ({"net": {f"module.{name}": value for name, value in STATE.items()}}, UNDER_A_KEY),
        ({"model": STATE}, BARE),
        (STATE, BARE),
    ],
)
def test_a_published_layout_is_read_and_its_bytes_are_hashed(tmp_path, content, published):
    path = tmp_path / "model.pt"
    torch.save(content, path)
    state, sha256 = load_checkpoint(path, published)
    assert same(state, STATE)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_safetensors_with_the_same_names_are_read(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(STATE, path)
    state, sha256 = load_checkpoint(path, UNDER_A_KEY)
    assert same(state, STATE)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


class Runs:
    """A pickle that would run something."""

    ran = False

    def __reduce__(self):
        return (setattr, (Runs, "ran", True))


def test_a_file_that_would_run_something_is_not_loaded(tmp_path):
    torch.save({"model": {"a": Runs()}}, tmp_path / "evil.pt")
    with pytest.raises(WeightsError, match=r"evil\.pt is damaged, or holds more than plain weights"):
        load_checkpoint(tmp_path / "evil.pt", UNDER_A_KEY)
    assert not Runs.ran


@pytest.mark.parametrize("content", [{"a": torch.zeros(1)}, {"model": {}}, {"model": {"a": 3}}, [1], torch.zeros(1)])
def test_a_file_of_another_layout_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"other\.pt holds no state dict as Model's files do"):
        load_checkpoint(tmp_path / "other.pt", UNDER_A_KEY)


@pytest.mark.parametrize("name", ["half.pt", "half.safetensors"])
def test_a_truncated_file_is_refused(tmp_path, name):
    torch.save({"model": STATE}, tmp_path / "whole.pt")
    whole = (tmp_path / "whole.pt").read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=f"{name} is damaged"):
        load_checkpoint(tmp_path / name, UNDER_A_KEY)


@pytest.mark.parametrize("name", ["", "missing.pt"])
def test_a_folder_or_a_missing_file_is_refused_with_what_is_needed(tmp_path, name):
    with pytest.raises(WeightsError, match=r"cannot be read .*such as model\.pt"):
        load_checkpoint(tmp_path / name, UNDER_A_KEY)


def test_without_a_file_it_is_that_of_the_cache_or_a_word_on_how_to_fetch_it(tmp_path, monkeypatch):
    monkeypatch.setenv("AUVSEG_WEIGHTS", str(tmp_path))
    assert checkpoint_path(tmp_path / "mine.pt", "medsam2") == tmp_path / "mine.pt"
    with pytest.raises(WeightsError, match="auvseg weights pull medsam2"):
        checkpoint_path(None, "medsam2")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("weight"), "lacks weight"),
        (lambda s: s.update(more=torch.ones(1)), "holds more, which the network does not have"),
        (lambda s: s.update(weight=torch.ones(2, 2)), "another shape of weight"),
    ],
)
def test_a_network_takes_exactly_its_parameters(tmp_path, change, words):
    network = nn.Linear(3, 2)
    state = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    fill(network, state, tmp_path / "model.pt", "Model")
    assert torch.equal(network.weight, torch.ones(2, 3))
    change(state)
    with pytest.raises(WeightsError, match=rf"model\.pt is not a checkpoint of Model: .*{words}"):
        fill(network, state, tmp_path / "model.pt", "Model")
