"""The review: by keyboard alone, kept, out and in."""

import json

import pytest
from selenium.webdriver.common.keys import Keys

from auvseg.review.verdicts import read_review

pytestmark = pytest.mark.browser

VERDICTS = {"k": "keep", "x": "exclude", "f": "fix", "u": "unsure"}


def decisions(reader):
    """Case and verdict of all that is decided, as the browser keeps it."""
    return reader.js(
        "return Object.fromEntries(auvseg.data.cases.id.map((id) => [`:${id}`, auvsegReview.of(id)])"
        ".filter(([, one]) => one.verdict || one.note))"
    )


def ids(reader):
    return reader.js("auvseg.data.cases.id")


def test_ten_cases_are_reviewed_by_the_keyboard_alone(reader, reports):
    reader.open(reports.index)
    reader.press("r")
    reader.until_images()
    for number in range(10):
        key = "kxfu"[number % 4]
        reader.press(key)
        assert reader.one(f"[data-verdict={VERDICTS[key]}]").get_attribute("aria-pressed") == "true"
        if number == 2:
            reader.press("n", "the label, as I see it, is x k j", Keys.ESCAPE)
        reader.press("j")
        reader.until(f"auvsegCase.shown === {number + 1}")
    assert reader.text("#progress-words") == "10 of 14 reviewed"
    expected = {f":{case}": VERDICTS["kxfu"[number % 4]] for number, case in enumerate(ids(reader)[:10])}
    assert {case: one["verdict"] for case, one in decisions(reader).items()} == expected
    assert decisions(reader)[f":{ids(reader)[2]}"]["note"] == "the label, as I see it, is x k j"
    reader.press(Keys.ESCAPE)
    assert reader.one("#cohort").is_displayed()
    assert [one.text for one in reader.all("#gallery .badge")][:4] == ["keep", "exclude", "fix", "unsure"]

    before = decisions(reader)
    reader.reload()
    assert decisions(reader) == before
    assert reader.text("#progress-words") == "10 of 14 reviewed"
    reader.press("r")
    reader.until("auvsegCase.shown === 10")


def test_a_verdict_is_taken_back_by_itself_and_by_undo_and_a_note_is_one_step(reader, reports):
    reader.open(reports.index, case=1)
    reader.click("[data-verdict=exclude]")
    reader.press("x")
    assert decisions(reader) == {}
    reader.press("z")
    assert len(decisions(reader)) == 1
    reader.press("n", "typed slowly", Keys.ESCAPE, "z")
    (left,) = decisions(reader).values()
    assert left == {"verdict": "exclude", "note": ""}
    reader.show(3)
    reader.click("#undo")
    reader.until("auvsegCase.shown === 1")
    assert decisions(reader) == {}
    assert not reader.one("#undo").is_enabled()


def test_next_previous_and_going_on_after_a_verdict(reader, reports):
    reader.open(reports.index, case=0)
    assert not reader.one("#previous").is_enabled()
    reader.click("#next")
    reader.until("auvsegCase.shown === 1")
    reader.press("p")
    reader.until("auvsegCase.shown === 0")
    for place in (1, 2):
        reader.press(Keys.ARROW_RIGHT)
        reader.until(f"auvsegCase.shown === {place}")
    reader.press(Keys.ARROW_LEFT)
    reader.until("auvsegCase.shown === 1")
    reader.click("#goes-on")
    reader.press("u")
    reader.until("auvsegCase.shown === 2")
    reader.reload()
    assert reader.js("document.querySelector('#goes-on').checked")
    reader.show(13)
    assert not reader.one("#next").is_enabled()
    reader.click("#back")
    assert reader.one("#cohort").is_displayed()


