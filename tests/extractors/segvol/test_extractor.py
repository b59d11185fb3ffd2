"""SegVol on random weights: words to tokens, the published layout, its maps, and a run."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from auvseg.data.case import ClassDef
from auvseg.data.dataset import read_dataset
from auvseg.errors import CaseError, UsageError, WeightsError
from auvseg.extractors import get_extractor, register_extractor
from auvseg.extractors.base import ExtractorInput, HasOwnClasses, MakesRemarks, RawImage, ReadsRawChannels
from auvseg.extractors.segvol import extractor as segvol
from auvseg.extractors.segvol.extractor import SegVol, look, normalised
from auvseg.extractors.segvol.network import UNUSED, Architecture, SegVolNetwork, full_size, own_name
from auvseg.extractors.segvol.words import spoken, tokens, unknown_words
from auvseg.extractors.volumes.grid import case_grid, map_grid, resample
from auvseg.scoring.config import ModelFile, ScoreConfig
from auvseg.scoring.score import score
from auvseg.scoring.table import load_scores
from ct_files import SPACING, ct, write_ct_table
from published_weights import segvol_state, write_segvol

pytest.importorskip("transformers")

SMALL = Architecture(
    image=(8, 32, 32), patch=(4, 8, 8), hidden=32, layers=2, heads=4,
    text={"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2},
)  # fmt: skip
UPSTREAM_NAMES = "1ff004fd80aa3ed3d1e88e8fda452edcdaf42d78fd9f0ce00ec9567dd34b455c"
"""Sha256 of names and shapes of what upstream's own network uses for text, a line each, sorted."""

LIVER, MURMUR = ClassDef(1, "liver", (1,)), ClassDef(2, "murmur_7b", (2,))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = SegVolNetwork(SMALL).eval()
    with torch.no_grad():
        network.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix.normal_()
        for weights in network.parameters():
            weights.add_(0.05 * torch.randn(weights.shape))
    return network


@pytest.fixture(scope="module")
def checkpoint(network, tmp_path_factory):
    return write_segvol(tmp_path_factory.mktemp("segvol") / "SegVol_v1.pth", network)


@pytest.fixture
def small(checkpoint):
    return SegVol(model=checkpoint, architecture=SMALL)


def published_of(architecture):
    """Random parameters of a network of other sizes, as a published file has them."""
    torch.manual_seed(0)
    state = segvol_state(SegVolNetwork(architecture))
    return {name.removeprefix("module."): value for name, value in state.items()}


def make_case(label=True, channels=1, seed=0):
    image, values = ct(seed)
    return ExtractorInput(image, values if label else None, SPACING, RawImage(np.stack([image] * channels), "RAS"))


# Words


def test_a_sentence_is_that_of_clips_tokenizer():
    # As the tokenizer that upstream publishes gives it.
    liver_tumor = (49406, 320, 11639, 704, 7690, 999, 22399, 539, 320, 12639, 22616, 269, 49407)
    assert tokens("Liver_Tumor") == liver_tumor
    assert tokens("vertebrae L5")[9:-2] == (35158, 40040, 331, 276)


@pytest.mark.parametrize("name", ["kidney_left", "KidneyLeft", "Kidney (left)", "kidney-left"])
def test_a_name_is_said_as_one_would_say_it(name):
    assert spoken(name) == "kidney left"


def test_words_that_are_no_anatomy_are_named():
    assert unknown_words("murmur_7b") == ("murmur",)
    assert unknown_words("left kidney") == ()
    assert unknown_words("Leber") == ("leber",)


# The published file


def test_the_published_sizes_are_those_of_the_published_file():
    with torch.device("meta"):
        state = SegVolNetwork().state_dict()
    used = {name: tuple(value.shape) for name, value in state.items() if not UNUSED.match(name)}
    # Of upstream's own network, 498 tensors of 180,909,648 numbers, without what text alone does not use.
    assert (len(used), sum(map(math.prod, used.values()))) == (435, 176_845_280)
    theirs = {
        (name.replace("mlp.linear", "mlp.lin") if name.startswith("mask_decoder.") else name).replace(
            "clip_text_model.text_model.", "clip_text_model."
        ): shape
        for name, shape in used.items()
    }
    listed = "\n".join(f"{name} {shape}" for name, shape in sorted(theirs.items()))
    assert hashlib.sha256(listed.encode()).hexdigest() == UPSTREAM_NAMES


