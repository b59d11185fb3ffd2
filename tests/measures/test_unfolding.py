import pytest
import torch

from auvseg.measures import unfolding as module
from auvseg.measures.scale import semantic_scale
from auvseg.measures.unfolding import Unfolding


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize(
    ("shape", "name", "rows", "columns"),
    [
        ((4, 5, 6), "D_HW", 4, 30),
        ((4, 5, 6), "H_DW", 5, 24),
        ((4, 5, 6), "W_DH", 6, 20),
        ((1, 5, 6), "D_HW", 5, 6),
        ((1, 5, 6), "W_DH", 6, 5),
        ((4, 1, 6), "H_DW", 4, 6),
        ((1, 1, 6), "D_HW", 1, 6),
    ],
)
def test_rows_and_columns_follow_the_name_and_a_plane_unfolds_into_its_own_axes(shape, name, rows, columns):
    unfolding = Unfolding.of(shape, name)
    assert (unfolding.rows, unfolding.columns, unfolding.rank) == (rows, columns, min(rows, columns))


@pytest.mark.parametrize("name", ["D_HW", "H_DW", "W_DH"])
@pytest.mark.parametrize("shape", [(4, 9, 7), (40, 3, 2)])
def test_small_blocks_are_the_matrix_and_go_back_to_where_they_came_from(name, shape, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_ELEMENTS", 60)
    one, copy = draw(*shape), torch.zeros(shape)
    unfolding = Unfolding.of(shape, name)
    blocks = list(unfolding.blocks(one, centre=False))
    for part, block in blocks:
        unfolding.place(block, part, copy)
    assert torch.equal(copy, one)
    whole = one.permute(unfolding.order).reshape(unfolding.rows, -1)
    assert len(blocks) > 1 or not unfolding.by_rows
    assert torch.equal(
        torch.cat([block for _, block in blocks], dim=1), (whole if unfolding.by_rows else whole.T).double()
    )


@pytest.mark.parametrize("energy", ["squared", "singular"])
@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("name", ["D_HW", "H_DW", "W_DH"])
def test_the_size_of_blocks_changes_neither_scale_nor_gradient(energy, centre, name, monkeypatch):
    leaves = [draw(2, 5, 9, 7).double().requires_grad_() for _ in range(2)]
    scales = []
    for leaf, elements in zip(leaves, (1 << 20, 60), strict=True):
        monkeypatch.setattr(module, "_BLOCK_ELEMENTS", elements)
        scales.append(semantic_scale(leaf, unfold=name, energy=energy, centre=centre))
        scales[-1].sum().backward()
    assert torch.allclose(*scales, rtol=0, atol=1e-12)
    assert torch.allclose(leaves[0].grad, leaves[1].grad, rtol=0, atol=1e-12)


def test_centring_leaves_exactly_nothing_of_what_is_constant_along_the_rows():
    one = (1e6 * draw(1, 9, 7).double() + 0.1).expand(13, 9, 7)
    assert all(not block.any() for _, block in Unfolding.of(one.shape, "D_HW").blocks(one, centre=True))


def test_blocks_of_a_float64_map_do_not_change_it():
    one = draw(4, 5, 6).double()
    copy = one.clone()
    for _, block in Unfolding.of(one.shape, "D_HW").blocks(one, centre=True):
        assert block.abs().sum() > 0
    assert torch.equal(one, copy)
