"""Cases to workers, with workers that live in the test and die when it says so."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.data.case import Case, Dataset
from auvseg.errors import RunError, UsageError
from auvseg.scoring.case_worker import IN_FLIGHT, TaskDone
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.extractor import ExtractorFacts
from auvseg.scoring.record import read_record, record_path
from auvseg.scoring.scheduler import MAX_ATTEMPTS, Scheduler, WorkerLost
from auvseg.scoring.scorer import CaseDone, CaseTask, make_job

FACTS = ExtractorFacts({"name": "small"}, (), False)
CASES = [Case(f"case_{number}", (Path("image"),), None) for number in range(9)]


class ScriptedFleet:
    """Workers that do what they are told: `deadly` cases take their worker with them, and chance takes some more."""

    def __init__(self, size, *, deadly=(), chance=(), opens=lambda slot, start: FACTS, weak=()):
        self.names = [f"worker {number}" for number in range(size)]
        self.deadly, self.chance, self.opens, self.weak = set(deadly), list(chance), opens, set(weak)
        self.starts, self.given, self.held = Counter(), Counter(), {}
        self.begun, self.most_held, self.news, self.stopped = set(), 0, [], False

    def start(self, slot):
        self.starts[slot] += 1
        self.held[slot] = []
        self.begun.discard(slot)
        opened = self.opens(slot, self.starts[slot])
        self.news.append((slot, WorkerLost(opened) if isinstance(opened, str) else opened))

    def begin(self, slot, job):
        self.begun.add(slot)

    def give(self, slot, task):
        case = task.case
        assert slot in self.begun, "a case before the worker knew its run"
        under_way = [one for held in self.held.values() for one in held]
        assert case.case_id not in under_way, "one case with two workers"
        self.given[case.case_id] += 1
        self.held[slot].append(case.case_id)
        self.most_held = max(self.most_held, len(self.held[slot]))

    def wait(self):
        if self.news:
            news, self.news = self.news, []
            return news
        busy = {slot: held for slot, held in self.held.items() if held}
        assert busy, "waiting for workers that have nothing to do"
        slot = sorted(busy)[self.chance.pop() % len(busy)] if self.chance else min(busy)
        slot = next((one for one in busy if (one, self.starts[one]) in self.weak), slot)
        first = busy[slot][0]
        if (
            first in self.deadly
            or (slot, self.starts[slot]) in self.weak
            or (self.chance and self.chance.pop() % 4 == 0)
        ):
            self.held[slot] = []
            return [(slot, WorkerLost("SIGKILL"))]
        self.held[slot].pop(0)
        return [(slot, TaskDone(first, (CaseDone(first, "ok"),)))]

    def stop(self):
        self.stopped = True


def run(fleet, tmp_path, cases=CASES):
    notes = []
    dataset = Dataset("small", tmp_path, "test", None, tuple(cases))
    with Scheduler(fleet, notes.append) as scheduler:
        config = ScoreConfig(modality="mri")
        job = make_job(dataset, config, tmp_path, scheduler.facts(), views=False, read_timeout_s=None)
        scheduler.begin(job)
        ended = list(scheduler.run([CaseTask(case) for case in cases]))
    assert fleet.stopped
    return ended, notes


@pytest.mark.parametrize("size", [1, 2, 5, 20])
def test_every_case_ends_once_and_no_worker_has_more_than_it_has_room_for(tmp_path, size):
    fleet = ScriptedFleet(size)
    ended, notes = run(fleet, tmp_path)
    assert sorted(one.case_id for one in ended) == sorted(case.case_id for case in CASES)
    assert fleet.most_held == min(IN_FLIGHT, len(CASES))
    assert set(fleet.given.values()) == {1}
    assert notes == []


@pytest.mark.parametrize("size", [1, 3])
def test_a_case_that_kills_its_workers_gets_a_record_and_takes_nobody_with_it(tmp_path, size):
    fleet = ScriptedFleet(size, deadly=["case_4", "case_5"])
    ended, notes = run(fleet, tmp_path)
    by_id = {one.case_id: one for one in ended}
    assert len(ended) == len(by_id) == len(CASES)
    assert {name for name, one in by_id.items() if one.status == "failed"} == fleet.deadly
    for name in fleet.deadly:
        record = read_record(record_path(tmp_path, name))
        assert record.status == "failed"
        assert f"{MAX_ATTEMPTS} workers" in record.reason
        assert "SIGKILL" in record.reason
    assert sum(fleet.starts.values()) == size + len(notes)


@given(chance=st.lists(st.integers(0, 99), max_size=60), size=st.integers(1, 4), deadly=st.integers(0, 8))
def test_whatever_is_lost_when_every_case_ends_once_and_only_a_deadly_one_can_fail(
    tmp_path_factory, chance, size, deadly
):
    fleet = ScriptedFleet(size, deadly=[f"case_{deadly}"], chance=chance)
    try:
        ended, _ = run(fleet, tmp_path_factory.mktemp("run"))
    except RunError:
        # So many losses in a row are no case's fault; another test says how many.
        return
    assert Counter(one.case_id for one in ended) == Counter(case.case_id for case in CASES)
    failed = {one.case_id for one in ended if one.status == "failed"}
    assert f"case_{deadly}" in failed
    # Chance can kill a worker under an innocent case again and again, but only while it is alone with it.
    assert all(fleet.given[name] == MAX_ATTEMPTS for name in failed)


def test_a_worker_that_cannot_be_made_ends_the_run_with_its_reason(tmp_path):
    fleet = ScriptedFleet(2, opens=lambda slot, start: UsageError("no such weights") if slot else FACTS)
    with pytest.raises(UsageError, match="no such weights"):
        run(fleet, tmp_path)
    assert fleet.stopped


def test_workers_that_end_before_they_begin_are_not_started_for_ever(tmp_path):
    fleet = ScriptedFleet(1, opens=lambda slot, start: "exit status 1")
    with pytest.raises(RunError, match="__main__"):
        run(fleet, tmp_path)
    assert fleet.starts[0] == 3


def test_a_device_that_is_gone_after_a_loss_is_done_without(tmp_path):
    def opens(slot, start):
        return FACTS if slot == 0 or start == 1 else UsageError("no CUDA device 1")

    fleet = ScriptedFleet(2, opens=opens, weak=[(1, 1)])
    ended, notes = run(fleet, tmp_path)
    assert {one.status for one in ended} == {"ok"}
    assert len(ended) == len(CASES)
    assert any("no CUDA device 1" in note for note in notes)


def test_a_worker_that_would_compute_something_else_is_refused(tmp_path):
    other = ExtractorFacts({"name": "small", "precision": "bf16"}, (), False)
    fleet = ScriptedFleet(2, opens=lambda slot, start: other if slot else FACTS)
    with pytest.raises(RunError, match="precision"):
        run(fleet, tmp_path)


def test_workers_that_are_lost_whatever_they_do_end_the_run(tmp_path):
    fleet = ScriptedFleet(3, deadly=[case.case_id for case in CASES])
    with pytest.raises(RunError, match="in a row"):
        run(fleet, tmp_path)
