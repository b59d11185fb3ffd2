"""U-Mamba on the plans that nnU-Net writes: shapes, gradients, resolutions, tokens, refusals."""

import copy
import math
import subprocess
import sys

import pytest
import torch
from torch import nn

from auvseg.duo import add_noise_head
from auvseg.networks import Architecture, UMambaBot, UMambaEnc, umamba_from_plans
from auvseg.networks.mamba import Mamba
from auvseg.networks.umamba import MambaLayer, Upsampling
from networks.plans import ANISOTROPIC, PLAIN_2D, PLAIN_3D, PLANS, RESIDUAL

every_variant = pytest.mark.parametrize("variant", ["bottleneck", "encoder"])
every_plan = pytest.mark.parametrize("plan", PLANS)


def build(variant, arguments, patch, *, deep=False, seed=0, channels=2, classes=3):
    torch.manual_seed(seed)
    return umamba_from_plans(
        variant, arguments, input_channels=channels, num_classes=classes, deep_supervision=deep, patch_size=patch
    )


def image(*size, batch=2, channels=2, seed=0):
    return torch.randn(batch, channels, *size, generator=torch.Generator().manual_seed(seed))


# --- outputs --------------------------------------------------------------------------------------------------------


@every_variant
@every_plan
def test_logits_come_at_every_resolution_but_the_coarsest_finest_first(variant, plan):
    arguments, patch = PLANS[plan]
    outputs = build(variant, arguments, patch, deep=True)(image(*patch))
    size, expected = torch.tensor(patch), []
    for strides in arguments["strides"][:-1]:
        size = size // torch.tensor(strides)
        expected.append((2, 3, *size.tolist()))
    assert [tuple(output.shape) for output in outputs] == expected


@every_variant
@every_plan
def test_deep_supervision_can_be_switched_at_any_time_and_changes_no_parameter(variant, plan):
    arguments, patch = PLANS[plan]
    network, single = build(variant, arguments, patch, deep=True), build(variant, arguments, patch, seed=1)
    single.load_state_dict(network.state_dict(), strict=True)
    outputs = network(image(*patch))
    assert torch.equal(single(image(*patch)), outputs[0])
    network.decoder.deep_supervision = False
    assert torch.equal(network(image(*patch)), outputs[0])


@every_variant
@every_plan
def test_a_gradient_reaches_every_parameter(variant, plan):
    arguments, patch = PLANS[plan]
    network = build(variant, arguments, patch, deep=True)
    sum(output.square().sum() for output in network(image(*patch))).backward()
    normalised = {f"{name}.conv{number}.bias" for name, _ in network.named_modules() for number in (1, 2)}
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # Normalisation takes away what a bias before it adds; where one token is scanned, nothing decays.
        assert name in normalised or parameter.grad.any(), name


