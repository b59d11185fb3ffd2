"""The first page: what it shows of a run, and every control on it."""

import pytest

pytestmark = pytest.mark.browser


def rows(reader):
    return reader.js("Tabulator.findTable('#table')[0].getData('active').length")


PLOTS = ".panel:not([hidden]) .plot, #scatter"


def marked(reader):
    """How many structures of a case are marked in each plot."""
    return [int(plot.get_attribute("data-marked") or 0) for plot in reader.all(PLOTS)]


def test_the_page_says_what_was_scored_and_shows_every_case(reader, reports):
    reader.open(reports.index)
    assert reader.text("#counts") == "14 cases · 3 structures · worst first by outlier"
    assert len(reader.all("#gallery .thumb")) == 14
    reader.until("[...document.querySelectorAll('#gallery .thumb')].every((one) => one.querySelector('img'))")
    assert "blurred-label" in reader.text("#provenance")
    assert reader.text("h1").startswith("<i>drawn</i>")


def test_problems_are_listed_with_a_way_to_their_case(reader, reports):
    reader.open(reports.index)
    assert int(reader.text("#problem-count")) >= 1
    assert "<img src=x" in reader.text("#problem-rows")
    assert reader.text(".severity.error").endswith("error")
    reader.click("#problem-rows a")
    reader.until_images()


def test_search_verdict_and_bounds_filter_the_table_and_one_click_shows_all(reader, reports):
    reader.open(reports.index)
    whole = rows(reader)
    reader.choose("#search", "CASE_01")
    assert rows(reader) == 3
    assert reader.text("#found") == "3 structures of 1 cases"
    reader.choose("#search", "")
    reader.choose("#only", "keep")
    assert rows(reader) == 0
    reader.choose("#only", "none")
    assert rows(reader) == whole
    reader.one("[aria-label='filter by volume_ml']").send_keys("<1")
    reader.until(f"Tabulator.findTable('#table')[0].getData('active').length < {whole}")
    volumes = reader.js(
        "const number = auvseg.data.measures.findIndex((one) => one.name === 'volume_ml');"
        "return Tabulator.findTable('#table')[0].getData('active').map((one) => one[`m${number}`])"
    )
    assert volumes
    assert all(value <= 1 for value in volumes)
    reader.click("#clear")
    assert rows(reader) == whole


def test_the_table_is_sorted_by_a_click_and_by_the_keyboard_and_missing_values_come_last(reader, reports):
    reader.open(reports.index)
    column = ".tabulator-col[tabulator-field='m4'] .tabulator-col-content"
    for expected in ("asc", "desc"):
        reader.click(f"{column} .tabulator-col-title")
        found = reader.js("Tabulator.findTable('#table')[0].getData('active').map((one) => one.m4)")
        known = [one for one in found if one is not None]
        assert known == sorted(known, reverse=expected == "desc")
        assert all(one is None for one in found[len(known) :])
    assert len(known) < len(found)


def test_columns_come_and_go(reader, reports):
    reader.open(reports.index)
    shown = "Tabulator.findTable('#table')[0].getColumns().filter((one) => one.isVisible()).length"
    before = reader.js(shown)
    reader.js("document.querySelector('#column-choice').closest('details').open = true; return 0")
    reader.click("#column-choice label:last-child")
    assert reader.js(shown) == before + 1
    reader.click("#column-choice label:first-child")
    assert reader.js(shown) == before


def test_a_measure_has_a_dot_for_every_structure_in_the_column_of_its_class(reader, reports):
    reader.open(reports.index)
    reader.see(".panel:nth-child(3) .plot")
    series = reader.js(
        "return echarts.getInstanceByDom(document.querySelector('.panel:nth-child(3) .plot')).getOption().series"
        ".map((one) => one.data.map((point) => point[0]))"
    )
    assert [len(places) for places in series] == [14, 14, 11]
    for position, places in enumerate(series):
        assert all(abs(place - position) <= 0.35 for place in places)


