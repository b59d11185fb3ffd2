"""What a report costs a case, in proportion to the bound for ten thousand, and what a page does not hold of more."""

import json
import re

import pytest

from auvseg.report import ReportOptions, write_report
from auvseg.report import ranked_run as prepared
from auvseg.report.page import asset
from auvseg.scoring.view import read_view
from synthetic_run import make_run

CASES = 200
INDEX_BYTES_OF_TEN_THOUSAND = 15e6


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("synthetic") / "run", CASES)


def made(run, folder, **options):
    done = write_report(run, folder, None, ReportOptions(images=0, **options))
    page = done.index.read_text(encoding="utf-8")
    return done, json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    return made(run, tmp_path_factory.mktemp("whole"))


def test_a_case_takes_its_share_of_the_bytes(whole):
    done, _ = whole
    fixed = sum(len(asset(f"vendor/{name}").encode()) for name in ("echarts.min.js", "tabulator.min.js")) + 200_000
    assert done.index.stat().st_size <= fixed + CASES / 10_000 * (INDEX_BYTES_OF_TEN_THOUSAND - fixed)
    files = [path.stat().st_size for path in (done.index.parent / "cases").iterdir()]
    assert len(files) == CASES
    assert max(files) < 6_000
    assert sum(path.stat().st_size for path in (done.index.parent / "thumbs").iterdir()) < 3_000 * CASES


@pytest.mark.parametrize(("cases", "rows", "shown"), [(50, 150_000, 50), (10_000, 90, 30)], ids=["cases", "rows"])
def test_a_page_holds_the_worst_of_a_run_too_large_for_it(run, whole, tmp_path, monkeypatch, cases, rows, shown):
    monkeypatch.setattr(prepared, "MAX_CASES", cases)
    monkeypatch.setattr(prepared, "MAX_ROWS", rows)
    done, data = made(run, tmp_path)
    assert (done.cases, done.total, data["total"]) == (shown, CASES, CASES)
    every = whole[1]
    for name in ("id", "suspicion", "why"):
        assert data["cases"][name] == every["cases"][name][:shown]
    assert data["bands"] == every["bands"]
    failed = [[row for row in one["problems"]["rows"] if row["severity"] == "error"] for one in (data, every)]
    assert failed[0] == failed[1]
    assert len(failed[0]) == CASES // 100
    assert len(list((tmp_path / "cases").iterdir())) == shown


def test_whoever_asks_for_more_gets_more(run, tmp_path, monkeypatch):
    monkeypatch.setattr(prepared, "MAX_CASES", 10)
    done, data = made(run, tmp_path, top=20)
    assert done.cases == len(data["cases"]["id"]) == 20


def test_a_view_without_its_masks_is_else_the_same(run):
    whole, less = (read_view(run, "synthetic_000001", masks=masks) for masks in (True, False))
    assert whole.classes.keys() == less.classes.keys()
    for class_id, one in less.classes.items():
        assert one.mask.shape == (len(one.planes), 0)
        same = ("planes", "scale", "spectrum", "agreement")
        assert all((getattr(one, name) == getattr(whole.classes[class_id], name)).all() for name in same)
