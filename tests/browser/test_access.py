"""For everybody: by keyboard, in the dark, in a narrow window, on paper."""

import base64
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

FAINT = (Path(__file__).parent / "faint_text.js").read_text(encoding="utf-8")

CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex='0']"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_is_readable(reader, reports, dark):
    with reader.seen_as(dark=dark):
        reader.open(reports.index)
        assert reader.js("getComputedStyle(document.documentElement).colorScheme") == ("dark" if dark else "light")
        reader.js("document.querySelectorAll('details').forEach((one) => (one.open = true)); return 0")
        reader.choose("#keep", "0.5")
        assert reader.js(FAINT) == []
        reader.press("?")
        assert reader.js(FAINT) == []
        reader.press(Keys.ESCAPE)
        reader.show(0)
        reader.press("k")
        reader.click(".body details summary")
        assert reader.js(FAINT) == []


def reached(reader):
    """Everything that the tab key reaches from the top of the page, and what of it shows no focus."""
    reader.js("document.activeElement.blur(); window.reached = new Set(); window.unseen = []; return 0")
    for _ in range(400):
        reader.press(Keys.TAB)
        going = reader.js(
            """
            const at = document.activeElement;
            if (at === document.body) return true; // from the last on to the first
            if (window.reached.has(at)) return false;
            window.reached.add(at);
            const style = getComputedStyle(at);
            const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
            if (!seen) window.unseen.push(at.outerHTML.slice(0, 120).toWellFormed());
            return true;
            """
        )
        if not going:
            break
    missed = reader.js(
        """
        const shown = [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility());
        const can = shown.filter((one) => !one.disabled && one.tabIndex >= 0 && !one.closest(".tabulator-row"));
        return can.filter((one) => !window.reached.has(one)).map((one) => one.outerHTML.slice(0, 120).toWellFormed());
        """,
        CONTROLS,
    )
    return missed, reader.js("window.unseen")


def test_the_tab_key_reaches_every_control_of_the_first_page_and_the_focus_is_seen(reader, reports):
    reader.open(reports.index)
    assert reached(reader) == ([], [])


def test_the_tab_key_reaches_every_control_of_a_case_and_the_focus_is_seen(reader, reports):
    reader.open(reports.index, case=0)
    reader.press("k")
    assert reached(reader) == ([], [])


def test_every_control_has_a_name(reader, reports):
    reader.open(reports.index)
    nameless = """
        const words = (one) => one.textContent.trim() || one.getAttribute("aria-label") || one.title;
        const named = (one) => words(one) || one.getAttribute("aria-labelledby") || one.labels?.length;
        const shown = [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility());
        return shown.filter((one) => !named(one)).map((one) => one.outerHTML.slice(0, 120).toWellFormed());
    """
    assert reader.js(nameless, CONTROLS) == []
    reader.show(0)
    assert reader.js(nameless, CONTROLS) == []


def test_the_help_lists_the_keys_and_holds_them_back(reader, reports):
    reader.open(reports.index, case=0)
    reader.press("?")
    words = reader.text("#help")
    for part in ("next case", "previous case", "keep", "exclude", "fix label", "unsure", "note", "undo", "search"):
        assert part in words
    reader.press("x", "j")
    assert reader.js("auvsegCase.shown") == 0
    assert reader.text("#progress-words") == "0 of 14 reviewed"
    reader.press(Keys.ESCAPE)
    assert not reader.one("#help").is_displayed()
    reader.click("#help-open")
    reader.click("#help-close")
    reader.press("/")
    reader.until("document.activeElement.id === 'search'")


def test_the_way_back_leads_to_where_one_was(reader, reports):
    reader.open(reports.index)
    reader.choose("#keep", "0.5")
    reader.js("document.querySelector('#h-cut').scrollIntoView(); return 0")
    before = reader.js("Math.round(scrollY)")
    reader.click("#cut-cases a")
    reader.until_images()
    assert reader.js("scrollY") == 0
    reader.press(Keys.ESCAPE)
    reader.until(f"Math.abs(scrollY - {before}) < 400")


def test_a_narrow_window_needs_no_scrolling_sideways(reader, reports):
    with reader.seen_as(width=380):
        reader.open(reports.index)
        assert reader.js("document.documentElement.scrollWidth") <= 380
        reader.show(0)
        assert reader.js("document.documentElement.scrollWidth") <= 380


def test_charts_take_the_ink_of_the_scheme_and_of_the_paper(reader, reports):
    label = "echarts.getInstanceByDom(document.querySelector('#scatter')).getOption().xAxis[0].axisLabel.color"
    reader.open(reports.index)
    reader.see("#scatter")
    on_light = reader.js(label)
    with reader.seen_as(dark=True):
        reader.until(f"{label} !== '{on_light}'")
        reader.js("dispatchEvent(new Event('beforeprint')); return 0")
        assert reader.js(label) == on_light
        reader.js("dispatchEvent(new Event('afterprint')); return 0")
        assert reader.js(label) != on_light


def test_a_case_can_be_printed(reader, reports):
    reader.open(reports.index, case=0)
    paper = base64.b64decode(reader.command("Page.printToPDF")["data"])
    assert paper.startswith(b"%PDF")
    with reader.seen_as(media="print"):
        assert not reader.one(".controls").is_displayed()
        assert reader.one("canvas[data-plane=axial]").is_displayed()
        assert reader.one(".structure .why").is_displayed()
