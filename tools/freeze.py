"""Write down what every command tells other programs, so that two versions can be held against each other.

    PYTHONPATH=old/src python tools/freeze.py Task04_Hippocampus before
    PYTHONPATH=new/src python tools/freeze.py Task04_Hippocampus after
    diff -r before after

Takes a decathlon data set, draws 16 of its cases, converts, checks, scores, ranks, filters, evaluates and benches them.
Keeps standard output and every file that was written: machine-readable output, pictures, report data. Paths are cut to
`@`; what differs from call to call (seconds, logs, provenance) is left out. All cases are training cases.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage

CASES = 16
LEFT_OUT = ("conversion", "timings", "provenance.json", "auvseg.log", "cache", "views", "assets", ".html", ".parquet")


def auvseg(*arguments: object, cwd: Path, name: str | None = None, into: Path | None = None) -> None:
    """Run a command; keep its standard output and exit status under a name."""
    command = [sys.executable, "-m", "auvseg", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "200"}
    )
    if done.returncode not in (0, 1) or name is None:
        print(" ".join(map(str, arguments)), done.returncode, done.stderr.strip()[-400:], sep="\n  ", file=sys.stderr)
    if name is not None and into is not None:
        text = done.stdout.replace(str(cwd), "@")
        (into / f"{name}.txt").write_text(f"{text}\nexit status {done.returncode}\n", encoding="utf-8")


def take(source: Path, target: Path, work: Path) -> None:
    """Copy what is the same from call to call; texts without this machine's paths."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and not any(part in str(path.relative_to(source)) for part in LEFT_OUT):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes().replace(str(work).encode(), b"@"))


def drawn(source: Path, folder: Path) -> list[str]:
    """A decathlon folder of some of its cases; returns their ids."""
    description = json.loads((source / "dataset.json").read_text(encoding="utf-8"))
    step = len(description["training"]) // CASES
    entries = description["training"][::step][:CASES]
    for entry in entries:
        for part in ("image", "label"):
            path = folder / entry[part]
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / entry[part], path)
    description |= {"training": entries, "test": [], "numTraining": CASES, "numTest": 0}
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    return [Path(entry["image"]).name.removesuffix(".nii.gz") for entry in entries]