@every_variant
def test_a_few_steps_fit_an_image(variant):
    network = build(variant, PLAIN_3D, (8, 8, 8), classes=2)
    x = image(8, 8, 8)
    target = (x[:, :1] + x[:, 1:] > 0).long().squeeze(1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    losses = []
    for _ in range(25):
        loss = nn.functional.cross_entropy(network(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


@every_variant
def test_a_case_has_the_same_logits_alone_and_in_a_batch(variant):
    network, x = build(variant, ANISOTROPIC, (4, 8, 16)).double(), image(4, 8, 16, batch=3).double()
    together = network(x)
    for number in range(3):
        assert torch.allclose(network(x[number : number + 1])[0], together[number], rtol=1e-8)


@every_variant
def test_every_voxel_may_use_the_first_one(variant):
    # Mamba scans in the order of memory: the last voxel is the one that sees all others through it.
    network, x = build(variant, PLAIN_3D, (16, 16, 16)), image(16, 16, 16, batch=1).requires_grad_()
    network(x)[0, :, -1, -1, -1].sum().backward()
    assert x.grad[0, :, 0, 0, 0].any()


@every_variant
@every_plan
def test_a_checkpoint_loads_into_a_network_of_the_same_plan(variant, plan, tmp_path):
    arguments, patch = PLANS[plan]
    first, second = build(variant, arguments, patch), build(variant, arguments, patch, seed=1)
    torch.save(first.state_dict(), tmp_path / "weights.pth")
    assert not torch.equal(first(image(*patch)), second(image(*patch)))
    second.load_state_dict(torch.load(tmp_path / "weights.pth", weights_only=True), strict=True)
    assert torch.equal(first(image(*patch)), second(image(*patch)))
    assert torch.equal(copy.deepcopy(first)(image(*patch)), first(image(*patch)))


@every_variant
def test_autocast_computes_the_mamba_layers_in_float32(variant):
    network, seen = build(variant, PLAIN_3D, (8, 8, 8)), []
    for module in network.modules():
        if isinstance(module, Mamba):
            module.register_forward_hook(lambda *called: seen.append(called[-1].dtype))
    expected = network(image(8, 8, 8))
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(image(8, 8, 8))
    assert set(seen) == {torch.float32}
    assert logits.dtype == torch.bfloat16
    assert nn.functional.cosine_similarity(logits.float().flatten(), expected.flatten(), dim=0) > 0.9


@every_variant
def test_a_noise_head_takes_its_output_layers(variant):
    network = build(variant, PLAIN_3D, (8, 8, 8), deep=True)
    expected = network(image(8, 8, 8))
    add_noise_head(network, 3, layers=[f"decoder.seg_layers.{number}" for number in range(2)])
    for doubled, plain in zip(network(image(8, 8, 8)), expected, strict=True):
        assert doubled.shape[1] == 6
        assert torch.allclose(doubled[:, :3], plain, rtol=1e-4, atol=1e-5)


# --- structure ------------------------------------------------------------------------------------------------------


def test_the_coarser_half_of_the_encoder_and_the_finer_half_of_the_decoder_have_one_block_a_stage():
    arguments = PLAIN_3D | {
        "n_stages": 5,
        "features_per_stage": 4,
        "kernel_sizes": 1,
        "strides": 1,
        "n_conv_per_stage": [2, 3, 4, 5, 6],
        "n_conv_per_stage_decoder": [2, 3, 4, 5],
    }
    network = build("bottleneck", arguments, None)
    assert len(network.encoder.stem) == 2
    assert [len(stage) for stage in network.encoder.stages] == [2, 3, 4, 1, 1]
    assert [len(stage) for stage in network.decoder.stages] == [2, 3, 4, 1]


def test_the_plan_is_left_as_it_was():
    arguments = copy.deepcopy(RESIDUAL)
    build("encoder", arguments, (8, 8, 8))
    assert arguments == RESIDUAL


def test_convolutions_have_the_kernels_and_strides_of_the_plan():
    network = build("bottleneck", ANISOTROPIC, None)
    for stage, kernel, stride in zip(
        network.encoder.stages, ANISOTROPIC["kernel_sizes"], ANISOTROPIC["strides"], strict=True
    ):
        assert stage[0].conv1.kernel_size == stage[0].conv2.kernel_size == tuple(kernel)
        assert stage[0].conv1.stride == stage[0].skip.stride == tuple(stride)
        assert all(side == 1 for side in (*stage[0].conv2.stride, *stage[0].skip.kernel_size))


@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 2, 2), (1, 2, 3)])
def test_upsampling_repeats_voxels_and_then_convolves(factors):
    torch.manual_seed(0)
    layer, x = Upsampling(nn.Conv3d, 5, 4, factors), image(2, 3, 4, channels=5)
    repeated = x
    for axis, factor in enumerate(factors):
        repeated = repeated.repeat_interleave(factor, 2 + axis)
    assert torch.allclose(layer(x), layer.conv(repeated), atol=1e-6)


