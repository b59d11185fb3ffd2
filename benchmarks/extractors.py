"""Every extractor at its published size, from files to a run's table: seconds and memory, weights drawn at random.

    python benchmarks/extractors.py DATA [--only vista3d,segvol] [--threads 1]

DATA holds `totalsegmentator_example` (a CT and an MRI at 3 mm) and `Task04_Hippocampus`. For every line a file is made
in the layout that the model's authors publish, and `auvseg score` runs on one case as a user would run it, on the
processor. Printed are the classes that have an S in the run's table, the seconds of the whole command, those that the
processor worked (less where others use it, too), and the largest memory of a process. LiteMedSAM alone has its real
weights: the numbers of random ones mean nothing, their time does. A model whose package is missing is a line that says
so. VoxTell needs 12 GB.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import pandas as pd
import torch
from monai.networks.nets.unet import UNet

import auvseg
from auvseg.data.public.totalsegmentator import V2

# The layouts of published files are known to the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import medsam2_weights
import nnunet_models
import published_weights
from auvseg.extractors.medsam2.network import MEDSAM2

Model = list[str]
"""Options of `auvseg score` that name a model."""

PARTS = {291: V2[:24], 292: V2[24:50], 293: V2[50:68], 294: V2[68:91], 295: V2[91:]}
"""TotalSegmentator's five networks, and their classes."""

_SIDED = (
    *("iliac_artery", "iliac_vena", "humerus", "scapula", "clavicula", "femur", "hip"),
    *("gluteus_maximus", "gluteus_medius", "gluteus_minimus", "autochthon", "iliopsoas"),
)
MRI = (
    *("spleen", "kidney_right", "kidney_left", "gallbladder", "liver", "stomach", "pancreas", "adrenal_gland_right"),
    *("adrenal_gland_left", "lung_left", "lung_right", "esophagus", "small_bowel", "duodenum", "colon"),
    *("urinary_bladder", "prostate", "sacrum", "vertebrae", "intervertebral_discs", "spinal_cord", "heart", "aorta"),
    *("inferior_vena_cava", "portal_vein_and_splenic_vein"),
    *(f"{name}_{side}" for name in _SIDED for side in ("left", "right")),
    "brain",
)
"""Classes of TotalSegmentator's labels of MRI, from 1."""

SIX_STAGES = {"features": (32, 64, 128, 256, 320, 320), "convolutions": 2, "patch": (128, 128, 128)}
FOUR_STAGES = {"features": (32, 64, 128, 256), "convolutions": 2, "patch": (40, 56, 40)}
"""What nnU-Net plans for the whole body at 1.5 mm and for the hippocampus at 1 mm."""

FAST, TOTAL, TOTAL_MR = (f"nnUNetTrainer{kind}NoMirroring" for kind in ("_4000epochs_", "", "_2000epochs_"))


@dataclass(frozen=True)
class Contender:
    """One line of the table.

    Attributes:
        extractor: its name.
        data: which of the data sets it scores.
        make: writes a model into an empty folder.
        options: further ones of `auvseg score`.
        needs: package without which it cannot run.
    """

    extractor: str
    data: str
    make: Callable[[Path], Model]
    options: tuple[str, ...] = ()
    needs: str = "torch"


def nothing(folder: Path) -> Model:
    return []


def named(path: Path) -> Model:
    return ["--model", str(path)]


def voxtell(folder: Path) -> Model:
    from auvseg.extractors.voxtell.extractor import build_network

    plans = published_weights.VOXTELL_PLANS
    torch.manual_seed(0)
    network, _ = build_network(folder, plans)
    return named(published_weights.write_voxtell(folder / "voxtell_v1.1", network, ["anterior", "posterior"], plans))


def total(numbers: dict[int, Sequence[str]], trainer: str, spacing_mm: float) -> Callable[[Path], Model]:
    def make(folder: Path) -> Model:
        for number, names in numbers.items():
            labels = {name: value for value, name in enumerate(("background", *names))}
            home = folder / f"Dataset{number}_random"
            nnunet_models.write_model(home, labels=labels, trainer=trainer, spacing=[spacing_mm] * 3, **SIX_STAGES)
        return named(folder)

    return make


def hippocampus_nnunet(folder: Path) -> Model:
    labels = {"background": 0, "Anterior": 1, "Posterior": 2}
    return named(nnunet_models.write_model(folder, labels=labels, spacing=[1.0] * 3, **FOUR_STAGES))


def own_network(folder: Path) -> Model:
    torch.manual_seed(0)
    network = UNet(3, 1, 3, channels=(32, 64, 128, 256, 320), strides=(2, 2, 2, 2), num_res_units=2).eval()
    torch.export.save(torch.export.export(network, (torch.zeros(1, 1, 96, 96, 96),)), folder / "network.pt2")
    content = {"network": "network.pt2", "classes": {"liver": 1, "spleen": 2}, "window": [96, 96, 96]}
    content |= {"spacing_mm": [1.5, 1.5, 1.5], "intensity": {"from": -175, "to": 250}}
    (folder / "mine.json").write_text(json.dumps(content), encoding="utf-8")
    return named(folder / "mine.json")


