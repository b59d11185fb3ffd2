"""Time and memory of a training step with DUO beside nnU-Net's own, on nnU-Net's network.

    python benchmarks/duo_step.py [--patch 96 96 96] [--classes 3] [--batch 2] [--runs 5] [--device cpu] [--compile]

A step is forward, loss, backward, clipping and the optimizer, under fp16 autocast with a gradient scaler on CUDA. Each
run does one step with each contender, in turn; seconds and ratios are medians over the runs, a ratio is taken within a
run. `loss` is the loss's share: forward and backward through it alone. Needs nnU-Net (`auvseg[nnunet]`).
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss
from torch import Tensor, nn

from auvseg import CaseNoise, DUOLoss, add_noise_head

GOAL = 1.05
FEATURES = (32, 64, 128, 256, 320, 320)


class Step:
    """One contender: its network, loss and optimizer."""

    def __init__(
        self, network: nn.Module, loss: Callable[..., Tensor], parameters: list, device: str, compiled: bool
    ) -> None:
        self.network = network.to(device).train()
        self.call = torch.compile(self.network) if compiled else self.network
        self.loss = loss
        self.optimizer = torch.optim.SGD(parameters, 0.01, momentum=0.99, nesterov=True, weight_decay=3e-5)
        self.device = device
        self.scaler = torch.amp.GradScaler(device, enabled=device == "cuda")

    def __call__(self, image: Tensor, targets: list[Tensor]) -> float:
        """Do one step; seconds of loss forward."""
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device, torch.float16, enabled=self.device == "cuda"):
            outputs = self.call(image)
            start = now(self.device)
            value = self.loss(outputs, targets)
            seconds = now(self.device) - start
        self.scaler.scale(value).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), 12)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return seconds


def build(classes: int) -> PlainConvUNet:
    """nnU-Net's network for patches of about 96³."""
    torch.manual_seed(0)
    stages = len(FEATURES)
    return PlainConvUNet(
        1, stages, FEATURES, nn.Conv3d, 3, [1, *[2] * (stages - 1)], 2, classes, 2,
        conv_bias=True, norm_op=nn.InstanceNorm3d, norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU, nonlin_kwargs={"inplace": True}, deep_supervision=True,
    )  # fmt: skip


def weights(levels: int) -> list[float]:
    """nnU-Net's weights of the resolutions."""
    halves = [2.0**-level for level in range(levels - 1)] + [0.0]
    return [half / sum(halves) for half in halves]


def contenders(options: argparse.Namespace) -> dict[str, Step]:
    """nnU-Net's step and DUO's."""
    levels = len(FEATURES) - 1
    plain = build(options.classes)
    stock = DC_and_CE_loss(
        {"batch_dice": False, "smooth": 1e-5, "do_bg": False, "ddp": False}, {}, dice_class=MemoryEfficientSoftDiceLoss
    )
    doubled = add_noise_head(build(options.classes), options.classes)
    ids = [str(number) for number in range(options.batch)]
    duo = DUOLoss(
        options.classes,
        noise=CaseNoise([*ids, "another"], options.classes),
        deep_supervision_weights=weights(levels),
        scale_gradient=not options.detached,
    ).to(options.device)
    duo.set_cases(ids)
    return {
        "nnU-Net": Step(
            plain, DeepSupervisionWrapper(stock, weights(levels)), list(plain.parameters()),
            options.device, options.compile,
        ),
        "DUO": Step(
            doubled, duo, [*doubled.parameters(), *duo.parameters()], options.device, options.compile
        ),
    }  # fmt: skip


def now(device: str) -> float:
    """Seconds, after everything that was asked of the device."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(options.batch, 1, *options.patch, generator=generator).to(options.device)
    label = torch.randint(0, options.classes, (options.batch, 1, *options.patch), generator=generator)
    targets = [label[..., :: 2**n, :: 2**n, :: 2**n].contiguous().to(options.device) for n in range(len(FEATURES) - 1)]
    steps = contenders(options)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    losses: dict[str, list[float]] = {name: [] for name in steps}
    memory = dict.fromkeys(steps, 0.0)
    for run in range(options.runs + 1):
        for name, step in steps.items():
            if options.device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            start = now(options.device)
            in_loss = step(image, targets)
            if run:
                seconds[name].append(now(options.device) - start)
                losses[name].append(in_loss)
            if options.device == "cuda":
                memory[name] = torch.cuda.max_memory_allocated() / 2**30
    where = torch.cuda.get_device_name() if options.device == "cuda" else f"CPU, {options.threads} threads"
    patch = "x".join(map(str, options.patch))
    print(f"{options.batch}x{options.classes}x{patch}, {where}, torch {torch.__version__}, compile {options.compile}")
    print(f"{'':10}{'step':>10}{'ratio':>8}{'loss forward':>15}" + (f"{'memory':>11}" if any(memory.values()) else ""))
    ratios = {}
    for name, own in seconds.items():
        ratios[name] = statistics.median(a / b for a, b in zip(own, seconds["nnU-Net"], strict=True))
        print(
            f"{name:10}{statistics.median(own):>8.3f} s{ratios[name]:>8.3f}{statistics.median(losses[name]):>13.3f} s"
            + (f"{memory[name]:>7.2f} GiB" if memory[name] else "")
        )
    verdict = "met" if ratios["DUO"] <= GOAL else "missed"
    print(f"goal: DUO's step at most {GOAL} times nnU-Net's: {verdict} ({ratios['DUO']:.3f}); {options.runs} runs")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patch", type=int, nargs=3, default=[96, 96, 96])
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--compile", action="store_true", help="torch.compile the network")
    parser.add_argument("--detached", action="store_true", help="no gradient through S")
    options = parser.parse_args()
    if any(side % 32 or side < 64 for side in options.patch):
        parser.error("--patch must be divisible by 32 and at least 64")
    if min(options.classes - 1, options.batch, options.runs, options.threads) < 1:
        parser.error("--classes must be at least 2, --batch, --runs and --threads at least 1")
    return options


if __name__ == "__main__":
    main()