def decide_hostile(reader):
    """A verdict or a note for every case, some of them such as a spreadsheet would compute."""
    notes = [
        "=1+1",
        'say "no", twice',
        "two\nlines",
        "@import",
        "'quoted",
        "‮rtl‬ 🧠",
        "</script><script>window.harmed=1</script>",
    ]
    for number, case in enumerate(ids(reader)):
        change = {"verdict": list(VERDICTS.values())[number % 4], "note": notes[number % len(notes)]}
        reader.js("auvsegReview.decide(arguments[0], arguments[1]); return 0", case, change)


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_a_review_goes_out_is_read_by_auvseg_and_comes_back(reader, reports, kind):
    reader.open(reports.index)
    reader.one("#rater").send_keys(f"Anna Ångström ({kind})")
    decide_hostile(reader)
    before = decisions(reader)
    assert len(before) == 14
    reader.click(f"#export-{kind}")
    path = reader.saved(f"auvseg-review-Anna-Ångström-{kind}.{kind}")
    review = read_review(path)
    assert review.rater == f"Anna Ångström ({kind})"
    read = {f":{case}": {"verdict": one.verdict, "note": one.note} for case, one in review.decisions.items()}
    assert read == before

    reader.open(reports.index)
    assert decisions(reader) == {}
    reader.one("#import").send_keys(str(path))
    reader.until("document.querySelector('#import-words').textContent")
    assert reader.text("#import-words") == "14 decisions imported"
    assert decisions(reader) == before
    reader.show(0)
    reader.press("z")
    assert decisions(reader) == {}


def test_what_cannot_be_taken_over_is_said(reader, reports, tmp_path):
    reader.open(reports.index)
    case = ids(reader)[0]
    reader.js("auvsegReview.decide(arguments[0], {verdict: 'keep'}); return 0", case)
    other = {
        "auvseg_review": 1,
        "run": "another",
        "verdicts": [{"case": case, "verdict": "fix"}, {"case": "elsewhere", "verdict": "keep"}],
    }
    files = {
        "damaged.json": ("{", "nothing imported: this file is damaged"),
        "other.json": (
            '{"auvseg_review": 99}',
            "nothing imported: this is not an auvseg review, or one of another version",
        ),
        "other.csv": ("a,b\n1,2\n", "nothing imported: a CSV review needs the columns case, verdict and note"),
        "mixed.json": (
            json.dumps(other),
            "1 decisions imported; 1 of them replaced another verdict (undo with z in a case); "
            "1 left out: their cases are not in this report; the file belongs to another run",
        ),
    }
    for name, (text, words) in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        reader.one("#import").send_keys(str(tmp_path / name))
        reader.until(f"document.querySelector('#import-words').textContent === {json.dumps(words)}")
    assert decisions(reader)[f":{case}"]["verdict"] == "fix"


def test_without_storage_the_page_says_so_and_still_reviews(reader, reports):
    reader.open(reports.index, without="storage")
    assert "export them before you close" in reader.text("#not-kept")
    reader.show(0)
    reader.press("x")
    assert [one["verdict"] for one in decisions(reader).values()] == ["exclude"]


def test_another_tab_of_the_same_report_is_followed(reader, reports):
    reader.open(reports.index, case=0)
    reader.js(
        "const key = `auvseg-review:${auvseg.data.fingerprint}`;"
        "const decisions = [[auvseg.data.cases.id[0], {verdict: 'fix', note: ''}]];"
        "const stored = JSON.stringify({rater: '', decisions});"
        "localStorage.setItem(key, stored);"
        "dispatchEvent(new StorageEvent('storage', {key, newValue: stored})); return 0"
    )
    assert reader.one("[data-verdict=fix]").get_attribute("aria-pressed") == "true"
    assert reader.text("#progress-words") == "1 of 14 reviewed"


def test_what_the_browser_kept_wrongly_is_left_aside(reader, reports):
    reader.open(reports.index)
    reader.js(
        "localStorage.setItem(`auvseg-review:${auvseg.data.fingerprint}`, '{\"decisions\": [1, [2], null]}'); return 0"
    )
    reader.reload()
    assert decisions(reader) == {}
    assert reader.text("#progress-words") == "0 of 14 reviewed"
