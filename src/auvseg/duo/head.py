"""The noise head θ2 beside the segmentation head θ1 (METHOD section 5).

A 1×1 convolution with 2·C output channels *is* two heads side by side: the first C channels are the network's own
class logits, the last C what the noise head says of the same classes. So a network gets a noise head by doubling its
output layers, whatever it looks like inside. In training they return 2·C channels; in evaluation they compute the
first C alone, with the same arithmetic as before, so that validation, sliding windows and export see the network that
they know.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def add_noise_head(network: nn.Module, num_classes: int, *, layers: Sequence[str] | None = None) -> nn.Module:
    """Double the network's output layers, in place, and let them return the noise channels in training only.

    The segmentation channels keep their weights; the noise head starts at zero, so that the first step is one without
    it. Parameters keep their names, and a checkpoint of the network without noise head still loads: its layers fill the
    first half. Call this before the optimizer and `DistributedDataParallel`: the output layers get new parameters.

    Args:
        network: returns (B, C, *spatial) logits, or a list of them (deep supervision).
        num_classes: C, background included for softmax outputs.
        layers: names (as in `network.named_modules()`) of the output convolutions. By default every 1×1 convolution
            with C output channels: all heads of a deeply supervised network.

    Returns:
        The same network.

    Raises:
        ValueError: there is no such layer, one of them does not end in C channels, or the network has a noise head.
            A network without an output convolution of its own, such as MONAI's `UNet` with residual units, is
            built with 2·C output channels instead; then call `split_noise_head`.
    """
    if noise_layers(network):
        raise ValueError("the network has a noise head already")
    for layer in _output_layers(network, num_classes, layers).values():
        _resize(layer, 2 * num_classes)
        layer.__class__ = _DOUBLED[type(layer)]
        layer.num_classes = num_classes
        layer.register_load_state_dict_pre_hook(_fill_first_half)
    return network


def remove_noise_head(network: nn.Module) -> nn.Module:
    """Undo `add_noise_head`, in place: what is left is the segmentation network, weights bit for bit the same.

    Raises:
        ValueError: the network has no noise head.
    """
    found = noise_layers(network)
    if not found:
        raise ValueError("the network has no noise head")
    for name in found:
        layer: Any = network.get_submodule(name)
        _resize(layer, layer.num_classes)
        layer.__class__ = next(plain for plain, doubled in _DOUBLED.items() if isinstance(layer, doubled))
    return network


def split_noise_head(network: nn.Module, num_classes: int) -> nn.Module:
    """Let a network that was built with 2·C output channels return the first C alone in evaluation, in place.

    Raises:
        ValueError: on the first call of the network, if it does not return 2·C channels.
    """
    network.register_forward_hook(_SplitOutput(num_classes))
    return network


def noise_layers(network: nn.Module) -> list[str]:
    """The names of the doubled layers; empty for a network without noise head."""
    return [name for name, module in network.named_modules() if isinstance(module, _Doubled)]


def without_noise_head(state: Mapping[str, Tensor], layers: Iterable[str], num_classes: int) -> dict[str, Tensor]:
    """The state dict of the network without noise head; `layers` are the doubled layers' names.

    Raises:
        KeyError: a layer is not in the state dict.
    """
    result = dict(state)
    for name in layers:
        for key in (f"{name}.weight", f"{name}.bias"):
            if key in state or key.endswith("weight"):
                result[key] = state[key][:num_classes].clone()
    return result


class _Doubled:
    """A convolution with 2·C output channels that computes the first C alone in evaluation."""

    num_classes: int

    def forward(self: Any, x: Tensor) -> Tensor:
        if self.training:
            return self._conv_forward(x, self.weight, self.bias)
        bias = None if self.bias is None else self.bias[: self.num_classes]
        return self._conv_forward(x, self.weight[: self.num_classes], bias)


class _DoubledConv1d(_Doubled, nn.Conv1d):
    pass


class _DoubledConv2d(_Doubled, nn.Conv2d):
    pass


class _DoubledConv3d(_Doubled, nn.Conv3d):
    pass


_DOUBLED: dict[type, Any] = {nn.Conv1d: _DoubledConv1d, nn.Conv2d: _DoubledConv2d, nn.Conv3d: _DoubledConv3d}


class _SplitOutput:
    """A forward hook: 2·C channels in training, the first C in evaluation."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes

    def __call__(self, network: nn.Module, inputs: Any, output: Any) -> Any:
        if isinstance(output, list | tuple):
            return type(output)(self(network, inputs, one) for one in output)
        if output.shape[1] != 2 * self.num_classes:
            raise ValueError(f"the network returns {output.shape[1]} channels, not {2 * self.num_classes}")
        return output if network.training else output[:, : self.num_classes].contiguous()


def _output_layers(network: nn.Module, num_classes: int, names: Sequence[str] | None) -> dict[str, Any]:
    modules: dict[str, Any] = dict(network.named_modules())
    if names is not None:
        for name in names:
            layer: Any = modules.get(name)
            if type(layer) not in _DOUBLED:
                raise ValueError(f"{name} is no convolution of the network")
            if layer.out_channels != num_classes or layer.groups != 1:
                raise ValueError(f"{name} has {layer.out_channels} output channels in {layer.groups} groups")
        return {name: modules[name] for name in names}
    found = {
        name: module
        for name, module in modules.items()
        if type(module) in _DOUBLED
        and module.out_channels == num_classes
        and module.groups == 1
        and all(side == 1 for side in module.kernel_size)
    }
    if not found:
        raise ValueError(
            f"no 1x1 convolution with {num_classes} output channels: name the output layers (layers=[...]), "
            f"or build the network with {2 * num_classes} and call split_noise_head"
        )
    return found


def _resize(layer: Any, channels: int) -> None:
    """Change the output channels of a convolution in place: cut them off, or add some that are zero."""
    layer.weight = nn.Parameter(_resized(layer.weight.detach(), channels), layer.weight.requires_grad)
    if layer.bias is not None:
        layer.bias = nn.Parameter(_resized(layer.bias.detach(), channels), layer.bias.requires_grad)
    layer.out_channels = channels


def _resized(values: Tensor, channels: int) -> Tensor:
    present = len(values)
    if channels <= present:
        return values[:channels].clone()
    return torch.cat([values, values.new_zeros(channels - present, *values.shape[1:])])


def _fill_first_half(layer: Any, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Let a checkpoint without noise head load: its channels are the first half, the noise head starts at zero.

    It stays behind when the noise head is removed; then no checkpoint of the network has so few channels.
    """
    for name in ("weight", "bias"):
        values = state.get(prefix + name)
        if values is not None and len(values) < layer.out_channels == 2 * len(values):
            state[prefix + name] = _resized(values, layer.out_channels)
