"""A network of the user's own: from five lines or a TorchScript file to a run."""

import json
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from auvseg.cli import app
from auvseg.data.case import ClassDef
from auvseg.data.dataset import read_dataset
from auvseg.errors import CaseError, UsageError, WeightsError
from auvseg.extractors import get_extractor, module_extractor, register_extractor
from auvseg.extractors.base import ExtractorInput, HasOwnClasses, MakesRemarks, RawImage, ReadsRawChannels
from auvseg.extractors.module.description import standardised
from auvseg.extractors.module.extractor import parameters_sha256
from auvseg.scoring.config import ModelFile, ScoreConfig
from auvseg.scoring.score import score
from auvseg.scoring.table import load_scores
from ct_files import write_ct_table

LIVER, BOTH = ClassDef(1, "liver", (1,)), ClassDef(2, "kidney", (2,))
WINDOW = (64, 64, 64)
CLASSES = {"liver": 1, "left kidney": 2, "right kidney": 3}


class Planes(nn.Module):
    """Four channels that are known functions of the image, and one parameter."""

    def __init__(self, factor: float = 1.0):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor([factor]))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        first = image[:, :1] * self.factor
        return torch.cat([0 * first, first, 2 * first, -first], dim=1)


def raw(volume):
    return volume


@pytest.fixture
def case():
    image = np.random.default_rng(0).normal(0, 2, (12, 20, 24)).astype(np.float32)
    return ExtractorInput(image, None, (2.0, 1.0, 1.0), RawImage(image[None], "RAS"))


def make(**options):
    return module_extractor(Planes(), CLASSES, window=WINDOW, intensity=raw, **options)()


def test_it_is_an_extractor_like_any_other():
    extractor = make(modalities=["ct"])
    assert isinstance(extractor, HasOwnClasses)
    assert isinstance(extractor, ReadsRawChannels)
    assert isinstance(extractor, MakesRemarks)
    assert extractor.modalities == {"ct"}
    assert [one.name for one in extractor.own_classes] == list(CLASSES)
    assert extractor.remarks() == ()


def test_of_a_softmax_a_map_is_the_classs_logit_and_its_odds_are_against_all_others(case):
    first, union = make().class_maps(case, [LIVER, BOTH])
    image = torch.from_numpy(case.image)
    everything = torch.stack([0 * image, image, 2 * image, -image])
    probabilities = everything.softmax(0)
    assert torch.allclose(first.logits, image, atol=1e-4)
    assert torch.allclose(first.odds, probabilities[1].logit(), atol=1e-3)
    # The data set's kidney is the model's left and right: the higher of the two, channel by channel.
    higher = torch.maximum(everything[2], everything[3])
    assert torch.allclose(union.logits, higher, atol=1e-4)
    assert first.planes == tuple(range(12))


def test_several_channels_of_one_name_are_their_union(case):
    extractor = module_extractor(Planes(), {"kidney": [2, 3]}, window=WINDOW, intensity=raw)()
    (found,) = extractor.class_maps(case, [BOTH])
    image = torch.from_numpy(case.image)
    probabilities = torch.stack([0 * image, image, 2 * image, -image]).softmax(0)
    assert torch.allclose(found.odds, (probabilities[2] + probabilities[3]).logit(), atol=1e-3)


def test_of_a_sigmoid_every_channel_stands_for_itself(case):
    extractor = module_extractor(
        Planes(), {"liver": 1, "kidney": [2, 3]}, window=WINDOW, intensity=raw, outputs="sigmoid"
    )()
    first, union = extractor.class_maps(case, [LIVER, BOTH])
    image = torch.from_numpy(case.image)
    assert first.odds is None
    assert torch.allclose(first.logits, image, atol=1e-4)
    assert torch.allclose(union.logits, torch.maximum(2 * image, -image), atol=1e-4)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (nn.Identity(), "gives 1 channels, but channel 3 is named"),
        (nn.AvgPool3d(2), r"it must give \(B, C, x, y, z\) logits"),
    ],
)
def test_a_network_that_gives_something_else_fails_the_case_with_the_reason(case, network, words):
    with pytest.raises(CaseError, match=words):
        list(module_extractor(network, CLASSES, window=WINDOW)().class_maps(case, [LIVER]))


