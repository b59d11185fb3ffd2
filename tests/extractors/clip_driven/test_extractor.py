"""The CLIP-Driven Universal Model on random weights: its merging, its heads, its checkpoint, and a run."""

import hashlib
from dataclasses import replace

import pytest
import torch
from monai.networks.nets.swin_unetr import PatchMerging
from torch.nn import functional

from auvseg.data.case import ClassDef
from auvseg.data.dataset import read_dataset
from auvseg.errors import UsageError, WeightsError
from auvseg.extractors import get_extractor, register_extractor
from auvseg.extractors.base import HasOwnClasses, MakesRemarks, ReadsRawChannels
from auvseg.extractors.clip_driven.extractor import NAMES, ClipDriven
from auvseg.extractors.clip_driven.network import OldPatchMerging, UniversalNetwork
from auvseg.scoring.config import ModelFile, ScoreConfig
from auvseg.scoring.score import score
from auvseg.scoring.table import load_scores
from ct_files import write_ct_table
from published_weights import clip_driven_state, write_clip_driven

WINDOW = (64, 32, 32)

UPSTREAM_NAMES = "32e1b906a305cc0f592e934b9d5801671470c62fb8afcaebca1f1ba3cc945f7d"
"""Sha256 of names and shapes of the parameters of upstream's own network, a line each, sorted."""


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = UniversalNetwork().eval()
    with torch.no_grad():
        network.organ_embedding.normal_()
        for weights in network.parameters():
            weights.add_(0.02 * torch.randn(weights.shape))
    return network


@pytest.fixture(scope="module")
def checkpoint(network, tmp_path_factory):
    return write_clip_driven(tmp_path_factory.mktemp("clip") / "clip_driven_universal_swin_unetr.pth", network)


@pytest.fixture(scope="module")
def extractor(checkpoint):
    return ClipDriven(model=checkpoint, window=WINDOW)


@pytest.fixture(scope="module")
def seen(network):
    """Two images, and what the backbone makes of them: its bottleneck and its last features."""
    image = torch.rand(2, 1, *WINDOW, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        return image, network.backbone(image)


@pytest.fixture
def image(network, seen, monkeypatch):
    """The images; the backbone says of them what it said before, which takes no time."""
    whole, features = seen
    monkeypatch.setattr(network.backbone, "forward", lambda given: features if given is whole else pytest.fail("other"))
    return whole


@pytest.mark.parametrize("shape", [(2, 4, 6), (3, 5, 4)])
def test_merging_takes_the_neighbours_in_the_order_of_the_time(shape):
    torch.manual_seed(1)
    merge = OldPatchMerging(4)
    x = torch.randn(1, *shape, 4)
    found = merge(x)
    order = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 0), (0, 0, 1), (1, 1, 1)]
    for place in torch.cartesian_prod(*(torch.arange((side + 1) // 2) for side in shape)).tolist():
        parts = []
        for offset in order:
            at = [2 * p + o for p, o in zip(place, offset, strict=True)]
            inside = all(a < side for a, side in zip(at, shape, strict=True))
            parts.append(x[0, at[0], at[1], at[2]] if inside else torch.zeros(4))
        expected = merge.reduction(merge.norm(torch.cat(parts)))
        assert torch.allclose(found[0, place[0], place[1], place[2]], expected, atol=1e-5)


def test_todays_merging_of_monai_is_another():
    torch.manual_seed(1)
    old, new = OldPatchMerging(4), PatchMerging(4)
    new.load_state_dict(old.state_dict())
    x = torch.randn(1, 4, 4, 4, 4)
    assert not torch.allclose(old(x), new(x), atol=1e-2)


def test_a_head_is_three_layers_of_numbers_made_for_its_class(network, image, seen):
    bottleneck, last = seen[1]
    with torch.inference_mode():
        found = network(image, (5, 26))
        pooled, features = network.GAP(bottleneck)[:, :, 0, 0, 0], network.precls_conv(last)
        for batch in range(2):
            for place, number in enumerate((5, 26)):
                text = functional.relu(network.text_to_vision(network.organ_embedding[number]))
                made = network.controller(torch.cat([pooled[batch], text])[None, :, None, None, None]).flatten()
                w1, w2, w3 = made[:64].reshape(8, 8), made[64:128].reshape(8, 8), made[128:136]
                b1, b2, b3 = made[136:144], made[144:152], made[152]
                voxels = features[batch].flatten(1)
                hidden = torch.relu(w2 @ torch.relu(w1 @ voxels + b1[:, None]) + b2[:, None])
                assert torch.allclose(found[batch, place].flatten(), w3 @ hidden + b3, atol=1e-4)


def test_classes_do_not_depend_on_what_else_is_asked(network, image):
    with torch.inference_mode():
        together, alone = network(image, (0, 5, 31)), network(image, (5,))
    assert torch.allclose(together[:, 1:2], alone, atol=1e-5)


def test_the_published_layout_is_exactly_this_network(extractor, network, tmp_path):
    loaded = extractor._network.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in network.state_dict().items())
    # Of upstream's own network.
    assert len(loaded) == 170
    listed = "\n".join(f"{name} {tuple(value.shape)}" for name, value in sorted(loaded.items()))
    assert hashlib.sha256(listed.encode()).hexdigest() == UPSTREAM_NAMES
    state = clip_driven_state(network)
    del state["module.text_to_vision.bias"]
    torch.save({"net": state}, tmp_path / "less.pth")
    with pytest.raises(
        WeightsError, match=r"not a checkpoint of the CLIP-Driven Universal Model: lacks text_to_vision"
    ):
        ClipDriven(model=tmp_path / "less.pth")
    torch.save(clip_driven_state(network), tmp_path / "bare.pth")
    with pytest.raises(WeightsError, match=r"holds no state dict as the CLIP-Driven Universal Model's files do"):
        ClipDriven(model=tmp_path / "bare.pth")


def test_its_classes_are_those_of_its_authors(extractor, checkpoint):
    assert isinstance(extractor, HasOwnClasses)
    assert isinstance(extractor, ReadsRawChannels)
    assert isinstance(extractor, MakesRemarks)
    assert extractor.modalities == {"ct"}
    assert len(NAMES) == 32
    numbers = {one.name: one.class_id for one in extractor.own_classes}
    assert (numbers["liver"], numbers["liver tumor"], numbers["kidney cyst"], numbers["right lung"]) == (6, 27, 32, 16)
    kits = (ClassDef(1, "kidney", (1,)), ClassDef(2, "tumor", (2,)), ClassDef(3, "cyst", (3,)))
    assert extractor.unmatched(kits) == {}
    with pytest.raises(UsageError, match="no meaning for the extractor clip-driven"):
        ClipDriven(model=checkpoint, max_slices=3)


def test_a_run_has_a_row_a_class(checkpoint, tmp_path):
    register_extractor("clip-driven-small", lambda **options: ClipDriven(window=WINDOW, **options))
    classes = (ClassDef(1, "liver", (1,)), ClassDef(2, "thumb", (2,)))
    dataset = replace(read_dataset(write_ct_table(tmp_path, cases=1)), classes=classes)
    config = ScoreConfig(
        modality="ct", extractor="clip-driven-small", model=ModelFile(checkpoint), measures=("S", "agreement")
    )
    assert score(dataset, tmp_path / "run", config).failed == ()
    table = load_scores(tmp_path / "run")
    assert list(table["status"]) == ["ok", "absent"]
    assert 0 <= table["S"].iloc[0] <= 1


def test_it_is_known_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("AUVSEG_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="auvseg weights pull clip-driven"):
        get_extractor("clip-driven")
