import dataclasses

import numpy as np
import pytest

from auvseg.errors import ReadError, RunError, UsageError
from auvseg.report.figures import planes, thumbnails
from auvseg.scoring.view import read_view
from report_runs import IDS


def test_three_planes_show_the_structures_and_the_models_masks(drawn):
    figure = planes(drawn.folder, drawn.dataset, IDS[3])
    assert [axes.get_title().split(",")[0] for axes in figure.axes] == ["axial", "coronal", "sagittal"]
    assert all(len(axes.images) == 1 for axes in figure.axes)
    # Label and model's mask of three structures, as far as a plane holds them.
    assert all(2 <= len(axes.collections) <= 6 for axes in figure.axes)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["liver", "tumour", "kidney", "label", "the model's mask"]


def test_an_axial_plane_has_the_front_up_and_the_right_on_the_left(drawn):
    axes = planes(drawn.folder, drawn.dataset, IDS[3], whole_image=True).axes[0]
    shown = axes.images[0].get_array()
    assert shown.shape == (40, 48)
    # The drawn liver lies to the right, at high indices of the last axis; the kidney to the left.
    at = int(axes.get_title().split()[-1])
    assert 0 <= at < 14
    paths = {tuple(np.round(one.get_edgecolor()[0], 2)): one for one in axes.collections}
    centres = [path.get_datalim(axes.transData).x0 for path in paths.values()]
    assert centres[0] < centres[-1]


def test_only_the_surroundings_of_structures_are_shown(drawn, tmp_path):
    empty = dataclasses.replace(drawn.dataset, classes=())
    with pytest.raises(UsageError, match="show the whole image"):
        planes(drawn.folder, empty, IDS[3])
    assert planes(drawn.folder, empty, IDS[3], whole_image=True).axes[0].images[0].get_array().shape == (40, 48)


def test_a_case_that_is_not_there_or_cannot_be_read_is_an_error_in_words(drawn, tmp_path):
    with pytest.raises(UsageError, match="has no case 'nobody'"):
        planes(drawn.folder, drawn.dataset, "nobody")
    gone = dataclasses.replace(drawn.dataset.cases[0], images=(tmp_path / "gone.nii.gz",))
    with pytest.raises(ReadError):
        planes(drawn.folder, dataclasses.replace(drawn.dataset, cases=(gone,)), IDS[0])


def test_a_sheet_shows_thumbnails_in_the_order_of_the_ids(drawn):
    figure = thumbnails(drawn.folder, IDS[::-1], name_of=str.upper, columns=4)
    assert [axes.texts[0].get_text() for axes in figure.axes] == [case.upper() for case in IDS[::-1]]
    picture = read_view(drawn.folder, IDS[-1]).thumbnail
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert np.array_equal(shown[picture.label == 0], np.repeat(picture.image[picture.label == 0][:, None], 3, axis=1))
    with pytest.raises(RunError, match="has no thumbnails"):
        thumbnails(drawn.folder, ["nobody"])
