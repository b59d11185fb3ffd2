"""How fast and how exact a processor multiplies matrices as large as LiteMedSAM's, in every arithmetic that it has.

    python benchmarks/products.py [--threads 1] [--runs 20]

- `float32`: what the extractor does.
- `bfloat16`: inputs and outputs rounded; what `--precision bf16` does.
- `inside`: float32 in and out, rounded to bfloat16 inside (`torch.backends.mkldnn.*.fp32_precision = "bf16"`).
- `three`: each number as the sum of two of bfloat16, and three of the four products of those, in one longer product;
  with the time that taking the inputs apart costs.

Ratios are against float32, and each arithmetic is run as a linear layer and as a 1x1 convolution, of which the faster
counts. The error is the largest one against float64, as a share of the largest output.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

SHAPES = {
    "widen, stage 1": (16 * 256, 64, 256),
    "MLP, stage 2": (16384, 128, 512),
    "MLP, stage 4": (4096, 320, 1280),
}
"""Pixels, channels in, channels out."""

Product = Callable[[Tensor, Tensor, Tensor], Tensor]


def as_convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The same product, as oneDNN's 1x1 convolution of a line of pixels."""
    pixels = x[None, None].permute(0, 3, 1, 2)
    kernel = weight[:, :, None, None].contiguous(memory_format=torch.channels_last)
    return functional.conv2d(pixels, kernel, bias).permute(0, 2, 3, 1)[0, 0]


def taken_apart(x: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest bfloat16, and what it misses."""
    high = x.to(torch.bfloat16).float()
    return high, x - high


def inside(precision: str) -> None:
    """What oneDNN may do with float32."""
    torch.backends.mkldnn.matmul.fp32_precision = precision
    torch.backends.mkldnn.conv.fp32_precision = precision


def median_ms(call: Callable[[], Tensor], runs: int) -> float:
    """Milliseconds, after a call that does not count."""
    seconds = []
    for run in range(runs + 1):
        start = time.perf_counter()
        call()
        if run:
            seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds)


def ways_of(x: Tensor, weight: Tensor, bias: Tensor) -> dict[str, tuple[str, Callable[[Product], Tensor]]]:
    """Every arithmetic, with what oneDNN may do meanwhile."""
    weight_high, weight_low = taken_apart(weight)
    long_weight = torch.cat([weight_high, weight_high, weight_low], 1)
    rounded = x.bfloat16(), weight.bfloat16(), bias.bfloat16()

    def three(product: Product) -> Tensor:
        high, low = taken_apart(x)
        return product(torch.cat([high, low, high], 1), long_weight, bias)

    return {
        "float32": ("ieee", lambda product: product(x, weight, bias)),
        "bfloat16": ("ieee", lambda product: product(*rounded)),
        "inside": ("bf16", lambda product: product(x, weight, bias)),
        "three": ("bf16", three),
    }


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    generator = torch.Generator().manual_seed(0)
    print(f"{options.threads} threads, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    print(f"{'':<16}{'arithmetic':<12}{'ms':>8}{'ratio':>8}{'error':>10}")
    for name, (pixels, channels, outputs) in SHAPES.items():
        x = torch.randn(pixels, channels, generator=generator)
        weight = torch.randn(outputs, channels, generator=generator) / channels**0.5
        bias = torch.randn(outputs, generator=generator)
        exact = functional.linear(x.double(), weight.double(), bias.double())
        taken: dict[str, float] = {}
        for way, (precision, call) in ways_of(x, weight, bias).items():
            inside(precision)
            taken[way] = min(median_ms(partial(call, one), options.runs) for one in (functional.linear, as_convolution))
            error = float((call(functional.linear).double() - exact).abs().max() / exact.abs().max())
            print(f"{name:<16}{way:<12}{taken[way]:>8.2f}{taken['float32'] / taken[way]:>8.2f}{error:>10.1e}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=20)
    return parser.parse_args()


if __name__ == "__main__":
    main()