def predictions(dataset: Path, folder: Path) -> None:
    """Labels eroded by a voxel in every other case, and shifted in the others."""
    folder.mkdir()
    for number, path in enumerate(sorted((dataset / "labelsTr").glob("*.nii.gz"))):
        image = nibabel.load(path)
        label = np.asarray(image.dataobj).astype(np.uint8)
        kept = ndimage.binary_erosion(label > 0) if number % 2 else np.roll(label > 0, number // 2, axis=0)
        nibabel.save(nibabel.Nifti1Image(label * kept, image.affine), folder / path.name)


def verdicts(run: Path, cases: list[str], path: Path) -> None:
    """What a reviewer may have written: a third of the cases to leave out."""
    lines = ["case,verdict", *(f"{case},{'exclude' if n % 3 == 0 else 'keep'}" for n, case in enumerate(cases))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def ranked(run: Path, work: Path, out: Path) -> None:
    """Every order, and every export of a filter."""
    for by in ("default", "AUV", "S", "agreement", "volume_ml", "anisotropy", "label_outlier"):
        chosen = [] if by == "default" else ["--by", by]
        for scope in ("case", "class"):
            which = ["rank", run, "--scope", scope, "--top", "0", *chosen]
            auvseg(*which, "--json", cwd=work, name=f"rank-{by}-{scope}", into=out)
            auvseg(*which, "--csv", cwd=work, name=f"rank-{by}-{scope}-csv", into=out)
            for combine in ("union", "intersection") if scope == "class" else ("union",):
                which = ["filter", run, "--keep", "0.8", "--scope", scope, "--combine", combine, "--dry-run", *chosen]
                auvseg(*which, "--json", cwd=work, name=f"filter-{by}-{scope}-{combine}", into=out)


def exported(run: Path, splits: Path, work: Path, out: Path) -> None:
    """The files of every export, and that undo takes them back."""
    for export in ("exclude", "splits", "datalist", "weights", "ignore"):
        for by in ("outlier", "agreement"):
            folder = work / f"export-{export}-{by}"
            where = ["--splits", splits] if export == "splits" else ["--to", folder]
            scope = "class" if export == "ignore" else "case"
            which = ["filter", run, "--keep", "0.8", "--by", by, "--scope", scope, "--export", export, *where]
            auvseg(*which, "--json", cwd=work, name=folder.name, into=out)
            (out / folder.name).mkdir()
            take(run / "filter", out / folder.name / "run", work)
            if folder.exists():
                take(folder, out / folder.name / "to", work)
            shutil.copy(splits, out / folder.name / "splits_final.json")
            auvseg("filter", run, "--undo", "--json", cwd=work, name=f"{folder.name}-undo", into=out)


def main() -> None:
    """Freeze one version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="decathlon folder with at least 16 cases, two classes")
    parser.add_argument("out", type=Path, help="new folder")
    given = parser.parse_args()
    out = given.out.resolve()
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="freeze-") as name:
        work = Path(name).resolve()
        drawn_cases = drawn(given.dataset.resolve(), work / "decathlon")
        auvseg(
            "convert", "msd", "decathlon", "Dataset004_Drawn", "--copy", "--json", cwd=work, name="convert", into=out
        )
        take(work / "Dataset004_Drawn", out / "converted", work)
        dataset = work / "Dataset004_Drawn"
        cases = sorted(path.name.removesuffix(".nii.gz") for path in (dataset / "labelsTr").glob("*.nii.gz"))
        assert len(cases) == len(drawn_cases), cases
        splits = work / "splits_final.json"
        folds = [{"train": [c for n, c in enumerate(cases) if n % 5 != k], "val": cases[k::5]} for k in range(5)]
        splits.write_text(json.dumps(folds, indent=4), encoding="utf-8")
        auvseg("check", dataset, "--json", cwd=work, name="check", into=out)
        auvseg("check", "decathlon", "--json", cwd=work, name="check-decathlon", into=out)
        for run, options in {"quick": ["--quick"], "model": ["--max-slices", "2"]}.items():
            auvseg("score", dataset, "-o", run, "--json", *options, cwd=work, name=f"score-{run}", into=None)
            take(work / run, out / run, work)
            (out / f"ranked-{run}").mkdir()
            ranked(work / run, work, out / f"ranked-{run}")
        auvseg("rank", "model", "quick", "--json", cwd=work, name="rank-two-runs", into=out)
        (out / "exported").mkdir()
        exported(work / "model", splits, work, out / "exported")
        predictions(dataset, work / "predictions")
        evaluated = ["evaluate", "predictions", dataset, "-o", "metrics.csv", "--workers", "0"]
        auvseg(*evaluated, "--json", cwd=work, name="evaluate", into=out)
        correlated = ["bench", "correlate", "model", "metrics.csv", "-o", "correlated", "--resamples", "200"]
        auvseg(*correlated, "--json", cwd=work, name="bench-correlate", into=out)
        take(work / "correlated", out / "correlated", work)
        auvseg(*correlated[:-4], "--full", cwd=work, name="bench-correlate-full", into=out)
        verdicts(work / "model", cases, work / "verdicts.csv")
        auvseg("bench", "reviewed", "model", "verdicts.csv", "--json", cwd=work, name="bench-reviewed", into=out)
        auvseg(
            "filter", "model", "--reviewed", "verdicts.csv", "--dry-run", "--json", cwd=work, name="reviewed", into=out
        )
        faults = ["--severities", "1", "--draws", "1"]
        detect = ["bench", "detect", dataset, "-o", "bench", "--like", "quick", "--cases", "10", *faults]
        auvseg(*detect, "--json", cwd=work, name="bench-detect", into=out)
        take(work / "bench", out / "bench", work)
        auvseg(
            "rank", "quick", "--by", "combined", "--bench", "bench", "--json", cwd=work, name="rank-combined", into=out
        )
        auto = ["filter", "quick", "--bench", "bench", "--keep", "auto", "--dry-run"]
        auvseg(*auto, "--json", cwd=work, name="filter-auto", into=out)
        auvseg("report", "model", "-o", "report", "--images", "3", cwd=work, name="report", into=out)
        take(work / "report", out / "report", work)
        auvseg("figures", "model", "-o", "figures", "--format", "svg", "--top", "2", cwd=work, name="figures", into=out)
        take(work / "figures", out / "figures", work)
        for command in ("measures", "weights list"):
            auvseg(*command.split(), "--json", cwd=work, name=command.replace(" ", "-"), into=out)


if __name__ == "__main__":
    main()
