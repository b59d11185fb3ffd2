import hashlib
import pickle

import pytest
import torch

from auvseg.errors import WeightsError
from auvseg.weights import load_state_dict, verify_sha256


class Harmful:
    def __reduce__(self):
        return (print, ("code of the file was run",))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def weights(tmp_path):
    torch.save({"layer.weight": torch.arange(6.0)}, tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def test_the_published_file_is_loaded(weights):
    state = load_state_dict(weights, sha256(weights).upper())
    torch.testing.assert_close(state["layer.weight"], torch.arange(6.0))


def test_another_file_is_not_loaded(weights):
    expected = sha256(weights)
    weights.write_bytes(weights.read_bytes() + b"x")
    with pytest.raises(WeightsError, match="sha256"):
        load_state_dict(weights, expected)
    with pytest.raises(WeightsError, match="install it again"):
        verify_sha256(weights, expected)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match="there is no weights file"):
        verify_sha256(tmp_path / "weights.pth", "0" * 64)


def test_code_in_a_file_is_never_run(tmp_path, capsys):
    path = tmp_path / "weights.pth"
    torch.save({"layer": Harmful()}, path)
    with pytest.raises(WeightsError, match="more than plain weights"):
        load_state_dict(path, sha256(path))
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(WeightsError, match="more than plain weights"):
        load_state_dict(path, sha256(path))
    assert capsys.readouterr().out == ""


def test_something_else_than_a_state_dict_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save([torch.zeros(1)], path)
    with pytest.raises(WeightsError, match="not a state dict"):
        load_state_dict(path, sha256(path))
