"""Records drawn in code."""

import pytest

from auvseg.scoring.record import CaseInputs, ClassScore, Record


@pytest.fixture
def make_record():
    """Builds a record of one case; keyword arguments change what it says."""

    def build(case_id="case_1", **changes):
        values = {
            "case_id": case_id,
            "subset": "training",
            "attributes": {"site": "Åbo"},
            "inputs": CaseInputs("a" * 64, None),
            "setup": {"config": {"measures": ["S"]}},
            "setup_sha256": "b" * 64,
            "status": "ok",
            "reason": "",
            "warnings": ("a warning",),
            "shape": (3, 4, 5),
            "spacing_mm": (3.0, 0.5, 0.5),
            "classes": (ClassScore(1, "liver", "ok", "", 3, 3, {"S": 0.1 + 0.2, "agreement": None}, None),),
        }
        return Record(**(values | changes))

    return build