def test_channels_and_classes_must_be_the_networks(case):
    with pytest.raises(CaseError, match="has 1 channels, the network was trained on 2"):
        list(make(channels=2).class_maps(case, [LIVER]))
    with pytest.raises(CaseError, match="none of its classes"):
        list(make().class_maps(case, [ClassDef(1, "spleen", (1,))]))


@pytest.mark.parametrize(
    ("classes", "options", "words"),
    [
        ({}, {}, "needs its classes"),
        ({"liver": -1}, {}, "class 'liver': -1 is no output channel"),
        ({"liver": []}, {}, "no output channel"),
        ({"liver": True}, {}, "no output channel"),
        ({"liver": 1}, {"overlap": 1.0}, r"overlap of windows must be in \[0, 1\)"),
    ],
)
def test_what_cannot_be_is_refused_at_once(classes, options, words):
    with pytest.raises(UsageError, match=words):
        module_extractor(Planes(), classes, window=WINDOW, **options)


def test_weights_are_known_by_their_values_wherever_they_lie():
    assert parameters_sha256(Planes(1.0)) == parameters_sha256(Planes(1.0))
    assert parameters_sha256(Planes(1.0)) != parameters_sha256(Planes(1.5))
    assert parameters_sha256(nn.Linear(2, 3, bias=False)) != parameters_sha256(nn.Linear(3, 2, bias=False))


def test_standardised_channels_have_mean_0_and_deviation_1_and_constant_ones_are_0():
    volume = torch.stack([torch.randn(4, 5, 6) * 7 + 3, torch.full((4, 5, 6), 9.0)])
    found = standardised(volume)
    assert found[0].mean().item() == pytest.approx(0, abs=1e-5)
    assert found[0].std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert torch.equal(found[1], torch.zeros(4, 5, 6))


def test_five_lines_are_enough_for_a_run(tmp_path):
    dataset = replace(read_dataset(write_ct_table(tmp_path, cases=2)), classes=(LIVER,))
    register_extractor("mine", module_extractor(Planes(), {"liver": 1}, window=WINDOW))
    config = ScoreConfig(modality="mri", extractor="mine", measures=("S", "agreement"))
    assert score(dataset, tmp_path / "run", config).failed == ()
    table = load_scores(tmp_path / "run")
    assert (table["status"] == "ok").all()
    assert table["S"].between(0, 1).all()


# On the command line


