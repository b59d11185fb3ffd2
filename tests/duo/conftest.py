"""Networks, logits and labels small enough for finite differences."""

import pytest
import torch


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def logits(generator):
    """(2, 3, 3, 4, 5) logits of three classes."""
    return torch.randn(2, 3, 3, 4, 5, generator=generator, dtype=torch.float64)


@pytest.fixture
def label(generator):
    """(2, 1, 3, 4, 5) labels of three classes."""
    return torch.randint(0, 3, (2, 1, 3, 4, 5), generator=generator)


@pytest.fixture
def make_network():
    """A small convolutional network for volumes with one channel, and the same each time."""

    def build(num_classes=3, features=4):
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Conv3d(1, features, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv3d(features, num_classes, 1)
        )

    return build
