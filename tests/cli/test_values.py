"""What the text of an option says."""

import pytest
import typer

from auvseg.cli.values import names, numbers, share


def test_names_are_separated_by_commas_and_spaces_do_not_count():
    assert names(" liver, spleen,,") == ("liver", "spleen")
    assert names("") == ()


def test_numbers_are_of_the_kind_that_is_asked_for():
    assert numbers("0.5, 1", float) == (0.5, 1.0)
    with pytest.raises(typer.BadParameter, match="list of numbers"):
        numbers("0.5", int)


@pytest.mark.parametrize("typed", ["0.95", " 0.95 ", "1", "9.5e-1", 0.95, ".01"])
def test_a_share_is_a_number_up_to_one(typed):
    assert share(0.01, 1)(typed) == float(typed)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("95", "0.95"), ("95%", "0.95"), ("95 %", "0.95"), ("0.95%", None), ("5", "0.05"), ("150", None)],
)
def test_a_percentage_is_shown_as_the_share_that_it_means(typed, meant):
    with pytest.raises(typer.BadParameter) as caught:
        share(0.01, 1)(typed)
    assert ("did you mean" in str(caught.value)) == (meant is not None)
    assert meant is None or f"did you mean {meant}?" in str(caught.value)


@pytest.mark.parametrize("typed", ["", "%", "nan", "inf", "-0.5", "most", "0", "0,95"])
def test_what_is_no_share_is_refused_with_an_example(typed):
    with pytest.raises(typer.BadParameter, match=r"share between 0\.01 and 1, such as 0\.5"):
        share(0.01, 1)(typed)
