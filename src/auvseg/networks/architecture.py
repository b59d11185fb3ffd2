"""Architecture of a U-shaped network, in terms of nnU-Net's plans (`arch_kwargs`, nnU-Net 2.8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from torch import nn

_DIMENSIONS: dict[Any, int] = {nn.Conv2d: 2, nn.Conv3d: 3}


@dataclass(frozen=True)
class Architecture:
    """Stages from the finest to the coarsest; a stride is what leads into its stage.

    A number stands for as many equal ones as there are stages or axes. Axes are those of the images, in their order.

    Attributes:
        n_stages: resolutions, at least two.
        features_per_stage: channels of every stage.
        conv_op: `torch.nn.Conv2d` or `Conv3d`.
        kernel_sizes: of every stage and axis; odd.
        strides: of every stage and axis; the first is 1 as a rule.
        n_blocks_per_stage: residual blocks of every stage of the encoder, at least one.
        n_conv_per_stage_decoder: residual blocks of every stage of the decoder, from the coarsest to the finest.
        conv_bias: whether convolutions have a bias.
        norm_op: normalisation, or None; called with the channels.
        norm_op_kwargs: its further arguments.
        nonlin: activation, or None.
        nonlin_kwargs: its arguments.

    Raises:
        ValueError: lengths, kernels or the convolution are other than said above.
    """

    n_stages: int
    features_per_stage: Sequence[int]
    conv_op: type[nn.Module]
    kernel_sizes: Sequence[Sequence[int]]
    strides: Sequence[Sequence[int]]
    n_blocks_per_stage: Sequence[int]
    n_conv_per_stage_decoder: Sequence[int]
    conv_bias: bool = False
    norm_op: type[nn.Module] | None = None
    norm_op_kwargs: Mapping[str, Any] = field(default_factory=dict)
    nonlin: type[nn.Module] | None = None
    nonlin_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.conv_op not in _DIMENSIONS:
            raise ValueError(f"conv_op must be torch.nn.Conv2d or Conv3d, not {self.conv_op}")
        if self.n_stages < 2:
            raise ValueError(f"a network of {self.n_stages} stages has no decoder")
        lengths = dict.fromkeys(_OF_STAGES, self.n_stages) | {"n_conv_per_stage_decoder": self.n_stages - 1}
        for name, length in lengths.items():
            values = getattr(self, name)
            if len(values) != length or any(_least(value) < 1 for value in values):
                raise ValueError(f"{name} must be {length} numbers of 1 or more, not {values}")
        for name in ("kernel_sizes", "strides"):
            if any(len(of_axes) != self.dimensions for of_axes in getattr(self, name)):
                raise ValueError(f"{name} must have {self.dimensions} numbers a stage, not {getattr(self, name)}")
        if any(side % 2 == 0 for kernel in self.kernel_sizes for side in kernel):
            raise ValueError(f"kernel_sizes must be odd, not {self.kernel_sizes}: no padding keeps the size otherwise")

    @classmethod
    def read(cls, arch_kwargs: Mapping[str, Any]) -> "Architecture":
        """From the `arch_kwargs` of a PlainConvUNet or ResidualEncoderUNet, classes as such or as `torch.nn` paths.

        `n_conv_per_stage`, the convolutions of a plain stage, is read as `n_blocks_per_stage`, as U-Mamba does.

        Raises:
            ValueError: an argument is missing, is not as `Architecture` says, or asks for something, such as
                dropout, that these networks do not have.
        """
        given = {name: value for name, value in arch_kwargs.items() if value is not None and value is not False}
        if "n_conv_per_stage" in given and "n_blocks_per_stage" not in given:
            given["n_blocks_per_stage"] = given.pop("n_conv_per_stage")
        if unknown := sorted(given.keys() - cls.__dataclass_fields__.keys() - _WITHOUT_EFFECT_ALONE):
            raise ValueError(f"U-Mamba has no {', '.join(unknown)}")
        if missing := sorted(_REQUIRED - given.keys()):
            raise ValueError(f"the architecture lacks {', '.join(missing)}")
        known = {name: _class(value) for name, value in given.items() if name not in _WITHOUT_EFFECT_ALONE}
        stages, axes = known["n_stages"], _DIMENSIONS.get(known["conv_op"], 3)
        for name in _OF_STAGES:
            known[name] = _repeated(known[name], stages)
        for name in ("kernel_sizes", "strides"):
            known[name] = tuple(_repeated(of_axes, axes) for of_axes in known[name])
        known["n_conv_per_stage_decoder"] = _repeated(known["n_conv_per_stage_decoder"], stages - 1)
        return cls(**known)

    @property
    def dimensions(self) -> int:
        """Axes of an image: 2 or 3."""
        return _DIMENSIONS[self.conv_op]

    @property
    def divisors(self) -> tuple[int, ...]:
        """What the axes of an image must be multiples of: the product of the strides."""
        return tuple(map(prod, zip(*self.strides, strict=True)))

    def sizes(self, image_size: Sequence[int]) -> list[tuple[int, ...]]:
        """The axes of every stage's features, finest first.

        Raises:
            ValueError: an axis is no positive multiple of its strides' product, or their number is another.
        """
        self.check(image_size)
        sizes, size = [], tuple(image_size)
        for strides in self.strides:
            size = tuple(side // stride for side, stride in zip(size, strides, strict=True))
            sizes.append(size)
        return sizes

    def check(self, image_size: Sequence[int]) -> None:
        """Raise ValueError where the network cannot take images of this size, as `sizes` does."""
        size = tuple(image_size)
        if len(size) != self.dimensions:
            raise ValueError(f"an image of {self.dimensions} axes is expected, not of {len(size)}: {size}")
        if any(side < 1 or side % divisor for side, divisor in zip(size, self.divisors, strict=True)):
            raise ValueError(
                f"an image of {size} cannot be halved and doubled back: its axes must be multiples of {self.divisors}, "
                "the product of the strides; pad it"
            )

    def norm(self, channels: int) -> nn.Module:
        """A normalisation of so many channels."""
        return nn.Identity() if self.norm_op is None else self.norm_op(channels, **self.norm_op_kwargs)

    def activation(self) -> nn.Module:
        """An activation."""
        return nn.Identity() if self.nonlin is None else self.nonlin(**self.nonlin_kwargs)


_OF_STAGES = ("features_per_stage", "kernel_sizes", "strides", "n_blocks_per_stage")
_REQUIRED = {"n_stages", "conv_op", "n_conv_per_stage_decoder", *_OF_STAGES}
# Arguments of something that is itself not there.
_WITHOUT_EFFECT_ALONE = {"dropout_op_kwargs"}


def _least(value: int | Sequence[int]) -> int:
    """The number itself, or the least of several."""
    return value if isinstance(value, int) else min(value, default=0)


def _repeated(value: Any, times: int) -> tuple[Any, ...]:
    return (value,) * times if isinstance(value, int) else tuple(value)


def _class(value: Any) -> Any:
    """The class of `torch.nn` that a path in a plan names; anything else as it is."""
    if not (isinstance(value, str) and value.startswith("torch.nn.")):
        return value
    found = getattr(nn, value.rpartition(".")[2], None)
    if found is None:
        raise ValueError(f"there is no {value}")
    return found
