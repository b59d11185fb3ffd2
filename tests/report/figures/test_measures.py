import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from auvseg.cohort.selection import filter_cases
from auvseg.data.case import ClassDef
from auvseg.errors import UsageError
from auvseg.report.figures import against, cut, distribution
from synthetic_scores import draw_scores, failed_row


def _places(axes, wanted):
    """Where points of a size are drawn, (N, 2); lines have none."""
    drawn = [one for one in axes.collections if isinstance(one, PathCollection) and wanted(one.get_sizes()[0])]
    return np.concatenate([one.get_offsets().data for one in drawn])


def dots(axes):
    return _places(axes, lambda size: size < 30)


def rings(axes):
    return _places(axes, lambda size: size > 30)


def test_every_structure_is_a_dot_in_the_column_of_its_class():
    scores = pd.concat([draw_scores(cases=12), pd.DataFrame([failed_row("zz")])])
    figure = distribution(scores, "S", "volume_ml", "AUV")
    assert [axes.get_title() for axes in figure.axes] == ["S", "volume_ml", "AUV"]
    drawn = dots(figure.axes[0])
    assert len(drawn) == 24
    assert np.abs(drawn[:, 0] - np.round(drawn[:, 0])).max() <= 0.35
    for number in (1, 2):
        mine = scores.loc[scores["class_id"] == number, "S"]
        assert np.allclose(sorted(drawn[np.round(drawn[:, 0]) == number - 1, 1]), sorted(mine))
    assert figure.axes[1].get_yscale() == "log"


def test_marked_cases_are_ringed_in_every_panel():
    scores = draw_scores(cases=12)
    figure = distribution(scores, "S", "anisotropy", mark=["case_003"])
    for axes, measure in zip(figure.axes, ("S", "anisotropy"), strict=True):
        assert np.allclose(rings(axes)[:, 1], scores.loc[scores["case"] == "case_003", measure])
    figure = against(scores, "volume_ml", "S", mark=["case_003"])
    assert np.allclose(rings(figure.axes[0]), scores.loc[scores["case"] == "case_003", ["volume_ml", "S"]])


def test_one_measure_against_another_has_a_colour_and_a_sign_a_class():
    scores = draw_scores(cases=12)
    (axes,) = against(scores, "volume_ml", "S").axes
    assert np.allclose(np.sort(dots(axes), axis=0), np.sort(scores[["volume_ml", "S"]].to_numpy(), axis=0))
    colours = {tuple(one.get_facecolors()[0][:3]) for one in axes.collections}
    assert len(colours) == len({one.get_paths()[0].vertices.tobytes() for one in axes.collections}) == 2
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["liver", "tumour"]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")


@pytest.mark.parametrize("by", ["auv", "S", "anisotropy", "outlier"])
def test_the_cut_is_filters(by):
    scores = draw_scores(cases=30, outlier=lambda rng, _: rng.exponential())
    (axes,) = cut(scores, by=by, keep=0.8).axes
    selection = filter_cases(scores, by=by, keep=0.8)
    assert axes.get_title() == f"keep 80 %: {len(selection.removed)} of 30 cases go"
    assert axes.lines[0].get_xdata()[0] == selection.decisions["threshold"].iloc[0]
    assert sum(bar.get_height() for bar in axes.patches) == 30


def test_names_are_shown_as_they_are():
    names = ("_hidden", "$x$ <b>", "🩻" * 60)
    scores = draw_scores(cases=5, classes=names)
    (axes,) = distribution(scores, "S").axes
    ticks = axes.get_xticklabels()
    assert [text.get_text() for text in ticks[:2]] == ["_hidden", "$x$ <b>"]
    assert not any(text.get_parse_math() for text in ticks)
    legend = against(scores, "volume_ml", "S").axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()[:2]] == ["_hidden", "$x$ <b>"]


def test_a_class_that_no_case_has_keeps_its_place_and_many_classes_their_colours():
    scores = draw_scores(cases=4, classes=("liver",))
    (axes,) = distribution(scores, "S", classes=[ClassDef(9, "cyst", (9,)), ClassDef(1, "liver", (1,))]).axes
    assert set(np.round(dots(axes)[:, 0])) == {1.0}
    many = draw_scores(cases=3, classes=tuple(f"class {n}" for n in range(40)))
    assert against(many, "volume_ml", "S").axes[0].get_legend() is None


@pytest.mark.parametrize("measures", [(), ("confidence",), ("S", "no such")])
def test_what_the_run_lacks_is_refused_with_what_it_has(measures):
    with pytest.raises(UsageError, match="there are AUV, S, anisotropy, volume_ml, slices"):
        distribution(draw_scores(cases=4), *measures)
