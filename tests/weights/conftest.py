"""A cache of its own for every test, and a server on this machine."""

import dataclasses
import hashlib
import time

import pytest

from auvseg.weights.catalogue import Model
from file_server import serving, weights_bytes


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AUVSEG_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    return tmp_path / "cache"


@pytest.fixture
def server():
    with serving() as answers:
        yield answers


@pytest.fixture
def unpublished(server):
    """A model whose sha256 and size nobody publishes."""
    return Model(
        name="toy",
        title="Toy",
        what="a toy",
        url=server.url,
        file_name="model.safetensors",
        licence="none",
        licence_url="https://example.org/licence",
        research_only="no",
        hosts=("127.0.0.1",),
    )


@pytest.fixture
def model(unpublished):
    content = weights_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return dataclasses.replace(unpublished, size_bytes=len(content), sha256=digest)
