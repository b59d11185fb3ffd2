"""The folder in which nnU-Net looks for trainers that are not its own.

nnU-Net imports every module that it meets below that folder, and forgets those afterwards. So the folder holds one
file that names the trainers, and the trainers themselves live elsewhere.
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
