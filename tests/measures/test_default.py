import pandas as pd
import pytest

from auvseg.measures.default import default_measure

VARIES, SAME = [0.1, 0.4, 0.9], [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"S": VARIES}, "AUV"),
        ({"S": VARIES, "image_outlier": VARIES, "label_outlier": VARIES, "outlier": VARIES}, "outlier"),
        ({"S": VARIES, "label_outlier": VARIES, "outlier": VARIES}, "AUV"),
        ({"label_outlier": VARIES, "outlier": VARIES}, "outlier"),
        ({"image_outlier": VARIES, "outlier": VARIES}, "outlier"),
        ({"S": VARIES, "image_outlier": SAME, "outlier": SAME}, "AUV"),
        ({"agreement": VARIES}, "AUV"),
    ],
)
def test_the_distance_from_the_cohort_is_taken_where_it_was_measured(columns, expected):
    assert default_measure(pd.DataFrame(columns)) == expected
