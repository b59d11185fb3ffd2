"""The folder in which nnU-Net searches for external trainers.

nnU-Net imports every module below that folder and then discards it. So the folder contains only one file that names the
trainers, which are defined elsewhere.
"""

import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "nnUNet_extTrainer"


def search_folder() -> Path:
    """The folder to put into `nnUNet_extTrainer`."""
    return Path(__file__).parent / "search"


def with_search_folder(environment: Mapping[str, str]) -> str:
    """The value of `nnUNet_extTrainer` that holds our folder beside those that the user has set."""
    present = [folder for folder in environment.get(VARIABLE, "").split(os.pathsep) if folder]
    ours = str(search_folder())
    return os.pathsep.join(present if ours in present else [*present, ours])
