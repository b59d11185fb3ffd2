"""Hostile text harms nothing, nothing leaves the page, and it works where a browser lacks something."""

import pytest

pytestmark = pytest.mark.browser


def test_every_hostile_id_is_shown_as_it_is_and_opens(reader, reports):
    reader.open(reports.index)
    ids = reader.js("auvseg.data.cases.id")
    for place, case in enumerate(ids):
        reader.show(place)
        assert reader.js("document.querySelector('#case h2').textContent") == case
        assert reader.js("document.title").startswith(f"{case} – ")
        assert reader.js("document.querySelectorAll('#case script, #case b b, img[src=x]').length") == 0
    assert "<b>liver</b><script>" in reader.text(".structure h3")
    assert reader.js("window.harmed === undefined && [].constructor === Array && ({}).harmed === undefined")


def test_an_id_that_has_no_address_is_reached_all_the_same(reader, reports):
    reader.open(reports.index)
    reader.js("auvseg.data.cases.id[2] = '\\ud83e'; return 0")
    assert reader.js("auvseg.address(2)") == "#number=2"
    assert reader.js("auvseg.indexAt('#number=2')") == 2
    assert reader.js(
        "['#case=%E0%A4%A', '#case=nobody', '#number=99', '#number=x', '#h-cut']"
        ".every((one) => auvseg.indexAt(one) === undefined)"
    )


def test_no_injected_request_leaves_the_page(reader, reports):
    reader.open(reports.index)
    reader.requests()
    blocked = reader.js(
        """
        return new Promise((done) => {
          const found = [];
          addEventListener("securitypolicyviolation", (event) => found.push(event.effectiveDirective));
          const made = (name, attributes) => Object.assign(document.createElement(name), attributes);
          const add = (name, attributes) => document.body.append(made(name, attributes));
          fetch("https://auvseg.invalid/fetch").catch(() => {});
          navigator.sendBeacon("https://auvseg.invalid/beacon");
          try { new WebSocket("wss://auvseg.invalid/socket"); } catch {}
          try { new Worker("data:text/javascript,1"); } catch {}
          add("img", {src: "https://auvseg.invalid/image"});
          add("script", {src: "https://auvseg.invalid/script.js"});
          add("script", {textContent: "window.harmed = 1"});
          add("iframe", {src: "https://auvseg.invalid/frame"});
          add("link", {rel: "stylesheet", href: "https://auvseg.invalid/style.css"});
          add("video", {src: "https://auvseg.invalid/video"});
          const form = made("form", {action: "https://auvseg.invalid/form"});
          document.body.append(form);
          form.submit();
          // Later, since the policy does not hold for what the driver itself runs.
          setTimeout(() => { try { eval("window.harmed = 1"); } catch {} });
          setTimeout(() => done(found), 500);
        });
        """
    )
    kinds = {"connect-src", "img-src", "script-src-elem", "frame-src", "style-src-elem", "media-src", "form-action"}
    assert kinds <= set(blocked)
    assert blocked.count("connect-src") == 3
    assert not reader.js("window.harmed")
    assert [url for url in reader.requests() if "auvseg.invalid" in url] == []
    assert all("Content Security Policy" in one or "auvseg.invalid" in one for one in reader.problems())


def test_a_single_file_holds_its_cases_and_asks_for_no_other(reader, reports, tmp_path):
    alone = tmp_path / "sent by mail.html"
    alone.write_bytes(reports.single.read_bytes())
    reader.requests()
    reader.open(alone)
    assert reader.text("#counts").startswith("6 of 14 cases")
    reader.until("document.querySelectorAll('#gallery img').length === 6")
    for place in range(6):
        reader.show(place)
    assert {url for url in reader.requests() if url.startswith("file:")} == {alone.as_uri()}


def test_nothing_of_this_machine_is_in_the_report(reports):
    parts = [str(reports.folder.parent), reports.folder.parent.as_uri()]
    for path in [*reports.folder.rglob("*.*"), reports.single]:
        text = path.read_text(encoding="utf-8")
        assert not any(part in text for part in parts), path.name
