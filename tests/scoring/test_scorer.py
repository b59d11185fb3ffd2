"""Cases and their changed copies, scored in this process and read in it."""

import time
from dataclasses import replace

import numpy as np
import pytest

from auvseg.data.workers.memory import UNKNOWN
from auvseg.data.workers.process import Outcome
from auvseg.errors import CaseError, WriteError
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.extractor import ExtractorFacts, make_extractor
from auvseg.scoring.loading import load_case
from auvseg.scoring.record import read_record, record_path
from auvseg.scoring.scorer import CaseTask, Copy, Scorer, copies_without_record, make_job, write_failure
from small_dataset import small_dataset

CONFIG = ScoreConfig(modality="mri", extractor="none")


@pytest.fixture
def dataset(tmp_path):
    return small_dataset(tmp_path)


@pytest.fixture
def job(dataset, tmp_path):
    facts = ExtractorFacts({"name": "none"}, (), every_channel=False, map_memory=UNKNOWN)
    return make_job(dataset, CONFIG, tmp_path / "run", facts, views=False, read_timeout_s=None)


def doubled(volume):
    return replace(volume, image=volume.image * 2)


def impossible(volume):
    raise CaseError("cannot be changed so")


def broken(volume):
    return volume.image[np.array([99])]


def disk_is_full(volume):
    raise WriteError("No space left")


def copies_of(job, **changes):
    return tuple(
        Copy(job.run_folder / name, {**job.setup, "change": name}, change, voxel_bytes=8)
        for name, change in changes.items()
    )


def scored(job, task, **changes):
    scorer = Scorer(replace(job, **changes), make_extractor(CONFIG, "cpu"))
    to_load = scorer.prepare(task)
    return list(scorer.finish(Outcome(to_load, load_case(to_load), None)))


def record_of(copy, task):
    return read_record(record_path(copy.run_folder, task.case.case_id))


def test_every_copy_has_a_record_of_its_own_and_what_goes_wrong_with_one_stays_with_it(job, dataset):
    task = CaseTask(dataset.cases[0], copies_of(job, double=doubled, never=impossible, broken=broken, again=doubled))
    ends = scored(job, task)
    assert [end.status for end in ends] == ["ok", "failed", "failed", "ok"]
    assert [end.reason.split(":")[0] for end in ends] == ["", "cannot be changed so", "IndexError", ""]
    double, never, _, again = (record_of(copy, task) for copy in task.copies)
    assert double.classes == again.classes
    assert (double.setup["change"], never.reason) == ("double", "cannot be changed so")
    (clean,) = scored(job, CaseTask(task.case))
    assert clean.status == "ok"
    assert read_record(record_path(job.run_folder, task.case.case_id)).classes == double.classes


def test_copies_that_are_recorded_are_kept_and_one_that_is_missing_is_made(job, dataset):
    task = CaseTask(dataset.cases[0], copies_of(job, double=doubled, never=impossible))
    scored(job, CaseTask(task.case))
    assert copies_without_record(task, job.run_folder, job.setup) == task.copies
    scored(job, task)
    assert copies_without_record(task, job.run_folder, job.setup) == ()
    assert [end.reused for end in scored(job, task)] == [True, True]
    record_path(task.copies[0].run_folder, task.case.case_id).unlink()
    assert copies_without_record(task, job.run_folder, job.setup) == task.copies[:1]
    assert [end.reused for end in scored(job, task)] == [False, True]


def test_a_copy_whose_case_did_not_fit_is_made_when_there_is_room(job, dataset):
    task = CaseTask(dataset.cases[0], copies_of(job, double=doubled))
    (end,) = scored(job, task, max_bytes=10**6)
    assert "1.0 MB are allowed" in end.reason
    assert [(end.status, end.reused) for end in scored(job, task)] == [("ok", False)]


def test_after_its_time_only_the_copies_that_are_due_are_made(job, dataset):
    copies = copies_of(job, one=doubled, two=doubled, three=doubled)
    task = CaseTask(dataset.cases[0], copies, until=time.time() - 1, at_least=2)
    assert len(scored(job, task)) == 2
    assert not replace(task, at_least=0).in_time(0)
    assert len(scored(job, replace(task, until=time.time() + 600))) == 3


def test_a_full_disk_is_no_fault_of_a_copy(job, dataset):
    with pytest.raises(WriteError, match="No space left"):
        scored(job, CaseTask(dataset.cases[0], copies_of(job, full=disk_is_full)))


def test_a_lost_case_fails_with_the_copies_that_were_not_made_yet(job, dataset):
    task = CaseTask(dataset.cases[0], copies_of(job, one=doubled, two=doubled, three=doubled))
    scored(job, CaseTask(task.case))
    scored(job, replace(task, copies=task.copies[:1]))
    ends = write_failure(job, task, "workers were lost")
    assert [end.reason for end in ends] == ["workers were lost"] * 2
    assert [record_of(copy, task).status for copy in task.copies] == ["ok", "failed", "failed"]
    assert copies_without_record(task, job.run_folder, job.setup) == task.copies[1:]
    (end,) = write_failure(job, CaseTask(dataset.cases[1]), "workers were lost")
    assert (end.case_id, end.status) == (dataset.cases[1].case_id, "failed")
