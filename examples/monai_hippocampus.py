"""Train a MONAI network with DUO on a decathlon task.

    python examples/monai_hippocampus.py Task04_Hippocampus [--steps 500] [--baseline] [--seed 0]

A plain loop: read a datalist, add a noise head, give every training case its noise. Every fifth case is held out; Dice
a class on these is printed at the end. `--baseline` trains the same network with MONAI's DiceCELoss.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from monai.data import CacheDataset, DataLoader
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.metrics import DiceMetric
from monai.networks.nets import DynUNet
from monai.networks.utils import one_hot
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    LoadImaged,
    NormalizeIntensityd,
    Orientationd,
    RandFlipd,
    RandSpatialCropd,
    SpatialPadd,
)
from monai.utils import set_determinism

from auvseg import CaseNoise, DUOLoss, add_noise_head

PATCH = (32, 48, 32)


def main() -> None:
    """Train and evaluate."""
    options = _options()
    set_determinism(options.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    description = json.loads((options.task / "dataset.json").read_text(encoding="utf-8"))
    classes = len(description["labels"])
    cases = [
        {
            "image": str(options.task / entry["image"]),
            "label": str(options.task / entry["label"]),
            "case_id": Path(entry["image"]).name,
        }
        for entry in description["training"]
    ]
    held_out = cases[::5]
    training = [case for number, case in enumerate(cases) if number % 5]

    network = DynUNet(3, 1, classes, [3] * 3, [1, 2, 2], [2, 2], filters=[16, 32, 64]).to(device)
    loss: torch.nn.Module
    if options.baseline:
        loss = DiceCELoss(to_onehot_y=True, softmax=True)
    else:
        network = add_noise_head(network, classes)
        noise = CaseNoise([case["case_id"] for case in training], classes, seed=options.seed)
        loss = DUOLoss(classes, noise=noise).to(device)
    optimizer = torch.optim.SGD([*network.parameters(), *loss.parameters()], 0.01, momentum=0.99, nesterov=True)
    scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, options.steps, power=0.9)

    start = time.perf_counter()
    network.train()
    for step, batch in enumerate(_batches(training, options.steps)):
        optimizer.zero_grad()
        output, label = network(batch["image"].to(device)), batch["label"].to(device)
        value = loss(output, label) if options.baseline else loss(output, label, case_ids=batch["case_id"])
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 12)
        optimizer.step()
        scheduler.step()
        if step % 50 == 0 or step == options.steps - 1:
            print(f"step {step + 1}/{options.steps}  loss {value.item():.4f}  {time.perf_counter() - start:.0f} s")
    print(
        f"Dice on {len(held_out)} held-out cases, a class:",
        *(f"{dice:.4f}" for dice in _dice(network, held_out, classes)),
    )


def _transforms(*, training: bool) -> Compose:
    keys = ["image", "label"]
    steps = [
        LoadImaged(keys),
        EnsureChannelFirstd(keys),
        Orientationd(keys, "SAR", labels=None),
        NormalizeIntensityd("image"),
    ]
    steps += [SpatialPadd(keys, PATCH)]
    if training:
        steps += [RandSpatialCropd(keys, PATCH, random_size=False), RandFlipd(keys, prob=0.5, spatial_axis=2)]
    return Compose(steps)


def _batches(cases: list[dict[str, str]], steps: int) -> Iterator[dict[str, Any]]:
    loader = DataLoader(CacheDataset(cases, _transforms(training=True), progress=False), batch_size=2, shuffle=True)
    done = 0
    while True:
        for batch in loader:
            if done == steps:
                return
            done += 1
            yield batch


@torch.inference_mode()
def _dice(network: torch.nn.Module, cases: list[dict[str, str]], classes: int) -> list[float]:
    network.eval()
    device = next(network.parameters()).device
    metric = DiceMetric(include_background=False, reduction="mean_batch")
    for case in CacheDataset(cases, _transforms(training=False), progress=False):
        logits = sliding_window_inference(case["image"].unsqueeze(0).to(device), PATCH, 2, network)
        found = one_hot(logits.argmax(1, keepdim=True), classes)
        metric(found, one_hot(case["label"].unsqueeze(0).to(device), classes))
    return metric.aggregate().tolist()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", type=Path, help="decathlon folder with dataset.json")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--baseline", action="store_true", help="MONAI's DiceCELoss instead of DUO")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
