"""VoxTell's folder with a stand-in for its authors' package, whose network is too large for a test."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from auvseg.data.case import ClassDef
from auvseg.data.dataset import read_dataset
from auvseg.errors import CaseError, UsageError, WeightsError
from auvseg.extractors import get_extractor
from auvseg.extractors.base import ExtractorInput, HasOwnClasses, RawImage
from auvseg.extractors.voxtell import extractor as voxtell
from auvseg.extractors.voxtell.extractor import read_bank
from auvseg.scoring.config import ModelFolder, ScoreConfig
from auvseg.scoring.score import score
from auvseg.scoring.table import load_scores
from ct_files import write_ct_table
from published_weights import write_voxtell

pytest.importorskip("nnunetv2")

STAND_IN = '''
import torch
from torch import nn

class VoxTellModel(nn.Module):
    """As the package's: keywords of the plans, logits (B, N, ...) of an image (B, 1, ...) and vectors (B, N, F)."""

    def __init__(self, input_channels, n_stages, conv_op, text_embedding_dim, query_dim, deep_supervision, **others):
        super().__init__()
        assert (input_channels, text_embedding_dim, query_dim, deep_supervision) == (1, 2560, 2048, False)
        assert conv_op is nn.Conv3d and others["norm_op"] is nn.InstanceNorm3d and others["dropout_op"] is None
        self.image, self.text = conv_op(1, n_stages, 1), nn.Linear(text_embedding_dim, n_stages)

    def forward(self, img, text_embedding=None):
        return torch.einsum("bcxyz,bnc->bnxyz", self.image(img), self.text(text_embedding.squeeze(2)))
