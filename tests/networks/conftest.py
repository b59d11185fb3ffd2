"""One thread, and errors as a user meets them."""

import pytest
import torch
from jaxtyping import config


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Tensors here are so small that threads cost more than they compute, a hundred times so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def without_type_checks():
    """Errors as a user meets them: outside tests nothing checks annotations."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture(autouse=True)
def _without_onednn():
    """oneDNN's AVX2 kernel writes past its memory where fewer than 8 channels are strided (uxlfoundation/oneDNN#6035).

    Networks here have 4 channels so that they are quick; nnU-Net plans no fewer than 32.
    """
    with torch.backends.mkldnn.flags(enabled=False):
        yield
