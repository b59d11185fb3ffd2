import pytest

from auvseg.errors import UsageError
from auvseg.extractors import extractor_names, get_extractor, register_extractor


class StandIn:
    name = "mine"
    weights_id = "0" * 64
    modalities = frozenset()
    prompt = "none"

    def settings(self):
        return {}

    def class_maps(self, case, classes):
        return iter(())


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="lite-medsam"):
        get_extractor("no-such-model")


def test_a_registered_model_is_found_and_gets_the_options():
    seen = {}

    def factory(**options):
        seen.update(options)
        return StandIn()

    register_extractor("mine", factory)
    assert "mine" in extractor_names()
    get_extractor("mine", prompt="none")
    assert seen == {"prompt": "none"}


def test_our_own_names_cannot_be_taken():
    with pytest.raises(UsageError, match="taken"):
        register_extractor("lite-medsam", object)
