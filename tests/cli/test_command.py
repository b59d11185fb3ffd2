"""What every command has: a file of options, more or less to be told, and a log; tried on a command of two lines."""

import json
import warnings
from enum import Enum
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from auvseg.cli import app as program
from auvseg.cli.command import options_file, with_shared_options
from auvseg.cli.console import progress, say, say_detail, say_error, say_warning, show
from auvseg.cli.run_log import keep_log
from auvseg.errors import AuvsegError, UsageError


class Mood(str, Enum):
    good = "good"
    bad = "bad"


def work(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument()],
    max_slices: Annotated[int | None, typer.Option(min=1)] = None,
    window: tuple[float, float] = (40.0, 400.0),
    views: bool = True,
    mask: Annotated[bool, typer.Option("--mask")] = False,
    input_kind: Annotated[Mood, typer.Option("--input")] = Mood.good,
    measures: str = "all",
    merge: Annotated[list[str] | None, typer.Option()] = None,
) -> None:
    keep_log(folder, "ours.json")
    say_detail("a detail")
    say("a note")
    say_warning("a warning")
    say_error("an error")
    if measures == "old":
        warnings.warn("measures are old", DeprecationWarning, stacklevel=1)
    with progress("working") as step:
        step(1, 1, "case")
    if measures == "none":
        raise UsageError("there is\nnothing to do")
    if measures == "few":
        raise typer.Exit(1)
    found = {"max_slices": max_slices, "window": window, "views": views, "mask": mask, "input": input_kind.value}
    show(json.dumps(found | {"measures": measures, "merge": merge, "file": options_file(ctx)}))


app = typer.Typer()
app.command("work")(work)
app.command("other")(lambda: None)
with_shared_options(app)


