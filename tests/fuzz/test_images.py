"""Whatever an image file holds, it becomes arrays as its header promises or one line: no crash, hang or allocation."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.effort import effort
from fuzz.image_targets import IMAGES
from fuzz.mutations import damaged
from fuzz.sandbox import Sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits its memory as Linux does")

EXAMPLES = 60


@pytest.fixture(scope="module")
def sandbox():
    box = Sandbox()
    yield box
    box.stop()


@pytest.mark.parametrize("name", IMAGES)
def test_a_damaged_image_is_read_as_promised_or_refused_in_one_line(sandbox, name):
    target = IMAGES[name]

    @effort(EXAMPLES)
    @given(damaged(target.seeds(), target.text, packed=target.file.endswith(("gz", "mgz"))))
    def check(content):
        assert sandbox.fault(name, content) == ""

    check()


@pytest.mark.parametrize("name", IMAGES)
def test_bytes_that_were_never_an_image_are_refused_in_one_line(sandbox, name):
    @effort(EXAMPLES // 6)
    @given(st.binary(max_size=400))
    def check(content):
        assert sandbox.fault(name, content) == ""

    check()
