"""The page of a case: images, masks, slices, spectra, neighbours, and every control of them."""

import pytest
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

AT = "auvsegCase.viewer.at"


@pytest.fixture(scope="module")
def opened(browser, reports):
    """The most suspicious case; the tests leave it as they found it, or open another."""
    browser.open(reports.index, case=0)
    return browser


@pytest.fixture
def page(reader, opened):
    if reader.js("auvsegCase.shown") != 0:
        reader.show(0)
    return reader


def changed_by(page, action, plane="axial"):
    """Whether a plane's picture is another after an action."""
    before = page.pixels(plane)
    action()
    return page.pixels(plane) != before


def test_it_says_why_the_case_stands_out(page):
    assert page.text("#case .why.lead")
    assert page.text(".structure .why")
    assert "1 of 14 by outlier" in page.text(".place")
    assert len(page.all(".structure")) == 3


def test_three_planes_scroll_by_slider_wheel_and_keys(page):
    for axis, plane in enumerate(("axial", "coronal", "sagittal")):
        canvas = f"canvas[data-plane={plane}]"
        start = page.js(f"{AT}[{axis}]")
        assert changed_by(
            page, lambda plane=plane, at=start: page.choose(f"[aria-label='{plane} plane']", at - 1), plane
        )
        page.js("arguments[0].focus(); return 0", page.one(canvas))
        page.press(Keys.ARROW_UP)
        assert page.js(f"{AT}[{axis}]") == start
        wheel = "arguments[0].dispatchEvent(new WheelEvent('wheel', {deltaY: -1, cancelable: true}))"
        page.js(wheel, page.one(canvas))
        assert page.js(f"{AT}[{axis}]") == start + 1
        assert f"{plane} slice" in page.one(canvas).get_attribute("aria-label")
        page.press(Keys.ARROW_DOWN)


def test_a_click_on_a_plane_moves_the_other_two(page):
    before = page.js(AT)
    page.click("canvas[data-plane=axial]")
    after = page.js(AT)
    assert after[0] == before[0]
    assert after[1:] != before[1:]
    assert "HU at the cross" in page.text(".planes figcaption")


def test_windows_and_sliders_change_the_grey(page):
    assert changed_by(page, lambda: page.choose("[data-control=window]", "lung"))
    assert page.js("document.querySelector('[data-control=level]').value") == "-600"
    assert changed_by(page, lambda: page.choose("[data-control=level]", "300"))
    assert page.js("document.querySelector('[data-control=window]').value") == "own"
    assert changed_by(page, lambda: page.choose("[data-control=width]", "100"))
    assert changed_by(page, lambda: page.press("1"))
    assert page.js("document.querySelector('[data-control=window]').value") == "soft tissue"


def test_an_image_without_a_window_has_percentiles(page):
    page.js("auvseg.data.modality = 'mri'; return 0")
    page.show(1)
    assert changed_by(page, lambda: page.choose("[data-control='black below percentile']", "40"))
    assert changed_by(page, lambda: page.choose("[data-control='white above percentile']", "60"))
    page.js("auvseg.data.modality = 'ct'; return 0")


def test_the_label_is_an_outline_an_area_its_difference_or_hidden(page):
    seen = set()
    for style in ("filled", "difference", "hidden", "outline"):
        page.choose("[data-control=style]", style)
        assert page.one(".legend").is_displayed() == (style == "difference")
        seen.add(page.pixels())
    assert len(seen) == 4
    assert changed_by(page, lambda: page.press("l"))
    page.press("l", "l", "l")


def test_the_models_mask_the_cross_and_every_class_can_be_hidden(page):
    assert changed_by(page, lambda: page.press("m"))
    assert changed_by(page, lambda: page.press("m"))
    boxes = len(page.all(".controls input[type=checkbox]"))
    assert boxes == 5
    for number in range(boxes):
        click = f"document.querySelectorAll('.controls input[type=checkbox]')[{number}].click()"
        assert changed_by(page, lambda click=click: page.js(click)), number
        page.js(click)


def test_a_strip_goes_to_its_slices_and_follows(page):
    strip = ".structure:first-child .strip:nth-of-type(2) .bars"
    page.click(strip)
    middle = page.js("auvsegCase.viewer.volumePlane(auvsegCase.viewer.at[0])")
    page.js("arguments[0].focus(); return 0", page.one(strip))
    page.press(Keys.HOME)
    first = page.js("auvsegCase.viewer.volumePlane(auvsegCase.viewer.at[0])")
    assert first < middle
    assert page.one(strip).get_attribute("aria-valuenow") == "0"
    page.press(Keys.ARROW_RIGHT)
    assert page.js("auvsegCase.viewer.volumePlane(auvsegCase.viewer.at[0])") == first + 1
    assert page.one(strip).get_attribute("aria-valuetext").startswith(f"slice {first + 1}: ")
    assert page.js(f"document.querySelectorAll('{strip} .here').length") == 1


def test_where_the_model_disagrees_is_marked(page):
    # On every second plane of this case the model's mask was moved.
    assert page.all(".strip .odd")
    page.show(13)
    assert not page.all(".structure:first-child .strip:nth-of-type(2) .odd")


def test_a_spectrum_stands_in_the_cohorts_band(page):
    page.until("document.querySelectorAll('.spectrum canvas').length === 3")
    names = page.js(
        "return echarts.getInstanceByDom(document.querySelector('.spectrum')).getOption().series.map((one) => one.name)"
    )
    assert names == ["cohort, 5 % to 95 %", "cohort's median", "this case"]


def test_similar_clean_cases_have_thumbnails_and_open(page):
    page.until("document.querySelectorAll('.similar img').length >= 3")
    name = page.text(".similar a")
    page.click(".similar a")
    page.until_images()
    assert page.text("#case h2") == name


def test_all_numbers_stand_beside_their_place_in_the_cohort(page):
    page.click(".body details summary")
    rows = {row.find_element("css selector", "th").text.split("\n")[0]: row for row in page.all(".body tbody tr")}
    assert set(page.js("auvseg.data.measures.map((one) => one.name)")) <= set(rows)
    cells = [cell.text for cell in rows["volume_ml"].find_elements("css selector", "td")]
    assert len(cells) == 3
    assert all(cell.endswith("%") for cell in cells)


def test_a_case_file_that_is_missing_or_of_another_report_is_said(reader, reports, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(reports.folder, copy)
    (copy / "cases" / "000001.js").rename(copy / "cases" / "000000.js")
    text = (copy / "cases" / "000000.js").read_text(encoding="utf-8").replace('"000001"', '"000000"', 1)
    (copy / "cases" / "000000.js").write_text(text, encoding="utf-8")
    reader.open(copy / "index.html")
    for place, words in ((0, "belongs to another report"), (1, "copy the whole folder")):
        reader.js("location.hash = auvseg.address(arguments[0]); return 0", place)
        reader.until(f"document.querySelector('#case .problem')?.textContent.includes('{words}')")
    assert all("ERR_FILE_NOT_FOUND" in one for one in reader.problems())
