"""What the encoder's layers promise: skipping changes nothing, and inputs and answers are left as they were."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from auvseg.extractors.lite_medsam.encoder import SIDE, ImageEncoder
from auvseg.extractors.lite_medsam.extractor import WEIGHTS_SHA256, weights_path
from auvseg.extractors.lite_medsam.layers import Convolution, part, strips
from auvseg.weights import load_state_dict


@pytest.fixture(scope="module")
def encoder():
    return ImageEncoder(part(load_state_dict(weights_path(), WEIGHTS_SHA256), "image_encoder"))


@pytest.fixture(scope="module")
def plane():
    noise = np.random.default_rng(0).uniform(0.1, 1, (90, 70)).astype(np.float32)
    padded = np.zeros((SIDE, SIDE), np.float32)
    padded[40:130, 100:170] = noise
    return padded


@torch.inference_mode()
def inputs_of_skipping_layers(encoder, plane):
    """(layer, input, active, answer to an empty plane) of every layer that skips."""
    x, active = encoder.embed(torch.from_numpy(plane)), plane != 0
    for layer, answer in zip(encoder.layers, encoder._answers_to_an_empty_plane(), strict=False):
        active = layer.spread(active)
        yield layer, x, active, answer
        x = layer(x, active, None)


def test_skipping_gives_what_computing_everything_gives_and_changes_neither_input_nor_answer(encoder, plane):
    for layer, x, active, answer in inputs_of_skipping_layers(encoder, plane):
        before, answered = x.clone(), answer.clone()
        with torch.inference_mode():
            skipped, everything = layer(x, active, answer), layer(x, active, None)
        torch.testing.assert_close(skipped, everything, atol=1e-3, rtol=1e-4)
        assert torch.equal(x, before)
        assert torch.equal(answer, answered)


@pytest.mark.parametrize(("kernel", "stride", "groups"), [(1, 1, 1), (3, 1, 1), (3, 1, 8), (3, 2, 8)])
def test_a_convolution_is_torchs_in_both_precisions(kernel, stride, groups):
    rng = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(8, 8 // groups, kernel, kernel, generator=rng), torch.randn(8, generator=rng)
    x = torch.randn(12, 10, 8, generator=rng)
    ours = Convolution(weight, bias, stride=stride, groups=groups)
    batch = x.double().permute(2, 0, 1)[None]
    exact = functional.conv2d(batch, weight.double(), bias.double(), stride, kernel // 2, groups=groups)
    theirs = exact[0].permute(1, 2, 0).float()
    torch.testing.assert_close(ours(x), theirs, atol=1e-5, rtol=1e-5)
    ours.in_bfloat16()
    torch.testing.assert_close(ours(x).float(), theirs, atol=0.1, rtol=0.05)


def test_strips_cover_everything_active_once_and_leave_out_rows_without():
    active = np.zeros((37, 100), bool)
    active[3, 40], active[20:30, 70:99] = True, True
    covered = np.zeros(active.shape, int)
    for rows, columns in strips(active, 8):
        assert rows.stop - rows.start <= 8
        covered[rows, columns] += 1
    assert covered.max() == 1
    assert covered[active].all()
    assert not covered[8:16].any()
    assert not covered[32:].any()
