"""The volume as a whole: turned, closed and opened by mouse and keyboard; absent where the browser has no WebGL 2."""

import io
import time

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

CANVAS = "canvas[data-volume]"
DRAWN = "document.querySelector('#volume figcaption')?.textContent"


def picture(reader):
    """What a person sees of the volume once nothing more is drawn: a slow machine gets fewer pixels than at first."""
    reader.js("arguments[0].scrollIntoView({block: 'center'}); return 0", reader.one(CANVAS))
    # What is to be drawn is drawn with the browser's next picture, however long that takes.
    reader.js("return new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(() => tell(1))))")
    before = b""
    while (now := reader.one(CANVAS).screenshot_as_png) != before:
        before = now
        time.sleep(0.3)
    return np.asarray(Image.open(io.BytesIO(now)).convert("RGB")).astype(int)


def shares(reader):
    """Which part of the picture has a colour, and which is grey."""
    seen = picture(reader)
    coloured = np.ptp(seen, axis=-1) > 20
    return coloured.mean(), (~coloured & (seen.max(axis=-1) > 8)).mean()


def opened(reader, case):
    reader.show(case)
    reader.until("document.querySelector('#volume')")
    reader.click("#volume summary")
    reader.until(DRAWN)


def press(reader, *keys):
    reader.js("arguments[0].focus(); return 0", reader.one(CANVAS))
    reader.press(*keys)


@pytest.fixture
def drawing(reader):
    """The browser; without a graphics card it says of every volume that showing what was drawn takes it time."""
    yield reader
    assert [words for words in reader.problems() if "stall due to ReadPixels" not in words] == []


def test_it_turns_by_keyboard_and_mouse_and_shows_what_is_asked_for(drawing, reports):
    reader = drawing
    opened(reader.open(reports.index), case=0)
    assert reader.text("#volume figcaption") == "seen from: front"
    coloured, grey = shares(reader)
    assert coloured > 0.01
    assert grey > 0.05

    press(reader, *[Keys.ARROW_LEFT] * 9)
    reader.until(f"{DRAWN} === 'seen from: left'")
    assert reader.js("auvsegCase.shown") == 0, "arrows turn the volume and go to no other case"
    press(reader, Keys.HOME)
    reader.until(f"{DRAWN} === 'seen from: front'")
    reader.drag(CANVAS, 0.2, 0.6)
    reader.until(f"{DRAWN} !== 'seen from: front'")

    reader.choose("[data-control=volume]", "structures")
    assert shares(reader)[1] < grey / 2
    for box in reader.all("#case .controls label.class input"):
        reader.js("arguments[0].click(); return 0", box)
    assert shares(reader)[0] == 0, "structures that are hidden have no surface"


def test_it_closes_and_opens_again_for_another_case(drawing, reports):
    reader = drawing
    opened(reader.open(reports.index), case=0)
    reader.click("#volume summary")
    reader.until(f'!document.querySelector("{CANVAS}")')
    opened(reader, case=1)
    assert shares(reader)[0] > 0.01


def test_without_webgl_nothing_of_it_is_there(reader, reports):
    reader.open(reports.index, case=0, without="webgl")
    reader.js("return new Promise((tell) => setTimeout(() => tell(1), 50))")
    assert reader.all("#volume") == []
    assert reader.pixels()
