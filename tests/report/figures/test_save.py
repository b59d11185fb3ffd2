import ast
from pathlib import Path

import pytest

import auvseg.report.figures
from auvseg.errors import UsageError
from auvseg.report.figures import cut, distribution, save
from synthetic_scores import draw_scores

STARTS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("kind", STARTS)
def test_the_ending_says_the_format_and_no_date_or_program_is_inside(tmp_path, kind):
    path = save(cut(draw_scores(cases=10)), tmp_path / f"figure.{kind.upper()}")
    content = path.read_bytes()
    assert content.startswith(STARTS[kind])
    assert not any(word in content for word in (b"CreationDate", b"dc:date", b"Software"))


@pytest.mark.parametrize("name", ["figure", "figure.gif", ".png.txt"])
def test_other_endings_are_refused(tmp_path, name):
    with pytest.raises(UsageError, match="png, svg, pdf"):
        save(cut(draw_scores(cases=10)), tmp_path / name)


def test_a_script_that_the_font_lacks_ends_nothing(tmp_path):
    assert save(distribution(draw_scores(cases=4, classes=("肝臓",)), "S"), tmp_path / "a.png").is_file()


def test_the_same_figure_is_the_same_bytes(tmp_path):
    for kind in STARTS:
        for name in ("a", "b"):
            save(distribution(draw_scores(cases=6), "S", mark=["case_001"]), tmp_path / f"{name}.{kind}")
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_pyplot_stays_out_and_the_pages_need_no_matplotlib():
    figures = Path(auvseg.report.figures.__file__).parent
    assert not any("pyplot" in name for path in figures.glob("*.py") for name in _imported(path))
    pages = {name for path in figures.parent.glob("*.py") for name in _imported(path)}
    assert not any(name.startswith(("matplotlib", "auvseg.report.figures")) for name in pages)
