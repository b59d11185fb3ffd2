"""Two grids: which differences are named, and that small ones are none."""

import nibabel as nib
import numpy as np
import pytest

from auvseg.data.check.case import grid_problems
from auvseg.data.check.findings import Kind
from auvseg.data.reading import Header

SPACING = (0.5, 2.0, 3.0)
SHAPE = (5, 6, 7)


def header(shape=SHAPE, spacing=SPACING, origin=(0.0, 0.0, 0.0), rotation=None):
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if rotation is None else rotation) * spacing
    affine[:3, 3] = origin
    return Header(shape, affine, spacing, "".join(nib.aff2axcodes(affine)), "int16")


def turned(degrees):
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def found(other, what="label"):
    return list(grid_problems(header(), other, what))


@pytest.mark.parametrize(
    ("other", "kinds"),
    [
        (header(), []),
        (header(spacing=(0.5004, 2.0, 3.0)), []),
        (header(spacing=(0.51, 2.0, 3.0)), [Kind.SPACING_MISMATCH]),
        (header(origin=(0.002, 0, 0)), []),
        (header(origin=(0, 0, 1.5)), [Kind.AFFINE_MISMATCH]),
        (header(rotation=turned(0.01)), []),
        (header(rotation=turned(5)), [Kind.AFFINE_MISMATCH]),
        (header(rotation=np.diag([-1.0, -1.0, 1.0])), [Kind.AFFINE_MISMATCH]),
        (header(shape=(5, 6, 8)), [Kind.SHAPE_MISMATCH]),
        (header(shape=(5, 6, 8), spacing=(0.5, 2.0, 2.6)), [Kind.SHAPE_MISMATCH, Kind.SPACING_MISMATCH]),
        (header(spacing=(1.0, 1.0, 1.0)), [Kind.SPACING_MISMATCH]),
        (
            header(spacing=(1.0, 1.0, 1.0), origin=(90.0, 0, 0), rotation=turned(10)),
            [Kind.SPACING_MISMATCH, Kind.AFFINE_MISMATCH],
        ),
    ],
)
def test_every_difference_is_a_problem_of_its_own(other, kinds):
    assert [problem.kind for problem in found(other)] == kinds


def test_swapped_axes_are_called_so():
    (problem,) = found(header(shape=(7, 6, 5)))
    assert problem.message == "the label has 7×6×5 voxels, the image 5×6×7; the axes are swapped"


def test_messages_say_which_file_they_mean():
    problems = found(header(spacing=(1.0, 1.0, 1.0), origin=(9.0, 0, 0)), "channel")
    assert [problem.message for problem in problems] == [
        "the channel's spacing is 1×1×1 mm, the image's 0.5×2×3 mm",
        "the channel's origin lies 9 mm from the image's",
    ]


def test_channels_of_a_fourth_axis_do_not_matter():
    assert found(header(shape=(*SHAPE, 3))) == []
