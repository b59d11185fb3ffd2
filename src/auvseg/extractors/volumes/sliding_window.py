"""Run a network over a volume in sliding windows, class by class in bounded memory.

The windows are MONAI's (`sliding_window_inference`): they overlap, and their logits are averaged with Gaussian
weights. The logits of as many outputs as fit into `KEPT_BYTES` are gathered at a time, on the processor; for the next
ones the windows go through the network again. So no more than that, one map that is handed out, and one batch of
windows with its logits are held, however many classes there are.

Axes: K channels, C outputs, (x, y, z) the model's axes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float32
from monai.inferers.utils import sliding_window_inference
from torch import Tensor, nn

from auvseg.extractors.memory import Fallback, Way

KEPT_BYTES = 1 << 30
"""The logits of all outputs that are gathered at a time take no more than this, or those of one output."""

Predict = Callable[[Float[Tensor, "B K x y z"], tuple[int, ...]], Float[Tensor, "B C x y z"]]
"""Logits of some outputs, in their order, for a batch of windows on the network's device."""


@dataclass(frozen=True)
class Windows:
    """How a volume is cut.

    Attributes:
        size: voxels along the model's axes; a shorter volume is padded on both sides.
        overlap: share of a window that the next one covers again, in [0, 1).
        padding: how: `constant` with `padding_value`, or `replicate` the border.
        padding_value: see `padding`.
        batch: windows at a time.
    """

    size: tuple[int, int, int]
    overlap: float = 0.5
    padding: Literal["constant", "replicate"] = "constant"
    padding_value: float = 0.0
    batch: int = 1


class WindowedNetwork:
    """A frozen network that sees windows of a volume.

    Args:
        network: what `predict` runs; it is moved to where there is memory.
        predict: the network's logits.
        windows: how a volume is cut.
        device: where the network runs.
        precision: of the network; logits are gathered in float32.
        kept_bytes: see `KEPT_BYTES`.
    """

    def __init__(
        self,
        network: nn.Module,
        predict: Predict,
        windows: Windows,
        *,
        device: str = "cpu",
        precision: Literal["fp32", "bf16"] = "fp32",
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._network = network.eval()
        self._predict = predict
        self._windows = windows
        self._kept_bytes = kept_bytes
        self._fallback = Fallback(Way(device, precision, windows.batch))

    def remarks(self) -> tuple[str, ...]:
        """What was given up for lack of memory, up to now."""
        return self._fallback.remarks()

    def logits(
        self, image: Float32[Tensor, "K x y z"], groups: Sequence[tuple[int, ...]]
    ) -> Iterator[Float32[Tensor, "x y z"]]:
        """The logits of every group of outputs, one after the other, on the processor.

        Args:
            image: as the network wants it.
            groups: the outputs of each class; of several the highest counts, so that the class is their union.

        Raises:
            CaseError: the memory is not enough, whatever is given up.
        """
        wanted = [(number, output) for number, group in enumerate(groups) for output in group]
        last = [*[number for number, _ in wanted][1:], -1]
        found: Float32[Tensor, "x y z"] | None = None
        most = self.outputs_at_a_time(tuple(image.shape[1:]))
        for start in range(0, len(wanted), most):
            chunk = wanted[start : start + most]
            gathered = self._gathered(image, tuple(output for _, output in chunk))
            for offset, (number, _) in enumerate(chunk):
                found = gathered[offset] if found is None else torch.maximum(found, gathered[offset])
                if last[start + offset] != number:
                    yield found
                    found = None

    def outputs_at_a_time(self, shape: tuple[int, ...]) -> int:
        """For how many outputs the logits of an (x, y, z) volume are gathered together; at least 1."""
        voxels = 1
        for size, window in zip(shape, self._windows.size, strict=True):
            voxels *= max(size, window)
        return max(self._kept_bytes // (4 * voxels), 1)

    def _gathered(self, image: Float32[Tensor, "K x y z"], outputs: tuple[int, ...]) -> Float32[Tensor, "C x y z"]:
        return self._fallback.run(lambda way: self._one_pass(image, outputs, way))

    def _one_pass(
        self, image: Float32[Tensor, "K x y z"], outputs: tuple[int, ...], way: Way
    ) -> Float32[Tensor, "C x y z"]:
        """All windows through the network once."""
        self._network.to(way.device)
        device_type = torch.device(way.device).type

        def predictor(windows: Tensor) -> Tensor:
            with torch.autocast(device_type, dtype=torch.bfloat16, enabled=way.precision == "bf16"):
                found = self._predict(windows, outputs)
            return found.to(torch.float32)

        with torch.inference_mode():
            found = sliding_window_inference(
                image.unsqueeze(0),
                self._windows.size,
                way.batch,
                predictor,
                overlap=self._windows.overlap,
                mode="gaussian",
                padding_mode=self._windows.padding,
                cval=self._windows.padding_value,
                sw_device=way.device,
                device="cpu",
            )
        if not isinstance(found, Tensor):
            raise TypeError(f"the network gives a {type(found).__name__}, not a tensor")
        return found[0]
