"""What a person reads after a name that nobody knows."""

from auvseg.errors import did_you_mean


def test_a_near_name_is_named_alone():
    assert did_you_mean("agreemnt", ["S", "agreement", "snr"]) == "did you mean agreement?"


def test_case_does_not_count():
    assert did_you_mean("LITE-MEDSM", ["lite-medsam", "none"]) == "did you mean lite-medsam?"


def test_several_near_names_are_all_named():
    said = did_you_mean("offset_mm", ["offset_z_mm", "offset_y_mm", "slices"])
    assert "offset_z_mm" in said
    assert "offset_y_mm" in said
    assert "slices" not in said


def test_where_none_is_near_all_are_listed_in_order():
    assert did_you_mean("xyz", ["liver", "spleen"]) == "there are liver, spleen"
    assert did_you_mean("xyz", []) == "there are none"
