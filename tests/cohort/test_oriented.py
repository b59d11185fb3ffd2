import numpy as np
import pytest

from auvseg.cohort.distance import robust_z
from auvseg.cohort.suspicion import oriented

VALUES = np.array([3.0, 1.0, np.nan, 2.0, 9.0, 2.5])


def suspicion_of(values, end):
    return oriented(values, robust_z(values), end)


@pytest.mark.parametrize(("end", "worst"), [("low", 1), ("high", 4)])
def test_the_suspicious_end_becomes_the_highest(end, worst):
    assert np.nanargmax(suspicion_of(VALUES, end)) == worst


def test_with_both_ends_suspicious_it_is_the_distance_from_the_middle_that_counts():
    symmetric = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    suspicion = suspicion_of(symmetric, "both")
    np.testing.assert_allclose(suspicion, suspicion[::-1])
    assert suspicion[2] == 0
    np.testing.assert_allclose(suspicion_of(-3 * symmetric + 7, "both"), suspicion)


@pytest.mark.parametrize("end", ["low", "high", "both"])
def test_what_is_missing_stays_missing(end):
    assert np.flatnonzero(np.isnan(suspicion_of(VALUES, end))).tolist() == [2]
