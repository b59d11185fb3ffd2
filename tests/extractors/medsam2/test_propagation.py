"""The order in which structures go through a case, with a model that writes down what it is asked."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from auvseg.data.case import ClassDef
from auvseg.extractors.medsam2.propagation import maps_of_films, middle_plane
from auvseg.extractors.planes.planewise import Decoded
from auvseg.extractors.planes.prompts import Box, ClassPrompts

BOX = Box(0, 0, 1, 1)


class Noted:
    """A journey whose logits are the planes that it went through, counted."""

    def __init__(self, prompts, way=()):
        self.prompts, self.way = prompts, list(way)

    def carry(self, embedding, plane):
        assert embedding == f"plane {plane}"
        self.way.append(plane)
        logits = torch.tensor([[float(plane), float(len(self.way))]])
        return Decoded(logits, torch.tensor(float(plane)), None)

    def turned(self):
        return Noted(self.prompts, self.way[:1])


def prompts_on(*planes, class_id=1):
    return ClassPrompts(ClassDef(class_id, str(class_id), (class_id,)), dict.fromkeys(planes, BOX), len(planes))


def carried(prompts):
    encoded = []

    def encode(plane):
        encoded.append(plane)
        return f"plane {plane}"

    maps = {one.class_def.class_id: one for one in maps_of_films(prompts, encode, Noted)}
    return maps, encoded


def test_the_middle_one_of_many_is_told_and_the_upper_one_of_two():
    assert middle_plane(prompts_on(3, 4, 5)) == 4
    assert middle_plane(prompts_on(3, 9)) == 9
    assert middle_plane(prompts_on(7)) == 7


def test_a_mask_goes_from_the_middle_to_the_last_and_from_the_middle_to_the_first():
    maps, encoded = carried([prompts_on(2, 3, 5, 8, 9)])
    assert encoded == [5, 8, 9, 3, 2]
    assert maps[1].planes == (2, 3, 5, 8, 9)
    # The second number is how many planes the mask had come, the middle one among them.
    assert maps[1].logits[:, 0].tolist() == [[2, 3], [3, 2], [5, 1], [8, 2], [9, 3]]
    assert maps[1].predicted_iou.tolist() == [2, 3, 5, 8, 9]


films = st.lists(st.sets(st.integers(0, 12), min_size=1), min_size=1, max_size=5)


@given(films)
def test_every_structure_goes_as_if_alone_and_no_plane_is_encoded_more_than_twice(films):
    prompts = [prompts_on(*sorted(planes), class_id=number) for number, planes in enumerate(films)]
    maps, encoded = carried(prompts)
    assert sorted(maps) == list(range(len(films)))
    assert set(encoded) == set().union(*films)
    assert max(encoded.count(plane) for plane in encoded) <= 2
    for number, one in enumerate(prompts):
        (alone,) = carried([one])[0].values()
        assert maps[number].planes == alone.planes == tuple(one.boxes)
        assert torch.equal(maps[number].logits, alone.logits)


def test_nothing_to_look_at_is_nothing():
    assert carried([]) == ({}, [])
