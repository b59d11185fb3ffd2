"""A folder of DICOM series with labels through check, score and filter, as a user would."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from auvseg.cli import app
from auvseg.errors import UsageError
from dicom_files import SECRET, Scan, circle, write_contours, write_segmentation, write_series

pytestmark = pytest.mark.slow

ROWS, COLUMNS, PLANES = 24, 28, 8


@pytest.fixture
def folder(tmp_path):
    """Four patients: three with a structure set, one with a SEG; their folders have neutral names."""
    root = tmp_path / "hospital"
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    for patient in range(4):
        scan = Scan()
        noise = np.random.default_rng(patient).normal(0, 20, (PLANES, ROWS, COLUMNS))
        inside = (columns - 14) ** 2 * 0.64 + (rows - 12) ** 2 * 0.49 < 36
        voxels = (noise + 1000 + 80 * inside).astype(np.int16)
        files = write_series(root / f"p{patient}" / "study" / "ct", voxels, scan)
        label = root / f"p{patient}" / "study" / "label"
        if patient == 3:
            masks = np.zeros(voxels.shape, np.uint8)
            masks[2:6, inside] = 1
            write_segmentation(label, files, masks, ["liver"], "BINARY")
        else:
            write_contours(label, scan, {"liver": [circle(scan, (14, 12), 6.0, plane) for plane in range(2, 6)]})
    return root


def run(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def refused(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert isinstance(result.exception, UsageError)
    return str(result.exception)


def test_check_score_and_filter_work_from_dicom_and_keep_its_secrets(folder, tmp_path):
    checked = run("check", folder, "--json")
    assert checked.exit_code == 0, checked.output
    assert '"findings": []' in checked.output
    scores = tmp_path / "run"
    scored = run("score", folder, "-o", scores, "--extractor", "none")
    assert scored.exit_code == 0, scored.output
    again = run("score", folder, "-o", scores, "--extractor", "none")
    assert "0 new, 4 reused, 0 failed" in again.output
    filtered = run("filter", scores, "--keep", "0.75", "--by", "noise", "--export", "datalist")
    assert filtered.exit_code == 0, filtered.output
    datalist = json.loads((scores / "filter" / "datalist.json").read_text())
    assert len(datalist["training"]) == 3
    assert (scores / "filter" / "manifest.json").is_file()
    assert all((scores / "filter" / entry["image"]).resolve().is_dir() for entry in datalist["training"])
    shown = (checked.output + scored.output + filtered.output).encode()
    everything = b"".join(path.read_bytes() for path in scores.rglob("*") if path.is_file()) + shown
    for secret in (*SECRET.split("^"), "19281", "20200101"):
        assert secret.casefold().encode() not in everything.lower()

    ignore = ("--by", "noise", "--scope", "class", "--keep", "0.75", "--export", "ignore", "--to", tmp_path / "raw")
    assert "nnU-Net cannot read; convert" in refused("filter", scores, *ignore)
    # MONAI would take one file of a series for the whole of it.
    write_series(folder / "p1" / "study" / "ct", np.ones((4, ROWS, COLUMNS), np.int16), Scan(), names=list("wxyz"))
    other = ("--keep", "0.75", "--by", "noise", "--export", "datalist", "--to", tmp_path / "other.json")
    assert "shares a folder with others" in refused("filter", scores, *other)


def test_one_bad_series_is_one_row(folder, tmp_path):
    sorted((folder / "p1" / "study" / "ct").iterdir())[2].unlink()
    checked = run("check", folder, "--json")
    assert checked.exit_code == 1
    assert "unusable_series" in checked.output
    scored = run("score", folder, "-o", tmp_path / "run", "--extractor", "none")
    assert scored.exit_code == 1
    assert "1 of 8 planes are missing" in " ".join(scored.output.split())
    assert "3 new" in scored.output
