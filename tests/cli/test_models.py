"""`auvseg models` as a user meets it."""

import json

import pytest
from typer.testing import CliRunner

from auvseg.cli import app
from auvseg.errors import UsageError
from auvseg.extractors.families import EXPERIMENTAL, EXTRACTORS


def invoke(*arguments):
    return CliRunner().invoke(app, ["models", *arguments], terminal_width=200)


def test_every_model_is_listed():
    output = invoke().output
    first = {line.split()[0] for line in output.splitlines() if line.strip()}
    assert {one.name for one in EXTRACTORS} <= first


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("vista3d", ["research and evaluation only", "6 GB", "classes called", "vertebrae L5", "airway"]),
        ("clip-driven", ["not commercial", "classes called", "postcava", "kidney cyst"]),
        ("segvol", ["the class's name", "classes such as liver"]),
        ("totalsegmentator-fast", ["Apache-2.0", "folder", "costal_cartilages"]),
        ("lite-medsam", ["a box from the label", "any: those of the data set", "nothing"]),
    ],
)
def test_one_is_described_with_what_its_classes_are_called(name, parts):
    output = " ".join(invoke(name).output.split())
    for part in parts:
        assert part in output


def test_another_name_is_refused_with_those_that_there_are():
    problem = invoke("sam").exception
    assert isinstance(problem, UsageError)
    assert "there is no extractor 'sam'; did you mean medsam2 or lite-medsam" in str(problem)


def test_what_never_ran_with_published_weights_is_experimental_everywhere():
    listed = {one["name"]: one["status"] for one in json.loads(invoke("--json").output)["extractors"]}
    assert {name for name, status in listed.items() if status is None} == {"lite-medsam", "nnunet", "module", "none"}
    assert set(listed.values()) == {None, EXPERIMENTAL}
    for name, status in listed.items():
        assert (EXPERIMENTAL in " ".join(invoke(name).output.split())) == (status is not None)
    assert invoke().output.count("experimental") == sum(status is not None for status in listed.values())
