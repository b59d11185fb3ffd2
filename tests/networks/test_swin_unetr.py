"""Swin-UNETR as nnU-Net calls it, for images of any size."""

import copy

import pytest
import torch
from torch import nn

from auvseg.duo import add_noise_head
from auvseg.networks import SwinUNETR
from auvseg.networks.swin_unetr import padded_size

pytest.importorskip("einops", reason="MONAI's Swin-UNETR needs einops")


class Identity(nn.Module):
    """Stands in for MONAI's network, which takes a second an image; remembers what it saw."""

    def forward(self, x):
        self.seen = x
        return x


@pytest.fixture(scope="module")
def planes():
    """A network of planes: quicker than one of volumes, and the same code."""
    torch.manual_seed(0)
    return SwinUNETR(input_channels=1, num_classes=3, feature_size=12, spatial_dims=2).eval()


@pytest.fixture
def passing(planes):
    adapter = copy.copy(planes)
    adapter._modules = {"network": Identity()}
    return adapter


def image(*size, batch=1):
    return torch.randn(batch, 1, *size, generator=torch.Generator().manual_seed(0))


# --- padding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((96, 96, 96), (96, 96, 96)),
        ((97, 96, 1), (128, 96, 32)),
        ((32, 32, 32), (32, 32, 64)),
        ((1, 20, 31), (32, 32, 64)),
        ((33, 20, 31), (64, 32, 32)),
        ((16, 16), (32, 64)),
        ((40, 56, 40), (64, 64, 64)),
    ],
)
def test_axes_become_multiples_of_32_and_one_of_them_at_least_64(size, expected):
    assert padded_size(size) == expected
    assert padded_size(expected) == expected


@pytest.mark.parametrize("size", [(64, 32), (70, 33), (5, 7), (33, 20, 31), (32, 32, 32)])
def test_what_lies_beyond_the_image_is_zero_and_is_cut_off_again(passing, size):
    x = image(*size, batch=2)
    assert torch.equal(passing(x), x)
    seen = passing.network.seen
    assert tuple(seen.shape[2:]) == padded_size(size)
    assert torch.equal(seen[(..., *map(slice, size))], x)
    assert seen.double().sum().item() == pytest.approx(x.double().sum().item())
    assert int((seen != 0).sum()) == int((x != 0).sum())


def test_an_image_that_fits_is_given_as_it_is(planes):
    with torch.inference_mode():
        assert torch.equal(planes(image(32, 64)), planes.network(image(32, 64)))


@pytest.mark.parametrize("size", [(32, 32), (20, 70), (64, 33)])
def test_logits_have_the_size_of_the_image(planes, size):
    with torch.inference_mode():
        logits = planes(image(*size, batch=2))
    assert logits.shape == (2, 3, *size)
    assert logits.isfinite().all()


def test_a_case_has_the_same_logits_alone_and_in_a_batch(planes):
    x = image(20, 70, batch=2)
    with torch.inference_mode():
        assert torch.allclose(torch.cat([planes(x[:1]), planes(x[1:])]), planes(x), atol=1e-4)


# --- as nnU-Net uses it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(20, 30, 17), (32, 32, 32)])
def test_small_volumes_train_though_their_bottleneck_would_be_a_single_voxel(size):
    torch.manual_seed(0)
    network = SwinUNETR(input_channels=1, num_classes=2, deep_supervision=None, feature_size=12)
    logits = network(image(*size))
    assert logits.shape == (1, 2, *size)
    logits.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_deep_supervision_is_refused_and_switching_it_changes_nothing(planes):
    with pytest.raises(ValueError, match="no deep supervision"):
        SwinUNETR(input_channels=1, num_classes=2, deep_supervision=True)
    with torch.inference_mode():
        expected = planes(image(32, 64))
        planes.decoder.deep_supervision = True
        assert torch.equal(planes(image(32, 64)), expected)
        planes.decoder.deep_supervision = False


def test_a_noise_head_takes_the_output_layer(planes):
    doubled = add_noise_head(copy.deepcopy(planes), 3, layers=[SwinUNETR.output_layer])
    with torch.inference_mode():
        assert torch.equal(doubled(image(32, 64)), planes(image(32, 64)))
        assert doubled.train()(image(32, 64)).shape == (1, 6, 32, 64)


def test_a_checkpoint_loads_into_a_network_of_the_same_arguments(planes, tmp_path):
    torch.manual_seed(1)
    other = SwinUNETR(input_channels=1, num_classes=3, feature_size=12, spatial_dims=2).eval()
    torch.save(planes.state_dict(), tmp_path / "weights.pth")
    other.load_state_dict(torch.load(tmp_path / "weights.pth", weights_only=True), strict=True)
    with torch.inference_mode():
        assert torch.equal(other(image(32, 64)), planes(image(32, 64)))


def test_further_arguments_reach_monai():
    deeper = SwinUNETR(input_channels=1, num_classes=2, feature_size=12, spatial_dims=2, use_v2=True)
    plain = SwinUNETR(input_channels=1, num_classes=2, feature_size=12, spatial_dims=2)
    assert len(deeper.state_dict()) > len(plain.state_dict())
    with pytest.raises(ValueError, match="12"):
        SwinUNETR(input_channels=1, num_classes=2, feature_size=10)
