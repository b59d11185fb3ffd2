"""The logits are those of upstream's image predictor (the package `sam2`) with the same weights on the same plane."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from auvseg.data.case import ClassDef
from auvseg.extractors.base import ExtractorInput
from auvseg.extractors.medsam2 import MedSAM2
from auvseg.extractors.medsam2_network import MEDSAM2
from medsam2_weights import upstream_shapes, write_checkpoint

pytestmark = pytest.mark.slow

TOLERANCE = 2e-4
"""Of logits from about -31 to 37; the largest difference measured was 3.5e-5."""


FIRST_MASK = "sam_mask_decoder.output_hypernetworks_mlps.0.layers.2"
UNSTABLE = {f"{FIRST_MASK}.weight": torch.zeros(32, 256), f"{FIRST_MASK}.bias": torch.zeros(32)}
"""The first mask's logits are all 0, so that another one is taken."""


@pytest.fixture(scope="module", params=[{}, UNSTABLE], ids=["first mask", "one of the other three"])
def checkpoint(request, tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("medsam2") / "MedSAM2_latest.pt", MEDSAM2, **request.param)


@pytest.fixture(scope="module")
def upstream(checkpoint):
    pytest.importorskip(
        "sam2", reason="needs upstream's code: SAM2_BUILD_CUDA=0 pip install --no-build-isolation sam2==1.1.0"
    )
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
