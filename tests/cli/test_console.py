"""What the command line prints for programs."""

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auvseg.cli.console import show_json


class Colour(str, Enum):
    red = "red"


@dataclass(frozen=True)
class Thing:
    name: str
    size: float


def printed(capsys, value):
    show_json(value)
    caught = capsys.readouterr()
    assert caught.err == ""
    return json.loads(caught.out, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (np.bool_(True), True),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (2**63, 2**63),
        (float("nan"), None),
        (-np.inf, None),
        (pd.NA, None),
        (pd.NaT, None),
        (Path("a/b"), "a/b"),
        (Colour.red, "red"),
        (Thing("a", np.nan), {"name": "a", "size": None}),
        ((1, [2.0, {"x": np.nan}]), [1, [2.0, {"x": None}]]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ({1: "one"}, {"1": "one"}),
        ("[bold]leber\n\udcff", "[bold]leber\n\udcff"),
    ],
)
def test_every_kind_of_value_becomes_json_that_other_programs_read(capsys, value, expected):
    assert printed(capsys, value) == expected


def test_a_table_becomes_its_rows_with_numbers_as_numbers(capsys):
    table = pd.DataFrame({"case": ["a", "b"], "S": [1.5, np.nan], "rank": [1, 2], "ok": [True, False]})
    assert printed(capsys, table) == [
        {"case": "a", "S": 1.5, "rank": 1, "ok": True},
        {"case": "b", "S": None, "rank": 2, "ok": False},
    ]


def test_what_has_no_form_in_json_is_a_mistake_of_the_program(capsys):
    with pytest.raises(TypeError, match="object"):
        show_json(object())
