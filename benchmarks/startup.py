"""What a command takes from the prompt to the prompt: the median of whole processes, one version beside another.

    python benchmarks/startup.py
    python benchmarks/startup.py --before "env PYTHONPATH=/tmp/before/src .venv/bin/python -m auvseg"

`git worktree add /tmp/before COMMIT` makes the other version. Each scores a drawn data set of 24 small cases for
itself, without a model; then every command runs once to warm up and five times to be measured, in turns with the other
version, and so does `import pandas` alone, the floor of what shows a table. Prints a table for docs/performance.md.
Where PYTHONDONTWRITEBYTECODE is set, compile both versions first (`python -m compileall`). The goals, on a quiet
machine: help within 0.4 s, what needs no network within 1 s, `evaluate` of 12 cases within 3 s.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np

CASES, PREDICTED = 24, 12
SHAPE = (40, 44, 22)
COMMANDS = (
    "--help",
    "score --help",
    "bench detect --help",
    "rank {run}",
    "rank {run} {run} --by outlier",
    "filter {run} --keep 0.9 --dry-run",
    "report {run} --images 0",
    "report {run}",
    "figures {run}",
    "review merge {verdicts} {verdicts}",
    "check {data}",
    "evaluate {predictions} {data} -o {metrics} --only-predicted",
    "bench correlate {run} {metrics} --no-plots",
    "bench reviewed {run} {verdicts}",
    "models",
    "weights list",
    "doctor",
)


def main() -> None:
    """Draw, score, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--now", default=shlex.join([sys.executable, "-m", "auvseg"]), help="the version at hand")
    parser.add_argument("--before", help="another version to compare with")
    parser.add_argument("--runs", type=int, default=5, help="of each command")
    options = parser.parse_args()
    versions = {"before": options.before, "now": options.now} if options.before else {"now": options.now}
    with tempfile.TemporaryDirectory() as folder:
        places = {name: prepare(Path(folder) / name, shlex.split(words)) for name, words in versions.items()}
        print("| command | " + " | ".join(f"{name}, s" for name in versions) + " |")
        print("|---" * (1 + len(versions)) + "|")
        for command in COMMANDS:
            seconds = measure(command, versions, places, options.runs)
            shown = command.translate({ord(mark): None for mark in "{}"})
            print(f"| `{shown}` | " + " | ".join(seconds[name] for name in versions) + " |", flush=True)
        alone = measure("", {"floor": shlex.join([sys.executable, "-c", "import pandas"])}, {"floor": {}}, options.runs)
        print(f"\n`import pandas` alone: {alone['floor']} s")


def prepare(home: Path, auvseg: list[str]) -> dict[str, str]:
    """The paths of what commands are about: a data set, predictions of half of it, a run of it, verdicts."""
    data, predictions, verdicts = home / "Dataset001_Drawn", home / "predictions", home / "review.csv"
    for number in range(CASES):
        image, label = draw(number)
        write(data / "imagesTr" / f"case_{number:03d}_0000.nii.gz", image)
        write(data / "labelsTr" / f"case_{number:03d}.nii.gz", label)
        if number < PREDICTED:
            write(predictions / f"case_{number:03d}.nii.gz", np.roll(label, 1, axis=0))
    labels = {"background": 0, "liver": 1, "tumour": 2}
    about = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": CASES, "file_ending": ".nii.gz"}
    (data / "dataset.json").write_text(json.dumps(about))
    decisions = (f"case_{number:03d},{'keep' if number % 2 else 'exclude'},,anna" for number in range(CASES))
    verdicts.write_text("\n".join(["case,verdict,note,rater", *decisions]))
    run([*auvseg, "score", str(data), "-o", str(home / "run"), "--extractor", "none"])
    names = {"data": data, "predictions": predictions, "run": home / "run", "verdicts": verdicts}
    return {name: str(path) for name, path in (names | {"metrics": home / "metrics.csv"}).items()}


def measure(command: str, versions: dict[str, str], places: dict[str, dict[str, str]], runs: int) -> dict[str, str]:
    """Median seconds of a command by version, or how it fails there; the versions take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in versions}
    failed: dict[str, str] = {}
    for turn in range(runs + 1):
        for name, words in versions.items():
            if name in failed:
                continue
            started = time.perf_counter()
            status = run([*shlex.split(words), *command.format(**places[name]).split()], allowed=(0, 1))
            if status > 1:
                failed[name] = f"exit status {status}"
            elif turn:
                seconds[name].append(time.perf_counter() - started)
    return {name: failed.get(name) or f"{statistics.median(seconds[name]):.2f}" for name in versions}


def run(command: list[str], allowed: tuple[int, ...] = (0,)) -> int:
    """Run a command in silence; its exit status, which may be 1 where something is found or missing."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in allowed and len(allowed) == 1:
        raise SystemExit(f"{shlex.join(command)} failed:\n{done.stderr}")
    return done.returncode


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and label (x, y, z): two ellipsoids in a body, a little elsewhere in every case."""
    rng = np.random.default_rng(seed)
    grid = np.indices(SHAPE).astype(float)
    label = np.zeros(SHAPE, np.uint8)
    for value, centre, radii in ((1, (16, 20, 10), (8, 9, 6)), (2, (26, 26, 12), (4, 5, 4))):
        away = (grid - (np.array(centre) + rng.uniform(-1, 1, 3)).reshape(3, 1, 1, 1)) / np.reshape(radii, (3, 1, 1, 1))
        label[(away**2).sum(axis=0) <= 1] = value
    image = np.rint(30 + 60 * label + rng.normal(0, 12, SHAPE))
    return image.astype(np.int16), label


def write(path: Path, voxels: np.ndarray) -> None:
    """Write a NIfTI file of voxels of 0.9×0.8×2.5 mm."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, np.diag([0.9, 0.8, 2.5, 1.0])), path)


if __name__ == "__main__":
    main()
