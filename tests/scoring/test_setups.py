"""Setups in the words of the command line: what differs, how to ask for it again, and what a measure depends on."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from auvseg.cli import app
from auvseg.data.dataset import read_dataset
from auvseg.measures.catalogue import CASE_MEASURES, COHORT_MEASURES, MEASURES, ScaleOptions
from auvseg.scoring.config import ModelFile, ModelFolder, ScoreConfig, all_measures
from auvseg.scoring.run import read_run
from auvseg.scoring.score import score
from auvseg.scoring.setups import as_options, differing, in_words, setups_differing, what_matters
from auvseg.scoring.table import load_scores
from small_dataset import write_nnunet_folder

DEFAULT = ScoreConfig(modality="mri")
NONE = replace(DEFAULT, extractor="none", measures=all_measures("none"))
OTHERS = (
    NONE,
    replace(DEFAULT, prompt="none", input="mask", window_hu=(50.0, 350.5), channel=1, box_margin=3, precision="fp32"),
    replace(
        DEFAULT, max_slices=8, scale=ScaleOptions(unfold="W_DH", energy="singular", centre=True, on="probabilities")
    ),
    replace(DEFAULT, measures=("S", "volume_ml")),
    replace(
        DEFAULT,
        extractor="nnunet",
        measures=all_measures("nnunet"),
        model=ModelFolder(Path("my model"), "0,1", "checkpoint_best.pth", mirroring=True),
    ),
    replace(DEFAULT, extractor="medsam2", measures=all_measures("medsam2"), model=ModelFile(Path("weights.pt"))),
)


class AskedError(Exception):
    """Carries what the command line asked for."""


@pytest.mark.parametrize("config", [DEFAULT, *OTHERS])
def test_the_options_of_a_configuration_ask_for_it(config, tmp_path, monkeypatch):
    def asked(dataset, output, config, **_):
        raise AskedError(config)

    monkeypatch.setattr("auvseg.scoring.score.score", asked)
    dataset = write_nnunet_folder(tmp_path, 1)
    result = CliRunner().invoke(app, ["score", str(dataset), "-o", str(tmp_path / "run"), *as_options(config)])
    assert isinstance(result.exception, AskedError), (result.output, result.exception)
    assert result.exception.args[0] == config


@pytest.mark.parametrize("config", [DEFAULT, *OTHERS, replace(DEFAULT, class_map=(("liver", ("hepar", "leber")),))])
def test_a_configuration_comes_back_from_plain_values(config):
    assert ScoreConfig.from_dict(config.as_dict(), config.model) == config


def setup_of(config, **extractor):
    return {"config": config.as_dict(), "extractor": {"name": config.extractor, **extractor}, "auvseg": "1"}


def test_what_differs_is_named_by_its_options_each_once():
    other = replace(DEFAULT, max_slices=8, scale=ScaleOptions(centre=True), window_hu=(50.0, 350.0))
    found = setups_differing(setup_of(DEFAULT, max_slices=None), setup_of(other, max_slices=8))
    assert {one.name for one in found} == {"--max-slices", "--centre", "--window"}
    words = in_words(found)
    assert "no --max-slices (now 8)" in words
    assert "--window 40 400 (now 50 350)" in words
    assert "_" not in words


def test_another_extractor_is_one_difference_whatever_follows_from_it():
    found = setups_differing(setup_of(DEFAULT, weights_sha256="1"), setup_of(NONE, weights_sha256="none"))
    assert in_words(found) == "--extractor lite-medsam (now none)"
    some = replace(NONE, measures=("snr",))
    assert {one.name for one in setups_differing(setup_of(DEFAULT), setup_of(some))} == {"--extractor", "--measures"}


def test_other_weights_another_version_and_what_no_option_chooses_are_named():
    known, asked = (
        setup_of(DEFAULT, weights_sha256="ab" * 32, lib=1),
        setup_of(DEFAULT, weights_sha256="cd" * 32, lib=2),
    )
    words = in_words(setups_differing(known, {**asked, "auvseg": "2"}))
    assert "--model of sha256 abababab" in words
    assert "auvseg 1 (now 2)" in words
    assert "extractor.lib 1 (now 2)" in words


def test_equal_values_do_not_differ_and_a_missing_one_is_none():
    assert differing({"a": {"b": 1}}, {"a": {"b": 1, "c": None}}, {}) == ()
    assert in_words(differing({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, {})) == "no a.c (now 2)"


SMALL = replace(DEFAULT, extractor="small_extractor:Small")
PAIRS = {
    "planes": (replace(NONE, measures=CASE_MEASURES), replace(NONE, measures=CASE_MEASURES, max_slices=1)),
    "model": (SMALL, replace(NONE, measures=CASE_MEASURES)),
    "intensities": (SMALL, replace(SMALL, modality="ct", window_hu=(100.0, 300.0))),
    "input": (SMALL, replace(SMALL, input="mask")),
    "scale": (SMALL, replace(SMALL, scale=ScaleOptions(centre=True))),
    "label": (SMALL, replace(SMALL, prompt="none")),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_measure_for_which_nothing_that_matters_differs_has_the_same_values(name, tmp_path, reads_in_this_process):
    dataset = read_dataset(write_nnunet_folder(tmp_path, 6))
    tables, setups = [], []
    for number, config in enumerate(PAIRS[name]):
        run = tmp_path / str(number)
        score(dataset, run, config, views=False)
        tables.append(load_scores(run))
        setups.append(read_run(run).setup)
    alike = [one for one in MEASURES if what_matters(setups[0], [one]) == what_matters(setups[1], [one])]
    for one in alike:
        columns = [table.get(one) for table in tables]
        assert (columns[0] is None and columns[1] is None) or columns[0].equals(columns[1]), one
    judged = {one.name for one in COHORT_MEASURES} & set(tables[0])
    changed = [one for one in tables[0] if one in MEASURES and not tables[0][one].equals(tables[1].get(one))]
    assert changed, "the options change nothing: the test shows nothing"
    expected = {
        "planes": ({"volume_ml", "edge", "noise", "variance", "outlier", "label_outlier"}, {"snr", "S", "agreement"}),
        "model": ({"volume_ml", "edge", "noise", "snr", "outlier"}, {"S", "fisher"}),
        "intensities": ({"volume_ml", "parts", "share"}, {"edge", "noise", "snr", "image_outlier"}),
        "input": ({"volume_ml", "parts", "share"}, {"edge", "noise", "snr", "image_outlier"}),
        "scale": ({"volume_ml", "edge", "noise", "snr", "agreement", "outlier"}, {"S"}),
        "label": (set(), {"volume_ml", "S", "parts"}),
    }[name]
    assert expected[0] <= set(alike)
    assert not expected[1] & set(alike)
    assert judged


def test_a_column_of_the_user_s_depends_on_nothing():
    assert what_matters(setup_of(DEFAULT), ["minutes"]) == what_matters(setup_of(NONE), ["minutes"])
