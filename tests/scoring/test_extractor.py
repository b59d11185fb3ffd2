"""What is said of an extractor before it scores a data set."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from auvseg.data.case import Dataset
from auvseg.extractors import get_extractor
from auvseg.extractors.families import EXPERIMENTAL
from auvseg.scoring.extractor import extractor_facts


def trained_on(*modalities):
    return SimpleNamespace(
        name="toy",
        weights_id="0" * 64,
        modalities=frozenset(modalities),
        prompt="label",
        settings=dict,
        class_maps=lambda case, classes: iter(()),
    )


DATASET = Dataset("heads", Path(), "test", None, ())


@pytest.mark.parametrize(
    ("modalities", "modality", "said"),
    [
        (("ct",), "mri", "toy was trained on CT, heads is MRI: its maps say little of it"),
        (
            ("mri", "ct"),
            "windowed",
            "toy was trained on CT and MRI, heads is windowed images: its maps say little of it",
        ),
    ],
)
def test_images_that_a_model_has_never_seen_are_named(modalities, modality, said):
    assert extractor_facts(trained_on(*modalities), DATASET, modality).notes == (said,)


@pytest.mark.parametrize("extractor", [trained_on("ct", "mri"), trained_on(), get_extractor("none")])
def test_nothing_is_said_where_there_is_nothing_to_say(extractor):
    assert extractor_facts(extractor, DATASET, "mri").notes == ()


def test_only_an_experimental_extractor_says_so_in_its_notes_and_records():
    extractor = trained_on("mri")
    extractor.name = "medsam2"
    facts = extractor_facts(extractor, DATASET, "mri")
    assert facts.setup == {"name": "medsam2", "weights_sha256": "0" * 64, "status": EXPERIMENTAL}
    assert facts.notes == (f"medsam2 is {EXPERIMENTAL}",)
    extractor.name = "lite-medsam"
    facts = extractor_facts(extractor, DATASET, "mri")
    assert facts.setup == {"name": "lite-medsam", "weights_sha256": "0" * 64}
    assert facts.notes == ()