def medsam2(folder: Path) -> Model:
    return named(medsam2_weights.write_checkpoint(folder / "MedSAM2_latest.pt", MEDSAM2))


CONTENDERS = (
    Contender("lite-medsam", "hippocampus", nothing),
    Contender("medsam2", "hippocampus", medsam2, needs="transformers"),
    Contender("medsam2", "hippocampus", medsam2, ("--prompt", "middle"), needs="transformers"),
    Contender("nnunet", "hippocampus", hippocampus_nnunet, needs="nnunetv2"),
    Contender("module", "ct", own_network),
    Contender("segvol", "ct", lambda f: named(published_weights.write_segvol(f / "s.pth")), needs="transformers"),
    Contender("totalsegmentator-fast", "ct", total({297: V2}, FAST, 3.0), needs="nnunetv2"),
    Contender("totalsegmentator-mr-fast", "mri", total({852: MRI}, TOTAL_MR, 3.0), needs="nnunetv2"),
    Contender("totalsegmentator-mr", "mri", total({850: MRI[:29], 851: MRI[29:]}, TOTAL_MR, 1.5), needs="nnunetv2"),
    Contender("totalsegmentator", "ct", total(PARTS, TOTAL, 1.5), needs="nnunetv2"),
    Contender("clip-driven", "ct", lambda f: named(published_weights.write_clip_driven(f / "c.pth"))),
    Contender("vista3d", "ct", lambda f: named(published_weights.write_vista3d(f / "v.pt"))),
    Contender("voxtell", "hippocampus", voxtell, needs="voxtell"),
)
"""The quick ones first."""


def hippocampus(data: Path, folder: Path) -> Path:
    """The first case of the decathlon's task."""
    task = data / "Task04_Hippocampus"
    content = json.loads((task / "dataset.json").read_text(encoding="utf-8"))
    content["training"], content["test"] = content["training"][:1], []
    for part in ("imagesTr", "labelsTr"):
        (folder / part).symlink_to((task / part).resolve())
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def ct(data: Path, folder: Path) -> Path:
    """The CT and its masks, converted as TotalSegmentator's data set is."""
    example, case = data / "totalsegmentator_example", folder / "source" / "s9000"
    (case / "segmentations").mkdir(parents=True)
    (case / "ct.nii.gz").symlink_to((example / "example_ct_sm.nii.gz").resolve())
    for mask in (example / "example_seg_fast").glob("*.nii.gz"):
        (case / "segmentations" / mask.name).symlink_to(mask.resolve())
    auvseg.convert("totalsegmentator", folder / "source", folder / "Dataset900_CT", num_workers=0)
    return folder / "Dataset900_CT"


def mri(data: Path, folder: Path) -> Path:
    """The MRI and its label, as nnU-Net's raw data."""
    example = data / "totalsegmentator_example"
    for part, source, name in (("imagesTr", "mr_sm", "mr_0000"), ("labelsTr", "seg_mr", "mr")):
        (folder / part).mkdir()
        (folder / part / f"{name}.nii.gz").symlink_to((example / f"example_{source}.nii.gz").resolve())
    labels = {name: value for value, name in enumerate(("background", *MRI))}
    content = {"channel_names": {"0": "MRI"}, "labels": labels, "numTraining": 1, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


DATA = {"hippocampus": hippocampus, "ct": ct, "mri": mri}


def measured(contender: Contender, dataset: Path, folder: Path, threads: int) -> list[str]:
    """The cells of a line."""
    (folder / "model").mkdir()
    model, run = contender.make(folder / "model"), folder / "run"
    arguments = ["score", str(dataset), "-o", str(run), "--extractor", contender.extractor, "--device", "cpu"]
    command = [sys.executable, "-c", "from auvseg.cli import main; main()", *arguments, *model, *contender.options]
    started = time.perf_counter()
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            command, env=os.environ | {"OMP_NUM_THREADS": str(threads)}, stdout=said, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return ["failed: " + (folder / "said.txt").read_text(encoding="utf-8").strip().splitlines()[-1]]
    table = pd.read_csv(run / "scores.csv")
    scored, finite = table["status"] == "ok", table["S"].notna()
    processor = usage.ru_utime + usage.ru_stime
    gigabytes = usage.ru_maxrss / (1e6 if sys.platform != "darwin" else 1e9)
    return [f"{(scored & finite).sum()}", f"{seconds:.0f}", f"{processor:.0f}", f"{gigabytes:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", default="", help="comma-separated extractors")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name] or [one.extractor for one in CONTENDERS]
    print("| extractor | case | classes scored | seconds | of the processor | memory, GB |\n|---|---|---|---|---|---|")
    for one in (one for one in CONTENDERS if one.extractor in wanted):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "data"
            folder.mkdir()
            dataset = DATA[one.data](options.data, folder)
            shape = "×".join(map(str, nib.load(auvseg.read_dataset(dataset).cases[0].images[0]).shape))
            there = find_spec(one.needs) is not None
            cells = measured(one, dataset, Path(name), options.threads) if there else [f"needs {one.needs}"]
        title = " ".join((one.extractor, *one.options))
        print(f"| `{title}` | {one.data}, {shape} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