@pytest.fixture
def described(tmp_path):
    """A TorchScript file and its description, changed as a test wants."""

    def write(**changes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            torch.jit.save(torch.jit.script(Planes()), tmp_path / "network.pt")
        content = {
            "network": "network.pt", "classes": {"label 1": 1}, "window": [64, 64, 64], "spacing_mm": [1, 1, 2],
            "intensity": {"from": -175, "to": 250}, "outputs": "sigmoid",
        }  # fmt: skip
        content |= changes
        path = tmp_path / "model.json"
        path.write_text(json.dumps({key: value for key, value in content.items() if value != "-"}))
        return path

    return write


def test_a_described_file_is_the_network_in_it(described, case):
    extractor = get_extractor("module", model=described(intensity={"from": 0, "to": 1}, classes={"liver": 1}))
    (found,) = extractor.class_maps(case, [LIVER])
    assert torch.allclose(found.logits, torch.from_numpy(case.image).clamp(0, 1), atol=1e-4)
    assert extractor.settings()["spacing_mm"] == "1 1 2"


def test_an_exported_program_is_the_network_too(described, case, tmp_path):
    torch.export.save(torch.export.export(Planes(), (torch.zeros(1, 1, *WINDOW),)), tmp_path / "network.pt2")
    changes = {"intensity": {"from": 0, "to": 1}, "classes": {"liver": 1}}
    (found,) = get_extractor("module", model=described(network="network.pt2", **changes)).class_maps(case, [LIVER])
    (expected,) = get_extractor("module", model=described(**changes)).class_maps(case, [LIVER])
    assert torch.allclose(found.logits, expected.logits, atol=1e-6)


def test_a_run_by_a_described_file(described, tmp_path):
    table = write_ct_table(tmp_path, cases=2)
    options = ["--extractor", "module", "--model", str(described()), "--modality", "ct", "--device", "cpu"]
    result = CliRunner().invoke(app, ["score", str(table), "-o", str(tmp_path / "run"), *options])
    assert result.exit_code == 0, result.output
    assert list(load_scores(tmp_path / "run")["status"]) == ["ok", "absent"] * 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window": "-"}, "lacks 'window'"),
        ({"windows": [1, 1, 1]}, "unknown key 'windows'"),
        ({"window": [64, 64]}, r"window is \[64, 64\]; it must be three whole numbers above 0"),
        ({"window": "646"}, "it must be three whole numbers"),
        ({"window": [64, 64, 64.5]}, "it must be three whole numbers"),
        ({"spacing_mm": [1, 1, float("nan")]}, "three numbers above 0"),
        ({"classes": {"liver": "one"}}, "class 'liver': 'one' is no output channel"),
        ({"classes": 3}, "classes is 3; it must be an object"),
        ({"intensity": {"from": 3, "to": 3}}, "intensity is"),
        ({"intensity": "loud"}, '"standardised", or'),
        ({"intensity": {"from": 0, "to": float("inf")}}, "intensity is"),
        ({"axcodes": "RAP"}, "three letters such as RAS"),
        ({"axcodes": ["R", "A", "S"]}, "three letters such as RAS"),
        ({"overlap": 1}, "from 0 to below 1"),
        ({"channels": 0}, "whole number from 1"),
        ({"modalities": ["xray"]}, "a list of ct, mri, windowed"),
        ({"outputs": "tanh"}, "softmax or sigmoid"),
        ({"network": 3}, "network is 3; it must be the name of a file"),
    ],
)
def test_a_description_that_cannot_be_is_refused_with_what_is_expected(described, changes, words):
    path = described(**changes)
    with pytest.raises(UsageError, match=words) as caught:
        get_extractor("module", model=path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_and_damaged_files_are_named(described, tmp_path):
    with pytest.raises(UsageError, match="needs --model: a description"):
        get_extractor("module")
    with pytest.raises(UsageError, match=r"missing\.json cannot be read"):
        get_extractor("module", model=tmp_path / "missing.json")
    (tmp_path / "text.json").write_text("no json")
    with pytest.raises(UsageError, match="is no JSON"):
        get_extractor("module", model=tmp_path / "text.json")
    with pytest.raises(WeightsError, match=r"gone\.pt cannot be read"):
        get_extractor("module", model=described(network="gone.pt"))
    path = described()
    (tmp_path / "network.pt").write_bytes(b"PK" + bytes(100))
    with pytest.raises(WeightsError, match=r"network\.pt is damaged, or no such file"):
        get_extractor("module", model=path)


def test_a_factory_is_imported_by_its_name(tmp_path, monkeypatch, case):
    (tmp_path / "my_models.py").write_text(
        "import torch\n"
        "from auvseg.extractors import module_extractor\n"
        "mine = module_extractor(torch.nn.Conv3d(1, 3, 1), {'liver': 1}, window=(32, 32, 32))\n"
        "number = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (found,) = get_extractor("my_models:mine").class_maps(case, [LIVER])
    assert found.logits.shape == (12, 20, 24)
    for name, words in [
        ("my_models:other", "my_models has no 'other'"),
        ("my_models:number", "number is not a factory"),
        ("builtins:dict", "makes a dict, no extractor; see"),
        ("os:getcwd", r"is no factory of an extractor \(.*takes no keyword"),
        ("nowhere_at_all:mine", "No module named 'nowhere_at_all'; is it installed"),
    ]:
        with pytest.raises(UsageError, match=words):
            get_extractor(name, prompt="label")
    del sys.modules["my_models"]


def test_a_model_of_volumes_refuses_a_number_of_planes():
    with pytest.raises(UsageError, match="--max-slices has no meaning for the extractor module"):
        module_extractor(Planes(), CLASSES, window=WINDOW)(max_slices=3)


def test_the_model_of_the_extractor_module_is_a_file(described):
    config = ScoreConfig(modality="ct", extractor="module", model=ModelFile(described()))
    assert config.model.options() == {"model": described()}
