"""Label maps, channels, ignored voxels."""

import pytest
import torch

from auvseg.duo.loss import at_resolution, class_targets


@pytest.mark.parametrize("dtype", [torch.int16, torch.int64, torch.float32, torch.float64])
def test_a_label_map_of_any_type_becomes_one_channel_a_class(label, dtype):
    channels, counted = class_targets(label.to(dtype), 3, None, None, torch.float32)
    assert counted is None
    assert torch.equal(channels.argmax(1, keepdim=True), label)
    assert torch.equal(channels.sum(1), torch.ones(2, 3, 4, 5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_floats_next_to_whole_numbers_are_rounded_and_never_truncated(label, dtype):
    moved = label.to(dtype) + torch.where(label % 2 == 0, 9e-4, -9e-4).to(dtype)
    exact, _ = class_targets(label, 3, None, None, torch.float32)
    rounded, _ = class_targets(moved, 3, None, None, torch.float32)
    assert torch.equal(rounded, exact)


def test_an_ignored_label_is_found_after_rounding():
    target = torch.tensor([0.0, 0.9999, 254.9995]).view(1, 1, 3)
    channels, counted = class_targets(target, 2, 255, None, torch.float32)
    assert counted.flatten().tolist() == [True, True, False]
    assert channels[0, 1].tolist() == [0, 1, 0]


def test_soft_channels_stay_soft(generator):
    shares = torch.rand(2, 3, 4, 5, generator=generator)
    channels, counted = class_targets(shares, 3, None, None, torch.float32)
    assert counted is None
    assert torch.equal(channels, shares)
    one = shares[:, :1]
    assert torch.equal(class_targets(one, 1, None, None, torch.float32)[0], one)


def test_a_rounding_error_outside_of_a_share_is_cut_off():
    target = torch.tensor([-1e-4, 0.5, 1.0001]).view(1, 1, 3)
    channels, _ = class_targets(target, 1, None, None, torch.float32)
    assert channels.flatten().tolist() == [0, 0.5, 1]


def test_ignored_labels_do_not_count(label):
    channels, counted = class_targets(torch.where(label == 2, 255, label), 2, 255, None, torch.float32)
    assert torch.equal(counted, label != 2)
    assert channels.shape == (2, 2, 3, 4, 5)


def test_mask_and_ignored_label_add_up(label):
    mask = torch.zeros(label.shape, dtype=torch.uint8)
    mask[..., :2] = 1
    _, counted = class_targets(label, 3, 2, mask, torch.float32)
    assert torch.equal(counted, (label != 2) & (mask == 1))


def test_a_single_region_may_have_an_ignored_label():
    target = torch.tensor([0.0, 1.0, 9.0]).view(1, 1, 3)
    channels, counted = class_targets(target, 1, 9, None, torch.float32)
    assert counted.flatten().tolist() == [True, True, False]
    assert channels.flatten().tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("target", "num_classes", "ignore", "message"),
    [
        (torch.full((1, 1, 2), 3), 3, None, "0 to 2"),
        (torch.full((1, 1, 2), -1), 3, None, "0 to 2"),
        (torch.full((1, 1, 2), float("nan")), 3, None, "0 to 2"),
        (torch.zeros(1, 4, 2), 3, None, "4 channels"),
        (torch.full((1, 1, 2), 0.25), 3, None, "taken for a label map of 3 classes: .*whole numbers, not 0.25"),
        (torch.full((1, 1, 2), 0.9988), 3, None, "nearest neighbour, or give soft targets .*\\(B, 3, ...\\)"),
        (torch.full((1, 1, 2), 2.5), 3, 255, "not 2.5"),
        (torch.full((1, 3, 2), 1.5), 3, None, "one channel a class, so it is taken for shares in \\[0, 1\\]"),
        (torch.zeros(1, 3, 2), 3, 9, "mask="),
    ],
)
def test_what_is_no_target_is_refused(target, num_classes, ignore, message):
    with pytest.raises(ValueError, match=message):
        class_targets(target, num_classes, ignore, None, torch.float32)


def test_a_target_is_sampled_down_without_new_labels(generator):
    label = torch.randint(0, 3, (1, 1, 4, 8, 8), generator=generator)
    smaller = at_resolution(label, torch.Size((2, 4, 4)))
    assert smaller.shape == (1, 1, 2, 4, 4)
    assert set(smaller.unique().tolist()) <= {0, 1, 2}
    assert at_resolution(label, torch.Size((4, 8, 8))) is label
