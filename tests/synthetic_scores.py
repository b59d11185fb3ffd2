"""Scores tables and metrics whose correlations are known."""

import numpy as np
import pandas as pd

from auvseg.bench.correlation.metrics import MetricRow, Metrics


def draw_scores(cases=60, classes=("liver", "tumour"), seed=0, **columns):
    """A scores table with volumes, slices, `S` and `anisotropy`; `columns` are functions of the generator and volume.

    Volumes are log-normal, ten times smaller for every further class.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(cases):
        for class_id, name in enumerate(classes, start=1):
            log_volume = rng.normal() - np.log(10) * class_id
            row = {"case": f"case_{number:03}", "subset": "training", "class_id": class_id, "class": name}
            row |= {"status": "ok", "reason": "", "S": rng.uniform(0.1, 0.9), "anisotropy": rng.normal()}
            row |= {"volume_ml": np.exp(log_volume), "slices": float(round(20 + 5 * log_volume + rng.normal()))}
            row |= {measure: function(rng, log_volume) for measure, function in columns.items()}
            rows.append(row)
    return pd.DataFrame(rows).astype({"class_id": "Int64"})


def failed_row(case):
    return {"case": case, "subset": "training", "class_id": pd.NA, "class": "", "status": "failed", "reason": "damaged"}


def metrics_of(table, values, metric="dice", **fields):
    """Metrics for every row of a scores table; `values` is (N,)."""
    keys = zip(table["case"], table["class_id"], table["class"], values, strict=True)
    rows = tuple(MetricRow(case, int(class_id), name, float(value)) for case, class_id, name, value in keys)
    return Metrics(metric, True, rows, ("metrics.csv",), **fields)
