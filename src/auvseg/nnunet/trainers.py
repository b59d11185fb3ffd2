"""nnU-Net trainers for the paper's protocol, DUO and other backbones, with lists of cases to keep or exclude."""

import json
import os
import pydoc
import random
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager
from torch import Tensor, nn

from auvseg.duo.head import add_noise_head, noise_layers
from auvseg.duo.loss import DUOLoss
from auvseg.duo.noise import CaseNoise, SampledNoise
from auvseg.errors import UsageError
from auvseg.files.text import decode, read_yaml
from auvseg.nnunet.settings import Settings

_SHOWN = 5


def read_case_list(path: Path) -> list[str]:
    """The case ids of a file: one a line, or the entries of `exclude.yaml`.

    Raises:
        UsageError: the file cannot be read, or is no such list.
    """
    try:
        if path.suffix.lower() not in (".yaml", ".yml"):
            return [line.strip() for line in decode(path.read_bytes()).splitlines() if line.strip()]
        return [_case_of(entry) for entry in read_yaml(path)["exclude"]]
    except OSError as error:
        raise UsageError(f"the case list {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the case list {path} is no text in UTF-8") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} has no list of cases under 'exclude': {error}") from None


def _case_of(entry: object) -> str:
    case = entry["case"] if isinstance(entry, dict) else entry
    if not isinstance(case, str | int):
        # Of a list within lists that stand for each other the text alone may fill the memory.
        raise TypeError(f"a {type(case).__name__} is no case id")
    return str(case)


def restricted(
    training: Sequence[str], every: Collection[str], *, keep: Path | None, exclude: Path | None
) -> list[str]:
    """The training cases of a fold that are kept, in their order. Validation cases are no concern of these lists.

    Args:
        training: the fold's training cases.
        every: all cases of the data set; a list that names others belongs to another data set.
        keep: list of cases to train on; None keeps all.
        exclude: list of cases not to train on.

    Raises:
        UsageError: a list cannot be read or names unknown cases, or nothing is left.
    """
    kept = [str(case) for case in training]
    for path, wanted in ((keep, True), (exclude, False)):
        if path is None:
            continue
        listed = set(read_case_list(path))
        unknown = sorted(listed - {str(case) for case in every})
        if unknown:
            raise UsageError(
                f"{path} names {len(unknown)} cases that the data set does not have "
                f"({', '.join(unknown[:_SHOWN])}); is it of another data set?"
            )
        kept = [case for case in kept if (case in listed) == wanted]
    if not kept:
        raise UsageError("no training case is left: check the lists of cases to keep and to exclude")
    return kept


class LossForNnUNet(nn.Module):
    """Adapts the loss to nnU-Net's call, with the network's outputs and the augmenter's targets.

    Args:
        duo: the loss.
        region_targets: whether targets are one channel a region instead of a label map.
        ignore_channel: whether region targets carry one channel more, true where a voxel does not count.
        with_noise: False leaves the noise head's channels out: labels are taken as they are.
    """

    def __init__(self, duo: DUOLoss, *, region_targets: bool, ignore_channel: bool, with_noise: bool) -> None:
        super().__init__()
        self.duo = duo
        self.region_targets = region_targets
        self.ignore_channel = ignore_channel
        self.with_noise = with_noise

    def forward(self, output: Tensor | Sequence[Tensor], target: Tensor | Sequence[Tensor]) -> Tensor:
        """The loss of a batch; lists where the network is deeply supervised."""
        outputs = [output] if isinstance(output, Tensor) else list(output)
        targets = [target] if isinstance(target, Tensor) else list(target)
        if not self.with_noise:
            outputs = [one[:, : self.duo.num_classes] for one in outputs]
        masks = None
        if self.region_targets and self.ignore_channel:
            masks = [~one[:, -1:].bool() for one in targets]
            targets = [one[:, :-1] for one in targets]
        return self.duo(outputs, targets, mask=masks)


STATE = "auvseg"
"""Where a checkpoint's `init_args` hold the noise and the settings; nnU-Net restores and otherwise ignores them."""

_Variant = Literal["bottleneck", "encoder"]


