"""Runs of records alone, written in code."""

import pytest

from auvseg.scoring.record import CaseInputs, Record, write_record

SETUP = {"config": {"measures": []}, "extractor": {"name": "none"}}


@pytest.fixture
def write_run(tmp_path):
    """Writes records of cases, each with a label of its own; `changed` cases have another label than before."""

    def write(ids, changed=(), folder="run"):
        for case in ids:
            inputs = CaseInputs("a" * 64, ("c" if case in changed else "b") * 64)
            record = Record(case, "training", {}, inputs, SETUP, "d" * 64, "ok", "", (), (), (), ())
            write_record(tmp_path / folder, record, {})
        return tmp_path / folder

    return write
