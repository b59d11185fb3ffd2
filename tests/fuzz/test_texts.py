"""Whatever a description, a table or one of auvseg's own files says, it is understood or refused in one line."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given

from fuzz.effort import effort
from fuzz.mutations import damaged, odd_json
from fuzz.text_targets import OBJECTS, TEXTS

EXAMPLES = 60


def check_answer(target, content):
    with tempfile.TemporaryDirectory() as folder:
        refused = target.run(Path(folder), content)
    assert "\n" not in refused, refused


@pytest.mark.parametrize("name", OBJECTS)
def test_json_with_odd_values_is_understood_or_refused_in_one_line(name):
    target, sound = OBJECTS[name]

    @effort(EXAMPLES)
    @given(odd_json(sound))
    def check(content):
        check_answer(target, content)

    check()


@pytest.mark.parametrize("name", TEXTS)
def test_a_damaged_table_or_list_is_understood_or_refused_in_one_line(name):
    target = TEXTS[name]

    @effort(EXAMPLES)
    @given(damaged(target.seeds(), text=True))
    def check(content):
        check_answer(target, content)

    check()
