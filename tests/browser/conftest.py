"""Reports of a drawn run, made once a session, and one browser for all tests.

The case ids and the names of the classes are hostile throughout: every test shows that they harm nothing.
"""

import os
from types import SimpleNamespace

import pytest
from filelock import FileLock

from auvseg.data.case import ClassDef
from auvseg.report import ReportOptions, write_report
from drawn_runs import draw_dataset, draw_run
from report_reader import OFFLINE, ReportReader

IDS = (
    "case_00",
    "case_01",
    "case_02",
    "case_03",
    "case_04",
    "<script>window.harmed = 1</script>",
    "</script><img src=x onerror='window.harmed = 1'>",
    "\"quoted\" 'twice' `and` &amp; {{ more }}",
    "long" * 75,
    "‮מקרה‬ ‏עברית",
    "🧠🩻 emoji",
    "__proto__",
    "constructor",
    "=HYPERLINK(1)",
)
CLASSES = (
    ClassDef(1, "<b>liver</b><script>window.harmed = 1</script>", (1,)),
    ClassDef(2, "constructor", (2,)),
    ClassDef(3, 'كلية 🫘 "left"', (3,)),
)
ODD = (1, 4)
"""Places in `IDS` of the cases that are noisy, and on which the model errs."""


def _make(folder):
    dataset = draw_dataset(folder / "data", IDS, classes=CLASSES, odd=ODD, name="<i>drawn</i>")
    run = draw_run(dataset, folder / "run")
    finding = {
        "case": IDS[5],
        "severity": "error",
        "message": "<img src=x onerror='window.harmed = 1'>",
        "advice": "look",
    }
    write_report(run, folder / "report", dataset, ReportOptions(findings=[finding]))
    write_report(run, folder / "single", dataset, ReportOptions(single_file=True, top=6))


@pytest.fixture(scope="session")
def reports(tmp_path_factory):
    """Where the report and the single file are; workers that run side by side share them."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "browser reports ä"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "made").exists():
            _make(folder)
            (folder / "made").touch()
    return SimpleNamespace(
        folder=folder / "report", index=folder / "report" / "index.html", single=folder / "single" / "index.html"
    )


@pytest.fixture(scope="session")
def browser():
    reader = ReportReader()
    yield reader
    reader.close()


@pytest.fixture
def reader(browser):
    """The browser; after the test it must have asked for nothing but local files, and complained of nothing."""
    browser.problems()
    browser.requests()
    yield browser
    assert browser.problems() == []
    asked = browser.requests()
    assert [url for url in asked if not url.startswith(OFFLINE)] == []
    assert not browser.js("window.harmed")
