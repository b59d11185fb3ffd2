import numpy as np
import pytest

from auvseg.data.label_planes import boxes_on_plane, numbered, values_on_plane


@pytest.mark.parametrize("values", [(0, 1, 2), (0, 3, 90_000), (-7, 0, 2**31 - 1), (4, 5), (0,)])
def test_against_a_search_value_by_value(values):
    plane = np.random.default_rng(0).choice(np.array(values, dtype=np.int32), (9, 13))
    plane[:2] = values[0]
    known, numbers = numbered(plane)
    np.testing.assert_array_equal(known[numbers], plane.ravel())
    held = {int(value) for value in np.unique(plane)}
    assert values_on_plane(plane) == (held if plane.any() else frozenset())
    boxes = boxes_on_plane(plane)
    assert set(boxes) == held - {0}
    for value, (rows, columns) in boxes.items():
        where = np.argwhere(plane == value)
        assert (rows.start, columns.start) == tuple(where.min(axis=0))
        assert (rows.stop - 1, columns.stop - 1) == tuple(where.max(axis=0))
