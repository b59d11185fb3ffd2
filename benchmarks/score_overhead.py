"""Where a case's time goes: the share that is not spent in the network, read from the timings of a real run.

    python benchmarks/score_overhead.py DATASET [--modality mri] [--cases 20]

Scores the first cases of a data set into a temporary folder. Reading happens in another process while the network works
on the case before, so its share is what it costs at most.
"""

import argparse
import json
import tempfile
from pathlib import Path

import torch

import auvseg
from auvseg.scoring.config import resolve_modality
from auvseg.scoring.device import choose_device

GOAL = 0.10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--modality", choices=("ct", "mri", "windowed"))
    parser.add_argument("--cases", type=int, default=20)
    options = parser.parse_args()
    whole = auvseg.read_dataset(options.dataset)
    dataset = auvseg.Dataset(**{**whole.__dict__, "cases": whole.cases[: options.cases]})
    config = auvseg.ScoreConfig(modality=resolve_modality(whole, options.modality))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        summary = auvseg.score(dataset, run, config, device=choose_device("auto"))
        timings = [json.loads(path.read_text()) for path in sorted((run / "timings").glob("*.json"))]
    parts = {name: sum(case[name] for case in timings) for name in ("network", "read", "measures", "other")}
    total = sum(parts.values())
    print(f"{dataset.name}: {summary.cases} cases, {summary.elapsed_s:.1f} s, {torch.get_num_threads()} threads")
    for name, seconds in parts.items():
        print(f"  {name:<10}{seconds:9.2f} s{100 * seconds / total:7.1f} %")
    outside = 1 - parts["network"] / total
    verdict = "met" if outside <= GOAL else "missed"
    print(f"outside the network: {100 * outside:.1f} %; goal <= {100 * GOAL:.0f} %: {verdict}")


if __name__ == "__main__":
    main()
