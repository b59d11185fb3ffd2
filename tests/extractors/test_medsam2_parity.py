"""The logits are those of upstream's image predictor (the package `sam2`) with the same weights on the same plane."""

import numpy as np
import pytest
from PIL import Image
from torch.nn import functional

from auvseg.data.case import ClassDef
from auvseg.extractors.base import ExtractorInput
from auvseg.extractors.medsam2 import MedSAM2
from auvseg.extractors.medsam2_network import MEDSAM2
from medsam2_weights import upstream_shapes, write_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("medsam2")]

TOLERANCE = 2e-4
"""Of logits from about -26 to 31; the largest difference measured was 3.3e-5."""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("medsam2") / "MedSAM2_latest.pt", MEDSAM2)


@pytest.fixture(scope="module")
def upstream(checkpoint):
    pytest.importorskip("sam2", reason="SAM2_BUILD_CUDA=0 pip install --no-build-isolation sam2==1.1.0")
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
    """Three planes with structures of different sizes; intensities from 0 to 1."""
    rng = np.random.default_rng(3)
    label = np.zeros((3, height, width), dtype=np.int32)
    label[:, 20:50, 30:75] = 1
    label[1:, 60:66, 100:109] = 2
    label[0, 5:88, 80:138] = 3
    image = (0.2 + 0.2 * label + rng.normal(0, 0.05, label.shape)).clip(0, 1).astype(np.float32)
    image[0, 0, :2] = 0, 1
    return ExtractorInput(image, label, (3.0, 1.0, 1.0))


def prepared_as_upstream(image, plane):
    """Upstream's recipe in its own words: the volume to 8 bits, a plane to RGB, resized by Pillow."""
    volume = np.uint8((image - image.min()) / (image.max() - image.min()) * 255.0)
    return np.array(Image.fromarray(volume[plane, ::-1, ::-1]).convert("RGB").resize((512, 512)))


def test_logits_and_quality_equal_those_of_upstreams_image_predictor(checkpoint, upstream):
    case, fell_back = organs(), set()
    height, width = case.image.shape[1:]
    classes = [ClassDef(number, str(number), (number,)) for number in (1, 2, 3)]
    for found in MedSAM2(model=checkpoint).class_maps(case, classes):
        for position, plane in enumerate(found.planes):
            rows, columns = np.nonzero(case.label[plane, ::-1, ::-1] == found.class_def.class_id)
            ends = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            box = ends * np.array([512 / width, 512 / height] * 2)
            upstream.set_image(prepared_as_upstream(case.image, plane))
            full, quality, coarse = upstream.predict(box=box, multimask_output=False, return_logits=True)
            ours = found.logits[position].flip(0, 1)
            np.testing.assert_allclose(ours.clamp(-32, 32), coarse[0], atol=TOLERANCE, rtol=0)
            ours = functional.interpolate(ours[None, None], (512, 512), mode="bilinear", align_corners=False)[0, 0]
            np.testing.assert_allclose(ours, full[0], atol=TOLERANCE, rtol=0)
            assert found.predicted_iou[position].item() == pytest.approx(quality[0], abs=1e-5)
            _, of_three, _ = upstream.predict(box=box, multimask_output=True)
            fell_back.add(bool(np.isclose(of_three, quality[0], atol=1e-6).any()))
    assert fell_back == {True, False}, "the mask for unambiguous prompts, and the fallback"
