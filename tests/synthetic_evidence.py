"""Evidence drawn from distributions whose areas under the curve are known."""

import numpy as np
import pandas as pd

from auvseg.bench.detection.evidence import KEYS, Evidence
from auvseg.bench.detection.plan import Plan

PLAN = Plan(cases=None, corruptions=("blur", "shift"), severities=(0.5, 1.0))


def draw_evidence(cases=200, effects=None, seed=0, plan=PLAN, classes=(1, 2)):
    """Clean values are standard normal; a fault of severity s moves measure m by effects[m][corruption] * s."""
    effects = effects or {"agreement": {"blur": -2.0, "shift": -4.0}, "S": {"blur": -2.0, "shift": 2.0}, "snr": {}}
    rng = np.random.default_rng(seed)
    ids = [f"case_{n:03}" for n in range(cases)]
    halves = tuple(plan.faulty_half(ids, draw) for draw in range(plan.draws))
    clean = {(case, c): {name: rng.normal() for name in effects} for case in ids for c in classes}
    rows, values = [], []
    for (case, c), found in clean.items():
        rows.append((-1, "", 0.0, case, c, f"class {c}", False))
        values.append(found)
    for draw, half in enumerate(halves):
        for corruption in plan.corruptions:
            for severity in plan.severities:
                for case in sorted(half):
                    for c in classes:
                        rows.append((draw, corruption, severity, case, c, f"class {c}", True))
                        moved = clean[case, c]
                        values.append({m: moved[m] + severity * e.get(corruption, 0.0) for m, e in effects.items()})
    table = pd.DataFrame(values)
    return Evidence(plan, pd.DataFrame(rows, columns=list(KEYS)), table, table.copy(), halves, {})


def suspicions(evidence):
    return {name: evidence.suspicion(name) for name in evidence.values.columns}
