import json

import pandas as pd
import pytest

from auvseg.bench.combination import combine
from auvseg.bench.detection.judge import Findings, Verdicts, find, largest_weights, suspicions_of
from auvseg.bench.detection.plan import Plan
from auvseg.bench.detection.recommendation import UNSEEN
from auvseg.bench.detection.run import detect
from auvseg.measures.catalogue import COMBINED
from auvseg.scoring.config import ScoreConfig
from synthetic_evidence import draw_evidence


def findings_of(evidence):
    combination = combine(evidence)
    verdicts = Verdicts(evidence, suspicions_of(evidence, combination))
    return Findings(evidence, combination, verdicts.overall(), verdicts.by_fault(), float("nan"))


@pytest.fixture(scope="module")
def findings():
    return findings_of(draw_evidence(80, {"agreement": {"blur": -2.0, "shift": -3.0}, "S": {"shift": 2.0}, "snr": {}}))


def test_the_best_measure_is_recommended_and_the_papers_is_judged(findings):
    assert findings.recommended in ("agreement", COMBINED)
    said = " ".join(findings.sentences())
    assert f"filter by {findings.recommended}" in said
    assert "the paper's S - no usable signal: blur; wrong direction: shift" in said
    assert "the best trivial measure, for comparison: snr" in said


def test_what_it_was_not_fitted_to_stands_beside_and_is_never_recommended(findings):
    assert UNSEEN in set(findings.overall["measure"])
    first = Findings(
        findings.evidence,
        findings.combination,
        findings.overall.sort_values("measure", key=lambda names: names != UNSEEN),
        findings.by_fault,
        float("nan"),
    )
    assert first.recommended != UNSEEN


def test_without_signal_nothing_is_recommended():
    nothing = findings_of(draw_evidence(60, {"agreement": {}, "snr": {}}, seed=3))
    assert nothing.recommended is None
    assert nothing.sentences()[0].startswith("no usable signal")


def test_weights_are_named_largest_first_and_without_zeros(findings):
    weights = [weight for _, _, weight in largest_weights(findings.combination)]
    assert weights == sorted(weights, reverse=True)
    assert min(weights) > 0
    assert largest_weights(findings.combination)[0][:2] == ("agreement", "low")


def test_a_bench_is_judged_and_its_tables_written(balls, tmp_path):
    plan = Plan(cases=8, corruptions=("noise", "erosion"), severities=(1.0,), draws=2)
    detect(balls, tmp_path, ScoreConfig(modality="mri", extractor="none"), plan)
    seen = []
    findings = find(tmp_path, on_copy=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2 * 2 * 4, 2 * 2 * 4)
    assert -1 <= findings.stability <= 1
    written = pd.read_csv(tmp_path / "detection.csv")
    pd.testing.assert_frame_equal(written, findings.by_fault, check_dtype=False)
    assert len(pd.read_csv(tmp_path / "measures.csv")) == len(findings.overall)
    assert set(json.loads((tmp_path / "combined.json").read_text())["measures"]) >= {
        "snr",
        "volume_ml",
        "label_outlier",
    }
