import numpy as np
import pytest

from auvseg.data.case import ClassDef
from auvseg.errors import CaseError
from auvseg.extractors import extractor_names, get_extractor
from auvseg.extractors.base import WHOLE_IMAGE, Extractor, ExtractorInput

CLASSES = (ClassDef(1, "one", (1,)), ClassDef(2, "both", (1, 2)), ClassDef(3, "nowhere", (7,)))


@pytest.fixture
def case():
    label = np.zeros((6, 5, 4), dtype=np.int32)
    label[1:3, 2, 2] = 1
    label[4, 1, 1] = 2
    return ExtractorInput(np.zeros(label.shape, dtype=np.float32), label, (1.0, 1.0, 1.0))


def test_it_is_an_extractor_like_any_other():
    assert "none" in extractor_names()
    assert isinstance(get_extractor("none"), Extractor)


def test_each_class_gets_its_planes_and_a_map_without_a_pixel(case):
    maps = {one.class_def.class_id: one for one in get_extractor("none").class_maps(case, CLASSES)}
    assert {number: one.planes for number, one in maps.items()} == {1: (1, 2), 2: (1, 2, 4)}
    assert all(one.logits.shape == (len(one.planes), 0, 0) for one in maps.values())


def test_planes_are_thinned_as_for_a_model(case):
    (one,) = get_extractor("none", max_slices=2).class_maps(case, CLASSES[1:2])
    assert (one.planes, one.planes_total) == ((1, 4), 3)


def test_without_a_prompt_the_whole_image_is_one_row(case):
    (one,) = get_extractor("none", prompt="none").class_maps(case, [WHOLE_IMAGE])
    assert (one.class_def, one.planes) == (WHOLE_IMAGE, tuple(range(6)))


def test_a_label_is_needed_to_find_classes_in(case):
    with pytest.raises(CaseError, match="--prompt none"):
        list(get_extractor("none").class_maps(ExtractorInput(case.image, None, case.spacing_mm), CLASSES))
