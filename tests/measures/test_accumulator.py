import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config

from auvseg.measures.accumulator import ScaleAccumulator
from auvseg.measures.scale import semantic_scale

VARIANTS = list(itertools.product(("D_HW", "H_DW", "W_DH"), ("squared", "singular"), (False, True)))
every_variant = pytest.mark.parametrize(("unfold", "energy", "centre"), VARIANTS)


def draw(*shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3), dtype=dtype) - 5


def grid(shape, sides):
    """Offsets and sides of the tiles of a regular grid; the last ones are cropped."""
    starts = [range(0, size, side) for size, side in zip(shape, sides, strict=True)]
    for offset in itertools.product(*starts):
        yield offset, tuple(min(side, size - start) for side, size, start in zip(sides, shape, offset, strict=True))


def cut(maps, offset, sides):
    return maps[(..., *(slice(start, start + side) for start, side in zip(offset, sides, strict=True)))]


def held_voxels(accumulator):
    """Values that wait, over all maps."""
    return sum(stack.values.numel() for stack in accumulator._stacks.values())


@pytest.mark.parametrize("shape", [(6, 5, 4), (2, 3, 6, 5, 4), (20, 3, 2), (1, 6, 5)])
@every_variant
def test_slices_in_any_order_give_the_scale_of_the_whole(shape, unfold, energy, centre):
    maps = draw(*shape)
    accumulator = ScaleAccumulator(shape, unfold=unfold, energy=energy, centre=centre)
    for index in torch.randperm(shape[-3], generator=torch.Generator().manual_seed(1)).tolist():
        accumulator.add_slice(index, maps[..., index, :, :])
    expected = semantic_scale(maps, unfold=unfold, energy=energy, centre=centre)
    assert accumulator.result().shape == shape[:-3]
    assert torch.allclose(accumulator.result(), expected, rtol=0, atol=1e-10)


@settings(max_examples=60)
@given(
    shape=st.tuples(*[st.integers(2, 8)] * 3),
    sides=st.tuples(*[st.integers(1, 8)] * 3),
    variant=st.sampled_from(VARIANTS),
    random=st.randoms(use_true_random=False),
)
def test_tiles_of_any_grid_in_any_order_give_the_scale_of_the_whole(shape, sides, variant, random):
    unfold, energy, centre = variant
    maps = draw(2, *shape)
    accumulator = ScaleAccumulator(maps.shape, unfold=unfold, energy=energy, centre=centre)
    tiles = list(grid(shape, sides))
    random.shuffle(tiles)
    for offset, size in tiles:
        accumulator.add(cut(maps, offset, size), offset)
    expected = semantic_scale(maps, unfold=unfold, energy=energy, centre=centre)
    assert torch.allclose(accumulator.result(), expected, rtol=0, atol=1e-10)


@every_variant
def test_tiles_need_not_lie_on_a_grid_where_columns_are_few(unfold, energy, centre):
    maps = draw(*{"D_HW": (12, 3, 2), "H_DW": (3, 12, 2), "W_DH": (3, 2, 12)}[unfold])
    accumulator = ScaleAccumulator(maps.shape, unfold=unfold, energy=energy, centre=centre)
    axis = "DHW".index(unfold[0])
    columns = [maps.shape[other] for other in range(3) if other != axis]
    # Rows from 5 to 9 lie in two stacks that are cut differently; the others come in whole rows.
    boxes = [(0, 4, 0, columns[0]), (4, 8, 0, 1), (5, 9, 1, columns[0]), (4, 5, 1, columns[0]), (8, 9, 0, 1)]
    for first, last, front, back in [*boxes, (9, 12, 0, columns[0])]:
        offset, size = [front, 0], [back - front, columns[1]]
        offset.insert(axis, first)
        size.insert(axis, last - first)
        accumulator.add(cut(maps, offset, size), offset)
    expected = semantic_scale(maps, unfold=unfold, energy=energy, centre=centre).item()
    assert [accumulator.result().item() for _ in range(2)] == pytest.approx([expected] * 2, abs=1e-10)