def test_convolutions_start_as_he_says_and_mamba_as_it_does():
    network = build("encoder", PLAIN_3D | {"features_per_stage": [4, 6, 64]}, (8, 8, 8))
    weight = network.encoder.stages[2][0].conv2.weight
    expected = math.sqrt(2 / (1 + 0.01**2) / (64 * 27))
    assert weight.std().item() == pytest.approx(expected, rel=0.03)
    sizes = nn.functional.softplus(network.encoder.mamba_layers[0].mamba.dt_proj.bias)
    assert bool((sizes > 9e-4).all())
    assert all((module.bias == 0).all() for module in network.modules() if isinstance(module, nn.Conv3d))


def test_without_normalisation_and_activation_the_convolutions_are_linear():
    names = ("n_stages", "features_per_stage", "conv_op", "kernel_sizes", "strides", "n_conv_per_stage")
    arguments = {name: PLAIN_3D[name] for name in names} | {"n_conv_per_stage_decoder": 1}
    network = build("bottleneck", arguments, None)
    x = image(8, 8, 8)
    for double, single in zip(network.encoder(2 * x), network.encoder(x), strict=True):
        assert torch.allclose(double, 2 * single, rtol=1e-4, atol=1e-4)


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_layer_over_voxels_scans_them_in_the_order_of_memory():
    torch.manual_seed(0)
    layer, x = MambaLayer(5), image(2, 3, 4, channels=5)
    tokens = layer.norm(x.permute(0, 2, 3, 4, 1).reshape(2, 24, 5))
    expected = layer.mamba(tokens).reshape(2, 2, 3, 4, 5).permute(0, 4, 1, 2, 3)
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_a_layer_over_channels_scans_them_and_mixes_all_voxels():
    torch.manual_seed(0)
    layer, x = MambaLayer(24, channel_tokens=True), image(2, 3, 4, channels=5)
    expected = layer.mamba(layer.norm(x.reshape(2, 5, 24))).reshape(2, 5, 2, 3, 4)
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_channels_are_tokens_where_there_are_no_more_voxels_than_channels():
    # 8·8·8, 4·4·4 and 2·2·2 voxels.
    network = build("encoder", PLAIN_3D | {"features_per_stage": [4, 64, 7]}, (8, 8, 8))
    layers = network.encoder.mamba_layers
    assert [layer.channel_tokens for layer in layers] == [False, True, False]
    assert [layer.norm.weight.numel() for layer in layers] == [4, 64, 7]
    fewer = build("encoder", PLAIN_3D | {"features_per_stage": [4, 63, 9]}, (8, 8, 8))
    assert [layer.channel_tokens for layer in fewer.encoder.mamba_layers] == [False, False, True]
    assert fewer.encoder.mamba_layers[2].norm.weight.numel() == 8
    assert fewer(image(8, 8, 8)).shape == (2, 3, 8, 8, 8)


# --- reading plans --------------------------------------------------------------------------------------------------


@every_plan
def test_classes_may_be_given_as_such_or_by_name(plan):
    arguments, patch = PLANS[plan]
    located = dict(arguments)
    for name in ("conv_op", "norm_op", "nonlin"):
        located[name] = getattr(nn, arguments[name].rpartition(".")[2])
    one, other = build("encoder", arguments, patch), build("encoder", located, patch)
    assert torch.equal(one(image(*patch)), other(image(*patch)))


@pytest.mark.parametrize("network", [UMambaBot, UMambaEnc])
def test_networks_are_built_as_nnunet_calls_those_of_a_plan(network):
    options = {"patch_size": [8, 8, 12]} if network is UMambaEnc else {}
    built = network(input_channels=2, num_classes=3, **PLAIN_3D, **options, deep_supervision=True)
    assert len(built(image(8, 8, 12))) == 2


