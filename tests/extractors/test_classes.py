"""One structure under its many names, and no match where a name says too little."""

import json

import pytest

from auvseg.data.case import ClassDef
from auvseg.errors import UsageError
from auvseg.extractors.classes import mapped, match_names, meaning, read_class_map

MODEL = (
    *("liver", "left kidney", "right kidney", "hepatic tumor", "left kidney cyst", "esophagus", "vertebrae L5"),
    *("left rib 1", "left lung upper lobe", "inferior vena cava", "left adrenal gland", "right adrenal gland"),
    *("pulmonary vein", "portal vein and splenic vein", "left femur", "kidney tumor", "colon cancer primaries"),
)


def classes(*names):
    return tuple(ClassDef(value, name, (value,)) for value, name in enumerate(names, start=1))


def found(*names, known=MODEL, class_map=None):
    match = match_names(classes(*names), known, class_map)
    return [match.names.get(one.class_id) for one in classes(*names)]


@pytest.mark.parametrize("name", ["left kidney", "kidney_left", "Kidney (L)", "lk", "LeftKidney", "kidney-LT"])
def test_a_left_kidney_is_one_however_it_is_written(name):
    assert found(name) == [("left kidney",)]


@pytest.mark.parametrize(
    ("name", "its"),
    [
        ("liver tumour", "hepatic tumor"),
        ("Hepatic_Tumor", "hepatic tumor"),
        ("cancer of the liver", "hepatic tumor"),
        ("Oesophagus", "esophagus"),
        ("vertebra_L5", "vertebrae L5"),
        ("rib_left_1", "left rib 1"),
        ("lung_upper_lobe_left", "left lung upper lobe"),
        ("postcava", "inferior vena cava"),
        ("IVC", "inferior vena cava"),
        ("adrenal_left", "left adrenal gland"),
        ("kidney_cyst_left", "left kidney cyst"),
        ("portal_vein_and_splenic_vein", "portal vein and splenic vein"),
        ("colon cancer", "colon cancer primaries"),
    ],
)
def test_other_words_for_the_same(name, its):
    assert found(name) == [(its,)]


@pytest.mark.parametrize("name", ["spleen", "splenic vein", "lung vein and artery", "kidney cyst of some kind", "—"])
def test_what_the_model_does_not_have_is_not_matched(name):
    assert found(name) == [None]


def test_a_name_without_a_side_is_both_sides():
    assert found("kidney", "adrenal") == [
        ("left kidney", "right kidney"),
        ("left adrenal gland", "right adrenal gland"),
    ]
    assert found("femur") == [None]


def test_a_bare_tumor_is_that_of_the_only_organ():
    assert found("liver", "cancer") == [("liver",), ("hepatic tumor",)]
    assert found("kidney", "tumor")[1] == ("kidney tumor",)
    assert found("liver", "esophagus", "tumor")[2] is None
    assert found("tumor") == [None]


def test_two_names_of_one_meaning_are_told_apart_by_the_word_alone():
    known = ("hepatic tumor", "liver tumor")
    assert found("liver tumor", known=known) == [("liver tumor",)]
    assert found("liver tumour", known=known) == [None]


def test_the_class_map_comes_first_and_takes_several():
    chosen = {"Mass": ("kidney tumor",), "liver": ("esophagus",), "both": ("left kidney", "left femur")}
    assert found("mass", "liver", "both", class_map=chosen) == [
        ("kidney tumor",),
        ("esophagus",),
        ("left kidney", "left femur"),
    ]


def test_the_class_map_must_name_what_the_model_has():
    with pytest.raises(UsageError, match="the model has no class 'oesofagus'; did you mean esophagus"):
        mapped(classes("a"), MODEL, {"a": ("oesofagus",)})


def test_a_person_is_told_what_was_matched_and_what_was_not():
    match = match_names(classes("Liver", "lk", "spleen"), MODEL)
    assert match.notes("this model", MODEL) == (
        "matched by meaning: lk is this model's left kidney",
        "this model has no class for spleen",
    )
    assert match.reasons("this model") == {3: "this model has no class of this name; see --class-map"}
    with pytest.raises(UsageError, match="has none of the data set's classes \\(spleen\\)"):
        match_names(classes("spleen"), MODEL).notes("this model", MODEL)


def test_order_of_classes_does_not_matter():
    names = ("liver", "cancer", "kidney_left", "spleen")
    forward = dict(zip(names, found(*names), strict=True))
    assert dict(zip(names[::-1], found(*names[::-1]), strict=True)) == forward


@pytest.mark.parametrize(
    "name", ["left rib 1", "rib_left_1", "Kidney (L)", "lk", "hepatic tumour", "Head_of_femur_L", "portal vein"]
)
def test_meaning_of_a_meaning_is_the_same(name):
    assert meaning(" ".join(meaning(name))) == meaning(name)


def test_class_maps_of_either_kind_say_the_same(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"tumour": "hepatic tumor", "kidney": ["left kidney", "right kidney"]}))
    (tmp_path / "a.csv").write_text(
        "class,model\ntumour, hepatic tumor\nkidney,left kidney\n\nkidney,right kidney\n", encoding="utf-8-sig"
    )
    expected = {"tumour": ("hepatic tumor",), "kidney": ("left kidney", "right kidney")}
    assert read_class_map(tmp_path / "a.json") == read_class_map(tmp_path / "a.csv") == expected


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "{", "is no JSON"),
        ("a.json", "[1]", "must be an object of names"),
        ("a.json", '{"a": 1}', "must be an object of names"),
        ("a.json", '{"a": []}', "must be an object of names"),
        ("a.json", "{}", "names no class"),
        ("a.csv", "a,b,c", "row 1 has not two names"),
        ("a.csv", "class,model\na,", "row 2 has not two names"),
    ],
)
def test_a_damaged_class_map_is_refused_in_a_sentence(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=words):
        read_class_map(tmp_path / name)


def test_a_missing_class_map_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_class_map(tmp_path / "none.json")
