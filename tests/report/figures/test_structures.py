import numpy as np
import pytest

from auvseg.errors import RunError
from auvseg.report.bands import SpectrumBands
from auvseg.report.figures import contributions, spectrum
from auvseg.scoring.view import read_view
from report_runs import IDS


def test_a_spectrum_lies_in_the_band_of_all_cases(drawn):
    (axes,) = spectrum(drawn.folder, IDS[3], 1).axes
    own = next(line for line in axes.lines if line.get_label() == "this case").get_ydata()
    view = read_view(drawn.folder, IDS[3]).classes[1]
    assert np.allclose(own, np.where(view.spectrum > 1e-9, view.spectrum, np.nan), equal_nan=True)
    assert axes.get_title() == IDS[3]
    assert axes.get_yscale() == "log"


def test_a_band_holds_nine_tenths_of_the_cases_and_waits_for_no_order(drawn):
    views = [read_view(drawn.folder, case) for case in IDS]
    there, back = SpectrumBands(), SpectrumBands()
    for one, other in zip(views, views[::-1], strict=True):
        there.take(one)
        back.take(other)
    assert there.payload() == back.payload()
    low, middle, high = there.percentiles()[2]
    first = np.array([view.classes[2].spectrum[0] for view in views])
    assert low[0] <= np.median(first) == pytest.approx(middle[0])
    assert ((first >= low[0]) & (first <= high[0])).mean() >= 8 / 10


def test_every_scored_plane_has_its_bar(drawn):
    view = read_view(drawn.folder, IDS[3]).classes[1]
    figure = contributions(drawn.folder, IDS[3], 1, title="liver")
    assert len(figure.axes) == 4
    first = figure.axes[0]
    assert [round(bar.get_x() + bar.get_width() / 2) for bar in first.patches] == view.planes.tolist()
    assert np.allclose([bar.get_height() for bar in first.patches], view.scale)
    assert first.get_title(loc="left") == "liver: contribution to S"


@pytest.mark.parametrize("draw", [spectrum, contributions])
def test_what_was_not_kept_cannot_be_drawn(drawn, draw):
    for case, class_id in ((IDS[0], 3), ("nobody", 1)):
        with pytest.raises(RunError, match="has no map"):
            draw(drawn.folder, case, class_id)
