"""Find a preprocessed nnU-Net data set by number, name or folder, and check its plans."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from auvseg.errors import UsageError, did_you_mean
from auvseg.files.text import read_json

_NAME = re.compile(r"Dataset\d{3}_.+")
_NUMBER = re.compile(r"[0-9]{1,3}")
_FILLS_IT = "nnUNetv2_plan_and_preprocess fills"


def preprocessed_name(named: str, configuration: str, plans: str, environment: Mapping[str, str]) -> str:
    """The `DatasetXXX_Name` that nnU-Net can train on.

    Args:
        named: its number, its name, or its folder in nnUNet_raw or nnUNet_preprocessed.
        configuration: of the plans.
        plans: their name.
        environment: where `nnUNet_preprocessed` stands.

    Raises:
        UsageError: nnU-Net has preprocessed no such data set, or not for this configuration.
    """
    home = environment.get("nnUNet_preprocessed")
    if not home:
        raise UsageError(f"nnUNet_preprocessed is not set; it is the folder that {_FILLS_IT}")
    if not Path(home).is_dir():
        raise UsageError(f"nnUNet_preprocessed, {home}, is no folder; it is the one that {_FILLS_IT}")
    known = [folder.name for folder in sorted(Path(home).iterdir()) if _NAME.fullmatch(folder.name)]
    wanted = named if _NUMBER.fullmatch(named) else _name_of(named)
    prefix = f"Dataset{int(wanted):03d}_" if _NUMBER.fullmatch(wanted) else None
    found = [name for name in known if (name == wanted if prefix is None else name.startswith(prefix))]
    if not found:
        raise UsageError(f"{named} is not in nnUNet_preprocessed, which {_FILLS_IT}; {did_you_mean(wanted, known)}")
    if len(found) > 1:
        raise UsageError(f"{named}: nnUNet_preprocessed has {', '.join(found)}; name one of them")
    _check_configuration(Path(home) / found[0] / f"{plans}.json", configuration)
    return found[0]


def _name_of(path: str) -> str:
    """The name of a folder, also where it is named by a link, by `.`, or by the description in it."""
    place = Path(path).expanduser()
    place = place.parent if place.name == "dataset.json" else place
    for name in (place.name, Path(os.path.abspath(place)).name, place.resolve().name):  # noqa: PTH100 - a link's own name
        if _NAME.fullmatch(name):
            return name
    return place.name


def _check_configuration(file: Path, configuration: str) -> None:
    try:
        known = list(read_json(file)["configurations"])
    except OSError:
        raise UsageError(
            f"{file.parent.name} has no plans {file.stem}; nnUNetv2_plan_and_preprocess makes them"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{file} is no plans file of nnU-Net; nnUNetv2_plan_and_preprocess makes it anew") from None
    if configuration not in known:
        raise UsageError(f"{file.stem} have no configuration {configuration!r}; {did_you_mean(configuration, known)}")
