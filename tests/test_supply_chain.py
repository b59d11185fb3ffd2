"""What auvseg stands on: bounded ranges, licences that fit, a command line that starts at once."""

import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = {
    *PROJECT["dependencies"],
    *(one for extra in PROJECT["optional-dependencies"].values() for one in extra),
}


@pytest.mark.parametrize("text", sorted(REQUIREMENTS))
def test_every_dependency_is_a_range_with_two_ends(text):
    one = Requirement(text)
    operators = {specifier.operator for specifier in one.specifier}
    assert operators == {">=", "<"}, f"{one.name} takes {one.specifier or 'any version'}"


def test_licences_of_everything_that_is_installed_with_the_core_fit():
    done = subprocess.run(
        [sys.executable, "tools/licences.py"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout
    assert "auvseg" in done.stdout
    assert "torch" in done.stdout


@pytest.mark.parametrize(
    ("licence", "found"),
    [
        ("GPL-3.0-only", "refused"),
        ("GNU Affero General Public License v3", "refused"),
        ("CC-BY-NC-4.0", "refused"),
        ("not stated", "refused"),
        ("Apache-2.0 OR GPL-2.0-only", "ok"),
        ("BSD-3-Clause AND MIT", "ok"),
        ("MIT AND GPL-2.0-only", "refused"),
    ],
)
def test_a_licence_that_does_not_fit_is_refused(monkeypatch, licence, found):
    monkeypatch.syspath_prepend(ROOT / "tools")
    import licences

    assert licences.verdict("package", licence) == found


def test_an_audit_without_its_database_says_so_and_fails_nothing(monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / "tools")
    import audit

    assert audit.told([{"name": "a", "skip_reason": "not found"}]) == 0
    assert "skipped" in capsys.readouterr().out


def test_an_audit_fails_where_a_vulnerability_is_known(monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / "tools")
    import audit

    known = {"id": "PYSEC-2026-1", "fix_versions": ["2.0"]}
    assert (
        audit.told([{"name": "a", "version": "1.0", "vulns": [known]}, {"name": "b", "version": "1", "vulns": []}]) == 1
    )
    assert "a 1.0: PYSEC-2026-1, mended in 2.0" in capsys.readouterr().out


def test_the_package_says_that_it_is_typed():
    assert (resources.files("auvseg") / "py.typed").is_file()
