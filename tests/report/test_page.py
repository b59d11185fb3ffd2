import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from auvseg.report.page import SCRIPTS, Page, asset, render
from auvseg.report.payload import as_json
from hostile_text import HOSTILE


class Elements(HTMLParser):
    """Scripts and styles with what is in them, and every element's name, as a browser reads the page."""

    CDATA_CONTENT_ELEMENTS = ("script", "style")

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.names, self.attributes, self.scripts, self.title = [], [], [], ""
        self._open = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self._open = tag
        if tag == "script":
            self.scripts.append([dict(attrs), ""])

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open == "script":
            self.scripts[-1][1] += data
        elif self._open == "title":
            self.title += data


def page_of(text="plain"):
    inline = {"000000": as_json({"id": text})}
    return render(Page(title=text, data=as_json({"ids": [text]}), inline_cases=inline, inline_thumbs=as_json([[text]])))


def policy(found):
    (content,) = [
        value for tag, name, value in found.attributes if (tag, name) == ("meta", "content") and "-src" in value
    ]
    return dict(part.strip().split(" ", 1) for part in content.split(";"))


def test_the_policy_lets_no_request_out():
    rules = policy(Elements(page_of()))
    assert rules["default-src"] == rules["connect-src"] == rules["form-action"] == rules["base-uri"] == "'none'"
    assert rules["img-src"] == "data: blob:"
    assert "unsafe" not in rules["script-src"]
    assert not re.search(r"https?:|\*", " ".join(rules.values()))


def test_exactly_the_scripts_of_the_page_are_allowed():
    found = Elements(page_of())
    running = [text for attributes, text in found.scripts if attributes.get("type") != "application/json"]
    assert len(running) == len(SCRIPTS)
    allowed = set(re.findall(r"'sha256-([^']+)'", policy(found)["script-src"]))
    assert allowed == {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in running}


def test_nothing_is_loaded_from_anywhere_and_no_handler_stands_in_the_page():
    found = Elements(page_of())
    assert not [one for one in found.attributes if one[1] in ("src", "srcset") or one[1].startswith("on")]
    assert not {"iframe", "object", "embed", "base"} & set(found.names)
    # An empty picture beside the title: else a browser asks the server for one.
    assert [one[2] for one in found.attributes if one[:2] == ("link", "href")] == ["data:,"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text):
    made = page_of(text)
    made.encode("utf-8")
    found, plain = Elements(made), Elements(page_of())
    assert found.names == plain.names
    assert [a[:2] for a in found.attributes] == [a[:2] for a in plain.attributes]
    by_id = {attributes["id"]: content for attributes, content in found.scripts if "id" in attributes}
    assert json.loads(by_id["data"]) == {"ids": [text]}
    assert json.loads(by_id["case-000000"]) == {"id": text}
    assert json.loads(by_id["inline-thumbs"]) == [[text]]


def test_the_same_page_is_the_same_bytes():
    assert page_of() == page_of()


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_holds_what_a_parser_stumbles_over(name):
    # `<!--` and `<script` together make a browser ignore the next end of a script.
    text = asset(name)
    assert "\r" not in text
    assert not ("<!--" in text and "<script" in text)