def test_the_published_layout_is_exactly_this_network(small, network, checkpoint, tmp_path):
    loaded = small._network.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in network.state_dict().items() if "cross" not in name)
    bare = {f"model.{name.removeprefix('module.')}": value for name, value in segvol_state(network).items()}
    torch.save(bare, tmp_path / "pytorch_model.bin")
    again = SegVol(model=tmp_path / "pytorch_model.bin", architecture=SMALL)
    assert torch.equal(*(one.class_maps(make_case(), [LIVER]).__next__().logits for one in (small, again)))
    for change, words in [
        (lambda s: s.pop("module.text_encoder.dim_align.bias"), "lacks text_encoder.dim_align.bias"),
        (lambda s: s.update({"module.extra": torch.ones(1)}), "holds extra, which the network does not have"),
    ]:
        state = segvol_state(network)
        change(state)
        torch.save({"model": state}, tmp_path / "other.pth")
        with pytest.raises(WeightsError, match=words):
            SegVol(model=tmp_path / "other.pth", architecture=SMALL)


def test_names_of_the_text_encoder_fit_old_and_new_transformers():
    old = "text_encoder.clip_text_model.text_model.final_layer_norm.bias"
    new = "text_encoder.clip_text_model.final_layer_norm.bias"
    assert own_name(old, "") == own_name(new, "") == new
    assert own_name(old, "text_model.") == own_name(new, "text_model.") == old


# What it sees


def test_what_it_sees_is_the_cut_volume_scaled_to_0_and_1_and_where_it_lies_is_known():
    image, _ = ct()
    seen, grid = look(image, (8, 32, 32))
    assert seen.shape == (8, 32, 32)
    assert (float(seen.min()), float(seen.max())) == (0.0, 1.0)
    # The body lies in planes 2 to 17, rows 4 to 35, columns 5 to 39.
    edges = [(axis.start - axis.step / 2, axis.start + (axis.count - 0.5) * axis.step) for axis in grid]
    assert np.allclose(edges, [(1.5, 17.5), (3.5, 35.5), (4.5, 39.5)])
    # Every second plane of the sixteen is taken, as nearest neighbours do.
    taken = normalised(image)[2:18][1::2, 4:36, 5:40]
    columns = np.floor((np.arange(32) + 0.5) * 35 / 32).astype(int)
    assert np.allclose(seen.numpy(), taken[:, :, columns])


def test_small_volumes_are_padded_to_what_it_sees():
    volume = np.random.default_rng(0).normal(0, 1, (6, 10, 12)).astype(np.float32)
    seen, grid = look(volume, (8, 32, 32))
    assert seen.shape == (8, 32, 32)
    assert [axis.step < 1 for axis in grid] == [True, True, True]
    # Every voxel of the case is where the grid says, since it is seen several times over.
    middles = [
        np.rint(axis.positions(side)).astype(int) for axis, side in zip(grid, case_grid(volume.shape), strict=True)
    ]
    assert np.array_equal(seen.numpy()[np.ix_(*middles)], normalised(volume))


def test_a_volume_without_anything_is_seen_as_zeros():
    seen, _ = look(np.full((9, 40, 40), -1000, np.float32), (8, 32, 32))
    assert torch.equal(seen, torch.zeros(8, 32, 32))


# Its maps


def test_it_is_an_extractor_that_is_told_names(small):
    assert isinstance(small, HasOwnClasses)
    assert isinstance(small, ReadsRawChannels)
    assert isinstance(small, MakesRemarks)
    assert small.modalities == {"ct"}
    assert not any(unknown_words(one.name) for one in small.own_classes)


def test_a_map_is_what_the_network_says_to_the_sentence(small, network):
    case = make_case()
    (found,) = small.class_maps(case, [LIVER])
    seen, grid = look(case.image, SMALL.image)
    with torch.inference_mode():
        embedding = network.encode_image(seen[None, None])
        logits = full_size(network.decode(embedding, network.encode_text(tokens("liver"))), SMALL.image)
    pixels = map_grid(case.image.shape, SPACING, tuple(a.step * mm for a, mm in zip(grid, SPACING, strict=True)))
    assert torch.allclose(found.logits, resample(logits, grid, pixels), atol=1e-5)
    assert found.planes == tuple(range(20))
    assert found.planes_total == 4


