"""One case, with class maps that lie where there is no room."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from auvseg.data.case import ClassDef
from auvseg.data.volume import Volume
from auvseg.extractors.base import ClassMap
from auvseg.measures.compute import compute_measures
from auvseg.scoring.case import Course, score_case
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.view import CaseView

ORGAN = ClassDef(1, "organ", (1,))
CONFIG = ScoreConfig(modality="windowed", measures=("S", "agreement", "volume_ml"))


class Elsewhere(ClassMap):
    """A map on a device that nobody here has."""

    def on_processor(self):
        return map_of_organ("cpu")


def map_of_organ(device):
    logits = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0)).to(device)
    kind = ClassMap if device == "cpu" else Elsewhere
    return kind(ORGAN, logits, (1, 2, 3), 3)


@dataclass
class Fixed:
    device: str
    name = "fixed"
    weights_id = "none"
    modalities = frozenset({"windowed"})
    prompt = "label"

    def settings(self):
        return {}

    def class_maps(self, case, classes):
        yield map_of_organ(self.device)


@pytest.fixture
def volume():
    rng = np.random.default_rng(0)
    label = np.zeros((5, 8, 8), dtype=np.int32)
    label[1:4, 2:6, 2:6] = 1
    return Volume("case", 255 * rng.random(label.shape, dtype=np.float32), label, (1.0, 1.0, 1.0), "SAR", ())


@pytest.fixture
def no_room(monkeypatch):
    def measure(case, names, options):
        if case.class_map.logits.device.type != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return compute_measures(case, names, options)

    monkeypatch.setattr("auvseg.scoring.case.compute_measures", measure)


def test_where_a_maps_device_is_full_it_is_measured_on_the_processor_and_said(volume, no_room):
    expected, course = Course(), Course()
    ours = score_case(volume, [ORGAN], None, Fixed("cpu"), CONFIG, expected, CaseView())
    theirs = score_case(volume, [ORGAN], None, Fixed("meta"), CONFIG, course, CaseView())
    assert theirs == ours
    assert expected.remarks == ()
    assert course.remarks == ("not enough memory on meta: some structures were measured on the processor",)


def test_other_errors_of_a_measure_are_not_hidden(volume, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("auvseg.scoring.case.compute_measures", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        score_case(volume, [ORGAN], None, Fixed("meta"), CONFIG, Course())


@pytest.mark.parametrize("kind", ["raw", "mask"])
def test_a_volume_that_may_be_consumed_gives_the_same_numbers(volume, kind):
    config = ScoreConfig(modality="windowed", input=kind, measures=CONFIG.measures)
    kept = volume.image.copy()
    ours = score_case(volume, [ORGAN], None, Fixed("cpu"), config, Course())
    assert np.array_equal(volume.image, kept)
    assert score_case(volume, [ORGAN], None, Fixed("cpu"), config, Course(), consume=True) == ours
