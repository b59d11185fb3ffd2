"""A run folder of any size without an image: records and views through the real writers, numbers drawn from a seed.

Three structures a case, every measure, features of an extractor, views with masks and thumbnails. One case in a hundred
failed, one structure in fifty is absent, one case in twenty stands out.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from auvseg._version import __version__
from auvseg.cohort.compared import cohort_columns
from auvseg.data.case import ClassDef, Dataset
from auvseg.measures.catalogue import CASE_MEASURES, MEASURES
from auvseg.scoring.config import ScoreConfig, fingerprint
from auvseg.scoring.record import CaseInputs, ClassScore, Record, file_name, packed, write_record
from auvseg.scoring.run import open_run
from auvseg.scoring.table_cache import keep, stamp_of
from auvseg.scoring.view import CaseView, ClassView, Thumbnail, write_view

CLASSES = (ClassDef(1, "liver", (1,)), ClassDef(2, "left kidney", (2,)), ClassDef(3, "tumour", (3,)))
FEATURES = 256
PLANES, HEIGHT, WIDTH = 24, 64, 64
SITES = ("Oslo", "Kyoto", "Lima")
_INTEGERS = ("slices", "parts", "gaps")


def setup_of() -> dict:
    """What the records say that they were made with."""
    extractor = {"name": "lite-medsam", "weights_sha256": "0" * 64, "precision": "fp32", "max_slices": None}
    return {"config": ScoreConfig(modality="ct").as_dict(), "extractor": extractor, "auvseg": __version__}


def case_id(number: int) -> str:
    """The name of a case."""
    return f"synthetic_{number:06d}"


def make_run(folder: Path, cases: int, views: bool = True, features: bool = True, seed: int = 0) -> Path:
    """Write a run of so many cases, as `score` would have left it but for its tables; returns its folder.

    Files are not flushed to the disk one by one: what is measured afterwards is reading.
    """
    setup = setup_of()
    open_run(folder, folder / "no-such-data-set", setup, "training")
    pool = _view_pool(seed) if views else []
    with _without_flushing():
        for number, record in enumerate(records(cases, features=features, seed=seed)):
            if pool and record.status == "ok":
                write_view(folder, record.case_id, pool[number % len(pool)])
            write_record(folder, record, {"network": 1.0})
    return folder


def records(cases: int, *, features: bool = True, seed: int = 0) -> Iterator[Record]:
    """The records of so many cases."""
    setup = setup_of()
    sha256 = fingerprint(setup)
    rng = np.random.default_rng(seed)
    for number in range(cases):
        failed = number % 100 == 99
        yield Record(
            case_id=case_id(number),
            subset="validation" if number % 10 == 9 else "training",
            attributes={"site": SITES[number % len(SITES)]},
            # A report shows no images of files that have changed, and these were never there.
            inputs=CaseInputs(None, None),
            setup=setup,
            setup_sha256=sha256,
            status="failed" if failed else "ok",
            reason="the image ends before its last plane" if failed else "",
            warnings=("the label's origin differs by 0.4 mm",) if number % 50 == 7 else (),
            shape=() if failed else (PLANES, HEIGHT, WIDTH),
            spacing_mm=() if failed else (3.0, 1.0, 1.0),
            classes=() if failed else tuple(_score(one, rng, number, features) for one in CLASSES),
        )


def make_large_run(folder: Path, cases: int, seed: int = 0) -> Path:
    """Write a run whose table is kept, and whose records are there but empty: what reads them has to fail.

    The numbers are drawn as columns, which takes seconds where ten million lines of JSON take an hour.
    """
    open_run(folder, folder / "no-such-data-set", setup_of(), "training")
    (folder / "records").mkdir()
    for number in range(cases):
        (folder / "records" / file_name(case_id(number))).touch()
    table = draw_table(cases, seed)
    ids = [case_id(number) for number in range(cases)]
    facts = {"status": "ok", "reason": "", "warnings": [[] for _ in ids]}
    hashes = [f"{number:064x}" for number in range(cases)]
    about = pd.DataFrame({"case": ids, **facts, "image_sha256": hashes, "label_sha256": hashes})
    stamp = stamp_of(folder)
    assert stamp is not None
    keep(folder, {"table": table, "cases": about}, stamp)
    return folder


def draw_table(cases: int, seed: int = 0) -> pd.DataFrame:
    """A scores table as `make_run`'s, but that `mahalanobis` is drawn too and nothing failed."""
    rng = np.random.default_rng(seed)
    numbers = np.repeat(np.arange(cases), len(CLASSES))
    class_ids = np.tile([one.class_id for one in CLASSES], cases)
    content = {
        "case": [case_id(number) for number in numbers],
        "subset": np.where(numbers % 10 == 9, "validation", "training").tolist(),
        "class_id": pd.array(class_ids, dtype="Int64"),
        "class": [one.name for one in CLASSES] * cases,
        "status": ["ok"] * len(numbers),
        "reason": [""] * len(numbers),
    }
    odd = np.where(numbers % 20 == 3, 4.0 * (rng.random(len(numbers)) < 0.3), 0.0)
    for name in CASE_MEASURES:
        content[name] = _values(name, rng.standard_normal(len(numbers)) + odd, class_ids)
    table = pd.DataFrame(content)
    compared = cohort_columns(table, {})
    compared.insert(0, "mahalanobis", np.sqrt(rng.chisquare(FEATURES, len(numbers))))
    return pd.concat([table, compared], axis=1).assign(site=[SITES[number % len(SITES)] for number in numbers])