'''
PLANS = {
    "configurations": {
        "3d_fullres": {
            "patch_size": [32, 32, 32],
            "architecture": {
                "arch_kwargs": {
                    "n_stages": 3, "conv_op": "torch.nn.modules.conv.Conv3d", "dropout_op": None,
                    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
                },
                "_kw_requires_import": ["conv_op", "norm_op", "dropout_op"],
            },
        }
    }
}  # fmt: skip
PROMPTS = ("Liver", "left kidney", "right kidney", "hepatic tumor")
LIVER, KIDNEY, TAIL = ClassDef(1, "liver", (1,)), ClassDef(2, "kidney", (2,)), ClassDef(3, "tail", (3,))


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    root = tmp_path_factory.mktemp("site")
    (root / "voxtell" / "model").mkdir(parents=True)
    for path in (root / "voxtell", root / "voxtell" / "model"):
        (path / "__init__.py").write_text("")
    (root / "voxtell" / "model" / "voxtell_model.py").write_text(STAND_IN)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root)
        yield root


@pytest.fixture
def folder(package, tmp_path):
    from voxtell.model.voxtell_model import VoxTellModel

    torch.manual_seed(0)
    network = VoxTellModel(
        1, 3, nn.Conv3d, text_embedding_dim=2560, query_dim=2048, deep_supervision=False,
        norm_op=nn.InstanceNorm3d, dropout_op=None,
    )  # fmt: skip
    return write_voxtell(tmp_path / "voxtell_v1.1", network, PROMPTS, PLANS)


def make_case(axcodes="LPS", seed=0):
    image = np.zeros((14, 30, 32), np.float32)
    image[2:12, 4:28, 5:30] = np.random.default_rng(seed).normal(300, 80, (10, 24, 25))
    return ExtractorInput(image, None, (3.0, 0.8, 0.8), RawImage(image[None], axcodes))


def test_its_classes_are_the_prompts_whose_vectors_are_there(folder):
    extractor = get_extractor("voxtell", model=folder)
    assert isinstance(extractor, HasOwnClasses)
    assert [one.name for one in extractor.own_classes] == ["liver", "left kidney", "right kidney", "hepatic tumor"]
    assert extractor.modalities == {"ct", "mri"}
    assert extractor.unmatched([LIVER, KIDNEY, ClassDef(4, "liver_tumour", (4,)), TAIL]).keys() == {3}


def test_a_map_is_the_networks_answer_to_the_prompt_on_the_standardised_cut_image(folder):
    extractor = get_extractor("voxtell", model=folder)
    (found,) = extractor.class_maps(make_case(), [LIVER])
    image = torch.from_numpy(make_case().image[2:12, 4:28, 5:30])
    scaled = (image - image.mean()) / image.std(correction=0)
    vector = read_bank(folder / "text_embeddings.npz")["liver"]
    with torch.inference_mode():
        expected = extractor._network(scaled[None, None], vector[None, None])[0, 0]
    assert torch.allclose(found.logits[2:12, 4:28, 5:30], expected, atol=1e-3)
    # What was cut away is nothing of the class.
    assert (found.logits[0] == expected.min()).all() or torch.allclose(found.logits[0], expected.min(), atol=1e-3)


def test_orientation_on_disk_changes_nothing(folder):
    extractor = get_extractor("voxtell", model=folder)
    (first,) = extractor.class_maps(make_case("LPS"), [LIVER])
    (second,) = extractor.class_maps(make_case("RAS"), [LIVER])
    assert torch.equal(first.logits, second.logits)


def test_vectors_are_found_where_the_authors_publish_them_and_are_part_of_the_record(folder):
    inside = folder / "text_embeddings.npz"
    before = get_extractor("voxtell", model=folder).settings()["text_embeddings_sha256"]
    beside = folder.parent / "embeddings" / folder.name / inside.name
    beside.parent.mkdir(parents=True)
    inside.rename(beside)
    assert get_extractor("voxtell", model=folder).settings()["text_embeddings_sha256"] == before
    beside.unlink()
    with pytest.raises(WeightsError, match=r"has no text_embeddings\.npz; put embeddings/voxtell_v1\.1"):
        get_extractor("voxtell", model=folder)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: path.write_bytes(b"PK\x03\x04 no archive"), "damaged, or holds no labels"),
        (lambda path: np.savez(path, labels=np.array(["a"])), "damaged, or holds no labels"),
        (lambda path: np.savez(path, labels=np.array(["a"]), embeddings=np.zeros((2, 3))), "holds 1 labels"),
        (lambda path: np.savez(path, labels=np.array([{}], object), embeddings=np.zeros((1, 3))), "damaged, or holds"),
    ],
)
def test_a_damaged_bank_is_named_and_nothing_in_it_is_run(tmp_path, write, words):
    write(tmp_path / "text_embeddings.npz")
    with pytest.raises(WeightsError, match=words):
        read_bank(tmp_path / "text_embeddings.npz")


def test_plans_build_from_known_packages_alone(folder):
    plans = json.loads(json.dumps(PLANS))
    plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]["conv_op"] = "os.system"
    (folder / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(UsageError, match=r"builds its network from os\.system"):
        get_extractor("voxtell", model=folder)
    (folder / "plans.json").write_text("{}")
    with pytest.raises(UsageError, match="cannot be built from its plans"):
        get_extractor("voxtell", model=folder)


def test_what_is_needed_and_what_has_no_meaning_is_named(folder, monkeypatch, tmp_path):
    monkeypatch.delenv("VOXTELL_MODEL", raising=False)
    with pytest.raises(UsageError, match="needs --model, or VOXTELL_MODEL"):
        get_extractor("voxtell")
    monkeypatch.setenv("VOXTELL_MODEL", str(folder))
    assert get_extractor("voxtell").name == "voxtell"
    for options, words in [({"folds": "0"}, "--folds"), ({"max_slices": 2}, "--max-slices")]:
        with pytest.raises(UsageError, match=f"{words}.* no meaning for the extractor voxtell"):
            get_extractor("voxtell", model=folder, **options)
    with pytest.raises(CaseError, match="none of its classes"):
        list(get_extractor("voxtell").class_maps(make_case(), [TAIL]))
    torch.save({"network_weights": {}, "trainer_name": "", "init_args": {}}, folder / "fold_0" / "checkpoint_final.pth")
    with pytest.raises(UsageError, match="its checkpoint is not of its plans' network"):
        get_extractor("voxtell", model=folder)
    monkeypatch.setitem(sys.modules, "voxtell.model.voxtell_model", None)
    with pytest.raises(UsageError, match=r"the package voxtell cannot be used .* pip install 'auvseg\[voxtell\]'"):
        get_extractor("voxtell", model=folder)
    monkeypatch.setattr(voxtell, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'auvseg\[voxtell\]'"):
        get_extractor("voxtell", model=folder)


def test_a_run_has_a_row_a_class(folder, tmp_path):
    dataset = replace(read_dataset(write_ct_table(tmp_path)), classes=(LIVER, KIDNEY, TAIL))
    config = ScoreConfig(modality="ct", extractor="voxtell", model=ModelFolder(folder), measures=("S", "agreement"))
    assert score(dataset, tmp_path / "run", config).failed == ()
    assert list(load_scores(tmp_path / "run")["status"]) == ["ok", "ok", "absent"] * 2
