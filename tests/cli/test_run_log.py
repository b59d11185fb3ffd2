"""The log of a run, written by several processes at once."""

import subprocess
import sys

ENTRIES = 200

CODE = """
import sys
from pathlib import Path
from auvseg.cli.console import say_detail
from auvseg.cli.run_log import RunLog, keep_log, attached

folder, name = Path(sys.argv[1]), sys.argv[2]
with attached(RunLog()):
    keep_log(folder, "run.json")
    for number in range(int(sys.argv[3])):
        say_detail(f"{name} {number} " + name * 3000)
"""


def test_entries_of_several_processes_stand_whole_and_in_order(tmp_path):
    (tmp_path / "run.json").touch()
    started = [
        subprocess.Popen([sys.executable, "-c", CODE, str(tmp_path), name, str(ENTRIES)]) for name in ("a", "b", "c")
    ]
    assert [process.wait() for process in started] == [0, 0, 0]
    lines = (tmp_path / "auvseg.log").read_text().splitlines()
    assert len(lines) == 3 * ENTRIES
    for name in ("a", "b", "c"):
        mine = [line.split(": ", 1)[1] for line in lines if f": {name} " in line]
        assert mine == [f"{name} {number} " + name * 3000 for number in range(ENTRIES)]


def test_what_was_said_before_the_folder_was_ours_is_written_once_it_is(tmp_path):
    from auvseg.cli.console import say
    from auvseg.cli.run_log import RunLog, attached, keep_log

    with attached(RunLog()):
        say("first")
        keep_log(tmp_path, "run.json")
        say("second")
        assert not list(tmp_path.iterdir())
        (tmp_path / "run.json").touch()
        say("third")
    said = [line.rsplit(" ", 1)[1] for line in (tmp_path / "auvseg.log").read_text().splitlines()]
    assert said == ["first", "second", "third"]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    from auvseg.cli.console import say
    from auvseg.cli.run_log import RunLog, attached

    monkeypatch.chdir(tmp_path)
    with attached(RunLog()):
        say("nothing")
    assert not list(tmp_path.iterdir())
