"""What a shell may complete a value to; reads nothing but catalogues and a data set's description."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from auvseg.cli.command import typed


def measures(incomplete: str) -> list[str]:
    """Measures, separated by commas."""
    from auvseg.measures.catalogue import MEASURES

    return _after_commas(MEASURES, incomplete)


def ranked_by(incomplete: str) -> list[str]:
    """What cases can be ranked by."""
    from auvseg.measures.catalogue import MEASURES

    return _that_begin_so(("auv", *MEASURES), incomplete)


def extractors(incomplete: str) -> list[str]:
    """Extractors of auvseg's own."""
    from auvseg.extractors.catalogue import EXTRACTORS

    return _that_begin_so((facts.name for facts in EXTRACTORS), incomplete)


def weights(incomplete: str) -> list[str]:
    """Models of which there are weights."""
    from auvseg.weights.catalogue import MODELS

    return _that_begin_so((model.name for model in MODELS), incomplete)


def classes(ctx: typer.Context, incomplete: str) -> list[str]:
    """Classes of the data set that stands in the command already, separated by commas, if it says which it has."""
    # Click itself does not get as far as the arguments while an option lacks its value.
    names = (name for place in typed(ctx) for name in _declared_classes(Path(place) / "dataset.json"))
    return _after_commas(names, incomplete)


def _declared_classes(description: Path) -> list[str]:
    from auvseg.files.text import read_json

    try:
        labels: Any = read_json(description)["labels"]
        # The decathlon writes names by number, nnU-Net numbers by name.
        names = [value if key.isdecimal() else key for key, value in labels.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return [name for name in names if isinstance(name, str) and name != "background"]


def _after_commas(names: Iterable[str], incomplete: str) -> list[str]:
    before, comma, last = incomplete.rpartition(",")
    taken = before.split(",")
    return [before + comma + name for name in _that_begin_so(names, last) if name not in taken]


def _that_begin_so(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
