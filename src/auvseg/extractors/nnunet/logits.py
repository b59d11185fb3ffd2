"""Predict one case with a trained nnU-Net: logits on the network's grid, and class by class on the case's grid.

Everything that affects values is nnU-Net's own code: cropping, normalisation, resampling, sliding window, and the
resampling of the logits back to the case (linear in most plans). Its predictor resamples all outputs at once. Here
large ones are resampled one at a time, so only the map that is measured is held on the case's grid.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from numpy.typing import NDArray
from torch import Tensor

from auvseg.data.volume import as_canonical, as_stored, stored_spacing
from auvseg.extractors.base import RawImage
from auvseg.nnunet.model import NnUNetModel

KEPT_BYTES = 1 << 30
"""Up to this size the resampled logits of all outputs are kept: each is needed twice where there is a softmax."""

_2D_SPACING = (999.0, 1.0, 1.0)
"""What nnU-Net's reader of PNG and such says."""


@dataclass(frozen=True)
class NetworkLogits:
    """What the network says of a case, on its own grid.

    Attributes:
        values: (C, d, h, w) half-precision logits of every output, as the sliding window gives them.
        properties: what nnU-Net remembers of its preprocessing, to undo it.
        axcodes: orientation on disk.
    """

    values: Float[Tensor, "C d h w"]
    properties: dict[str, Any]
    axcodes: str


def predict(model: NnUNetModel, raw: RawImage, spacing_mm: tuple[float, float, float]) -> NetworkLogits:
    """Preprocess a case as nnU-Net does and run its sliding window.

    Args:
        model: the network.
        raw: every channel.
        spacing_mm: voxel size along (D, H, W).
    """
    array, spacing = as_read(raw, spacing_mm, model.reader)
    predictor = model.predictor
    preprocessor = predictor.configuration_manager.preprocessor_class(verbose=False)
    data, _, properties = preprocessor.run_case_npy(
        array,
        None,
        {"spacing": list(spacing)},
        predictor.plans_manager,
        predictor.configuration_manager,
        predictor.dataset_json,
    )
    prepared = torch.from_numpy(data).to(dtype=torch.float32, memory_format=torch.contiguous_format)
    values = predictor.predict_logits_from_preprocessed_data(prepared).cpu()
    return NetworkLogits(values, properties, raw.axcodes)


def as_read(
    raw: RawImage, spacing_mm: tuple[float, float, float], reader: str
) -> tuple[Float32[np.ndarray, "K z y x"], tuple[float, float, float]]:
    """The channels and the spacing as nnU-Net's reader gives them: the file's axes, last one first.

    Readers that reorient give right, anterior, superior, last one first: the canonical orientation itself.
    """
    if reader.endswith("WithReorient"):
        return raw.channels, spacing_mm
    # In one block as the reader's: NumPy sums in the order of memory, and a mean that differs by rounding is no parity.
    array = np.stack([np.ascontiguousarray(as_stored(one, raw.axcodes).transpose(2, 1, 0)) for one in raw.channels])
    x, y, z = stored_spacing(spacing_mm, raw.axcodes)
    return array, (_2D_SPACING if reader == "NaturalImage2DIO" else (z, y, x))


class CaseLogits:
    """The logits of one case on its own grid, output by output.

    Args:
        model: the network.
        predicted: what it said.
    """

    def __init__(self, model: NnUNetModel, predicted: NetworkLogits) -> None:
        self._model = model
        self._predicted = predicted
        self._kept: dict[int, Float[Tensor, "z y x"]] = {}
        self._total: Float64[Tensor, "z y x"] | None = None
        shape = predicted.properties["shape_after_cropping_and_before_resampling"]
        self._keep = model.heads * int(np.prod(shape)) * predicted.values.element_size() <= KEPT_BYTES

    def logits(self, output: int, *, outside_highest: bool = False) -> Float32[Tensor, "D H W"]:
        """The scores of one output, (D, H, W).

        nnU-Net crops what is zero in every channel away and calls it background. There the output gets its lowest score
        of the case, or its highest, which is for the background's own.
        """
        values = self._resampled(output).to(torch.float32)
        return self._whole(values, outside=float(values.max() if outside_highest else values.min()))

    def odds(self, output: int) -> Float32[Tensor, "D H W"]:
        """Logits of one output against all others together, (D, H, W), whose sigmoid is nnU-Net's softmax.

        log(p / (1 - p)),  p = exp(z_c) / sum_k exp(z_k)
        """
        if self._total is None:
            self._total = self._resampled(0).to(torch.float64)
            for other in range(1, self._model.heads):
                self._total = torch.logaddexp(self._total, self._resampled(other).to(torch.float64))
        # In float64, since a sure network's probability differs from 1 by less than float32 can tell.
        log_p = torch.clamp(
            self._resampled(output).to(torch.float64) - self._total, max=-torch.finfo(torch.float64).eps
        )
        values = (log_p - torch.log(-torch.expm1(log_p))).to(torch.float32)
        return self._whole(values, outside=float(values.min()))

    def _resampled(self, output: int) -> Float[Tensor, "z y x"]:
        """One output on the cropped grid of the case, in the network's order of axes: bit for bit nnU-Net's."""
        if output in self._kept:
            return self._kept[output]
        predictor, properties = self._model.predictor, self._predicted.properties
        spacing = [properties["spacing"][axis] for axis in predictor.plans_manager.transpose_forward]
        shape = properties["shape_after_cropping_and_before_resampling"]
        current = predictor.configuration_manager.spacing
        if len(current) < len(shape):
            # A 2D network leaves the distance of planes alone.
            current = [spacing[0], *current]
        values = predictor.configuration_manager.resampling_fn_probabilities(
            self._predicted.values[output : output + 1], shape, current, spacing
        )
        found = torch.as_tensor(np.asarray(values))[0]
        if self._keep:
            self._kept[output] = found
        return found

    def _whole(self, values: Float32[Tensor, "z y x"], outside: float) -> Float32[Tensor, "D H W"]:
        """Undo nnU-Net's crop and its order of axes, and turn to the canonical orientation."""
        properties, predictor = self._predicted.properties, self._model.predictor
        array: NDArray[np.float32] = np.full(properties["shape_before_cropping"], outside, dtype=np.float32)
        array[tuple(slice(low, high) for low, high in properties["bbox_used_for_cropping"])] = values.numpy()
        array = array.transpose(predictor.plans_manager.transpose_backward)
        if not self._model.reader.endswith("WithReorient"):
            array = as_canonical(array.transpose(2, 1, 0), self._predicted.axcodes)
        return torch.from_numpy(np.ascontiguousarray(array))