class nnUNetTrainerAuvsegBaseline(nnUNetTrainer):  # noqa: N801 - nnU-Net's spelling
    """The paper's protocol with nnU-Net's own network and loss: 100 epochs, SGD with learning rate 0.01, poly decay."""

    inference_allowed_mirroring_axes: tuple[int, ...] | None

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int,
        dataset_json: dict[str, Any],
        device: torch.device = torch.device("cuda"),  # noqa: B008 - nnU-Net's signature, which it inspects
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        settings = Settings.read(os.environ, self.configuration_manager.configuration.get("auvseg", {}))
        self.settings = settings
        self.num_epochs = settings.epochs
        self.num_iterations_per_epoch = settings.iterations
        self.num_val_iterations_per_epoch = settings.validation_iterations
        self.initial_lr = settings.learning_rate
        if settings.seed is not None:
            # Every process of a distributed run draws other patches.
            seed = settings.seed + 1000 * self.local_rank
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002 - what nnU-Net's loader draws from
            torch.manual_seed(settings.seed)

    def do_split(self) -> tuple[list[str], list[str]]:
        """The fold's cases, training cases restricted to those that the lists keep."""
        training, validation = super().do_split()
        settings = self.settings
        if settings.keep is None and settings.exclude is None:
            return [str(case) for case in training], list(validation)
        kept = restricted(
            training,
            self.dataset_class.get_identifiers(self.preprocessed_dataset_folder),
            keep=None if settings.keep is None else Path(settings.keep),
            exclude=None if settings.exclude is None else Path(settings.exclude),
        )
        self.print_to_log_file(f"Training on {len(kept)} of this fold's {len(training)} training cases.")
        return kept, list(validation)

    def perform_actual_validation(self, save_probabilities: bool = False) -> None:
        """nnU-Net's, over mirrored copies or without them; what the checkpoint says of mirroring stays."""
        axes = self.inference_allowed_mirroring_axes
        try:
            if not self.settings.mirroring:
                self.inference_allowed_mirroring_axes = None
            super().perform_actual_validation(save_probabilities)
        finally:
            self.inference_allowed_mirroring_axes = axes

    def on_train_start(self) -> None:
        """As nnU-Net, and leave the settings and the training cases beside the checkpoints."""
        super().on_train_start()
        if self.local_rank == 0:
            training, validation = self.do_split()
            content = {"settings": asdict(self.settings), "training": training, "validation": validation}
            path = Path(self.output_folder) / "auvseg_training.json"
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


