import pandas as pd
import pytest

from auvseg.cohort.suspicion import default_measure

VARIES, SAME, NONE = [0.1, 0.4, 0.9], [0.0, 0.0, 0.0], [float("nan")] * 3


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"S": VARIES}, "AUV"),
        ({"S": VARIES, "image_outlier": VARIES, "label_outlier": VARIES, "outlier": VARIES}, "outlier"),
        ({"S": VARIES, "label_outlier": VARIES, "outlier": VARIES}, "AUV"),
        ({"label_outlier": VARIES, "outlier": VARIES}, "outlier"),
        ({"image_outlier": VARIES, "outlier": VARIES}, "outlier"),
        ({"S": VARIES, "image_outlier": SAME, "outlier": SAME}, "AUV"),
        ({"S": VARIES, "image_outlier": NONE, "outlier": NONE}, "outlier"),
        ({"S": SAME, "image_outlier": SAME, "outlier": SAME}, "outlier"),
        ({"S": SAME}, "AUV"),
        ({"S": NONE, "agreement": VARIES}, "AUV"),
        ({"snr": VARIES, "agreement": VARIES}, "agreement"),
    ],
)
def test_the_distance_from_the_cohort_is_taken_where_it_was_measured(columns, expected):
    assert default_measure(pd.DataFrame(columns).assign(class_id=1)) == expected


def test_what_differs_between_two_structures_alone_tells_no_case_from_another():
    table = pd.DataFrame({"class_id": [1, 2, 1, 2], "S": [0.3, 0.6, 0.3, 0.6], "outlier": [0.0, 0.0, 0.0, 0.0]})
    assert default_measure(table) == "outlier"
