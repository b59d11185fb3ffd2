"""Find the most similar unsuspicious cases, as examples of how a case should look."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy
from jaxtyping import Float64, Int64

SHOWN = 3
"""Neighbours per structure."""

_CLEAN = 0.5
"""The less suspicious half of the cohort counts as clean."""

_MANY_PAIRS = 1_000_000
"""Up to this many distances are computed at once; beyond, a tree is worth its import."""

_ALIKE = ("volume_ml", "extent_mm", "slices", "elongation", "offset_x_mm", "offset_y_mm", "offset_z_mm", "snr")
"""Measures that make two structures of a class similar: size, shape and position, not the quality of the label."""


def similar_clean_cases(
    table: pd.DataFrame, z: pd.DataFrame, suspicion: pd.Series, asked: Sequence[str] | None = None
) -> dict[tuple[str, int], tuple[str, ...]]:
    """Find the most similar cases in the less suspicious half, for every scored structure of the given cases.

    Args:
        table: a scores table.
        z: result of `auvseg.cohort.compared.z_scores`, signed: too large is not similar to too small.
        suspicion: by case, high = suspicious; a case without a value never counts as clean.
        asked: the cases whose neighbours are wanted; None: all.

    Returns:
        By case and class id, at most `SHOWN` other cases, nearest first, by Euclidean distance of the robust z of size,
        shape and position. Empty if none of these was measured.
    """
    ok = (table["status"] == "ok").to_numpy()
    scored, z = table[ok], z.loc[ok, [name for name in _ALIKE if name in z.columns]].fillna(0.0)
    found: dict[tuple[str, int], tuple[str, ...]] = {}
    if z.empty or not len(z.columns):
        return found
    clean = set(suspicion.dropna().sort_values(kind="stable").index[: int(np.ceil(_CLEAN * suspicion.notna().sum()))])
    wanted = None if asked is None else set(asked)
    ids = scored["class_id"].to_numpy(dtype=np.int64)
    for class_id in np.unique(ids).tolist():
        rows = np.flatnonzero(ids == class_id)
        cases = scored["case"].to_numpy()[rows]
        places: Float64[np.ndarray, "N M"] = z.to_numpy(dtype=np.float64)[rows]
        sound = np.array([case in clean for case in cases])
        mine = np.flatnonzero([wanted is None or case in wanted for case in cases])
        if not sound.any():
            continue
        names = cases[sound]
        nearest = min(SHOWN + 1, len(names))
        for case, row in zip(cases[mine], _nearest(places[mine], places[sound], nearest), strict=True):
            others = [str(names[index]) for index in row if names[index] != case]
            found[str(case), class_id] = tuple(others[:SHOWN])
    return found


def _nearest(
    places: Float64[np.ndarray, "N M"], among: Float64[np.ndarray, "C M"], count: int
) -> Int64[np.ndarray, "N count"]:
    """Return the candidates nearest to each point, nearest first."""
    if len(places) * len(among) <= _MANY_PAIRS:
        distances = np.square(places[:, None] - among).sum(axis=-1)
        return np.argsort(distances, axis=1, kind="stable")[:, :count]
    _, indices = scipy.spatial.cKDTree(among).query(places, k=count)
    return np.asarray(indices, dtype=np.int64).reshape(len(places), count)
