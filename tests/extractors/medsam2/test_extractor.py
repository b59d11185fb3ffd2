"""MedSAM2 with random weights; most tests take a smaller network of the same make."""

import json
import socket
from dataclasses import replace
from importlib import metadata

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from auvseg.bench.between_runs import between_runs
from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.errors import CaseError, UsageError, WeightsError
from auvseg.extractors import extractor_names, get_extractor, register_extractor
from auvseg.extractors.base import WHOLE_IMAGE, Extractor, ExtractorInput
from auvseg.extractors.medsam2.extractor import MedSAM2, corners, eight_bit, prepare_plane
from auvseg.extractors.medsam2.network import Embedding
from auvseg.extractors.medsam2.propagation import Track
from auvseg.extractors.memory import Fallback, RemembersPlanes, Way, ways_of_planes
from auvseg.extractors.planes.prompts import Box
from auvseg.measures.catalogue import AUV, CASE_MEASURES, MEASURES
from auvseg.scoring.config import ModelFile, ModelFolder, ScoreConfig
from auvseg.scoring.record import read_record, record_path
from auvseg.scoring.score import score
from auvseg.scoring.table import load_scores
from medsam2_weights import SMALL, write_checkpoint

ONE, TWO = ClassDef(1, "one", (1,)), ClassDef(2, "two", (2,))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("medsam2") / "small.pt")


@pytest.fixture(scope="module")
def small(checkpoint):
    return MedSAM2(model=checkpoint, architecture=SMALL)


def two_organs(depth=3, height=40, width=56):
    rng = np.random.default_rng(0)
    label = np.zeros((depth, height, width), dtype=np.int32)
    label[:, 8:20, 10:24] = 1
    label[1:, 24:34, 30:50] = 2
    image = (0.2 + 0.3 * label + rng.normal(0, 0.02, label.shape)).clip(0, 1).astype(np.float32)
    return ExtractorInput(image, label, (3.0, 1.0, 1.0))


def maps_by_class(extractor, case, classes):
    return {found.class_def.class_id: found for found in extractor.class_maps(case, classes)}


# The contract


def test_it_is_an_extractor_like_any_other(small):
    assert "medsam2" in extractor_names()
    assert isinstance(small, Extractor)
    assert isinstance(small, RemembersPlanes)
    assert small.settings()["precision"] == "fp32"
    assert small.settings()["transformers"] == metadata.version("transformers")


def test_maps_have_the_networks_grid_a_quality_and_an_embedding_a_class(small):
    found = maps_by_class(small, two_organs(), [ONE, TWO])
    assert {number: one.planes for number, one in found.items()} == {1: (0, 1, 2), 2: (1, 2)}
    for one in found.values():
        assert one.logits.shape == (len(one.planes), 32, 32)
        assert one.predicted_iou.shape == (len(one.planes),)
        assert one.predicted_iou.min() >= 0
        assert one.predicted_iou.max() <= 1
        assert (one.embedding.dtype, one.embedding.shape) == (torch.float32, (32,))
        assert torch.isfinite(one.logits).all()


def test_a_plane_is_encoded_once_for_all_of_its_classes(small, monkeypatch):
    encoded, encode = [], small._network.encode
    monkeypatch.setattr(small._network, "encode", lambda plane: encoded.append(plane) or encode(plane))
    maps_by_class(small, two_organs(), [ONE, TWO])
    assert len(encoded) == 3


def test_the_maps_of_a_class_do_not_depend_on_the_other_classes_nor_on_what_came_before(checkpoint, small):
    case = two_organs()
    together = maps_by_class(small, case, [ONE, TWO])[2]
    maps_by_class(small, two_organs(height=64, width=64), [ONE])
    again = MedSAM2(model=checkpoint, architecture=SMALL)
    for alone in (maps_by_class(small, case, [TWO])[2], maps_by_class(again, case, [TWO])[2]):
        assert torch.equal(alone.logits, together.logits)
        assert torch.equal(alone.embedding, together.embedding)


def test_an_absent_class_yields_nothing(small):
    assert maps_by_class(small, two_organs(), [ClassDef(9, "absent", (9,))]) == {}


