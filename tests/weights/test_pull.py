import dataclasses
import hashlib
import threading
import zipfile
from pathlib import Path

import pytest
import torch

from auvseg.errors import WeightsError
from auvseg.weights.cache import examine, location, record_path
from auvseg.weights.models import find_model
from auvseg.weights.part import part_path, part_size
from auvseg.weights.pull import accept_licence, licence_accepted, pull
from file_server import python, weights_bytes

FETCH = """
import sys
from auvseg.weights.pull import pull
from file_server import toy_model
print(pull(toy_model(sys.argv[1])).how)
"""


def test_two_processes_at_once_download_once(unpublished, server):
    server.delay_s = 1.0
    both = [python(FETCH, server) for _ in range(2)]
    said = sorted(process.communicate(timeout=300)[0].strip() for process in both)
    assert said == ["downloaded", "here"]
    assert len(server.ranges_asked()) == 1
    assert location(unpublished).read_bytes() == server.content


def test_a_killed_process_leaves_what_it_has(unpublished, server):
    server.delay_s = 600.0
    part = part_path(location(unpublished), hashlib.sha256(server.content).hexdigest())
    with python(FETCH, server) as process:
        while process.poll() is None and part_size(part) < 100_000:
            threading.Event().wait(0.02)
        process.kill()
    server.delay_s = 0.0
    assert pull(unpublished).path.read_bytes() == server.content
    assert int(server.ranges_asked()[-1][6:-1]) >= 100_000


def test_parts_of_earlier_versions_are_removed(model, server):
    folder = location(model).parent
    folder.mkdir(parents=True)
    for name in ("model.safetensors.part", "model.safetensors.part.etag"):
        (folder / name).write_text("begun")
    pull(model)
    assert not list(folder.glob("*part*"))


def test_the_first_sha256_is_recorded_and_another_one_refused(unpublished, server):
    pulled = pull(unpublished)
    digest = hashlib.sha256(server.content).hexdigest()
    assert pulled.first_use
    assert record_path(pulled.path).read_text() == f"{digest}  model.safetensors\n"
    assert examine(unpublished).condition == "as recorded"

    pulled.path.unlink()
    server.content = weights_bytes(seed=7)
    with pytest.raises(WeightsError, match=r"recorded at first use .* not kept"):
        pull(unpublished)
    assert not pulled.path.exists()

    server.content = weights_bytes()
    assert not pull(unpublished).first_use


def test_a_file_that_changed_in_the_cache_is_not_replaced_in_silence(model, server):
    path = pull(model).path
    path.write_bytes(weights_bytes(seed=7))
    with pytest.raises(WeightsError, match="delete it and run: auvseg weights pull toy"):
        pull(model)
    assert path.read_bytes() == weights_bytes(seed=7)


def test_a_file_fetched_by_hand_is_copied_and_verified(model, server, tmp_path):
    source = tmp_path / "by hand"
    source.write_bytes(weights_bytes())
    pulled = pull(model, source=source)
    assert (pulled.how, pulled.path.read_bytes(), source.exists()) == ("copied", weights_bytes(), True)
    assert server.requests == []


@pytest.mark.parametrize("content", [weights_bytes(seed=7), weights_bytes()[:-1]])
def test_another_file_fetched_by_hand_is_refused(model, tmp_path, content):
    source = tmp_path / "by hand"
    source.write_bytes(content)
    with pytest.raises(WeightsError, match="not kept"):
        pull(model, source=source)
    assert not location(model).exists()


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_source_that_is_no_file_is_named(model, tmp_path, name):
    with pytest.raises(WeightsError, match="--from is the downloaded file"):
        pull(model, source=tmp_path / name)


def test_a_copy_leaves_the_part_of_a_download_alone(model, server, tmp_path):
    part = part_path(location(model), model.sha256)
    part.parent.mkdir(parents=True)
    part.write_bytes(b"begun")
    source = tmp_path / "by hand"
    source.write_bytes(weights_bytes())
    pull(model, source=source)
    assert part.read_bytes() == b"begun"


@pytest.mark.parametrize("code", [False, True])
def test_what_torch_saves_is_weights_and_a_program_is_not(unpublished, tmp_path, code):
    source = tmp_path / "model.pt"
    if code:
        with zipfile.ZipFile(source, "w") as archive:  # what torch.jit saves
            archive.writestr("model/data.pkl", b"")
            archive.writestr("model/code/__torch__.py", "import os")
        with pytest.raises(WeightsError, match=r"no file of torch.save"):
            pull(unpublished, source=source)
    else:
        torch.save({"w": torch.zeros(2)}, source)
        assert pull(unpublished, source=source).first_use


def test_a_cache_that_cannot_be_written_is_named(model, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("AUVSEG_WEIGHTS", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match=r"cannot be written .*AUVSEG_WEIGHTS"):
        pull(model)
    with pytest.raises(WeightsError, match=r"cannot be written .*AUVSEG_WEIGHTS"):
        accept_licence(model)


def test_a_folder_that_denies_writing_is_named(model, monkeypatch):
    def denied(self, *_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(WeightsError, match=r"cannot be written \(Permission denied\)"):
        pull(model)


def test_terms_are_accepted_once_and_anew_when_they_change(model, unpublished):
    assert not licence_accepted(model)
    accept_licence(model)
    assert licence_accepted(model)
    assert not licence_accepted(dataclasses.replace(model, licence="other terms"))


def test_what_comes_with_a_package_is_not_downloaded():
    model = find_model("lite-medsam")
    assert licence_accepted(model)
    pulled = pull(model)
    assert (pulled.how, pulled.path.name) == ("here", "lite_medsam.pth")
