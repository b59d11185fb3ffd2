"""docs/kits-label-revisions.md on the genuine labels: the wrong tumours of KiTS19 are the farthest from the others."""

import pandas as pd
import pytest

from auvseg.data.dataset import read_dataset
from auvseg.measures.catalogue import MEASURES
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.score import score
from auvseg.scoring.table import load_scores

pytestmark = [pytest.mark.data, pytest.mark.slow]

PATIENTS = ("00004", "00023", "00121", "00208")
REVISIONS = ("ann1", "ann2", "ann3", "kits23", "kits19")
WRONG = {"00023_kits19", "00121_kits19", "00208_kits19"}
TUMOUR, CYST = 2, 3

# `edge` looks at the image, and here the image is the label itself.
SHAPE = (*(name for name, one in MEASURES.items() if one.group == "geometry" and name != "edge"), "volume_ml")


@pytest.fixture(scope="module")
def revisions(real_data, tmp_path_factory):
    """The scores of five labels of each of four patients, each patient compared with nobody else."""
    labels = real_data / "kits_multirater"
    if not labels.is_dir():
        pytest.skip(f"no KiTS labels at {labels}")
    folder = tmp_path_factory.mktemp("kits")
    tables = []
    for patient in PATIENTS:
        lines = [
            f"{patient}_{name},{file},{file}" for name in REVISIONS for file in [label_file(labels, patient, name)]
        ]
        source = folder / f"{patient}.csv"
        source.write_text("\n".join(["case,image,label", *lines]) + "\n")
        config = ScoreConfig(modality="ct", extractor="none", measures=SHAPE)
        assert score(read_dataset(source), folder / patient, config).failed == ()
        tables.append(load_scores(folder / patient))
    return pd.concat(tables)


def label_file(labels, patient, name):
    return labels / f"case_{patient}_{name}.nii.gz"


def far(revisions, class_id):
    rows = revisions[revisions["class_id"] == class_id]
    return pd.Series(rows["label_outlier"].to_numpy(), index=rows["case"]).sort_values(ascending=False)


def test_the_three_wrong_tumours_are_the_farthest_of_all_twenty(revisions):
    tumours = far(revisions, TUMOUR)
    assert len(tumours) == 20
    assert set(tumours.index[:3]) == WRONG
    assert tumours.iloc[2] > 9 > tumours.iloc[3]


def test_the_tumour_that_kits19_got_right_is_not_among_them(revisions):
    assert far(revisions, TUMOUR)["00004_kits19"] < 5


def test_the_cyst_that_kits19_took_for_a_tumour_is_missed(revisions):
    row = revisions[(revisions["case"] == "00121_kits19") & (revisions["class_id"] == CYST)].iloc[0]
    assert row["status"] == "absent"
    assert row["label_outlier"] > 5
