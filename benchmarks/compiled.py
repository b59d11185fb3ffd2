"""What `torch.compile` would bring: LiteMedSAM's encoder and decoder, compiled and not, on a plane without empty parts.

    python benchmarks/compiled.py [--threads 1] [--runs 5]

Needs a C++ compiler. The encoder is compiled layer by layer, its strips and all, since what it leaves out changes from
plane to plane; the decoder as a whole, first for one box, then once more for boxes of any size. Both take turns with
what they were made of, so that a machine that is busy with other work slows both. A plane gains so much that compiling
pays after as many planes as the last column says; none, if it never does.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from auvseg.extractors.lite_medsam.encoder import SIDE
from auvseg.extractors.lite_medsam.extractor import LiteMedSAM

BOXES = ((80.0, 80.0, 150.0, 160.0), (1.0, 3.0, 30.0, 42.0), (0.0, 0.0, 256.0, 256.0))


@dataclass
class Measured:
    """Of one network: seconds to compile, and of every turn, plain and compiled; the largest difference of outputs."""

    compiling: float
    plain: list[float]
    compiled: list[float]
    difference: float

    def line(self, name: str) -> str:
        """A row of the table."""
        before, after = statistics.median(self.plain), statistics.median(self.compiled)
        ratio = statistics.median(p / c for p, c in zip(self.plain, self.compiled, strict=True))
        pays = f"{self.compiling / (before - after):.0f} calls" if after < before else "never"
        costs = f"{ratio:>8.2f}{self.compiling:>13.1f}{self.difference:>14.1e}{pays:>16}"
        return f"{name:<10}{before:>9.3f}{after:>10.3f}{costs}"


def compare(plain: Callable[[], Tensor], compiled: Callable[[], Tensor], runs: int) -> Measured:
    """Compile by calling, then take turns."""
    start = time.perf_counter()
    first = compiled()
    compiling = time.perf_counter() - start
    difference = float((first - plain()).abs().max())
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for call, own in zip((plain, compiled), seconds, strict=True):
            start = time.perf_counter()
            call()
            own.append(time.perf_counter() - start)
    return Measured(compiling - statistics.median(seconds[1]), *seconds, difference)


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """With nothing compiled before, print the table."""
    torch.set_num_threads(options.threads)
    torch._dynamo.config.recompile_limit = 1000
    network = LiteMedSAM()
    encoder, decoder = network._encoder, network._decoder
    plane = np.random.default_rng(0).uniform(0.01, 1, (SIDE, SIDE)).astype(np.float32)
    layers = [torch.compile(layer) for layer in encoder._steps]
    active = []
    seen = np.ones((SIDE, SIDE), bool)
    for layer in encoder._steps:
        seen = layer.spread(seen)
        active.append(np.ones_like(seen))

    def through(steps: list) -> Tensor:
        x = encoder._embed(plane)
        for step, everything in zip(steps, active, strict=True):
            x = step(x, everything, None)
        return encoder.neck(x).flatten(0, 1)

    # Not `inference_mode`, in which torch 2.14 cannot compile functions that read NumPy arrays.
    with torch.no_grad():
        embedding = encoder(plane)
        of_encoder = compare(lambda: through(list(encoder._steps)), lambda: through(layers), options.runs)
        of_boxes = torch.compile(decoder, dynamic=True)
        of_decoder = compare(
            lambda: torch.stack([decoder(embedding, box)[0] for box in BOXES]),
            lambda: torch.stack([of_boxes(embedding, box)[0] for box in BOXES]),
            options.runs,
        )
    print(f"{options.threads} threads, torch {torch.__version__}, median of {options.runs} turns")
    print(f"{'':<10}{'plain s':>9}{'compiled':>10}{'ratio':>8}{'compiling s':>13}{'difference':>14}{'pays after':>16}")
    print(of_encoder.line("encoder"))
    print(of_decoder.line("3 boxes"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
