"""The libraries that come with the report are their authors' files, and their licences lie beside them."""

import hashlib
import re
from importlib import resources

import pytest

VENDOR = resources.files("auvseg.report") / "assets" / "vendor"
ROWS = re.findall(
    r"^\| `(\S+)` \| .*? \| (.*?) \| `([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.MULTILINE
)


def test_every_library_is_listed():
    scripts = {file.name for file in VENDOR.iterdir() if file.name.endswith((".js", ".css"))}
    assert {name for name, _, _ in ROWS} == scripts


@pytest.mark.parametrize(("name", "licences", "sha256"), ROWS, ids=[name for name, _, _ in ROWS])
def test_a_library_is_what_its_author_published(name, licences, sha256):
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == sha256
    files = re.findall(r"`((?:LICENSE|NOTICE)\.\w+)`", licences)
    assert files
    assert all((VENDOR / file).read_text().strip() for file in files)
