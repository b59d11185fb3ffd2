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


def test_hyphens_underscores_and_spaces_do_not_count():
    assert did_you_mean("lite_medsam", ["lite-medsam", "none"]) == "did you mean lite-medsam?"
    assert did_you_mean("Left Kidney", ["kidney_left", "left_kidney"]).startswith("did you mean left_kidney")


def test_names_that_differ_in_nothing_that_counts_are_both_named():
    assert did_you_mean("left kidny", ["left-kidney", "left_kidney"]) == "did you mean left-kidney or left_kidney?"


def test_a_part_of_a_name_is_enough_and_a_letter_is_not():
    names = ["totalsegmentator", "vista3d", "nnunet"]
    assert did_you_mean("total", names) == "did you mean totalsegmentator?"
    assert did_you_mean("t", names) == f"there are {', '.join(names)}"


def test_many_names_are_not_listed_but_where_they_are():
    many = [f"vertebra_{number}" for number in range(60)]
    said = did_you_mean("xyz", many, "auvseg measures")
    assert said.endswith("… all of them: auvseg measures")
    assert len(said) < 250
    assert did_you_mean("xyz", many).endswith("and 48 more")
    assert did_you_mean("vertebra_07", many, "auvseg measures").endswith("? All names: auvseg measures")
    assert did_you_mean("vertebra_07", many).count("vertebra") <= 3
