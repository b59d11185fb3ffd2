"""A cache of its own for every test, and a server on this machine."""

import time

import pytest

from file_server import SHA256, SIZE, serving, toy_model


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
    return toy_model(server.url)


@pytest.fixture
def model(server):
    return toy_model(server.url, size_bytes=SIZE, sha256=SHA256)
