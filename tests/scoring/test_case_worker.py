"""A worker as an engine uses it, in this process."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from auvseg.errors import RunError, UsageError
from auvseg.scoring.case_worker import IN_FLIGHT, CaseWorker, WorkerPlan, answered
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.run import open_run
from auvseg.scoring.scorer import CaseTask, make_job
from small_dataset import small_dataset

CONFIG = ScoreConfig(modality="mri", extractor="small_extractor:Small")


@pytest.fixture
def dataset(tmp_path):
    return small_dataset(tmp_path)


@pytest.fixture
def worker(dataset):
    return CaseWorker(WorkerPlan(CONFIG, replace(dataset, cases=()), "cpu", torch.get_num_threads(), Path.cwd()))


def test_cases_may_come_before_the_run_and_two_at_a_time(dataset, worker, tmp_path):
    job = make_job(dataset, CONFIG, tmp_path / "run", worker.open(), views=False, read_timeout_s=60)
    open_run(tmp_path / "run", tmp_path, job.setup, "training")
    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        answers = threads.map(worker.score, map(CaseTask, dataset.cases))
        assert worker.begin(job) is None
        ends = [end for answer in answers for end in answer.ends]
    assert {(end.case_id, end.status) for end in ends} == {(case.case_id, "ok") for case in dataset.cases}
    assert not job.dataset.cases


def test_a_worker_that_does_not_see_the_run_folder_says_so(dataset, worker, tmp_path):
    job = make_job(dataset, CONFIG, tmp_path / "run", worker.open(), views=False, read_timeout_s=60)
    problem = worker.begin(job)
    assert isinstance(problem, RunError)
    assert "is no auvseg run" in str(problem)
    assert str(worker.score(CaseTask(dataset.cases[0]))) == str(problem)


def test_a_worker_that_sees_another_run_says_so(dataset, worker, tmp_path):
    job = make_job(dataset, CONFIG, tmp_path / "run", worker.open(), views=False, read_timeout_s=60)
    open_run(tmp_path / "run", tmp_path, {**job.setup, "auvseg": "0.0.0"}, "training")
    assert "0.0.0" in str(worker.begin(job))


def test_errors_are_answers_of_one_line(dataset):
    unknown = CaseWorker(WorkerPlan(replace(CONFIG, extractor="no-such-model"), dataset, "cpu", 1, Path.cwd()))
    assert isinstance(unknown.open(), UsageError)
    assert str(answered(lambda: [][1])) == "a worker stopped: IndexError: list index out of range"