class _DUO(nnUNetTrainerAuvsegBaseline):
    """Adds the noise head, the loss and the noise to a baseline trainer."""

    duo: DUOLoss

    @classmethod
    def build_network_architecture(
        cls,
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """The baseline's network with doubled output layers."""
        network = super().build_network_architecture(
            plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision
        )
        return add_noise_head(network, num_output_channels, layers=cls.output_layers(network))

    @staticmethod
    def output_layers(network: Any) -> list[str]:
        """The names of the layers that return class logits."""
        return [f"decoder.seg_layers.{number}" for number in range(len(network.decoder.seg_layers))]

    def configure_optimizers(self) -> tuple[Any, Any]:
        """The baseline's, with the noise as one more group: nnU-Net builds optimizers before losses."""
        self.duo = self._make_loss().to(self.device)
        optimizer, scheduler = super().configure_optimizers()
        noise = list(self.duo.parameters())
        if noise:
            optimizer.add_param_group({"params": noise, "weight_decay": 0.0})
        return optimizer, scheduler

    def _make_loss(self) -> DUOLoss:
        settings, labels = self.settings, self.label_manager
        classes = labels.num_segmentation_heads
        seed = settings.seed or 0
        noise: CaseNoise | SampledNoise | None = None
        if settings.noise == "case":
            training, _ = self.do_split()
            noise = CaseNoise(training, classes, seed=seed)
        elif settings.noise == "sampled":
            noise = SampledNoise(classes, seed=seed + self.local_rank)
        return DUOLoss(
            classes,
            alpha=settings.alpha,
            beta=settings.beta,
            activation="sigmoid" if labels.has_regions else "softmax",
            noise=noise,
            correction_limit=settings.correction_limit,
            correction_share=settings.correction_share,
            scale_gradient=settings.scale_gradient,
            scale_on=settings.scale_on,
            ignore_index=None if labels.has_regions else labels.ignore_label,
        )

    def _build_loss(self) -> nn.Module:
        # The weights of the resolutions, whatever nnU-Net's rule for them is today.
        weights = getattr(super()._build_loss(), "weight_factors", None)
        self.duo.deep_supervision_weights = None if weights is None else tuple(float(weight) for weight in weights)
        return LossForNnUNet(
            self.duo,
            region_targets=self.label_manager.has_regions,
            ignore_channel=self.label_manager.has_ignore_label,
            with_noise=self.settings.noise != "none",
        )

    def train_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """nnU-Net's step, with the noise of the batch's cases."""
        with self.duo.cases([str(case) for case in batch["keys"]]):
            return super().train_step(batch)

    def save_checkpoint(self, filename: str) -> None:
        """nnU-Net's checkpoint, with the noise, the settings, and what `export` needs to cut the noise head off."""
        if not self.was_initialized:
            self.initialize()
        network: Any = getattr(self.network, "module", self.network)
        network = getattr(network, "_orig_mod", network)
        self.my_init_kwargs[STATE] = {
            "loss": self.duo.state_dict(),
            "settings": asdict(self.settings),
            "noise_layers": noise_layers(network),
            "num_classes": self.duo.num_classes,
        }
        try:
            super().save_checkpoint(filename)
        finally:
            del self.my_init_kwargs[STATE]

    def load_checkpoint(self, filename_or_checkpoint: Any) -> None:
        """nnU-Net's checkpoint, and the noise where the training left it.

        Raises:
            UsageError: the checkpoint's noise belongs to other training cases, or it has none.
        """
        super().load_checkpoint(filename_or_checkpoint)
        state = self.my_init_kwargs.pop(STATE, None)
        if state is None:
            raise UsageError(
                f"{filename_or_checkpoint} is no checkpoint of a DUO training; load it as pretrained weights"
            )
        try:
            self.duo.load_state_dict(state["loss"])
        except (ValueError, RuntimeError) as error:
            raise UsageError(f"{filename_or_checkpoint} cannot be continued: {error}") from None


class nnUNetTrainerDUO(_DUO):  # noqa: N801
    """DUO on nnU-Net's own network."""


class _SwinUNETR(nnUNetTrainerAuvsegBaseline):
    """Swin-UNETR instead of the plans' network."""

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int,
        dataset_json: dict[str, Any],
        device: torch.device = torch.device("cuda"),  # noqa: B008
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.enable_deep_supervision = False

    @classmethod
    def build_network_architecture(
        cls,
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """Swin-UNETR with 48 features, or the plans' `auvseg_swin_features`."""
        from auvseg.networks import SwinUNETR

        return SwinUNETR(
            input_channels=num_input_channels,
            num_classes=num_output_channels,
            spatial_dims=len(configuration_manager.patch_size),
            feature_size=int(configuration_manager.configuration.get("auvseg_swin_features", 48)),
        )


class nnUNetTrainerSwinUNETR(_SwinUNETR):  # noqa: N801
    """nnU-Net's loss on Swin-UNETR."""


class nnUNetTrainerDUOSwinUNETR(_DUO, _SwinUNETR):  # noqa: N801
    """DUO on Swin-UNETR."""

    @staticmethod
    def output_layers(network: Any) -> list[str]:
        """The one layer that returns class logits."""
        return [network.output_layer]


class _UMamba(nnUNetTrainerAuvsegBaseline):
    """U-Mamba with the plans' stages, kernels and strides."""

    variant: _Variant

    @classmethod
    def build_network_architecture(
        cls,
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """U-Mamba, of which the plans' architecture gives the stages."""
        from auvseg.networks import umamba_from_plans

        return umamba_from_plans(
            cls.variant,
            _located(configuration_manager),
            input_channels=num_input_channels,
            num_classes=num_output_channels,
            deep_supervision=enable_deep_supervision,
            patch_size=tuple(configuration_manager.patch_size),
        )

    def _do_i_compile(self) -> bool:
        # A scan over tens of thousands of steps is no graph to be unrolled.
        return False


class nnUNetTrainerUMambaBot(_UMamba):  # noqa: N801
    """nnU-Net's loss on U-Mamba with a Mamba layer in the bottleneck."""

    variant: _Variant = "bottleneck"


class nnUNetTrainerUMambaEnc(_UMamba):  # noqa: N801
    """nnU-Net's loss on U-Mamba with a Mamba layer after every stage of the encoder."""

    variant: _Variant = "encoder"


class nnUNetTrainerDUOUMambaBot(_DUO, nnUNetTrainerUMambaBot):  # noqa: N801
    """DUO on U-Mamba with a Mamba layer in the bottleneck."""


class nnUNetTrainerDUOUMambaEnc(_DUO, nnUNetTrainerUMambaEnc):  # noqa: N801
    """DUO on U-Mamba with a Mamba layer after every stage of the encoder."""


def _located(configuration_manager: ConfigurationManager) -> dict[str, Any]:
    """The architecture's arguments, with the classes that plans name by their path."""
    arguments = dict(configuration_manager.network_arch_init_kwargs)
    for name in configuration_manager.network_arch_init_kwargs_req_import:
        if arguments.get(name) is not None:
            arguments[name] = pydoc.locate(arguments[name])
    return arguments