@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("energy", ["squared", "singular"])
def test_nothing_is_held_of_slices_that_have_fewer_pixels_than_there_are_slices(energy, centre):
    maps = draw(2, 40, 3, 2) - 1e4
    accumulator = ScaleAccumulator(maps.shape, energy=energy, centre=centre)
    for index in torch.randperm(40, generator=torch.Generator().manual_seed(2)).tolist():
        accumulator.add_slice(index, maps[:, index])
        assert held_voxels(accumulator) == 0
    expected = semantic_scale(maps, energy=energy, centre=centre)
    assert torch.allclose(accumulator.result(), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("value", [0.1, 1e30, -1e-30])
def test_slices_that_are_all_equal_have_no_energy_once_centred(value):
    maps = (value * draw(1, 3, 2)).expand(24, 3, 2)
    accumulator = ScaleAccumulator(maps.shape, centre=True)
    for first, last in [(3, 10), (0, 3), (10, 11), (11, 24)]:
        accumulator.add(maps[first:last], (first, 0, 0))
    assert accumulator.result().isnan()


@every_variant
def test_tiles_need_not_lie_on_a_grid(unfold, energy, centre):
    maps = draw(6, 5, 4)
    accumulator = ScaleAccumulator(maps.shape, unfold=unfold, energy=energy, centre=centre)
    boxes = [((0, 0, 0), (2, 5, 4)), ((2, 0, 0), (4, 2, 4)), ((2, 2, 0), (1, 3, 4)), ((3, 2, 0), (3, 3, 1))]
    for offset, size in [*boxes, ((3, 2, 1), (3, 3, 3))]:
        accumulator.add(cut(maps, offset, size), offset)
    expected = semantic_scale(maps, unfold=unfold, energy=energy, centre=centre).item()
    # Asked twice, since what waits is folded on the first question.
    assert [accumulator.result().item() for _ in range(2)] == pytest.approx([expected] * 2, abs=1e-10)


def test_tiles_over_the_whole_row_axis_are_not_held():
    maps = draw(4, 6, 6)
    accumulator = ScaleAccumulator(maps.shape)
    for offset, size in grid(maps.shape, (4, 2, 3)):
        accumulator.add(cut(maps, offset, size), offset)
        assert held_voxels(accumulator) == 0


@pytest.mark.parametrize(("unfold", "held"), [("D_HW", 120), ("H_DW", 0), ("W_DH", 0)])
def test_slices_are_held_only_where_depth_makes_the_rows(unfold, held):
    maps = draw(6, 5, 4)
    accumulator = ScaleAccumulator(maps.shape, unfold=unfold)
    for index in range(5):
        accumulator.add_slice(index, maps[index])
    assert held_voxels(accumulator) == held
    accumulator.add_slice(5, maps[5])
    assert held_voxels(accumulator) == 0


def test_a_stack_of_windows_is_released_as_soon_as_its_columns_are_complete():
    maps = draw(4, 6, 6)
    accumulator = ScaleAccumulator(maps.shape)
    accumulator.add(maps[:2, :3], (0, 0, 0))
    accumulator.add(maps[:2, 3:], (0, 3, 0))
    assert held_voxels(accumulator) == 144
    accumulator.add(maps[2:, :3], (2, 0, 0))
    assert held_voxels(accumulator) == 72


def test_pieces_are_held_in_their_own_type_and_the_caller_may_reuse_their_memory():
    maps = draw(4, 5, 6).to(torch.bfloat16)
    accumulator = ScaleAccumulator(maps.shape)
    plane = torch.empty(5, 6, dtype=torch.bfloat16)
    for index in range(4):
        plane.copy_(maps[index])
        accumulator.add_slice(index, plane)
        assert all(stack.values.dtype == torch.bfloat16 for stack in accumulator._stacks.values())
    assert accumulator.result().item() == pytest.approx(semantic_scale(maps).item(), abs=1e-7)


def test_a_model_may_add_in_inference_mode_under_autocast_and_a_loss_may_use_the_result():
    maps = draw(4, 5, 6, dtype=torch.float32)
    accumulator = ScaleAccumulator(maps.shape)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        accumulator.add_slice(1, maps[1].clone())
        accumulator.add_slice(2, maps[2].clone())
    accumulator.add_slice(0, maps[0])
    accumulator.add_slice(3, maps[3].clone().requires_grad_())
    scale = accumulator.result()
    assert scale.item() == pytest.approx(semantic_scale(maps).item(), abs=1e-7)
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    (weight * scale).backward()
    assert weight.grad.item() == scale.item()


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
@pytest.mark.parametrize("unfold", ["D_HW", "H_DW"])
@pytest.mark.parametrize("shape", [(4, 5, 6), (14, 3, 2)])
@pytest.mark.parametrize("centre", [False, True])
def test_a_map_without_a_scale_is_missing_and_leaves_the_others_alone(value, unfold, shape, centre):
    maps = draw(3, *shape)
    maps[1] = value
    accumulator = ScaleAccumulator(maps.shape, unfold=unfold, centre=centre, missing=-1)
    for index in range(shape[0]):
        accumulator.add_slice(index, maps[:, index])
    expected = semantic_scale(maps, unfold=unfold, centre=centre, missing=-1)
    assert expected[1] == -1
    assert torch.allclose(accumulator.result(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("offset", "shape", "words"),
    [
        ((0, 0, 0), (4, 5, 6), r"overlaps the piece at \(1, 0, 0\)"),
        ((2, 0, 0), (4, 5, 6), "leaves the map"),
        ((-1, 0, 0), (1, 5, 6), "leaves the map"),
        ((0, 0, 0), (1, 0, 6), "empty"),
        ((0, 0), (1, 5, 6), "three indices"),
        ((0, 0, 0), (2, 1, 5, 6), "needs the axes"),
        ((0, 0, 0), (5, 6), "needs the axes"),
    ],
)
def test_a_tile_that_does_not_fit_is_refused_and_changes_nothing(offset, shape, words):
    maps = draw(4, 5, 6)
    accumulator = ScaleAccumulator(maps.shape)
    accumulator.add_slice(1, maps[1])
    with pytest.raises(ValueError, match=words):
        accumulator.add(torch.ones(shape, dtype=torch.float64), offset)
    for index in (0, 2, 3):
        accumulator.add_slice(index, maps[index])
    assert accumulator.result().item() == pytest.approx(semantic_scale(maps).item(), abs=1e-12)


def test_pieces_of_another_type_or_shape_are_refused():
    accumulator = ScaleAccumulator((4, 5, 6))
    with pytest.raises(ValueError, match="floating"):
        accumulator.add_slice(0, torch.ones(5, 6, dtype=torch.int32))
    accumulator.add_slice(0, torch.ones(5, 6))
    with pytest.raises(ValueError, match="one type"):
        accumulator.add_slice(1, torch.ones(5, 6, dtype=torch.float16))
    with pytest.raises(ValueError, match=r"shape \(5, 6\), not \(6, 5\)"):
        accumulator.add_slice(1, torch.ones(6, 5))


def test_an_incomplete_map_has_no_scale_and_the_error_names_the_planes():
    accumulator = ScaleAccumulator((9, 5, 6))
    with pytest.raises(ValueError, match="9 of 9 planes"):
        accumulator.result()
    accumulator.add(torch.ones(7, 5, 6), (0, 0, 0))
    accumulator.add(torch.ones(1, 5, 3), (8, 0, 0))
    with pytest.raises(ValueError, match=r"2 of 9 planes along D are not complete: 7, 8$"):
        accumulator.result()
    accumulator.add(torch.ones(1, 5, 6), (7, 0, 0))
    accumulator.add(torch.ones(1, 5, 3), (8, 0, 3))
    assert accumulator.result().item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [((5, 6), {}, "axes"), ((0, 5, 6), {}, "empty"), ((4, 5, 6), {"unfold": "HW_D"}, "unfold must be")],
)
def test_a_map_that_cannot_be_is_refused(shape, options, words):
    config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(ValueError, match=words):
            ScaleAccumulator(shape, **options)
    finally:
        config.update("jaxtyping_disable", False)