def dataset_of(folder: Path, cases: int, *, files: int = 20) -> Dataset:
    """A data set whose cases share a few small volumes, which are written into the folder."""
    from auvseg.data.case import Case

    images = [_write_volume(folder, number) for number in range(files)]
    named = [(case_id(number), images[number % files]) for number in range(cases)]
    made = tuple(Case(name, (image,), label, attributes={}) for name, (image, label) in named)
    return Dataset("synthetic", folder, "none", None, made, CLASSES, channel_names=("CT",), modality="ct")


def _score(one: ClassDef, rng: np.random.Generator, number: int, features: bool) -> ClassScore:
    draws = rng.standard_normal(len(CASE_MEASURES)) + (4.0 if number % 20 == 3 else 0.0) * (rng.random() < 0.3)
    if number % 50 == 11 and one.class_id == 3:
        return ClassScore(one.class_id, one.name, "absent", "the label does not hold this class", 0, 0, {}, None)
    drawn = zip(CASE_MEASURES, draws, strict=True)
    values = {name: float(_values(name, draw, one.class_id)) for name, draw in drawn}
    embedding = packed(rng.standard_normal(FEATURES).tolist()) if features else None
    return ClassScore(one.class_id, one.name, "ok", "", PLANES, PLANES, values, embedding)


def _values(name: str, draws: np.ndarray, class_ids: np.ndarray | int) -> np.ndarray:
    """Numbers within the measure's range, another middle a class."""
    one = MEASURES[name]
    if name in _INTEGERS:
        return np.round(np.exp(0.5 * draws + class_ids))
    if np.isinf(one.high) and not np.isinf(one.low):
        return one.low + np.exp(0.4 * draws) * class_ids
    if np.isinf(one.low):
        return np.minimum(draws - class_ids, one.high)
    return one.low + (one.high - one.low) / (1.0 + np.exp(-0.7 * draws - 0.2 * class_ids))


def _view_pool(seed: int, size: int = 50) -> list[CaseView]:
    """Views to draw from: what they hold does not matter, how large it is does."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:80, :80]
    pool = []
    for _ in range(size):
        centre, radius = rng.uniform(30, 50, 2), rng.uniform(10, 25)
        inside = np.hypot(rows - centre[0], columns - centre[1]) < radius
        grey = np.clip(90 + 60 * inside + rng.normal(0, 12, inside.shape), 0, 255).astype(np.uint8)
        thumbnail = Thumbnail(grey, inside.astype(np.uint8) * 3, PLANES // 2)
        pool.append(CaseView({one.class_id: _class_view(rng, inside[:HEIGHT, :WIDTH]) for one in CLASSES}, thumbnail))
    return pool


def _class_view(rng: np.random.Generator, inside: np.ndarray) -> ClassView:
    mask = np.repeat(np.packbits(inside.reshape(1, -1), axis=1), PLANES, axis=0)
    spectrum = np.sort(rng.dirichlet(np.full(PLANES, 0.3)))[::-1]
    planes = [rng.uniform(0, 1, PLANES).astype(np.float32) for _ in range(4)]
    return ClassView(np.arange(PLANES, dtype=np.int32), spectrum.astype(np.float32), *planes, mask)


def _write_volume(folder: Path, number: int) -> tuple[Path, Path]:
    import nibabel

    rng = np.random.default_rng(number)
    grid = np.mgrid[:WIDTH, :HEIGHT, :PLANES].astype(np.float32)
    label = np.zeros((WIDTH, HEIGHT, PLANES), dtype=np.uint8)
    for one, middle in zip(CLASSES, ((20, 24, 12), (44, 24, 10), (24, 44, 14)), strict=True):
        away = grid - (np.array(middle) + rng.uniform(-2, 2, 3)).reshape(3, 1, 1, 1)
        label[np.sqrt((away * [[[[1]]], [[[1]]], [[[2]]]]) ** 2).sum(axis=0) < 18] = one.class_id
    image = (rng.normal(0, 20, label.shape) + 60 * label).astype(np.int16)
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    paths = (folder / f"image_{number:02d}.nii.gz", folder / f"label_{number:02d}.nii.gz")
    for path, array in zip(paths, (image, label), strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return paths


@contextmanager
def _without_flushing() -> Iterator[None]:
    flush = os.fsync
    os.fsync = lambda descriptor: None
    try:
        yield
    finally:
        os.fsync = flush