@pytest.fixture
def folder(tmp_path):
    """A folder that is a run's."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "ours.json").touch()
    return tmp_path / "run"


@pytest.fixture
def invoke(folder, tmp_path):
    """Run the command on the folder with a file of options, if there is any text for it."""

    def run(*arguments, text=None):
        if text is not None:
            (tmp_path / "options.yaml").write_text(text)
            arguments = (*arguments, "--config", str(tmp_path / "options.yaml"))
        return CliRunner().invoke(app, ["work", str(folder), *arguments])

    return run


def values(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def unboxed(result):
    """What stands in the box that Typer draws around an error."""
    return " ".join(result.stderr.replace("│", " ").split())


def commands_of(group, before=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, (*before, name))
        else:
            yield (*before, name), command


@pytest.mark.parametrize(("name", "command"), [*commands_of(get_command(program))])
def test_the_help_of_every_command_shows_every_option_whole_in_80_columns(name, command):
    result = CliRunner().invoke(program, [*name, "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
    assert {"--config", "--verbose", "--quiet"} <= set(options)
    assert not [option for option in options if f"{option} " not in result.output]
    assert max(map(len, result.output.splitlines())) <= 80


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("max-slices: 4", "max_slices", 4),
        ("max_slices: '4'", "max_slices", 4),
        ("--max-slices: 4", "max_slices", 4),
        ("max-slices:", "max_slices", None),
        ("window: [50, 2.5e+2]", "window", [50, 250]),
        ("views: false", "views", False),
        ("no-views: true", "views", False),
        ("no-views: false", "views", True),
        ("mask: yes", "mask", True),
        ("input: bad", "input", "bad"),
        ("measures: S", "measures", "S"),
        ("measures: [S, agreement]", "measures", "S,agreement"),
        ("measures: 12", "measures", "12"),
        ("merge: a=b", "merge", ["a=b"]),
        ("merge: [a=b, 'c=d,e']", "merge", ["a=b", "c=d,e"]),
        ("# nothing yet\n", "max_slices", None),
        ("", "max_slices", None),
    ],
)
def test_a_file_of_options_says_what_the_command_line_would(invoke, text, name, value):
    assert values(invoke(text=text))[name] == value


def test_the_command_line_goes_before_the_file(invoke):
    text = "max-slices: 4\nviews: false\nmerge: [a, b]\ninput: bad"
    found = values(invoke("--max-slices", "5", "--views", "--merge", "c", text=text))
    assert [found[name] for name in ("max_slices", "views", "merge", "input")] == [5, True, ["c"], "bad"]


def test_a_file_may_name_the_arguments_and_how_much_is_told(folder, tmp_path):
    (tmp_path / "options.yaml").write_text(json.dumps({"folder": str(folder), "quiet": True}))
    result = CliRunner().invoke(app, ["work", "--config", str(tmp_path / "options.yaml")])
    assert values(result)["views"]
    assert "a note" not in result.stderr


def test_what_a_file_says_is_known_as_it_stands_there(invoke):
    assert values(invoke())["file"] is None
    assert values(invoke(text="max_slices: 4\nmeasures: [S]\nviews:"))["file"] == {
        "max_slices": 4,
        "measures": ["S"],
        "views": None,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max-slice: 4", "'max-slice'; did you mean max-slices?"),
        ("Window: 4", "did you mean window?"),
        ("config: other.yaml", "no option 'config'"),
        ("help: true", "no option 'help'"),
        ("max-slices: 4\nmax_slices: 4", "max_slices is given twice"),
        ("views: true\nno-views: true", "no-views is given twice"),
        ("views: perhaps", "views must be true or false, not 'perhaps'"),
        ("mask: 1", "mask must be true or false, not 1"),
        ("measures: {a: 1}", "measures must be one value"),
        ("measures: [[a], b]", "measures must be one value"),
        ("measures: [a, ]\nwindow: [1, null]", "window must be one value"),
        ("measures: !!binary aGk=", "measures must be one value"),
        ("- max-slices", "one option per line"),
        ("4: 5", "one option per line"),
        ("max-slices 4", "one option per line"),
        ("max-slices: [4", "is not YAML"),
        ("views: true\nmax-slices: 4\nviews: false", "'views' stands there twice"),
        ("measures: !!python/object/apply:os.getcwd []", "is not YAML"),
    ],
)
def test_what_no_command_knows_is_refused_with_the_file_and_what_to_do(invoke, text, words):
    result = invoke(text=text)
    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)
    assert "options.yaml" in str(result.exception)


def test_a_file_of_options_may_lie_in_the_home_folder(invoke, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("max-slices: 4")
    assert values(invoke("--config=~/mine.yaml"))["max_slices"] == 4


def test_a_file_of_options_that_is_not_there_is_named(invoke):
    result = invoke("--config", "nowhere.yaml")
    assert "nowhere.yaml cannot be read" in str(result.exception)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--max-slices", "four"),
        ("--max-slices", "0"),
        ("--max-slices", "true"),
        ("--input", "middling"),
        ("--window", "4"),
    ],
)
def test_a_wrong_type_is_told_as_on_the_command_line_and_where_it_stands(invoke, option, text):
    result = invoke(text=f"{option.removeprefix('--')}: {text}")
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in unboxed(result)
    assert "options.yaml" in unboxed(result).replace(" ", "")


def test_a_wrong_value_on_the_command_line_is_not_blamed_on_the_file(invoke):
    result = invoke("--max-slices", "four", text="max-slices: 4")
    assert result.exit_code == 2
    assert "options.yaml" not in unboxed(result).replace(" ", "")


def test_quiet_says_results_and_errors_alone(invoke):
    result = invoke("--quiet")
    assert result.stderr.split("\n") == ["error: an error", ""]
    assert values(result)["views"]


def test_verbose_says_details_too_and_the_next_command_says_what_is_usual(invoke):
    told = ("a detail", "a note", "warning: a warning", "error: an error", "1/1 case")
    assert invoke("-v").stderr.splitlines() == [*told]
    assert invoke().stderr.splitlines() == [*told[1:]]


def test_warnings_of_python_are_told_in_a_line_and_logged_where_quiet_hides_them(invoke, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        told = invoke("--measures", "old").stderr
        assert "warning: DeprecationWarning: measures are old (test_command.py, line " in told
        assert "DeprecationWarning" not in invoke("--measures", "old", "--quiet").stderr
    assert (folder / "auvseg.log").read_text().count("measures are old") == 2


def test_verbose_and_quiet_exclude_each_other(invoke):
    result = invoke("-q", "-v")
    assert result.exit_code == 2
    assert "exclude each other" in unboxed(result)


def test_both_may_stand_before_the_command_as_well():
    assert CliRunner().invoke(program, ["--quiet", "models"]).stderr == ""
    assert CliRunner().invoke(program, ["models"]).stderr != ""


def test_verbose_shows_where_an_error_came_from(invoke):
    result = invoke("--verbose", "--measures", "none")
    assert isinstance(result.exception, AuvsegError)
    assert "Traceback" in result.stderr
    assert "Traceback" not in invoke("--measures", "none").stderr


def test_the_log_says_what_was_run_what_was_said_and_how_it_ended(invoke, folder):
    invoke("--quiet", "--measures", "S,agreement", text="max-slices: 4")
    log = (folder / "auvseg.log").read_text()
    assert "work" in log
    assert "--measures S,agreement" in log
    assert '{"max-slices": 4}' in log
    assert '"window": [40.0, 400.0]' in log
    assert all(f": {words}" in log for words in ("a detail", "a note", "a warning", "an error"))
    assert "exit status 0 after" in log.splitlines()[-1]


def test_every_command_is_appended_with_its_end(invoke, folder):
    invoke()
    before = (folder / "auvseg.log").read_text()
    invoke("--measures", "few")
    invoke("--measures", "none")
    after = (folder / "auvseg.log").read_text()
    assert after.startswith(before)
    assert "exit status 1 after" in after
    assert "error: UsageError: there is\n    nothing to do after" in after
    # One entry a line, but for what is indented.
    assert all(line.startswith(("2", "    ")) for line in after.splitlines())


def test_nothing_is_written_into_a_folder_that_is_not_ours(folder, invoke):
    (folder / "ours.json").unlink()
    assert invoke().exit_code == 0
    assert list(folder.iterdir()) == []


def test_a_log_that_cannot_be_written_stops_nothing(folder, invoke):
    (folder / "auvseg.log").mkdir()
    assert invoke().exit_code == 0


def test_an_id_that_is_not_in_utf_8_can_be_logged(invoke, folder):
    invoke("--measures", "S\udcff")
    assert "S\\udcff" in (folder / "auvseg.log").read_text()
