import doctest
import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config

from auvseg.measures import accumulator, scale
from auvseg.measures.scale import energy_spectrum, semantic_scale

UNFOLDINGS = {"D_HW": (0, 1, 2), "H_DW": (1, 0, 2), "W_DH": (2, 0, 1)}
VARIANTS = list(itertools.product(UNFOLDINGS, ("squared", "singular"), (False, True)))
every_variant = pytest.mark.parametrize(("unfold", "energy", "centre"), VARIANTS)


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def ball(side=32, radius=0.8, edge=0.03):
    """A smooth ball, +8 inside and -8 outside."""
    axis = torch.linspace(-1, 1, side, dtype=torch.float64)
    depth, height, width = torch.meshgrid(axis, axis, axis, indexing="ij")
    return 8 * torch.tanh((radius - (depth**2 + height**2 + width**2).sqrt()) / edge)


def reference(one, unfold="D_HW", energy="squared", centre=False):
    """S of a map with D > 1, straight from its float64 SVD."""
    matrix = one.double().permute(UNFOLDINGS[unfold]).flatten(1)
    if centre:
        matrix = matrix - matrix.mean(0)
    values = torch.linalg.svdvals(matrix)
    shares = values**2 if energy == "squared" else values + 1e-6
    shares = shares / shares.sum()
    return float(torch.special.entr(shares).sum() / math.log(len(shares)))


