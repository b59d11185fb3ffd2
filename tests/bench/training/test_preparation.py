"""The small configuration, and nnU-Net's failures in its own words."""

import sys

import pytest

from auvseg.bench.training.preparation import Workspace, last_words, run_logged, small_configuration
from auvseg.errors import RunError

PLAIN = {
    "patch_size": [40, 224, 192],
    "batch_size": 2,
    "architecture": {
        "network_class_name": "PlainConvUNet",
        "arch_kwargs": {
            "n_stages": 6,
            "features_per_stage": [32, 64, 128, 256, 320, 320],
            "kernel_sizes": [[1, 3, 3]] + [[3, 3, 3]] * 5,
            "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 2], [1, 2, 2]],
            "n_conv_per_stage": [2] * 6,
            "n_conv_per_stage_decoder": [2] * 5,
            "conv_bias": True,
        },
    },
}


def test_the_small_network_has_the_first_stages_of_the_large_one():
    small = small_configuration({"3d": PLAIN}, "3d")
    arguments = small["architecture"]["arch_kwargs"]
    assert small["inherits_from"] == "3d"
    assert arguments["n_stages"] == 3
    assert arguments["features_per_stage"] == [16, 32, 64]
    assert arguments["strides"] == PLAIN["architecture"]["arch_kwargs"]["strides"][:3]
    assert arguments["kernel_sizes"][0] == [1, 3, 3]
    assert (len(arguments["n_conv_per_stage"]), len(arguments["n_conv_per_stage_decoder"])) == (3, 2)
    assert arguments["conv_bias"] is True


def test_patches_are_at_most_32_and_can_be_halved_as_often_as_the_network_does():
    assert small_configuration({"3d": PLAIN}, "3d")["patch_size"] == [32, 32, 32]
    odd = {**PLAIN, "patch_size": [7, 30, 30]}
    assert small_configuration({"3d": odd}, "3d")["patch_size"] == [6, 28, 28]


def test_the_plans_that_it_was_made_from_are_not_changed():
    before = str(PLAIN)
    small_configuration({"3d": PLAIN}, "3d")
    assert str(PLAIN) == before


def test_a_shallow_network_stays_as_deep_as_it_is():
    arguments = PLAIN["architecture"]["arch_kwargs"]
    lists = {name: value[:2] for name, value in arguments.items() if isinstance(value, list)}
    shallow = {**arguments, **lists, "n_stages": 2, "n_conv_per_stage_decoder": [2]}
    plain = {**PLAIN, "architecture": {**PLAIN["architecture"], "arch_kwargs": shallow}}
    assert small_configuration({"3d": plain}, "3d")["architecture"]["arch_kwargs"]["features_per_stage"] == [16, 32]


def test_nnunet_finds_its_folders_in_the_bench_and_no_settings_of_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("AUVSEG_ALPHA", "3")
    monkeypatch.setenv("nnUNet_raw", "/elsewhere")
    environment = Workspace(tmp_path, "3d_fullres", "small").environment(tmp_path / "results")
    assert environment["nnUNet_raw"] == str(tmp_path / "nnUNet_raw")
    assert "AUVSEG_ALPHA" not in environment


def test_a_failure_says_the_last_words_and_where_the_others_are(tmp_path):
    log = tmp_path / "logs" / "log.txt"
    command = [sys.executable, "-c", "print('first'); raise SystemExit('it is over')"]
    with pytest.raises(RunError, match=r"it is over.*log\.txt"):
        run_logged(command, {}, log)
    assert "first" in log.read_text()


def test_the_last_error_counts_for_more_than_what_was_said_after_it(tmp_path):
    (tmp_path / "log").write_text("Epoch 1\nRuntimeError: no such data set\nadvice\nmore\nfurther\nlast\n")
    assert last_words(tmp_path / "log") == "RuntimeError: no such data set / advice / more"


def test_a_process_that_says_nothing_is_said_to(tmp_path):
    (tmp_path / "log").write_text("\n")
    assert last_words(tmp_path / "log") == "without output"
