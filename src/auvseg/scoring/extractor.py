"""The extractor that a configuration asks for, and what a run must know of it before its first case."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auvseg._version import __version__
from auvseg.data.case import Dataset, Modality
from auvseg.data.workers.memory import UNKNOWN, MapMemory
from auvseg.errors import UsageError
from auvseg.extractors import get_extractor
from auvseg.extractors.base import Extractor, HasOwnClasses, KnowsItsMemory, ReadsRawChannels
from auvseg.extractors.families import facts_of
from auvseg.scoring.config import ScoreConfig

_NAMES: dict[Modality, str] = {"ct": "CT", "mri": "MRI", "windowed": "windowed images"}


@dataclass(frozen=True)
class ExtractorFacts:
    """What is the same for an extractor in whatever process it lives.

    Attributes:
        setup: name, weights and settings, as they stand in every record; of an experimental extractor also its status.
        notes: what a person should know before the first case, one sentence each.
        every_channel: whether it needs every channel of an image.
        map_memory: what its maps take in memory.
    """

    setup: Mapping[str, Any]
    notes: tuple[str, ...]
    every_channel: bool
    map_memory: MapMemory = UNKNOWN


def make_extractor(config: ScoreConfig, device: str) -> Extractor:
    """The extractor that a configuration asks for, on a device."""
    return get_extractor(
        config.extractor,
        prompt=config.prompt,
        box_margin=config.box_margin,
        max_slices=config.max_slices,
        precision=config.precision,
        device=device,
        **({} if config.model is None else config.model.options()),
        **({"class_map": dict(config.class_map)} if config.class_map else {}),
    )


def extractor_facts(extractor: Extractor, dataset: Dataset, modality: Modality) -> ExtractorFacts:
    """What a run must know of an extractor that is to score a data set.

    Raises:
        UsageError: the extractor was trained on another number of channels, or on none of the classes.
    """
    if isinstance(extractor, ReadsRawChannels) and dataset.channel_names:
        there, needed = len(dataset.channel_names), extractor.raw_channels
        if there != needed:
            raise UsageError(f"{dataset.name} has {there} channels, the network was trained on {needed}")
    known = facts_of(extractor.name)
    status = known.status if known is not None else ""
    return ExtractorFacts(
        setup={
            "name": extractor.name,
            "weights_sha256": extractor.weights_id,
            **extractor.settings(),
            **({"status": status} if status else {}),
        },
        notes=(
            *((f"{extractor.name} is {status}",) if status else ()),
            *_foreign_modality(extractor, dataset, modality),
            *(extractor.notes(dataset.classes) if isinstance(extractor, HasOwnClasses) else ()),
        ),
        every_channel=isinstance(extractor, ReadsRawChannels),
        map_memory=extractor.map_memory() if isinstance(extractor, KnowsItsMemory) else UNKNOWN,
    )


def _foreign_modality(extractor: Extractor, dataset: Dataset, modality: Modality) -> tuple[str, ...]:
    """That a model has never seen such images, where that is so."""
    if modality in extractor.modalities or not extractor.modalities:
        return ()
    seen = " and ".join(_NAMES[one] for one in sorted(extractor.modalities))
    return (f"{extractor.name} was trained on {seen}, {dataset.name} is {_NAMES[modality]}: its maps say little of it",)


def run_setup(config: ScoreConfig, facts: ExtractorFacts) -> dict[str, Any]:
    """Everything that changes a score, as plain values; it stands in `run.json` and in every record."""
    return {"config": config.as_dict(), "extractor": dict(facts.setup), "auvseg": __version__}