@pytest.fixture
def without_type_checks():
    """Errors as a user meets them: outside tests nothing checks annotations."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


# --- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("energy", ["squared", "singular"])
@pytest.mark.parametrize("directions", [1, 2, 5, 8])
def test_equal_energy_in_k_of_r_directions_has_scale_log_k_over_log_r(directions, energy):
    matrix = torch.zeros(8, 12, dtype=torch.float64)
    matrix[range(directions), range(directions)] = 1e6
    assert semantic_scale(matrix.reshape(8, 3, 4), energy=energy).item() == pytest.approx(
        math.log(directions) / math.log(8), abs=1e-9
    )


def test_rounding_never_lifts_the_scale_above_one():
    assert max(semantic_scale(torch.eye(side).double()[..., None]).item() for side in range(2, 40)) == 1


def test_two_directions_have_the_binary_entropy_of_their_energies():
    matrix = torch.diag(torch.tensor([3.0, 1.0], dtype=torch.float64)).reshape(2, 2, 1)
    squared = -(0.9 * math.log2(0.9) + 0.1 * math.log2(0.1))
    singular = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    assert semantic_scale(matrix).item() == pytest.approx(squared, abs=1e-12)
    assert semantic_scale(matrix, energy="singular").item() == pytest.approx(singular, abs=1e-6)


@every_variant
def test_a_constant_map_has_scale_zero(unfold, energy, centre):
    scale = semantic_scale(torch.full((32, 31, 30), -12.3), unfold=unfold, energy=energy, centre=centre)
    assert scale.isnan() if centre else scale.item() == pytest.approx(0, abs=1e-6)


def test_white_noise_has_the_scale_that_its_marchenko_pastur_spectrum_gives():
    # Leading terms of the mean entropy (Page, Physical Review Letters 71, 1993): log r - r / (2 columns).
    expected = 1 - 32 / (2 * 32 * 32) / math.log(32)
    assert semantic_scale(noise(32, 32, 32)).item() == pytest.approx(expected, abs=2e-4)
    assert semantic_scale(noise(32, 32, 32), energy="singular").item() == pytest.approx(0.999, abs=5e-4)


def test_the_authors_variant_gives_the_figures_of_the_method_page():
    figures = [semantic_scale(ball() + sd * noise(32, 32, 32), energy="singular").item() for sd in (0, 0.5, 2)]
    assert figures == pytest.approx([0.47, 0.63, 0.82], abs=0.015)


@pytest.mark.parametrize("energy", ["squared", "singular"])
def test_noise_on_the_map_raises_the_scale(energy):
    scales = [semantic_scale(ball() + sd * noise(32, 32, 32), energy=energy).item() for sd in (0, 0.5, 2, 8)]
    assert scales == sorted(set(scales))


AXIS = torch.linspace(-1, 1, 24, dtype=torch.float64)
LOOKING_REAL = {
    "blob on a large offset": ball(24, 0.5, 0.2) - 40,
    "noise on a huge offset": noise(24, 24, 24) + 1000,
    "rank one": torch.einsum("d,h,w->dhw", AXIS + 3, AXIS.exp(), AXIS.cos()),
    "rank two": torch.einsum("d,h,w->dhw", AXIS, AXIS, AXIS) + torch.einsum("d,h,w->dhw", AXIS**2, AXIS.exp(), AXIS),
    "ill conditioned": torch.exp(-8 * AXIS)[:, None, None] * noise(24, 24, 24),
}


@pytest.mark.parametrize("name", LOOKING_REAL)
@every_variant
def test_float32_maps_agree_with_a_float64_svd_to_1e_6(name, unfold, energy, centre):
    one = LOOKING_REAL[name].float()
    scale = semantic_scale(one, unfold=unfold, energy=energy, centre=centre)
    assert scale.dtype == torch.float32
    assert scale.item() == pytest.approx(reference(one, unfold, energy, centre), abs=1e-6)


@settings(max_examples=60)
@given(
    shape=st.tuples(*[st.integers(2, 9)] * 3),
    variant=st.sampled_from(VARIANTS),
    seed=st.integers(0, 10_000),
    offset=st.sampled_from([0.0, 5.0, -300.0]),
)
def test_every_shape_and_variant_agrees_with_a_float64_svd(shape, variant, seed, offset):
    unfold, energy, centre = variant
    one = noise(*shape, seed=seed) + offset
    scale = semantic_scale(one, unfold=unfold, energy=energy, centre=centre).item()
    assert scale == pytest.approx(reference(one, *variant), abs=1e-10)
    assert 0 <= scale <= 1


@every_variant
def test_the_spectrum_is_a_descending_distribution_with_this_entropy(unfold, energy, centre):
    maps = noise(2, 3, 6, 5, 4) + 1
    shares = energy_spectrum(maps, unfold=unfold, energy=energy, centre=centre)
    assert shares.shape == (2, 3, {"D_HW": 6, "H_DW": 5, "W_DH": 4}[unfold])
    assert torch.allclose(shares.sum(-1), torch.ones(2, 3, dtype=torch.float64))
    assert bool((shares.diff(dim=-1) <= 0).all())
    scale = torch.special.entr(shares).sum(-1) / math.log(shares.shape[-1])
    assert torch.allclose(scale, semantic_scale(maps, unfold=unfold, energy=energy, centre=centre), atol=1e-12)


# --- invariances ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("factor", [-3.0, 1e-20, 1e15])
def test_the_unit_of_the_map_does_not_matter(factor, centre):
    one = (noise(6, 5, 4) + 2).float()
    assert semantic_scale(one * factor, centre=centre).item() == pytest.approx(
        semantic_scale(one, centre=centre).item(), abs=1e-6
    )


@pytest.mark.parametrize("centre", [False, True])
def test_the_order_of_the_rows_and_a_rotation_of_the_columns_do_not_matter(centre):
    one = noise(6, 5, 4) + 2
    rotation = torch.linalg.qr(noise(20, 20, seed=1)).Q
    expected = pytest.approx(semantic_scale(one, centre=centre).item(), abs=1e-12)
    assert semantic_scale(one[[3, 1, 5, 0, 2, 4]], centre=centre).item() == expected
    assert semantic_scale((one.flatten(1) @ rotation).reshape(6, 5, 4), centre=centre).item() == expected


@pytest.mark.parametrize("unfold", UNFOLDINGS)
def test_an_offset_that_is_constant_along_the_rows_does_not_matter_once_centred(unfold):
    one, axis = noise(6, 5, 4), "DHW".index(unfold[0])
    offset = 100 * noise(6, 5, 4, seed=1).narrow(axis, 0, 1)
    centred = semantic_scale(one + offset, unfold=unfold, centre=True).item()
    assert centred == pytest.approx(semantic_scale(one, unfold=unfold, centre=True).item(), abs=1e-10)


def test_centred_energies_are_the_variances_of_a_principal_component_analysis_of_the_depth_rows():
    one = noise(6, 5, 4) + 3
    variances = torch.linalg.eigvalsh(torch.cov(one.flatten(1).T)).flip(0)[:6]
    assert torch.allclose(energy_spectrum(one, centre=True), variances / variances.sum(), atol=1e-12)


def test_a_map_has_the_same_scale_alone_and_in_a_batch():
    maps = noise(2, 3, 6, 5, 4)
    together = semantic_scale(maps)
    assert together.shape == (2, 3)
    for index in itertools.product(range(2), range(3)):
        assert semantic_scale(maps[index]).item() == together[index].item()
    assert semantic_scale(maps[:, :0]).shape == (2, 0)


def test_the_layout_in_memory_does_not_matter():
    maps = noise(2, 3, 6, 5, 4)
    expected = semantic_scale(maps)
    assert torch.equal(semantic_scale(maps.contiguous(memory_format=torch.channels_last_3d)), expected)
    assert torch.equal(semantic_scale(maps.mT.contiguous().mT), expected)
    assert torch.equal(semantic_scale(maps[:, 1:]), expected[:, 1:])


@every_variant
def test_a_single_plane_unfolds_into_its_own_axes(unfold, energy, centre):
    plane = noise(7, 5) + 1
    unfolded = plane.T if unfold == "W_DH" else plane
    expected = reference(unfolded[:, :, None], "D_HW", energy, centre)
    scale = semantic_scale(plane[None], unfold=unfold, energy=energy, centre=centre)
    assert scale.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(1, 1, 5), (1, 5, 1), (5, 1, 1), (1, 1, 1)])
@pytest.mark.parametrize("energy", ["squared", "singular"])
def test_a_single_row_or_column_has_scale_zero_and_a_gradient_of_zero(shape, energy):
    one = noise(*shape).requires_grad_()
    scale = semantic_scale(one, energy=energy)
    scale.backward()
    assert scale.item() == 0
    assert not one.grad.any()


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [semantic_scale, energy_spectrum])
@pytest.mark.parametrize(
    ("maps", "options", "words"),
    [
        (torch.ones(4, 5), {}, "one plane is"),
        (torch.ones(2, 4, 0, 5), {}, "empty axis"),
        (torch.ones(4, 5, 6, dtype=torch.int64), {}, "floating type, as logits and probabilities are, not torch.int64"),
        (torch.ones(4, 5, 6, dtype=torch.bool), {}, "floating type"),
        (torch.ones(4, 5, 6), {"unfold": "HW_D"}, "unfold must be one of D_HW, H_DW, W_DH, not 'HW_D'"),
        (torch.ones(4, 5, 6), {"energy": "cubed"}, "energy must be one of squared, singular, not 'cubed'"),
    ],
)
@pytest.mark.usefixtures("without_type_checks")
def test_what_has_no_scale_is_refused_in_words(function, maps, options, words):
    with pytest.raises(ValueError, match=words):
        function(maps, **options)


@pytest.mark.parametrize("module", [scale, accumulator])
def test_the_examples_of_the_documentation_run(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0
