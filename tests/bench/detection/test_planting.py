import pickle

import numpy as np
import pytest

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.bench.detection.folder import truth_path
from auvseg.bench.detection.plan import Fault, Plan
from auvseg.bench.detection.planting import VOXEL_BYTES, Planting, plant
from auvseg.data.volume import Volume, load_volume
from auvseg.data.workers.memory import forget_peak, held_bytes, peak_bytes
from auvseg.files.text import read_json


def test_planting_leaves_the_ignore_label_where_it_is(balls):
    volume = load_volume(balls.cases[0])
    volume.label[:, :3, :3] = 9
    faulty, truth = plant(volume, Fault(0, "dilation", 1.0), 9, np.random.default_rng(0))
    np.testing.assert_array_equal(faulty.label == 9, volume.label == 9)
    assert truth.class_ids == (1, 2)


def test_a_planting_sent_to_another_process_makes_the_same_copy_and_writes_the_truth(balls, tmp_path):
    volume, fault = load_volume(balls.cases[0]), Fault(0, "erosion", 1.0)
    planting = Planting(Plan(), fault, tmp_path, balls.classes, None)
    here = planting(volume)
    truth = read_json(truth_path(tmp_path, volume.case_id))
    truth_path(tmp_path, volume.case_id).unlink()
    there = pickle.loads(pickle.dumps(planting))(volume)
    np.testing.assert_array_equal(here.label, there.label)
    assert truth == read_json(truth_path(tmp_path, volume.case_id))
    assert truth["changed_classes"] == [1, 2]


@pytest.mark.parametrize("corruption", ["noise", "ghosting", "elastic", "ragged"])
def test_planting_takes_no_more_memory_than_is_said(corruption):
    if not forget_peak():
        pytest.skip("this system keeps no high-water mark that can be set back")
    shape = (40, 160, 160)
    image = np.random.default_rng(0).normal(0, 100, shape).astype(np.float32)
    label = np.zeros(shape, dtype=np.int32)
    label[2:-2, 20:-20, 20:-20] = 1
    label[10:20, 40:80, 40:80] = 2
    volume = Volume("case", image, label, (1.0, 1.0, 1.0), "LPS", ())
    before = held_bytes()
    forget_peak()
    plant(volume, Fault(0, corruption, 1.0), None, np.random.default_rng(1))
    copy = image.nbytes + label.nbytes
    assert peak_bytes() - before <= copy + VOXEL_BYTES[CORRUPTIONS[corruption].kind] * image.size
