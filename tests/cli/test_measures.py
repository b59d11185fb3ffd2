"""`auvseg measures`: list the measures."""

import json

from typer.testing import CliRunner

from auvseg.cli import app
from auvseg.measures.catalogue import MEASURES


def invoke(*arguments):
    return CliRunner().invoke(app, ["measures", *arguments])


def test_every_measure_is_listed_with_its_suspicious_end_and_what_it_says():
    lines = invoke().stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(MEASURES)
    for line, measure in zip(lines, MEASURES.values(), strict=True):
        assert measure.suspicious in line.split()
        assert measure.summary in line


def test_some_can_be_asked_for_and_come_in_that_order():
    assert [line.split()[0] for line in invoke("snr", "S").stdout.splitlines()[1:]] == ["snr", "S"]


def test_programs_get_the_ranges_too_where_there_is_no_bound_null():
    (snr,) = json.loads(invoke("snr", "--json").stdout)["measures"]
    assert (snr["name"], snr["low"], snr["high"], snr["suspicious"]) == ("snr", 0.0, None, "low")
