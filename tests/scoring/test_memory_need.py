"""What a case is expected to need, beside what it is measured to need."""

import gc
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from auvseg.data.case import Case, ClassDef
from auvseg.data.workers.memory import MapMemory, forget_peak, gigabytes, held_bytes, peak_bytes
from auvseg.errors import CaseError
from auvseg.scoring.case import Course, score_case
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.extractor import make_extractor
from auvseg.scoring.loading import LoadTask, load_case
from auvseg.scoring.memory_need import Copying, Need, Room, fits_beside, maps_bytes, need_of, promise_of, require_room
from auvseg.scoring.view import CaseView

NO_MAPS = MapMemory(plane_bytes=0, fixed_bytes=0)
FACTOR = 2.0
"""How far above the measured peak the expected one may lie; it may not lie below."""

BUFFERS = 6_000_000
"""What does not grow with the volume; it is part of what is assumed of the processes."""


def write_case(folder, shape, dtype=np.int16):
    """A volume one part of which is a structure, as it is stored: x, y, z."""
    rng = np.random.default_rng(0)
    image = rng.integers(-500, 500, shape, dtype=np.int16).astype(dtype)
    label = np.zeros(shape, dtype=np.uint8)
    label[2:-2, shape[1] // 4 : shape[1] // 2, 1:-1] = 1
    paths = [folder / f"{name}.nii" for name in ("image", "label")]
    for path, array in zip(paths, (image, label), strict=True):
        nib.save(nib.Nifti1Image(array, np.diag([-1.0, -1.0, 2.0, 1.0])), path)
    return Case("case", (paths[0],), paths[1])


def room(allowed=10**12, engine=0, maps=NO_MAPS, classes=1):
    return Room(allowed, engine, maps, classes)


def expected(case, **changes):
    return need_of(promise_of(case, channel=0, with_label=True, channels=1), room(**changes))


@pytest.fixture
def counted():
    # What earlier tests left would be given back while this one counts.
    gc.collect()
    if not forget_peak():
        pytest.skip("this system keeps no high-water mark that can be set back")


@pytest.mark.parametrize(
    ("shape", "dtype", "modality"),
    [
        ((160, 160, 120), np.int16, "ct"),
        ((256, 224, 180), np.int16, "mri"),
        ((200, 200, 150), np.float64, "ct"),
    ],
)
def test_what_is_expected_is_at_least_what_is_measured_and_not_much_more(tmp_path, counted, shape, dtype, modality):
    case = write_case(tmp_path, shape, dtype)
    need = expected(case)
    task = LoadTask(case, 0, 1, with_label=True, known=None)
    before = held_bytes()
    loaded = load_case(task)
    reading = loaded.peak_bytes - before
    without_process = need.reading - expected_of_nothing().reading
    assert reading <= without_process + BUFFERS <= FACTOR * reading

    config = ScoreConfig(modality=modality, extractor="none", measures=("volume_ml", "edge", "contact", "parts"))
    extractor = make_extractor(config, "cpu")
    # The volume is held already, and is part of what is expected.
    held = loaded.volume.image.nbytes + loaded.volume.label.nbytes
    forget_peak()
    before = held_bytes()
    classes = (ClassDef(1, "one", (1,)),)
    scores = score_case(loaded.volume, classes, None, extractor, config, Course(), CaseView(), consume=True)
    scoring = peak_bytes() - before + held
    assert scores[0].measures["volume_ml"] > 0
    assert scoring <= need.scoring + BUFFERS <= FACTOR * scoring


# In a process of its own: what other tests freed is used again in this one, and is then not counted.
SCORE_A_COPY = """
import sys
from dataclasses import replace
from pathlib import Path
from auvseg.data.case import Case, ClassDef
from auvseg.data.workers.memory import forget_peak, held_bytes, peak_bytes
from auvseg.scoring.case import Course, score_case
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.extractor import make_extractor
from auvseg.scoring.loading import LoadTask, load_case
image, label = map(Path, sys.argv[1:])
volume = load_case(LoadTask(Case("case", (image,), label), 0, 1, with_label=True, known=None)).volume
config = ScoreConfig(modality="mri", extractor="none", measures=("volume_ml", "edge", "contact", "parts"))
extractor, classes = make_extractor(config, "cpu"), (ClassDef(1, "one", (1,)),)
held = volume.image.nbytes + volume.label.nbytes
forget_peak()
before = held_bytes()
copy = replace(volume, image=volume.image + 1, label=volume.label + 0)
score_case(copy, classes, None, extractor, config, Course())
print(peak_bytes() - before + held)
"""


def test_a_changed_copy_is_expected_beside_the_case(tmp_path, counted):
    case = write_case(tmp_path, (256, 224, 180))
    need = need_of(promise_of(case, channel=0, with_label=True, channels=1), room(), Copying(0, 0))
    command = [sys.executable, "-c", SCORE_A_COPY, str(case.images[0]), str(case.label)]
    scoring = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert scoring <= need.scoring + BUFFERS <= FACTOR * scoring


def test_what_making_a_copy_takes_and_the_planes_that_are_remembered_count(tmp_path):
    promise = promise_of(write_case(tmp_path, (16, 16, 40)), channel=0, with_label=True, channels=1)
    plain, changed, remembering = (
        need_of(promise, room(), copying) for copying in (Copying(0, 0), Copying(1000, 0), Copying(1000, 256))
    )
    assert plain.reading == changed.reading
    assert changed.scoring > plain.scoring + 900 * 16 * 16 * 40
    assert remembering.scoring - changed.scoring > 40 * 10**6


def expected_of_nothing():
    """What a process takes that reads and scores, whatever it reads."""
    return Need(150_000_000, 0)


def test_a_case_that_does_not_fit_is_refused_with_the_numbers_before_its_voxels_are_read(tmp_path, monkeypatch):
    case = write_case(tmp_path, (64, 64, 64))
    need = max(expected(case).reading, expected(case).scoring)
    monkeypatch.setattr("auvseg.scoring.loading.load_volume", lambda *_, **__: pytest.fail("the voxels were read"))
    loaded = load_case(LoadTask(case, 0, 1, with_label=True, known=None, room=room(allowed=need - 1)))
    assert loaded.volume is None
    assert f"needs {gigabytes(need)} of memory" in loaded.error
    assert "raise --max-memory" in loaded.error
    # The hashes are those of the files, so that a run with more memory knows the case again.
    assert loaded.inputs.image_sha256 is not None


def test_a_header_that_promises_too_much_is_refused_by_its_promise(tmp_path):
    promise = promise_of(write_case(tmp_path, (16, 16, 16)), channel=0, with_label=True, channels=1)
    huge = promise.image.__class__(**{**vars(promise.image), "shape": (4096, 4096, 4096)})
    need = need_of(promise.__class__(huge, promise.label, True, 1), room(allowed=10**9))
    with pytest.raises(CaseError, match=r"needs \d+\.\d GB of memory, 1\.0 GB are allowed"):
        require_room(need, room(allowed=10**9))


def test_more_classes_planes_and_channels_need_more_up_to_what_is_open_at_a_time(tmp_path):
    case = write_case(tmp_path, (16, 16, 40))
    header = promise_of(case, channel=0, with_label=True, channels=1).image
    of = [maps_bytes(header, room(maps=MapMemory(1000, 6, 0), classes=classes)) for classes in (1, 3, 6, 104)]
    assert of == [3000 * 40, 5000 * 40, 8000 * 40, 8000 * 40]
    assert maps_bytes(header, room(maps=MapMemory(1000, 6, 0, max_planes=2), classes=3)) == 1000 * (3 * 2 + 4)
    # Of a data set that names no classes many are assumed.
    assert maps_bytes(header, room(maps=MapMemory(1000, 6, 0), classes=None)) == of[-1]
    one, three = (promise_of(case, channel=0, with_label=True, channels=number) for number in (1, 3))
    assert need_of(three, room()).scoring > need_of(one, room()).scoring


def test_a_case_is_read_beside_another_only_where_both_fit():
    assert fits_beside(Need(10, 100), Need(50, 1000), 150)
    assert not fits_beside(Need(10, 100), Need(51, 1000), 150)
    assert Need(10, 100).fits(100)
    assert not Need(101, 100).fits(100)
