"""A volume through a window: one pass where it fits, the same values in chunks, and in any order."""

import pytest
import torch
from torch import nn

from auvseg.errors import CaseError
from auvseg.extractors.volumes.sliding_window import WindowedNetwork, Windows


class Scaled(nn.Module):
    """Output c is (c + 1) times the first channel, minus c."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def predict(self, windows, outputs):
        self.seen.append((tuple(windows.shape), outputs))
        return torch.cat([(c + 1) * windows[:, :1] - c for c in outputs], dim=1)


def network(size=(6, 6, 6), **options):
    module = Scaled()
    kept = {"kept_bytes": options.pop("kept_bytes")} if "kept_bytes" in options else {}
    return module, WindowedNetwork(module, module.predict, Windows(size, **options), **kept)


def image(*shape):
    return torch.rand((1, *shape), generator=torch.Generator().manual_seed(0))


def test_a_window_as_large_as_the_volume_is_one_pass_without_rounding():
    module, windowed = network((8, 9, 10), padding="replicate")
    found = list(windowed.logits(image(8, 9, 10), [(0,), (2,)]))
    assert [shape for shape, _ in module.seen] == [(1, 1, 8, 9, 10)]
    assert torch.allclose(found[0], image(8, 9, 10)[0], atol=1e-6)


def test_a_larger_window_is_one_pass_too_and_its_padding_is_cut_off():
    module, windowed = network((16, 16, 16))
    found = list(windowed.logits(image(8, 9, 10), [(0,)]))
    assert len(module.seen) == 1
    assert found[0].shape == (8, 9, 10)
    assert torch.allclose(found[0], image(8, 9, 10)[0], atol=1e-6)


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.5])
def test_what_every_window_agrees_on_is_what_comes_out(overlap):
    module, windowed = network((6, 5, 4), overlap=overlap)
    for output, found in enumerate(windowed.logits(image(13, 11, 9), [(0,), (1,), (2,)])):
        assert torch.allclose(found, (output + 1) * image(13, 11, 9)[0] - output, atol=1e-5)
    assert len(module.seen) > 8


def test_chunks_of_classes_change_no_value():
    voxels = 4 * 13 * 11 * 9
    whole, chunked = network()[1], network(kept_bytes=2 * voxels)[1]
    assert chunked.outputs_at_a_time((13, 11, 9)) == 2
    groups = [(0,), (1, 4), (2,), (3, 0, 5, 2), (4,)]
    for one, other in zip(
        whole.logits(image(13, 11, 9), groups), chunked.logits(image(13, 11, 9), groups), strict=True
    ):
        assert torch.equal(one, other)


def test_no_more_outputs_are_gathered_than_the_bound_allows():
    module, windowed = network(kept_bytes=3 * 4 * 12**3)
    list(windowed.logits(image(12, 12, 12), [(c,) for c in range(7)]))
    assert {outputs for _, outputs in module.seen} == {(0, 1, 2), (3, 4, 5), (6,)}
    assert network(kept_bytes=1)[1].outputs_at_a_time((12, 12, 12)) == 1


def test_the_order_of_classes_does_not_matter():
    forward = list(network()[1].logits(image(9, 9, 9), [(0,), (1,), (2, 3)]))
    backward = list(network()[1].logits(image(9, 9, 9), [(3, 2), (1,), (0,)]))
    for one, other in zip(forward, backward[::-1], strict=True):
        assert torch.equal(one, other)


def test_a_class_of_several_outputs_is_the_highest():
    found = list(network()[1].logits(image(9, 9, 9), [(0, 3)]))
    assert torch.allclose(found[0], torch.maximum(image(9, 9, 9)[0], 4 * image(9, 9, 9)[0] - 3), atol=1e-5)


class Greedy(Scaled):
    """Has memory for one window at a time, and in half precision alone."""

    def __init__(self, enough):
        super().__init__()
        self.enough = enough

    def predict(self, windows, outputs):
        low = torch.is_autocast_enabled("cpu")
        if not self.enough(windows.shape[0], low):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().predict(windows, outputs)


def test_without_memory_the_batch_shrinks_then_the_precision_falls_and_it_is_said():
    module = Greedy(lambda batch, low: batch == 1 and low)
    windowed = WindowedNetwork(module, module.predict, Windows((6, 6, 6), batch=4))
    found = list(windowed.logits(image(9, 9, 9), [(0,)]))
    assert torch.allclose(found[0], image(9, 9, 9)[0], atol=1e-5)
    assert windowed.remarks() == (
        "not enough memory for 4 windows at a time in fp32 on cpu: computed with 1 window at a time in bf16 on cpu",
    )
    assert found[0].dtype == torch.float32


def test_windows_at_a_time_change_no_value():
    few, many = network(batch=1)[1], network(batch=5)[1]
    for one, other in zip(few.logits(image(9, 9, 9), [(0,)]), many.logits(image(9, 9, 9), [(0,)]), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_without_any_memory_the_case_fails():
    module = Greedy(lambda batch, low: False)
    with pytest.raises(CaseError, match="not enough memory, even with"):
        list(WindowedNetwork(module, module.predict, Windows((6, 6, 6))).logits(image(9, 9, 9), [(0,)]))
