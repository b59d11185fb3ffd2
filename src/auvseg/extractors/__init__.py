"""Frozen foundation models, trained nnU-Nets and the user's own networks, all behind `base.Extractor`."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from auvseg.errors import UsageError, did_you_mean
from auvseg.extractors.families import EXTRACTORS, facts_of

if TYPE_CHECKING:
    # It stands on torch, which is imported where a map is made: the catalogue is read by commands that make none.
    from auvseg.extractors.base import Extractor

ExtractorFactory = Callable[..., "Extractor"]

_REGISTERED: dict[str, ExtractorFactory] = {}


def extractor_names() -> list[str]:
    """Return every name that `get_extractor` accepts."""
    return sorted({*(facts.name for facts in EXTRACTORS), *_REGISTERED})


def register_extractor(name: str, factory: ExtractorFactory) -> None:
    """Register your own model under a name, for this process.

    Args:
        name: name for `--extractor` and `ScoreConfig`.
        factory: called with the keywords `prompt`, `box_margin`, `max_slices`, `precision` and `device`, with those of
            `ModelFolder.options` if a model folder is given, and with `class_map` if a class map is given; returns an
            `auvseg.extractors.base.Extractor`.

    Raises:
        UsageError: the name is one of auvseg's own.
    """
    if facts_of(name) is not None:
        raise UsageError(f"the extractor name {name!r} is taken; choose another")
    _REGISTERED[name] = factory


def check_name(name: str) -> None:
    """Check that `get_extractor` knows a name. Factories that have to be imported are not checked.

    Raises:
        UsageError: the name is unknown; suggests similar ones.
    """
    if ":" not in name and name not in extractor_names():
        raise UsageError(f"unknown extractor {name!r}; {did_you_mean(name, extractor_names(), 'auvseg models')}")


def registered_factory(name: str) -> ExtractorFactory | None:
    """Return the factory registered under this name in this process, or None."""
    return _REGISTERED.get(name)


def get_extractor(name: str, **options: Any) -> "Extractor":
    """Load a model.

    Args:
        name: one of `extractor_names()`, or `package.file:name`, a factory as `register_extractor` takes it that is
            imported from there.
        options: `prompt`, `box_margin`, `max_slices`, `precision`, `device`; see `ScoreConfig`. For `nnunet` also
            `model`, `folds`, `checkpoint`, `mirroring`; see `ModelFolder`. For `medsam2` also `model`; see `ModelFile`.
            For a model with classes of its own also `class_map`, the model's names of a class by the data set's.

    Raises:
        UsageError: no model has this name, or it cannot be prompted so.
        WeightsError: its weights are missing or not the published ones.
    """
    if name in _REGISTERED:
        return _REGISTERED[name](**options)
    check_name(name)
    facts = facts_of(name)
    if facts is None:
        return _made_by(name, _imported(name), options)
    if options.get("prompt") == "middle" and not facts.carries_masks:
        able = ", ".join(one.name for one in EXTRACTORS if one.carries_masks)
        raise UsageError(f"--prompt middle: {name} cannot propagate masks between slices; {able} can")
    module, _, attribute = facts.home.partition(":")
    return getattr(import_module(module), attribute)(**options)


def module_extractor(*arguments: Any, **options: Any) -> ExtractorFactory:
    """Make a factory for `register_extractor` from your own network; see `auvseg.extractors.module.extractor`."""
    from auvseg.extractors.module import extractor

    return extractor.module_extractor(*arguments, **options)


def _imported(name: str) -> ExtractorFactory:
    """The factory `package.file:name`."""
    place, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(place), attribute)
    except ImportError as problem:
        raise UsageError(f"--extractor {name}: {problem}; is it installed, or its folder in PYTHONPATH?") from None
    except AttributeError:
        raise UsageError(f"--extractor {name}: {place} has no {attribute!r}") from None
    if not callable(found):
        raise UsageError(f"--extractor {name}: {attribute} is not a factory; see docs/models.md")
    return cast("ExtractorFactory", found)


def _made_by(name: str, factory: ExtractorFactory, options: dict[str, Any]) -> "Extractor":
    """What an imported factory makes, if it is an extractor."""
    from auvseg.extractors.base import Extractor

    try:
        made: Any = factory(**options)
    except TypeError as problem:
        raise UsageError(f"--extractor {name}: is no factory of an extractor ({problem}); see docs/models.md") from None
    if not isinstance(made, Extractor):
        raise UsageError(f"--extractor {name}: makes a {type(made).__name__}, no extractor; see docs/models.md")
    return made
