"""Classes by name: kept, merged, mapped by a file; every contradiction is refused in one sentence."""

import pytest

from auvseg.data.public.classes import parse_merges, read_class_map, target_classes
from auvseg.data.public.source import numbered_classes
from auvseg.errors import UsageError

CLASSES = numbered_classes("liver", "spleen", "kidney_left", "kidney_right")


def _of(**options):
    return [(one.value, one.name, one.sources) for one in target_classes(CLASSES, **options)]


def test_without_options_every_class_stays():
    assert [(value, name) for value, name, _ in _of()] == [(one.class_id, one.name) for one in CLASSES]


def test_kept_classes_are_numbered_anew_in_the_sources_order():
    assert _of(keep=["kidney_left", "liver"]) == [(1, "liver", ("liver",)), (2, "kidney_left", ("kidney_left",))]


def test_a_merged_class_stands_where_its_first_stood():
    assert [name for _, name, _ in _of(merge={"kidneys": ["kidney_right", "kidney_left"]})] == [
        "liver",
        "spleen",
        "kidneys",
    ]


def test_a_merged_class_may_have_the_name_of_one_of_its_own():
    assert _of(merge={"liver": ["liver", "spleen"]})[0] == (1, "liver", ("liver", "spleen"))


def test_a_map_sets_order_and_leaves_out():
    assert _of(class_map={"b": ["spleen"], "a": ["liver", "kidney_left"]}) == [
        (1, "b", ("spleen",)),
        (2, "a", ("liver", "kidney_left")),
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": ["livr"]}, "did you mean liver?"),
        ({"merge": {"organs": ["liver", "heart"]}}, "no class 'heart'"),
        ({"merge": {"a": ["liver"], "b": ["liver"]}}, "'liver' is named twice"),
        ({"merge": {"spleen": ["liver"]}}, "'spleen' is a class of its own"),
        ({"keep": ["liver"], "merge": {"a": ["spleen"]}}, "no class 'spleen'"),
        ({"class_map": {"a": ["liver"], "b": ["liver"]}}, "'liver' is named twice"),
        ({"class_map": {"a": ["liver"]}, "keep": ["liver"]}, "leave out --classes and --merge"),
        ({"class_map": {"background": ["liver"]}}, "cannot be called 'background'"),
        ({"merge": {"ignore": ["liver"]}}, "cannot be called 'ignore'"),
        ({"class_map": {"a": []}}, "made of nothing"),
        ({"class_map": {}}, "no class is left"),
    ],
)
def test_contradictions_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        target_classes(CLASSES, **options)


def test_merges_are_written_with_an_equals_sign():
    assert parse_merges(["kidneys = kidney_left, kidney_right"]) == {"kidneys": ["kidney_left", "kidney_right"]}


@pytest.mark.parametrize("texts", [["liver"], ["=liver"], ["a="], ["a=liver", "a=spleen"]])
def test_other_forms_of_merges_are_refused(texts):
    with pytest.raises(UsageError, match="--merge"):
        parse_merges(texts)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.yaml", "organ: spleen\nliver: [liver, kidney_left]\n"),
        ("map.json", '{"organ": "spleen", "liver": ["liver", "kidney_left"]}'),
    ],
)
def test_a_map_is_read_in_its_order(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert list(read_class_map(tmp_path / name).items()) == [("organ", ["spleen"]), ("liver", ["liver", "kidney_left"])]


@pytest.mark.parametrize("text", ["", "- liver", "liver: {a: b}", "1: liver", "a: [1]", "a: [", "no: liver"])
def test_what_is_no_map_is_refused_by_its_name(tmp_path, text):
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"map\.yaml"):
        read_class_map(tmp_path / "map.yaml")


def test_a_map_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_class_map(tmp_path / "map.yaml")
