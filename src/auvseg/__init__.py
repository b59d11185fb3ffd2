"""Find the cases and structures of a segmentation data set that are too noisy or ambiguous to learn from.

The public names are those of `__all__`; everything else may change without notice. They are imported when first used,
so that `import auvseg` is instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from auvseg._version import __version__

if TYPE_CHECKING:
    from auvseg.cohort.auv import auv
    from auvseg.cohort.order import rank
    from auvseg.cohort.selection import filter_cases
    from auvseg.data.case import Case, ClassDef, Dataset
    from auvseg.data.check.dataset import check_dataset
    from auvseg.data.dataset import read_dataset
    from auvseg.data.public.convert import convert
    from auvseg.duo.head import add_noise_head
    from auvseg.duo.loss import DUOLoss
    from auvseg.duo.noise import CaseNoise, SampledNoise
    from auvseg.errors import AuvsegError
    from auvseg.extractors import get_extractor, register_extractor
    from auvseg.measures.accumulator import ScaleAccumulator
    from auvseg.measures.catalogue import MEASURES, ScaleOptions
    from auvseg.measures.scale import semantic_scale
    from auvseg.scoring.config import ModelFile, ModelFolder, ScoreConfig
    from auvseg.scoring.score import score
    from auvseg.scoring.table import load_scores

_HOME = {
    "AuvsegError": "auvseg.errors",
    "Case": "auvseg.data.case",
    "CaseNoise": "auvseg.duo.noise",
    "ClassDef": "auvseg.data.case",
    "DUOLoss": "auvseg.duo.loss",
    "Dataset": "auvseg.data.case",
    "MEASURES": "auvseg.measures.catalogue",
    "ModelFile": "auvseg.scoring.config",
    "ModelFolder": "auvseg.scoring.config",
    "SampledNoise": "auvseg.duo.noise",
    "ScaleAccumulator": "auvseg.measures.accumulator",
    "ScaleOptions": "auvseg.measures.catalogue",
    "ScoreConfig": "auvseg.scoring.config",
    "add_noise_head": "auvseg.duo.head",
    "auv": "auvseg.cohort.auv",
    "check_dataset": "auvseg.data.check.dataset",
    "convert": "auvseg.data.public.convert",
    "filter_cases": "auvseg.cohort.selection",
    "get_extractor": "auvseg.extractors",
    "load_scores": "auvseg.scoring.table",
    "rank": "auvseg.cohort.order",
    "read_dataset": "auvseg.data.dataset",
    "register_extractor": "auvseg.extractors",
    "score": "auvseg.scoring.score",
    "semantic_scale": "auvseg.measures.scale",
}

__all__ = [
    "MEASURES",
    "AuvsegError",
    "Case",
    "CaseNoise",
    "ClassDef",
    "DUOLoss",
    "Dataset",
    "ModelFile",
    "ModelFolder",
    "SampledNoise",
    "ScaleAccumulator",
    "ScaleOptions",
    "ScoreConfig",
    "__version__",
    "add_noise_head",
    "auv",
    "check_dataset",
    "convert",
    "filter_cases",
    "get_extractor",
    "load_scores",
    "rank",
    "read_dataset",
    "register_extractor",
    "score",
    "semantic_scale",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'auvseg' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return __all__
