"""Data sets of empty files: listing the cases opens no image, and these tests prove it."""

import json
from pathlib import Path

import pytest

from auvseg.data.dataset import read_dataset
from auvseg.errors import DatasetError


@pytest.fixture
def touch(tmp_path):
    """Empty files below the test's folder."""

    def touch(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return touch


@pytest.fixture
def describe(tmp_path):
    """A JSON file, or any text or bytes in its place; `without` leaves keys out."""

    def describe(content: object, name: str = "dataset.json", without: str | None = None) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            content = {key: value for key, value in content.items() if key != without}
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return describe


@pytest.fixture
def refusal():
    """The one line with which a path is refused; any other exception fails the test."""

    def refusal(path: Path) -> str:
        with pytest.raises(DatasetError) as caught:
            read_dataset(path)
        text = str(caught.value)
        assert "\n" not in text
        assert str(path.parent) not in text
        return text

    return refusal
