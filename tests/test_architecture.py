"""What holds the structure: the direction of imports, the public names, and a command line that starts fast."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import auvseg

SOURCE = Path(auvseg.__file__).parent
DESIGN = Path(__file__).parents[1] / "docs" / "design.md"

# A stage may import the stages before it, and itself. `nnunet` holds what several stages know of nnU-Net, so that each
# of its modules has a place of its own.
STAGES = (
    ("_version", "choices", "errors", "shapes", "wording"),
    ("files",),
    ("data", "nnunet.raw", "nnunet.splits"),
    ("weights",),
    ("nnunet.preprocessed", "nnunet.search_path"),
    ("extractors", "nnunet.model"),
    ("measures",),
    ("cohort",),
    ("scoring",),
    ("review",),
    ("filtering",),
    ("evaluation",),
    ("bench", "nnunet.results"),
    ("report",),
    ("demo",),
    ("duo",),
    ("networks",),
    ("nnunet.export", "nnunet.search", "nnunet.settings", "nnunet.trainers"),
    ("doctor",),
    ("cli",),
)
WITHOUT_TORCH = (
    "bench.advice",
    "bench.corruptions",
    "bench.detection.recommendation",
    "cli",
    "cohort",
    "data",
    "doctor",
    "evaluation",
    "extractors.families",
    "files",
    "filtering",
    "nnunet.results",
    "nnunet.search_path",
    "nnunet.splits",
    "report",
    "review",
    "scoring.loading",
    "scoring.table",
    "scoring.view",
)


def _imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _stage_of(module: str) -> int | None:
    """The stage of a dotted name below `auvseg`; None for a package whose modules have places of their own."""
    parts = module.split(".")
    prefixes = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return next((level for level, names in enumerate(STAGES) if prefixes & set(names)), None)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_stage_imports_a_later_one(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    if parts in (("__init__",), ("__main__",), ("nnunet", "__init__")):
        return
    own = _stage_of(".".join(parts))
    assert own is not None, f"{parts[0]} has no place in the data flow: give it one in STAGES and in docs/design.md"
    for name in _imports(path):
        if name.startswith("auvseg."):
            other = _stage_of(name.removeprefix("auvseg."))
            assert other is None or other <= own, f"{path.name} imports {name}, which comes later"


def test_the_design_page_has_a_sentence_for_every_package():
    page = DESIGN.read_text(encoding="utf-8")
    packages = [path.parent.name for path in SOURCE.glob("*/__init__.py")]
    assert [name for name in packages if f"`{name}/`" not in page] == []


def test_stages_that_only_read_tables_and_files_do_not_import_torch():
    code = (
        "import sys, pkgutil, importlib, auvseg\n"
        "for stage in sys.argv[1:]:\n"
        "    module = importlib.import_module(f'auvseg.{stage}')\n"
        "    for found in pkgutil.walk_packages(getattr(module, '__path__', []), module.__name__ + '.'):\n"
        "        importlib.import_module(found.name)\n"
        "    if 'torch' in sys.modules:\n"
        "        sys.exit(f'{stage} imports torch')"
    )
    command = [sys.executable, "-c", code, *WITHOUT_TORCH]
    assert subprocess.run(command, check=False, capture_output=True, text=True).stderr == ""


def test_public_names_are_exactly_those_listed_and_exist():
    assert len(set(auvseg.__all__)) == len(auvseg.__all__)
    for name in auvseg.__all__:
        assert getattr(auvseg, name) is not None


def test_help_starts_without_torch_or_pandas():
    code = (
        "import sys\nsys.argv = ['auvseg', '--help']\n"
        "from auvseg.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'pandas', 'scipy', 'nibabel')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_nothing_prints_outside_the_command_line():
    for path in SOURCE.rglob("*.py"):
        if "cli" not in path.parts:
            calls = [
                node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
            ]
            assert not any(isinstance(call.func, ast.Name) and call.func.id == "print" for call in calls), path.name


def test_every_csv_is_written_where_formulas_are_guarded_against():
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        writes = ".to_csv(" in text or "csv.writer(" in text or "csv.DictWriter(" in text or "write_csv(" in text
        assert not writes or path.name == "safe_csv.py", f"{path.name}: write CSV with auvseg.files.safe_csv"
