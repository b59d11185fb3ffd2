"""The logits are those of upstream's image predictor (the package `sam2`) with the same weights on the same plane."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from auvseg.data.case import ClassDef
from auvseg.extractors.base import ExtractorInput
from auvseg.extractors.medsam2.extractor import MedSAM2, eight_bit, prepare_plane
from auvseg.extractors.medsam2.network import MEDSAM2, normalised
from medsam2_weights import upstream_shapes, write_checkpoint

pytestmark = pytest.mark.slow

TOLERANCE = 2e-4
"""Of logits from about -31 to 37; the largest difference measured was 3.5e-5."""


FIRST_MASK = "sam_mask_decoder.output_hypernetworks_mlps.0.layers.2"
UNSTABLE = {f"{FIRST_MASK}.weight": torch.zeros(32, 256), f"{FIRST_MASK}.bias": torch.zeros(32)}
"""The first mask's logits are all 0, so that another one is taken."""


@pytest.fixture(scope="module")
def sam2():
    return pytest.importorskip(
        "sam2", reason="needs upstream's code: SAM2_BUILD_CUDA=0 pip install --no-build-isolation sam2==1.1.0"
    )


@pytest.fixture(scope="module", params=[{}, UNSTABLE], ids=["first mask", "one of the other three"])
def checkpoint(request, tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("medsam2") / "MedSAM2_latest.pt", MEDSAM2, **request.param)


@pytest.fixture(scope="module")
def upstream(checkpoint, sam2):
    from sam2.build_sam import build_sam2
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    side = ["++model.image_size=512"]
    model = build_sam2("configs/sam2.1/sam2.1_hiera_t.yaml", str(checkpoint), "cpu", hydra_overrides_extra=side)
    predictor = SAM2ImagePredictor(model)
    # Its class has the sizes of a network of 1024 pixels.
    predictor._bb_feat_sizes = [(128, 128), (64, 64), (32, 32)]
    return predictor


def test_a_published_checkpoint_has_the_names_and_shapes_of_upstreams_network(upstream):
    theirs = {name: tuple(value.shape) for name, value in upstream.model.state_dict().items()}
    assert theirs == upstream_shapes(MEDSAM2)


def organs(height=90, width=140):
    """Three planes with structures of different sizes, and their whole HU from 0 to 400."""
    rng = np.random.default_rng(3)
    label = np.zeros((3, height, width), dtype=np.int32)
    label[:, 20:50, 30:75] = 1
    label[1:, 60:66, 100:109] = 2
    label[0, 5:88, 80:138] = 3
    hounsfield = (80 + 80 * label + rng.normal(0, 20, label.shape)).clip(0, 400).astype(np.int16)
    hounsfield[0, 0, :2] = 0, 400
    return ExtractorInput(hounsfield.astype(np.float32) / np.float32(400), label, (3.0, 1.0, 1.0)), hounsfield


def prepared_as_upstream(hounsfield, plane):
    """Upstream's recipe: the volume to 8 bits, a plane to RGB, resized by Pillow."""
    spread = np.float64(hounsfield.max() - hounsfield.min())
    volume = np.uint8((hounsfield - hounsfield.min()) / spread * 255.0)
    return np.array(Image.fromarray(volume[plane, ::-1, ::-1]).convert("RGB").resize((512, 512)))


def test_logits_and_quality_equal_those_of_upstreams_image_predictor(checkpoint, upstream):
    case, hounsfield = organs()
    height, width = case.image.shape[1:]
    classes = [ClassDef(number, str(number), (number,)) for number in (1, 2, 3)]
    for found in MedSAM2(model=checkpoint).class_maps(case, classes):
        for position, plane in enumerate(found.planes):
            rows, columns = np.nonzero(case.label[plane, ::-1, ::-1] == found.class_def.class_id)
            ends = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            box = ends * np.array([512 / width, 512 / height] * 2)
            upstream.set_image(prepared_as_upstream(hounsfield, plane))
            full, quality, coarse = upstream.predict(box=box, multimask_output=False, return_logits=True)
            ours = found.logits[position].flip(0, 1)
            assert ours.std() > 1
            np.testing.assert_allclose(ours.clamp(-32, 32), coarse[0], atol=TOLERANCE, rtol=0)
            ours = functional.interpolate(ours[None, None], (512, 512), mode="bilinear", align_corners=False)[0, 0]
            np.testing.assert_allclose(ours, full[0], atol=TOLERANCE, rtol=0)
            assert found.predicted_iou[position].item() == pytest.approx(quality[0], abs=1e-5)