def test_one_case_is_marked_in_all_plots_at_once(reader, reports):
    reader.open(reports.index)
    for number in range(1, 7):
        reader.see(f".panel:nth-child({number}) .plot")
    reader.see("#scatter")
    assert set(marked(reader)) == {0}
    reader.hover("#gallery .thumb:nth-child(2)")
    assert reader.text("#marked") == f"marked: {reader.text('#gallery .thumb:nth-child(2) .name')}"
    assert len(marked(reader)) == 7
    assert min(marked(reader)) > 0


def dot_of(reader, home):
    """Where a dot of the first series is in the window, and of which case it is."""
    reader.see(home)
    return reader.js(
        """
        const home = document.querySelector(arguments[0]);
        const chart = echarts.getInstanceByDom(home);
        const point = chart.getOption().series[0].data[0];
        const [x, y] = chart.convertToPixel({gridIndex: 0}, point);
        const box = home.getBoundingClientRect();
        return [x + box.left, y + box.top, auvseg.data.rows.case[point[2]]];
        """,
        home,
    )


def mouse(reader, kind, x, y):
    reader.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def test_a_dot_shows_its_thumbnail_and_opens_its_case(reader, reports):
    reader.open(reports.index)
    x, y, index = dot_of(reader, "#scatter")
    mouse(reader, "mouseMoved", x - 3, y)
    mouse(reader, "mouseMoved", x, y)
    reader.until("document.querySelector('#scatter .tip img')?.src.startsWith('data:image/webp')")
    name = reader.js("auvseg.data.cases.id[arguments[0]]", index)
    assert reader.js("document.querySelector('#scatter .tip b').textContent") == name
    for kind in ("mousePressed", "mouseReleased"):
        mouse(reader, kind, x, y)
    reader.until("auvsegCase.shown !== undefined")
    assert reader.js("auvsegCase.shown") == index


def test_any_measure_stands_against_any_other(reader, reports):
    reader.open(reports.index)
    assert reader.js("document.querySelector('#across').value") == "volume_ml"
    reader.choose("#across", "agreement")
    reader.choose("#up", "S")
    reader.see("#scatter")
    assert reader.one("#scatter").get_attribute("aria-label").startswith("S against agreement")
    names = reader.js(
        "const option = echarts.getInstanceByDom(document.querySelector('#scatter')).getOption();"
        "return [option.xAxis[0].name, option.yAxis[0].name]"
    )
    assert names[0].startswith("agreement")
    assert names[1].startswith("S")


def test_the_cut_moves_by_its_slider_and_by_its_line(reader, reports):
    reader.open(reports.index)
    reader.choose("#keep", "1")
    assert reader.text("#cut-words").startswith("0 of 14 training cases would be removed")
    reader.choose("#keep", "0.5")
    assert reader.text("#cut-words").startswith("7 of 14")
    assert len(reader.all("#cut-cases a")) == 7
    going = [[cell.text for cell in row.find_elements("css selector", "td")] for row in reader.all("#cut-rows tr")]
    assert [int(cases) for cases, _, _ in going] == [14, 14, 11]
    assert 0 < int(going[0][1]) <= 7
    assert "--keep 0.5" in reader.text("#cut-command")
    reader.drag("#cut", 0.5, 0.95)
    moved = int(reader.text("#cut-words").split()[0])
    assert moved < 7
    assert reader.text("#keep-words") == f"{100 * (14 - moved) / 14:.1f} %"


def test_every_measure_can_be_shown(reader, reports):
    reader.open(reports.index)
    reader.js("document.querySelector('#plot-choice').closest('details').open = true; return 0")
    boxes = reader.js("document.querySelectorAll('#plot-choice input').length")
    reader.click("#plot-choice label:last-child")
    last = f".panel:nth-child({boxes}) .plot"
    reader.see(last)
    reader.click("#plot-choice label:last-child")
    assert not reader.one(last).is_displayed()
