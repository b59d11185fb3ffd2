"""What the measures of one plane of one structure cost, beside the decoding of that plane by LiteMedSAM.

    python benchmarks/measures.py [--side 512] [--planes 100] [--runs 3] [--threads 1]

One structure of a drawn volume, all measures and the view, in seconds of the processor, which a machine that is busy
with other work changes little. The dearest measures stand below; what several share counts for the first of them.
"""

import argparse
import time
from collections import Counter

import numpy as np
import torch

from auvseg.data.case import ClassDef
from auvseg.extractors.base import ClassMap
from auvseg.extractors.lite_medsam.extractor import LiteMedSAM
from auvseg.measures.catalogue import CASE_MEASURES, ScaleOptions
from auvseg.measures.compute import compute_measures
from auvseg.measures.inputs import MeasureInput, WholeCase
from auvseg.scoring.view import CaseView

ORGAN = ClassDef(1, "organ", (1,))
RADIUS = 0.15
"""Of the structure within a plane, as a share of the plane."""


def drawn(side: int, planes: int) -> tuple[WholeCase, ClassMap]:
    """An ellipsoid in noise, and a map that is above 0 about where it is."""
    generator = np.random.default_rng(0)
    depth, row, column = np.ogrid[: planes + 20, :side, :side]
    across = ((row - side / 2) ** 2 + (column - side / 2) ** 2) / (RADIUS * side) ** 2
    inside = ((depth - (planes + 19) / 2) / (planes / 2)) ** 2 + across <= 1
    image = (0.3 + 0.3 * inside + 0.05 * generator.standard_normal(inside.shape)).clip(0, 1).astype(np.float32)
    held = tuple(int(index) for index in np.flatnonzero(inside.any(axis=(1, 2))))
    grid = torch.linspace(-1, 1, 256)
    distance = torch.hypot(grid[:, None], grid) / (2 * RADIUS)
    logits = (8 * (1 - distance)).clamp(-15, 15) + 0.1 * torch.randn(len(held), 256, 256)
    whole = WholeCase(image, inside.astype(np.int32), (1.0, 1.0, 1.0))
    return whole, ClassMap(ORGAN, logits, held, len(held), torch.ones(len(held)))


def measured(whole: WholeCase, found: ClassMap, runs: int) -> Counter[str]:
    """Seconds by measure, in the order of the catalogue, then of the view; means of the runs after the first."""
    seconds: Counter[str] = Counter()
    for run in range(runs + 1):
        case = MeasureInput(found, whole, ORGAN.values, int(np.count_nonzero(whole.label)))
        for name in CASE_MEASURES:
            started = time.process_time()
            compute_measures(case, [name], ScaleOptions())
            seconds[name] += (time.process_time() - started) / runs if run else 0
        started = time.process_time()
        CaseView().take(case, ScaleOptions())
        seconds["view"] += (time.process_time() - started) / runs if run else 0
    return seconds


def decoding(runs: int) -> float:
    """Seconds of one box on one plane."""
    decoder, embedding = LiteMedSAM()._decoder, torch.randn(4096, 256)
    with torch.inference_mode():
        decoder(embedding, (60.0, 60.0, 180.0, 180.0))
        started = time.process_time()
        for _ in range(4 * runs):
            decoder(embedding, (60.0, 60.0, 180.0, 180.0))
    return (time.process_time() - started) / (4 * runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=512, help="rows and columns of the volume")
    parser.add_argument("--planes", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    seconds = measured(*drawn(options.side, options.planes), options.runs)
    ours, theirs = sum(seconds.values()) / options.planes, decoding(options.runs)
    print(f"{options.planes} planes of {options.side}×{options.side}, threads {options.threads}")
    print(f"decoding  {1e3 * theirs:7.2f} ms a plane")
    print(f"measures  {1e3 * ours:7.2f} ms a plane, {100 * ours / theirs:.1f} % of decoding it")
    for name, value in seconds.most_common(8):
        print(f"  {name:<18}{1e3 * value / options.planes:6.2f} ms")


if __name__ == "__main__":
    main()
