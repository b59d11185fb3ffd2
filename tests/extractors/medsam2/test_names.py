"""Every tensor of a published checkpoint has its place in the video model, and in the image model or nowhere."""

import math

import pytest
import torch

from auvseg.errors import WeightsError
from auvseg.extractors.medsam2.names import POINTS, to_transformers
from auvseg.extractors.medsam2.network import MEDSAM2, Network
from auvseg.extractors.medsam2.propagation import VideoNetwork
from medsam2_weights import SMALL, memory_shapes, random_state, upstream_shapes


def test_a_published_checkpoint_has_as_many_tensors_and_values_as_is_known():
    shapes = upstream_shapes(MEDSAM2)
    assert len(shapes) == 471
    assert sum(math.prod(shape) for shape in shapes.values()) == 38_962_754


MEMORY = memory_shapes(SMALL).keys() - {"no_mem_embed"}
"""What carries a mask from plane to plane."""


def test_a_published_checkpoint_fills_the_image_model_exactly():
    state = {name: torch.zeros(shape) for name, shape in upstream_shapes(MEDSAM2).items()}
    parameters = Network(state, MEDSAM2, device="cpu")._model.state_dict()
    assert len(parameters) == 309
    # Four rows of one parameter come from four tensors, and one tensor has two places.
    assert len(parameters) == len(state.keys() - MEMORY) - 3 + 1


def test_a_published_checkpoint_fills_the_video_model_exactly():
    state = {name: torch.zeros(shape) for name, shape in upstream_shapes(MEDSAM2).items()}
    assert len(VideoNetwork(state, MEDSAM2, device="cpu")._model.state_dict()) == 469 == len(state) - 3 + 1


@pytest.mark.parametrize("memory", [False, True])
def test_every_value_arrives_and_none_arrives_twice_where_it_should_not(memory):
    state = {name: torch.tensor(float(number)) for number, name in enumerate(random_state(SMALL))}
    state |= {name: state[name].view(1, 1) for name in POINTS}
    arrived = [float(one) for value in to_transformers(state, memory=memory).values() for one in value.flatten()]
    used = [float(value) for name, value in state.items() if memory or name not in MEMORY]
    frequencies = float(state["sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"])
    assert sorted(arrived) == sorted([*used, frequencies])


def test_the_rows_of_points_and_corners_are_in_upstreams_order():
    state = random_state(SMALL)
    rows = to_transformers(state)["prompt_encoder.point_embed.weight"]
    for row, name in zip(rows, POINTS, strict=True):
        assert torch.equal(row, state[name][0])


@pytest.mark.parametrize(
    "name", ["image_encoder.trunk.blocks.0.norm3.weight", "pixel_mean", "sam_mask_decoder.conv_s2"]
)
def test_a_name_that_upstream_does_not_have_is_refused(name):
    with pytest.raises(WeightsError, match=f"holds {name}, which MedSAM2 does not have"):
        to_transformers(random_state(SMALL) | {name: torch.zeros(1)})


def test_a_missing_point_embedding_is_named():
    state = random_state(SMALL)
    del state[POINTS[2]]
    with pytest.raises(WeightsError, match=POINTS[2]):
        to_transformers(state)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_encoder.neck.convs.0.conv.bias": None}, r"lacks 1 parameters .* vision_encoder.neck.convs.0.bias"),
        ({"image_encoder.neck.convs.0.conv.bias": torch.zeros(3)}, r"has the shape \(3,\), .* \(32,\)"),
        ({"image_encoder.trunk.blocks.9.norm1.bias": torch.zeros(8)}, r"blocks.9.layer_norm1.bias .* has none"),
    ],
)
def test_a_network_that_is_not_exactly_filled_is_refused(change, words):
    state = {name: value for name, value in (random_state(SMALL) | change).items() if value is not None}
    with pytest.raises(WeightsError, match=words):
        Network(state, SMALL, device="cpu")


def test_what_carries_a_mask_from_plane_to_plane_may_be_missing_where_none_is_carried():
    state = {name: value for name, value in random_state(SMALL).items() if name not in MEMORY}
    Network(state, SMALL, device="cpu")
    with pytest.raises(WeightsError, match="lacks 160 parameters of MedSAM2's video model"):
        VideoNetwork(state, SMALL, device="cpu")
