"""Speed and precision of `semantic_scale` beside one SVD a class map, the way the authors' code computes it.

    python benchmarks/semantic_scale.py [--shape 2 14 96 96 96] [--threads 2] [--runs 5] [--device cpu]

Every run times all contenders once, one after the other, so that a machine that is busy with other work slows all of
them. Seconds and ratios are medians over the runs; a ratio is taken within each run. The error is the largest one
against a float64 SVD of the same float32 maps. The last line holds both against the project's goals.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from auvseg import semantic_scale

Contender = Callable[[Tensor], Tensor]
Seconds = dict[str, list[float]]
OURS = "semantic_scale"
THEIRS = "loop of svd"
GOAL_RATIO, GOAL_ERROR = 20, 1e-6


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    maps = draw_maps(arguments.shape).to(arguments.device)
    contenders: dict[str, Contender] = {
        THEIRS: lambda tensor: one_svd_a_map(tensor, lambda z: torch.linalg.svd(z, full_matrices=False).S),
        "loop of svdvals": lambda tensor: one_svd_a_map(tensor, torch.linalg.svdvals),
        OURS: semantic_scale,
    }
    exact = one_svd_a_map(maps, lambda z: torch.linalg.svdvals(z.double()))
    errors = {name: float((scale(maps).double() - exact).abs().max()) for name, scale in contenders.items()}
    forward, both = time_all(contenders, maps, arguments.runs)
    where = torch.cuda.get_device_name() if maps.is_cuda else f"CPU, {arguments.threads} threads"
    print(f"maps {tuple(maps.shape)} float32, {where}, torch {torch.__version__}")
    print(f"{'':16}{'forward':>10}{'ratio':>7}{'forward+backward':>19}{'ratio':>7}{'max error':>12}")
    for name in contenders:
        print(
            f"{name:16}{statistics.median(forward[name]):>8.3f} s{_ratio(forward, name):>7.1f}"
            f"{statistics.median(both[name]):>17.3f} s{_ratio(both, name):>7.1f}{errors[name]:>12.1e}"
        )
    print(f"ratio: time of the contender over that of {OURS}; medians of {arguments.runs} runs")
    print(verdict(_ratio(forward, THEIRS), errors[OURS]))


def verdict(ratio: float, error: float) -> str:
    """Whether the goals for the forward pass and the error are met, with the figures."""
    speed, precision = ("met" if met else "missed" for met in (ratio >= GOAL_RATIO, error <= GOAL_ERROR))
    return (
        f"goal >= {GOAL_RATIO} times the speed of the {THEIRS}, forward: {speed} ({ratio:.1f}); "
        f"goal error <= {GOAL_ERROR:.0e}: {precision} ({error:.1e})"
    )


def draw_maps(shape: list[int]) -> Tensor:
    """Logits of one smooth blob a map on a constant offset, with a little noise: (…, D, H, W) float32."""
    generator = torch.Generator().manual_seed(0)
    axes = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in shape[-3:]), indexing="ij")
    maps = torch.randn(shape, generator=generator)
    for one in maps.flatten(0, -4):
        radius, *centre = torch.rand(4, generator=generator).tolist()
        distance = sum((axis - middle + 0.5) ** 2 for axis, middle in zip(axes, centre, strict=True)) ** 0.5
        one.mul_(0.1).add_(16 * torch.sigmoid(20 * (0.2 + 0.3 * radius - distance)) - 12)
    return maps


def one_svd_a_map(maps: Tensor, singular_values: Contender) -> Tensor:
    """S of every map (D ≤ H·W) from its singular values, in a Python loop."""
    scales = []
    for one in maps.flatten(0, -4):
        energy = singular_values(one.reshape(one.shape[0], -1)) ** 2
        shares = energy / energy.sum()
        scales.append(torch.special.entr(shares).sum() / math.log(len(shares)))
    return torch.stack(scales).reshape(maps.shape[:-3])


def time_all(contenders: dict[str, Contender], maps: Tensor, runs: int) -> tuple[Seconds, Seconds]:
    """Seconds of every run, forward alone and with the gradient, after a first run that does not count."""
    forward: Seconds = {name: [] for name in contenders}
    both: Seconds = {name: [] for name in contenders}
    for run in range(runs + 1):
        for name, scale in contenders.items():
            leaf = maps.clone().requires_grad_()
            start = now(maps)
            scale(maps)
            middle = now(maps)
            torch.autograd.grad(scale(leaf).sum(), leaf)
            end = now(maps)
            if run:
                forward[name].append(middle - start)
                both[name].append(end - middle)
    return forward, both


def now(maps: Tensor) -> float:
    """Seconds, after everything that was asked of the maps' device."""
    if maps.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter()


def _ratio(seconds: Seconds, name: str) -> float:
    return statistics.median(theirs / ours for theirs, ours in zip(seconds[name], seconds[OURS], strict=True))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs="+", default=[2, 14, 96, 96, 96], metavar="N")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    arguments = parser.parse_args()
    if len(arguments.shape) < 4 or min(arguments.shape) < 2 or min(arguments.threads, arguments.runs) < 1:
        parser.error("--shape needs at least four sizes above 1, --threads and --runs at least 1")
    return arguments


if __name__ == "__main__":
    main()
