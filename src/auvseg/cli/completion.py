"""Shell completion of option values, from the catalogues and the data set's description."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from auvseg.cli.command import typed


def measures(incomplete: str) -> list[str]:
    """Comma-separated measures."""
    from auvseg.measures.catalogue import MEASURES

    return _after_commas(MEASURES, incomplete)


def ranked_by(incomplete: str) -> list[str]:
    """Values of --by."""
    from auvseg.measures.catalogue import MEASURES

    return _starting_with(("auv", *MEASURES), incomplete)


def extractors(incomplete: str) -> list[str]:
    """Built-in extractors."""
    from auvseg.extractors.families import EXTRACTORS

    return _starting_with((facts.name for facts in EXTRACTORS), incomplete)


def weights(incomplete: str) -> list[str]:
    """Models with downloadable weights."""
    from auvseg.weights.models import MODELS

    return _starting_with((model.name for model in MODELS), incomplete)


def classes(ctx: typer.Context, incomplete: str) -> list[str]:
    """Comma-separated classes of the data set that is already on the command line."""
    # Click does not parse the arguments while an option still lacks its value.
    names = (name for place in typed(ctx) for name in _declared_classes(Path(place) / "dataset.json"))
    return _after_commas(names, incomplete)


def _declared_classes(description: Path) -> list[str]:
    from auvseg.files.text import read_json

    try:
        labels: Any = read_json(description)["labels"]
        # The decathlon maps numbers to names, nnU-Net names to numbers.
        names = [value if key.isdecimal() else key for key, value in labels.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return [name for name in names if isinstance(name, str) and name != "background"]


def _after_commas(names: Iterable[str], incomplete: str) -> list[str]:
    before, comma, last = incomplete.rpartition(",")
    taken = before.split(",")
    return [before + comma + name for name in _starting_with(names, last) if name not in taken]


def _starting_with(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
