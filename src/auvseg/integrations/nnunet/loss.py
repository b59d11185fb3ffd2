"""nnU-Net's targets and outputs in the terms of `DUOLoss`."""

from collections.abc import Sequence

from torch import Tensor, nn

from auvseg.duo.loss import DUOLoss


class LossForNnUNet(nn.Module):
    """Called as nnU-Net calls a loss: with the network's outputs and the augmenter's targets.

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