def test_a_map_lies_on_the_case_as_it_stands(checkpoint, monkeypatch):
    # A network that answers with what it sees: its map must be the case again, neither mirrored nor shifted.
    fine = Architecture(image=(32, 64, 64), patch=(4, 8, 8), hidden=32, layers=1, heads=4, text=SMALL.text)
    seen = []
    monkeypatch.setattr(segvol, "load_checkpoint", lambda path, published: (published_of(fine), "0" * 64))
    extractor = SegVol(model=checkpoint, architecture=fine)
    monkeypatch.setattr(extractor, "_embedding", lambda image, way: seen.append(image) or image)
    monkeypatch.setattr(extractor, "_logits", lambda embedding, names, way: seen[-1])
    case = make_case()
    (found,) = extractor.class_maps(case, [LIVER])
    body = torch.from_numpy(normalised(case.image))
    pixels = functional.interpolate(body[:, None], size=tuple(found.logits.shape[1:]), mode="bilinear")[:, 0]
    inside = (slice(4, 16), slice(8, 30), slice(8, 34))
    same, mirrored = (torch.corrcoef(torch.stack([found.logits[inside].flatten(), other[inside].flatten()]))[0, 1]
                      for other in (pixels, pixels.flip(2)))  # fmt: skip
    assert same > 0.8
    assert mirrored < 0.2


def test_text_and_only_text_decides(small):
    spleen = ClassDef(2, "spleen", (2,))
    liver, other = small.class_maps(make_case(), [LIVER, spleen])
    assert not torch.allclose(liver.logits, other.logits, atol=1e-3)
    (alone,) = small.class_maps(make_case(label=False), [ClassDef(7, "LIVER", (9,))])
    assert torch.equal(alone.logits, liver.logits)


def test_a_sentence_is_encoded_once_for_all_cases(small, monkeypatch):
    calls = []
    encode = small._network.encode_text
    monkeypatch.setattr(small._network, "encode_text", lambda sentence: calls.append(sentence) or encode(sentence))
    for seed in range(3):
        list(small.class_maps(make_case(seed=seed), [LIVER]))
    assert len(calls) == 1


def test_a_class_map_says_what_to_ask_for_and_several_are_their_highest(checkpoint):
    both = SegVol(model=checkpoint, architecture=SMALL, class_map={"murmur_7b": ("left kidney", "right kidney")})
    assert both.unmatched([MURMUR]) == {}
    (found,) = both.class_maps(make_case(), [MURMUR])
    left, right = both.class_maps(make_case(), [ClassDef(1, "left kidney", (1,)), ClassDef(2, "right kidney", (2,))])
    higher = torch.maximum(left.logits, right.logits)
    assert (found.logits >= higher - 1e-5).all()
    assert (found.logits - higher).abs().mean() < 0.1 * found.logits.std()


def test_what_cannot_be_asked_for_is_said(small):
    assert small.unmatched([LIVER, MURMUR]) == {2: "segvol knows no word 'murmur'; say it otherwise with --class-map"}
    assert "asked for 'liver' by 'liver'" in small.notes([LIVER, MURMUR])
    with pytest.raises(UsageError, match="can be asked for none of the classes"):
        small.notes([MURMUR])
    with pytest.raises(CaseError, match="can be asked for none of its classes"):
        list(small.class_maps(make_case(), [MURMUR]))
    with pytest.raises(CaseError, match="has 2 channels, the network was trained on 1"):
        list(small.class_maps(make_case(channels=2), [LIVER]))
    assert list(small.class_maps(make_case(), [])) == []
    assert small.unmatched([ClassDef(3, "__", (3,))]).keys() == {3}


def test_what_is_needed_is_named(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("AUVSEG_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="auvseg weights pull segvol"):
        get_extractor("segvol")
    with pytest.raises(UsageError, match="no meaning for the extractor segvol"):
        SegVol(model=checkpoint, architecture=SMALL, box_margin=2)
    monkeypatch.setattr(segvol, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs transformers, which is not installed"):
        SegVol(model=checkpoint, architecture=SMALL)


def test_a_run_has_a_row_a_class_with_and_without_labels(checkpoint, tmp_path):
    register_extractor("segvol-small", lambda **options: SegVol(architecture=SMALL, **options))
    dataset = replace(read_dataset(write_ct_table(tmp_path)), classes=(LIVER, MURMUR))
    config = ScoreConfig(
        modality="ct", extractor="segvol-small", model=ModelFile(checkpoint), measures=("S", "agreement")
    )
    assert score(dataset, tmp_path / "run", config).failed == ()
    table = load_scores(tmp_path / "run")
    assert list(table["status"]) == ["ok", "absent"] * 2
    free = replace(config, prompt="none", measures=("S",))
    assert score(dataset, tmp_path / "free", free).failed == ()
    same = load_scores(tmp_path / "free")
    # Told the name alone, its maps are the same whether a label is there or not.
    assert np.allclose(same["S"].dropna(), table["S"].dropna())
