import json

import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure

from auvseg.errors import RunError, UsageError
from auvseg.report.figures import folder as module
from auvseg.report.figures.folder import MARKER, FigureOptions, write_figures
from auvseg.report.ranked_run import ReportOptions
from auvseg.review.pseudonyms import read_key
from report_runs import IDS

COHORT = {"distributions", "scatter", "cut", "thumbnails"}


def names(folder):
    return {one.name for one in folder.iterdir()}


def draw(run, folder, dataset=None, **options):
    return write_figures(run.folder, folder, dataset, FigureOptions(**options))


def test_cases_that_are_named_are_drawn_and_the_worst_where_none_is(drawn, tmp_path):
    done = draw(drawn, tmp_path / "named", drawn.dataset, cases=(IDS[6],), measures=("S",))
    of_case = {name for name in done.files if name.startswith(IDS[6])}
    assert {name.rpartition("-")[2] for name in of_case} == {"planes.png", "spectrum.png", "contributions.png"}
    assert len(done.files) == len(COHORT) + 3
    assert done.left_out == ()


def test_figures_are_the_same_whatever_style_this_process_is_in(drawn, tmp_path, monkeypatch):
    drawings = module._drawings
    monkeypatch.setattr(module, "_drawings", lambda *given: list(drawings(*given))[:2])
    plain = draw(drawn, tmp_path / "plain", top=0, measures=("S",)).files
    with rc_context({"font.size": 30.0, "lines.markersize": 20.0}):
        draw(drawn, tmp_path / "large", top=0, measures=("S",))
    assert len(plain) == 2
    assert all((tmp_path / "plain" / one).read_bytes() == (tmp_path / "large" / one).read_bytes() for one in plain)


def test_with_pseudonyms_no_file_is_named_like_a_case_and_no_svg_holds_an_id(own_run, tmp_path):
    done = draw(
        own_run, tmp_path / "figures", report=ReportOptions(pseudonymize=True), kind="svg", top=1, measures=("S",)
    )
    assert sum(name.startswith("case-0") for name in done.files) == 2
    for path in (tmp_path / "figures").iterdir():
        content = path.read_text()
        assert not any(case in path.name or case in content for case in IDS)
    assert len(read_key(own_run.folder)) == 10


def test_a_second_call_replaces_its_own_and_leaves_the_rest(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_drawings", lambda *_: [("cut", Figure), ("other", Figure)])
    draw(drawn, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    done = draw(drawn, tmp_path, kind="svg")
    assert names(tmp_path) == {"cut.svg", "other.svg", MARKER, "notes.txt"}
    assert json.loads((tmp_path / MARKER).read_text())["files"] == sorted(done.files)


def test_a_folder_of_the_users_is_refused(drawn, tmp_path):
    (tmp_path / "cut.png").write_text("mine")
    with pytest.raises(RunError, match="did not write"):
        draw(drawn, tmp_path)
    assert (tmp_path / "cut.png").read_text() == "mine"


def test_wrong_wishes_are_refused_before_anything_is_drawn(drawn, tmp_path):
    for wish, words in (({"cases": ("nobody",)}, "no case 'nobody'"), ({"measures": ("x",)}, "cannot draw 'x'")):
        with pytest.raises(UsageError, match=words):
            draw(drawn, tmp_path / "new", **wish)
    with pytest.raises(UsageError, match="not gif"):
        draw(drawn, tmp_path / "new", kind="gif")
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_drawn_is_left_out_with_its_reason(own_run, tmp_path):
    for one in (own_run.folder / "views").iterdir():
        one.unlink()
    done = draw(own_run, tmp_path / "figures", own_run.dataset, top=1, measures=("S",))
    assert [(name, "has no thumbnails" in reason) for name, reason in done.left_out] == [("thumbnails.png", True)]
    assert {name.rpartition("-")[2] for name in done.files} == {
        "distributions.png",
        "scatter.png",
        "cut.png",
        "planes.png",
    }