def test_max_slices_takes_evenly_spaced_planes_and_says_how_many_there_were(checkpoint):
    extractor = MedSAM2(model=checkpoint, architecture=SMALL, max_slices=2)
    found = maps_by_class(extractor, two_organs(depth=5), [ONE])[1]
    assert (found.planes, found.planes_total) == ((0, 4), 5)


def test_without_a_prompt_the_whole_image_is_one_map_and_no_label_is_needed(checkpoint):
    extractor = MedSAM2(model=checkpoint, architecture=SMALL, prompt="none")
    case = ExtractorInput(two_organs(depth=2).image, None, (1.0, 1.0, 1.0))
    (found,) = extractor.class_maps(case, [])
    assert (found.class_def, found.planes) == (WHOLE_IMAGE, (0, 1))
    means = [extractor._network.encode(prepared(case, plane)).pixels.mean(dim=0) for plane in (0, 1)]
    torch.testing.assert_close(found.embedding, torch.stack(means).mean(dim=0))


def test_a_label_prompt_without_a_label_is_refused_with_advice(small):
    case = ExtractorInput(two_organs(depth=1).image, None, (1.0, 1.0, 1.0))
    with pytest.raises(CaseError, match="--prompt none"):
        list(small.class_maps(case, [ONE]))


@pytest.mark.parametrize("shape", [(1, 3, 5), (1, 200, 7)])
def test_tiny_thin_and_constant_planes_give_finite_logits(small, shape):
    case = ExtractorInput(np.full(shape, 0.5, dtype=np.float32), np.ones(shape, dtype=np.int32), (1.0, 1.0, 1.0))
    (found,) = small.class_maps(case, [ONE])
    assert torch.isfinite(found.logits).all()


# Where things are


def prepared(case, plane):
    low, high = float(case.image.min()), float(case.image.max())
    return prepare_plane(eight_bit(case.image[plane, ::-1, ::-1], low, high), SMALL.side)


class Looking:
    """In place of the network: what it calls a structure is what is bright; keeps what it was told."""

    device = torch.device("cpu")

    def __init__(self):
        self.boxes, self.planes = [], []

    def encode(self, plane):
        self.planes.append(plane)
        levels = (torch.zeros(1, 4, 32, 32), torch.zeros(1, 8, 16, 16), torch.zeros(1, 32, 8, 8))
        return Embedding(levels)

    def decode(self, embedding, box):
        self.boxes.append(box)
        grey = torch.from_numpy(self.planes[-1])
        return functional.avg_pool2d(grey[None], 4)[0] - 0.5, torch.tensor(1.0)


@pytest.fixture
def looking(checkpoint):
    extractor = MedSAM2(model=checkpoint, architecture=SMALL)
    extractor._network = Looking()
    return extractor


