import numpy as np
import pytest
import torch

from auvseg.measures import map_sums as module
from auvseg.measures.map_sums import map_sums, total


@pytest.fixture
def logits():
    return torch.randn(5, 9, 33, generator=torch.Generator().manual_seed(0)) * 6


def test_the_sums_are_those_of_the_formulas_in_float64(make_input, logits):
    found = map_sums(make_input(logits))
    z = logits.double().numpy()
    p = 1 / (1 + np.exp(-z))
    np.testing.assert_array_equal(found.inside, (z > 0).sum((1, 2)))
    np.testing.assert_array_equal(found.sure, (z > 2).sum((1, 2)))
    np.testing.assert_array_equal(found.loose, (z > -2).sum((1, 2)))
    np.testing.assert_allclose(found.probability, (p * (z > 0)).sum((1, 2)), rtol=1e-6)
    np.testing.assert_allclose(found.entropy, -(p * np.log(p) + (1 - p) * np.log1p(-p)).sum((1, 2)), rtol=1e-5)


def test_what_an_accelerator_sums_is_the_same(make_input, logits):
    found = map_sums(make_input(logits))
    other = module._sums_on_device(logits).numpy()
    for one, two in zip((found.inside, found.sure, found.loose, found.probability, found.entropy), other, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_logits_beyond_the_range_of_exponentials_are_certain(make_input, sign):
    found = map_sums(make_input(np.full((1, 2, 3), sign * 1e4)))
    assert found.entropy[0] == pytest.approx(0, abs=1e-30)
    assert found.probability[0] == (6 if sign > 0 else 0)


@pytest.mark.parametrize("shape", [(3, 257, 511), (1, 1000, 70)])
def test_totals_do_not_depend_on_the_number_of_threads(shape):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(total(values))
    torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