# Carried from the middle plane

CARRIED_TOLERANCE = 1e-2
"""Of logits from about -40 to 40; the largest difference measured was 1.6e-3, and it grows from plane to plane."""

SCORE = "sam_mask_decoder.pred_obj_score_head.layers.2.bias"


def film(depth, height=60, width=70):
    """A structure that drifts from plane to plane."""
    label = np.zeros((depth, height, width), dtype=np.int32)
    for plane in range(depth):
        label[plane, 10 + plane : 26 + plane, 8 + plane : 24 + 2 * plane] = 1
    noise = np.random.default_rng(5).normal(0, 0.05, label.shape)
    return ExtractorInput((0.2 + 0.4 * label + noise).clip(0, 1).astype(np.float32), label, (3.0, 1.0, 1.0))


class VideoPredictor:
    """Upstream's, and its mask decoder's answers before a plane without the object is made constant."""

    def __init__(self, checkpoint, frames, monkeypatch):
        from sam2 import sam2_video_predictor
        from sam2.build_sam import build_sam2_video_predictor

        # It reads films from folders of JPEG files alone.
        monkeypatch.setattr(sam2_video_predictor, "load_video_frames", lambda **_: (frames, *frames.shape[2:]))
        sizes = (f"++model.memory_attention.layer.{one}_attention.feat_sizes=[32,32]" for one in ("self", "cross"))
        self._predictor = build_sam2_video_predictor(
            "configs/sam2.1/sam2.1_hiera_t.yaml",
            str(checkpoint),
            "cpu",
            hydra_overrides_extra=["++model.image_size=512", *sizes],
        )
        self._state = self._predictor.init_state(video_path="")
        self._predictor.sam_mask_decoder.register_forward_hook(self._keep)
        self._answers = []

    def _keep(self, _module, _arguments, output):
        masks, quality, _, present = (one[0] for one in output)
        self._answers.append((masks[quality.argmax()], quality.max().item(), present.item() > 0))

    def carried(self, box, middle, *, reverse):
        """Mask, quality and whether the object is there, from the middle plane on, in the order of the way."""
        self._predictor.reset_state(self._state)
        self._answers.clear()
        self._predictor.add_new_points_or_box(self._state, frame_idx=middle, obj_id=1, box=box)
        list(self._predictor.propagate_in_video(self._state, reverse=reverse))
        return list(self._answers)


@pytest.mark.usefixtures("sam2")
@pytest.mark.parametrize("there", [True, False], ids=["there", "held to be absent"])
def test_masks_are_carried_as_upstreams_video_predictor_carries_them(there, tmp_path, monkeypatch):
    checkpoint = write_checkpoint(
        tmp_path / "MedSAM2_latest.pt", MEDSAM2, **{SCORE: torch.tensor([50.0 if there else -50.0])}
    )
    case = film(depth=12)
    depth, height, width = case.image.shape
    middle, image = depth // 2, case.image[:, ::-1, ::-1]
    planes = [prepare_plane(eight_bit(one, float(image.min()), float(image.max())), 512) for one in image]
    frames = torch.cat([normalised(plane, torch.device("cpu")) for plane in planes])
    theirs = VideoPredictor(checkpoint, frames, monkeypatch)
    rows, columns = np.nonzero(case.label[middle, ::-1, ::-1])
    ends = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    box = ends * np.array([512 / width, 512 / height] * 2)
    up, down = (theirs.carried(box, middle, reverse=reverse) for reverse in (False, True))
    expected = dict(enumerate(down[:0:-1])) | dict(enumerate(up, start=middle))
    (found,) = MedSAM2(model=checkpoint, prompt="middle").class_maps(case, [ClassDef(1, "one", (1,))])
    assert sorted(expected) == list(found.planes)
    for plane, (mask, quality, present) in expected.items():
        assert present == there
        assert mask.std() > 1
        ours = found.logits[plane].flip(0, 1)
        np.testing.assert_allclose(ours, mask, atol=CARRIED_TOLERANCE, rtol=0, err_msg=f"plane {plane}")
        assert found.predicted_iou[plane].item() == pytest.approx(quality, abs=1e-4)
