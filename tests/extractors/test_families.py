"""The facts of every extractor, and the page that shows them."""

from importlib import import_module
from pathlib import Path

import pytest

from auvseg.extractors.families import EXTRACTORS, facts_of

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


@pytest.mark.parametrize("facts", EXTRACTORS, ids=lambda facts: facts.name)
def test_the_page_on_models_shows_the_facts(facts):
    cells = (facts.told, facts.classes, facts.modalities, facts.licence, facts.memory, facts.takes)
    status = " experimental |" if facts.experimental else " |"
    assert f"| `{facts.name}` | {' | '.join(cells)} |{status}" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("facts", EXTRACTORS, ids=lambda facts: facts.name)
def test_every_extractor_is_where_the_catalogue_says(facts):
    module, _, name = facts.home.partition(":")
    found = getattr(import_module(module), name)
    assert found.name == facts.name
    assert all(hasattr(found, method) for method in ("settings", "class_maps"))
    assert hasattr(found, "own_classes") == facts.own_classes


def test_names_are_unique_and_found():
    assert len({facts.name for facts in EXTRACTORS}) == len(EXTRACTORS)
    assert facts_of("none").takes == "nothing"
    assert facts_of("no-such-model") is None
