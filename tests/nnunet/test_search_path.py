"""nnU-Net finds every trainer through the folder, and the user's own folders stay."""

import ast
import os

import pytest

from auvseg.nnunet.search_path import search_folder, with_search_folder


def test_the_folder_holds_one_module_that_names_trainers_only():
    (module,) = search_folder().glob("*.py")
    (statement,) = [node for node in ast.parse(module.read_text()).body if not isinstance(node, ast.Expr)]
    assert isinstance(statement, ast.ImportFrom)
    assert len(statement.names) == 8


def test_the_user_s_folders_stay_and_ours_comes_once():
    first = with_search_folder({"nnUNet_extTrainer": "/mine"})
    assert first.split(os.pathsep) == ["/mine", str(search_folder())]
    assert with_search_folder({"nnUNet_extTrainer": first}) == first
    assert with_search_folder({}) == str(search_folder())


@pytest.mark.parametrize("name", ["nnUNetTrainerAuvsegBaseline", "nnUNetTrainerDUO", "nnUNetTrainerDUOUMambaEnc"])
def test_nnunet_finds_the_trainers_and_keeps_their_module(name, monkeypatch):
    pytest.importorskip("nnunetv2")
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    monkeypatch.setenv("nnUNet_extTrainer", with_search_folder({}))
    found = recursive_find_trainer_class_by_name(name)
    from auvseg.nnunet import trainers

    assert found is getattr(trainers, name)