def test_numbers_stand_for_equal_ones():
    arguments = PLAIN_2D | {
        "features_per_stage": 4,
        "kernel_sizes": [3, [3, 3], 3],
        "strides": [1, 2, 2],
        "n_conv_per_stage": 2,
        "n_conv_per_stage_decoder": 2,
    }
    spelled = PLAIN_2D | {"features_per_stage": [4, 4, 4]}
    assert Architecture.read(arguments) == Architecture.read(spelled)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dropout_op": "torch.nn.Dropout3d"}, "U-Mamba has no dropout_op"),
        ({"nonlin_first": True}, "U-Mamba has no nonlin_first"),
        ({"stem_channels": 8, "bottleneck_channels": 4}, "U-Mamba has no bottleneck_channels, stem_channels"),
        ({"n_blocks_per_stage": [1, 1, 1]}, "U-Mamba has no n_conv_per_stage"),
        ({"strides": None}, "the architecture lacks strides"),
        ({"n_conv_per_stage": None}, "the architecture lacks n_blocks_per_stage"),
        ({"conv_op": "torch.nn.Conv1d"}, "conv_op must be"),
        ({"norm_op": "torch.nn.InstanceNorm9d"}, "there is no torch.nn.InstanceNorm9d"),
        ({"n_stages": 1}, "1 stages has no decoder"),
        ({"features_per_stage": [4, 8]}, "features_per_stage must be 3 numbers"),
        ({"n_conv_per_stage": [2, 0, 2]}, "n_blocks_per_stage must be 3 numbers of 1 or more"),
        ({"n_conv_per_stage_decoder": [1, 1, 1]}, "n_conv_per_stage_decoder must be 2 numbers"),
        ({"strides": [[1, 1], [2, 2], [2, 2]]}, "strides must have 3 numbers a stage"),
        ({"kernel_sizes": [[3, 3, 3], [2, 3, 3], [3, 3, 3]]}, "kernel_sizes must be odd"),
    ],
)
@pytest.mark.usefixtures("without_type_checks")
def test_what_is_no_architecture_is_refused_in_words(change, words):
    with pytest.raises(ValueError, match=words):
        build("bottleneck", PLAIN_3D | change, None)


# --- sizes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(8, 8, 8), (4, 12, 16), (20, 4, 8)])
def test_a_mamba_layer_in_the_bottleneck_takes_images_of_any_size_that_the_strides_divide(size):
    assert build("bottleneck", PLAIN_3D, None)(image(*size)).shape == (2, 3, *size)


@pytest.mark.parametrize("size", [(8, 8, 10), (8, 2, 8), (9, 8, 8)])
def test_an_image_that_the_strides_do_not_divide_is_refused(size):
    with pytest.raises(ValueError, match=r"multiples of \(4, 4, 4\), the product of the strides"):
        build("bottleneck", PLAIN_3D, None)(image(*size))
    with pytest.raises(ValueError, match=r"multiples of \(4, 4, 4\), the product of the strides"):
        build("encoder", PLAIN_3D, size)


@every_variant
def test_an_image_of_another_number_of_axes_is_refused(variant):
    with pytest.raises(
        ValueError, match=r"image of 3 axes is expected, not of 2|images of \(8, 8, 8\), not of \(8, 8\)"
    ):
        build(variant, PLAIN_3D, (8, 8, 8))(image(8, 8))


def test_mamba_layers_in_the_encoder_take_the_size_they_were_built_for_alone():
    network = build("encoder", PLAIN_3D, (8, 8, 12))
    with pytest.raises(ValueError, match=r"built for images of \(8, 8, 12\), not of \(8, 12, 8\)"):
        network(image(8, 12, 8))


@pytest.mark.usefixtures("without_type_checks")
def test_unknown_variants_and_a_missing_patch_size_are_refused():
    with pytest.raises(ValueError, match="variant must be bottleneck or encoder, not 'decoder'"):
        build("decoder", PLAIN_3D, (8, 8, 8))
    with pytest.raises(ValueError, match="built for one patch_size"):
        build("encoder", PLAIN_3D, None)


def test_importing_networks_imports_neither_monai_nor_the_compiler_nor_mamba_ssm():
    code = (
        "import sys, auvseg.networks\n"
        "sys.exit(any(name in sys.modules for name in ('monai', 'torch._dynamo', 'mamba_ssm', 'nnunetv2')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