def bright_block(height, width):
    label = np.zeros((1, height, width), dtype=np.int32)
    label[0, height // 8 : height // 2, width // 4 : width // 3 + 4] = 1
    return ExtractorInput(label.astype(np.float32), label, (1.0, 1.0, 1.0))


@pytest.mark.parametrize("shape", [(40, 56), (64, 30), (300, 200)])
def test_a_box_lies_around_its_structure_on_the_plane_that_the_network_sees(looking, shape):
    list(looking.class_maps(bright_block(*shape), [ONE]))
    rows, columns = np.nonzero(looking._network.planes[0] > 0.5)
    seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_allclose(looking._network.boxes[0], seen, atol=1)


@pytest.mark.parametrize("shape", [(40, 56), (64, 30), (300, 200)])
def test_a_map_has_the_structure_where_the_volume_has_it(looking, shape):
    case = bright_block(*shape)
    (found,) = looking.class_maps(case, [ONE])
    logits = functional.interpolate(found.logits[None], shape, mode="bilinear")[0].numpy()
    predicted, labelled = logits > 0, case.label > 0
    assert 2 * (predicted & labelled).sum() / (predicted.sum() + labelled.sum()) > 0.9


def test_without_a_prompt_the_box_is_the_whole_plane():
    assert corners(Box(0, 0, 39, 55), 40, 56, 512) == (0.0, 0.0, 512.0, 512.0)


def test_the_embedding_is_the_mean_over_the_label_alone(small):
    label = np.zeros((1, 64, 64), dtype=np.int32)
    label[0, 8:24, 40:64] = 1  # cells of 8×8 pixels, the last columns of the volume: the first as ITK stores it
    case = ExtractorInput(np.random.default_rng(0).random((1, 64, 64), dtype=np.float32), label, (1.0, 1.0, 1.0))
    (found,) = small.class_maps(case, [ONE])
    cells = small._network.encode(prepared(case, 0)).pixels.view(8, 8, 32)
    torch.testing.assert_close(found.embedding, cells[5:7, 0:3].flatten(0, 1).mean(dim=0))


# Upstream's preprocessing


@pytest.mark.parametrize(("level", "width"), [(40, 400), (-750, 1500), (50, 350), (0, 4000)])
def test_a_ct_window_becomes_the_8_bits_of_upstreams_recipe(level, width):
    hounsfield = np.arange(-1024, 2048, dtype=np.int16)[None]
    low = level - width / 2
    clipped = np.clip(hounsfield, low, low + width).astype(np.float64)
    theirs = np.uint8((clipped - clipped.min()) / (clipped.max() - clipped.min()) * 255.0)
    normalised = (np.clip(hounsfield.astype(np.float32), low, low + width) - np.float32(low)) / np.float32(width)
    ours = eight_bit(normalised, float(normalised.min()), float(normalised.max()))
    np.testing.assert_array_equal(ours, theirs)


def test_a_volume_that_does_not_fill_the_window_is_stretched_to_8_bits():
    plane = np.linspace(0.25, 0.75, 12, dtype=np.float32).reshape(3, 4)
    found = eight_bit(plane, 0.25, 0.75)
    assert (found.min(), found.max()) == (0, 255)
    assert not eight_bit(np.full((2, 2), 0.4, np.float32), 0.4, 0.4).any()


def test_a_plane_is_resized_as_pillow_resizes_its_three_equal_channels():
    plane = np.random.default_rng(0).integers(0, 256, (70, 45), dtype=np.uint8)
    theirs = np.array(Image.fromarray(plane).convert("RGB").resize((512, 512)))
    ours = prepare_plane(plane, 512)
    for channel in range(3):
        np.testing.assert_array_equal(ours, theirs[..., channel].astype(np.float32) / 255)


# The network


def test_an_absent_object_leaves_the_logits_as_they_are(tmp_path, small):
    bias = {"sam_mask_decoder.pred_obj_score_head.layers.2.bias": torch.tensor([-100.0])}
    absent = MedSAM2(model=write_checkpoint(tmp_path / "absent.pt", **bias), architecture=SMALL)
    case = two_organs(depth=1)
    assert torch.equal(maps_by_class(absent, case, [ONE])[1].logits, maps_by_class(small, case, [ONE])[1].logits)


def test_bfloat16_gives_nearly_the_same_logits_and_is_recorded(checkpoint, small):
    reduced = MedSAM2(model=checkpoint, architecture=SMALL, precision="bf16")
    ours, theirs = (maps_by_class(one, two_organs(), [ONE])[1].logits for one in (small, reduced))
    assert reduced.settings()["precision"] == "bf16"
    assert theirs.dtype == torch.float32
    assert not torch.equal(ours, theirs)
    # Rounding, in a small network of random weights: 0.992 with PyTorch 2.14, 0.93 with 2.6.
    assert torch.corrcoef(torch.stack([ours.flatten(), theirs.flatten()]))[0, 1] > 0.9


def test_nothing_is_asked_of_any_server(checkpoint, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was opened"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("a name was looked up"))
    list(MedSAM2(model=checkpoint, architecture=SMALL).class_maps(two_organs(depth=1), [ONE]))


def test_making_the_network_leaves_the_random_numbers_alone(checkpoint):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    MedSAM2(model=checkpoint, architecture=SMALL)
    assert torch.equal(torch.rand(3), expected)


# Carried from the middle plane

FILM = replace(SMALL, channels=128)
"""The memory has 64 channels, and a pointer to the object is cut into as many as there are of them."""


@pytest.fixture(scope="module")
def film_checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("film") / "film.pt", FILM)


@pytest.fixture(scope="module")
def carrying(film_checkpoint):
    return MedSAM2(model=film_checkpoint, architecture=FILM, prompt="middle")


def long_case(depth=23):
    return two_organs(depth=depth)


def test_the_middle_plane_is_what_a_box_on_every_plane_gives_and_the_others_are_not(film_checkpoint, carrying):
    case = long_case(depth=5)
    each = maps_by_class(MedSAM2(model=film_checkpoint, architecture=FILM), case, [ONE])[1]
    carried = maps_by_class(carrying, case, [ONE])[1]
    assert carried.planes == each.planes
    assert carried.logits.shape == each.logits.shape
    assert torch.equal(carried.logits[2], each.logits[2])
    assert torch.equal(carried.embedding, each.embedding)
    for plane in (0, 1, 3, 4):
        assert not torch.allclose(carried.logits[plane], each.logits[plane], atol=0.1)


def test_only_the_middle_planes_box_is_told(carrying):
    case = long_case(depth=5)
    other = ExtractorInput(case.image, np.where(case.label == 1, 1, 0).astype(np.int32), case.spacing_mm)
    other.label[[0, 1, 3, 4], 8:20, 10:12] = 0
    ours, theirs = (maps_by_class(carrying, one, [ONE])[1].logits for one in (case, other))
    assert torch.equal(ours, theirs)
    other.label[2, 8:20, 10:12] = 0
    assert not torch.allclose(ours, maps_by_class(carrying, other, [ONE])[1].logits, atol=0.1)


def test_a_plane_depends_on_those_between_it_and_the_middle_one_alone(carrying):
    case = long_case(depth=7)
    brighter = case.image.copy()
    brighter[5] = brighter[5, ::-1]
    ours, theirs = (
        maps_by_class(carrying, ExtractorInput(image, case.label, case.spacing_mm), [ONE])[1].logits
        for image in (case.image, brighter)
    )
    assert [torch.equal(one, other) for one, other in zip(ours, theirs, strict=True)] == [True] * 5 + [False] * 2


def test_structures_on_their_way_together_do_not_meet(carrying):
    case = long_case(depth=4)
    together = maps_by_class(carrying, case, [ONE, TWO])
    for one in (ONE, TWO):
        alone = maps_by_class(carrying, case, [one])[one.class_id]
        assert torch.equal(alone.logits, together[one.class_id].logits)
        assert torch.equal(alone.predicted_iou, together[one.class_id].predicted_iou)


def test_what_no_later_plane_looks_at_is_forgotten_without_a_trace(carrying, monkeypatch):
    case = long_case(depth=36)
    held = []
    forget = Track._forget

    def count(track, index):
        forget(track, index)
        held.append(len(track.session.output_dict_per_obj[0]["non_cond_frame_outputs"]))

    monkeypatch.setattr(Track, "_forget", count)
    forgetful = maps_by_class(carrying, case, [ONE])[1].logits
    assert max(held) == 16
    monkeypatch.setattr(Track, "_forget", lambda *_: None)
    assert torch.equal(maps_by_class(carrying, case, [ONE])[1].logits, forgetful)


def test_an_object_that_is_held_to_be_absent_keeps_its_logits(tmp_path):
    absent = {"sam_mask_decoder.pred_obj_score_head.layers.2.bias": torch.tensor([-50.0])}
    extractor = MedSAM2(model=write_checkpoint(tmp_path / "a.pt", FILM, **absent), architecture=FILM, prompt="middle")
    logits = maps_by_class(extractor, long_case(depth=3), [ONE])[1].logits
    assert logits.abs().max() < 1000
    assert (logits.std(dim=(1, 2)) > 0).all()


def test_thinned_planes_are_the_frames(film_checkpoint):
    extractor = MedSAM2(model=film_checkpoint, architecture=FILM, prompt="middle", max_slices=3)
    case = long_case(depth=9)
    found = maps_by_class(extractor, case, [ONE])[1]
    assert (found.planes, found.planes_total) == ((0, 4, 8), 9)
    thin = ExtractorInput(case.image[::4], case.label[::4], case.spacing_mm)
    low, high = (float(bound) for bound in (case.image.min(), case.image.max()))
    thin.image[0, 0, 0], thin.image[0, 0, 1] = low, high
    case.image[0, 0, 0], case.image[0, 0, 1] = low, high
    assert torch.equal(maps_by_class(extractor, case, [ONE])[1].logits, maps_by_class(extractor, thin, [ONE])[1].logits)


def test_no_label_no_middle_plane(carrying):
    with pytest.raises(CaseError, match="--prompt none"):
        list(carrying.class_maps(ExtractorInput(two_organs(depth=1).image, None, (1.0, 1.0, 1.0)), [ONE]))


@pytest.mark.parametrize("name", ["lite-medsam", "none", "segvol"])
def test_a_model_that_carries_no_masks_refuses_the_middle_plane(name):
    with pytest.raises(UsageError, match=rf"{name} cannot propagate masks between slices; medsam2 can"):
        get_extractor(name, prompt="middle")


def test_a_run_with_the_middle_plane_has_the_same_layout(dataset, film_checkpoint, tmp_path):
    register_extractor("medsam2-film", lambda **options: MedSAM2(architecture=FILM, **options))
    config = ScoreConfig(modality="mri", extractor="medsam2-film", prompt="middle", model=ModelFile(film_checkpoint))
    assert score(dataset, tmp_path / "run", config).failed == ()
    assert load_scores(tmp_path / "run")[list(CASE_MEASURES)].notna().all(axis=None)
    assert read_record(record_path(tmp_path / "run", "case_0")).setup["config"]["prompt"] == "middle"


# What is needed


def test_without_a_checkpoint_here_or_in_the_cache_it_says_how_to_fetch_one(tmp_path, monkeypatch):
    monkeypatch.setenv("AUVSEG_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"weights of MedSAM2 are not here; .*auvseg weights pull medsam2"):
        get_extractor("medsam2")


def test_another_network_is_refused_by_name(checkpoint):
    with pytest.raises(WeightsError, match=r"small\.pt is not a checkpoint of MedSAM2: lacks .* parameters"):
        get_extractor("medsam2", model=checkpoint)


@pytest.mark.parametrize(("version", "words"), [(None, "not installed"), ("4.57.3", "5.23 or newer, 4.57.3 is")])
def test_missing_or_old_transformers_are_named_with_the_command_that_helps(checkpoint, monkeypatch, version, words):
    def found(name):
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", found)
    with pytest.raises(UsageError, match=rf"{words}.*pip install"):
        MedSAM2(model=checkpoint)


# The bench shows it the same planes again


def test_a_plane_that_is_remembered_is_not_encoded_again_for_another_label(checkpoint, monkeypatch):
    extractor, case = MedSAM2(model=checkpoint, architecture=SMALL), two_organs()
    faulty = ExtractorInput(case.image, np.roll(case.label, 3, axis=2), case.spacing_mm)
    expected = maps_by_class(extractor, faulty, [ONE])[1].logits
    extractor.remember_planes(4)
    maps_by_class(extractor, case, [ONE])
    monkeypatch.setattr(extractor._network, "encode", lambda plane: pytest.fail("a remembered plane is not encoded"))
    assert torch.equal(maps_by_class(extractor, faulty, [ONE])[1].logits, expected)


# Where memory is short


def fill_device(extractor, planes):
    """Have an extractor believe that it is on a device that holds so many planes."""
    network = extractor._network

    class Full(type(network)):
        where, left = "cuda", planes

        @property
        def device(self):
            return torch.device(self.where)

        def move(self, device):
            self.where = device

        def encode(self, plane):
            self.left -= 1
            if self.where != "cpu" and self.left < 0:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().encode(plane)

    network.__class__ = Full
    first = Way("cuda", "fp32", unit="plane")
    extractor._fallback = Fallback(first, ways_of_planes(first))


@pytest.mark.parametrize("prompt", ["label", "middle"])
def test_where_the_device_is_full_the_processor_goes_on_and_the_record_says_so(request, prompt):
    path, architecture = {"label": ("checkpoint", SMALL), "middle": ("film_checkpoint", FILM)}[prompt]
    short = MedSAM2(model=request.getfixturevalue(path), architecture=architecture, prompt=prompt)
    case = two_organs(depth=3)
    case.label[2, 8:20, 10:24] = 0
    expected = maps_by_class(short, case, [ONE, TWO])
    fill_device(short, 2)
    found = maps_by_class(short, case, [ONE, TWO])
    assert all(torch.equal(found[number].logits, one.logits) for number, one in expected.items())
    assert "computed with 1 plane at a time in fp32 on cpu" in short.remarks()[0]


# The whole way


@pytest.fixture
def dataset(tmp_path):
    cases = []
    for number in range(2):
        case = two_organs(depth=4 + number)
        image, label = tmp_path / f"image_{number}.nii.gz", tmp_path / f"label_{number}.nii.gz"
        nib.save(nib.Nifti1Image((1000 * case.image).transpose(2, 1, 0), np.eye(4)), image)
        nib.save(nib.Nifti1Image(case.label.astype(np.uint8).transpose(2, 1, 0), np.eye(4)), label)
        cases.append(Case(f"case_{number}", (image,), label))
    return Dataset("tiny", tmp_path, "test", None, tuple(cases), classes=(ONE, TWO))


@pytest.fixture
def as_small():
    register_extractor("medsam2-small", lambda **options: MedSAM2(architecture=SMALL, **options))
    return "medsam2-small"


def layout(value):
    """Names and kinds of everything in a record, whatever the numbers and however many."""
    if isinstance(value, dict):
        return {name: layout(one) for name, one in value.items()}
    if isinstance(value, list):
        return [layout(value[0])] if value else []
    return type(value).__name__


def test_a_run_has_the_layout_of_litemedsams_and_is_compared_with_it(dataset, as_small, checkpoint, tmp_path):
    for name, model in ((as_small, ModelFile(checkpoint)), ("lite-medsam", None)):
        config = ScoreConfig(modality="mri", extractor=name, model=model, max_slices=1)
        assert score(dataset, tmp_path / name, config).failed == ()
    ours, theirs = (
        json.loads(record_path(tmp_path / name, "case_1").read_text()) for name in (as_small, "lite-medsam")
    )
    assert layout(ours["classes"]) == layout(theirs["classes"])
    del ours["setup"]["extractor"], theirs["setup"]["extractor"]
    assert layout(ours) == layout(theirs)
    found = between_runs(load_scores(tmp_path / as_small), load_scores(tmp_path / "lite-medsam"), scope="class")
    # Two cases have no distance from the others.
    in_order = {name for name in CASE_MEASURES if MEASURES[name].suspicious != "both"}
    assert {AUV, *in_order} <= set(found.measures["measure"])
    assert len(found.disagreements) == 4
    # What the model has no part in is the same.
    same = found.measures.set_index("measure").loc[["volume_ml", "snr"]]
    assert same["spearman"].to_list() == pytest.approx([1, 1])


def test_a_run_has_every_measure_of_every_class(dataset, as_small, checkpoint, tmp_path):
    config = ScoreConfig(modality="mri", extractor=as_small, model=ModelFile(checkpoint))
    assert score(dataset, tmp_path / "run", config).failed == ()
    table = load_scores(tmp_path / "run")
    assert table[list(CASE_MEASURES)].notna().all(axis=None)
    record = read_record(record_path(tmp_path / "run", "case_0"))
    assert len(record.setup["extractor"]["weights_sha256"]) == 64
    assert str(checkpoint.parent) not in str(record.setup)
    assert all(len(one.embedding) > 0 for one in record.classes)
    assert len(table) == 4
    assert score(dataset, tmp_path / "run", config).reused == 2


def test_other_weights_have_another_id(tmp_path, small):
    other = MedSAM2(model=write_checkpoint(tmp_path / "other.pt", seed=1), architecture=SMALL)
    assert other.weights_id != small.weights_id


@pytest.mark.parametrize(
    ("extractor", "model", "words"),
    [
        ("medsam2", ModelFolder, "takes a ModelFile"),
        ("nnunet", ModelFile, "takes a ModelFolder"),
        (
            "lite-medsam",
            ModelFile,
            "no meaning for the extractor lite-medsam; add --extractor nnunet",
        ),
    ],
)
def test_a_model_of_the_wrong_kind_is_refused_before_anything_is_read(dataset, tmp_path, extractor, model, words):
    with pytest.raises(UsageError, match=words):
        score(dataset, tmp_path / "run", ScoreConfig(modality="mri", extractor=extractor, model=model(tmp_path)))
