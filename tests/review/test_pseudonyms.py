import pytest

from auvseg.errors import RunError
from auvseg.review.pseudonyms import KEY, pseudonyms_of, read_key

IDS = [f"patient_{number:02}" for number in range(40)]


def test_pseudonyms_are_kept_and_a_case_that_comes_later_gets_one_of_its_own(tmp_path):
    first = pseudonyms_of(tmp_path, IDS[5:])
    assert sorted(first.values()) == [f"case-{number:04}" for number in range(1, 36)]
    grown = pseudonyms_of(tmp_path, IDS)
    assert {case: grown[case] for case in first} == first
    assert len(set(grown.values())) == 40
    assert pseudonyms_of(tmp_path, IDS[:3]) == {case: grown[case] for case in IDS[:3]}
    assert read_key(tmp_path) == {pseudonym: case for case, pseudonym in grown.items()}


def test_the_order_of_the_ids_is_not_that_of_the_pseudonyms(tmp_path):
    drawn = [tuple(pseudonyms_of(tmp_path / str(number), IDS).values()) for number in range(2)]
    assert len({*drawn, tuple(sorted(drawn[0]))}) == 3


def test_a_pseudonym_is_no_id_of_the_run(tmp_path):
    names = pseudonyms_of(tmp_path, ["case-0001", "case-0002"])
    assert not set(names) & set(names.values())


@pytest.mark.parametrize("case", ["=1+1", 'a,"b"\nc', "\udc80", "'=x", "🩻"])
def test_any_id_comes_back(tmp_path, case):
    (pseudonym,) = pseudonyms_of(tmp_path, [case]).values()
    assert read_key(tmp_path) == {pseudonym: case}


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"name,grade\na,1\n",
        b"case,pseudonym\na,case-0001\nb,case-0001\n",
        b"case,pseudonym\na,case-0001\na,case-0002\n",
        b"case,pseudonym\na\n",
        b"case,pseudonym\n,case-0001\n",
    ],
)
def test_a_damaged_key_is_not_believed(tmp_path, content):
    (tmp_path / KEY).write_bytes(content)
    with pytest.raises(RunError, match=r"pseudonyms\.csv is damaged"):
        read_key(tmp_path)
    with pytest.raises(RunError):
        pseudonyms_of(tmp_path, ["a"])
    assert (tmp_path / KEY).read_bytes() == content


def test_without_a_key_nobody_has_a_pseudonym(tmp_path):
    assert read_key(tmp_path) == {}
