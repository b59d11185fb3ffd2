"""In which group of `--help` an option stands that several commands with dozens of options share.

A group is as narrow as its own options, so that 80 columns are enough for a sentence.
"""

from collections.abc import Iterable
from typing import Any

_PANELS = {
    "Model": (
        "extractor",
        "combined_extractor",
        "quick",
        "model",
        "folds",
        "checkpoint",
        "mirroring",
        "class_map",
    ),
    "What the model sees": ("prompt", "input_kind", "modality", "window", "channel", "box_margin", "max_slices"),
    "The scale S": ("unfold", "energy", "centre", "scale_on"),
    "Where it runs": (
        "device",
        "devices",
        "precision",
        "engine",
        "workers",
        "ray_address",
        "max_memory",
        "jobs",
        "num_parts",
        "part_id",
    ),
}
_PANEL_OF = {name: panel for panel, names in _PANELS.items() for name in names}


def group_options(parameters: Iterable[Any]) -> None:
    """Give the options of a command that asks a model their groups; in other commands they mean something else."""
    known = list(parameters)
    if any(one.name == "extractor" for one in known):
        for one in known:
            if one.name in _PANEL_OF and getattr(one, "rich_help_panel", "") is None:
                one.rich_help_panel = _PANEL_OF[one.name]
