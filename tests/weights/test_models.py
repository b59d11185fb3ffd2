import re
from pathlib import Path

import pytest

from auvseg.errors import UsageError
from auvseg.extractors.lite_medsam import extractor as lite_medsam
from auvseg.weights.cache import location
from auvseg.weights.models import MODELS, find_model


def test_names_are_unique_and_found():
    assert len({model.name for model in MODELS}) == len(MODELS)
    assert all(find_model(model.name) is model for model in MODELS)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match="medsam2"):
        find_model("medsam3")


def test_every_address_is_encrypted_and_names_the_pinned_revision():
    for model in MODELS:
        assert model.url.startswith("https://"), model.name
        assert model.revision is None or model.revision in model.url, model.name
        assert model.package or model.host in model.hosts, model.name


def test_no_two_files_share_a_place():
    places = [location(model) for model in MODELS]
    assert len(set(places)) == len(places)


def test_the_default_model_is_the_extractors():
    model = find_model("lite-medsam")
    assert model.sha256 == lite_medsam.WEIGHTS_SHA256
    assert location(model) == lite_medsam.weights_path()
    assert location(model).stat().st_size == model.size_bytes


def test_clip_driven_universal_model_is_for_research_only():
    model = find_model("clip-driven")
    assert model.research_only == "yes"
    assert "BY-NC-ND" in model.licence


def test_facts_have_one_form():
    for model in MODELS:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", model.name)
        assert model.revision is None or re.fullmatch("[0-9a-f]{40}", model.revision), model.name
        assert model.sha256 is None or re.fullmatch("[0-9a-f]{64}", model.sha256), model.name
        # A plain file name on every operating system, and one of a format that is loaded without running anything.
        assert model.package or re.fullmatch(r"\w[\w-]*\.(pt|pth|bin|ckpt|safetensors)", model.file_name), model.name


def test_the_documentation_names_every_model_and_says_which_hash_is_not_published():
    page = (Path(__file__).parents[2] / "docs" / "weights.md").read_text(encoding="utf-8")
    for model in MODELS:
        (row,) = [line for line in page.splitlines() if line.startswith("|") and f"`{model.name}`" in line]
        assert ("first use" in row) == (model.sha256 is None), model.name
        assert row.endswith(f"| {model.research_only} |"), model.name
