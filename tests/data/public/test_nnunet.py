"""nnU-Net's own integrity check passes on every layout, with references and with copies."""

import pytest

from public_datasets import WRITERS

pytest.importorskip("nnunetv2")

CHOICES = [(kind, {}) for kind in WRITERS] + [("word", {"copy": True}), ("kits", {"regions": True})]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "options"), CHOICES)
def test_nnunets_integrity_check_passes(public, capsys, kind, options):
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity

    made = public(kind)
    made.convert(**options)
    verify_dataset_integrity(str(made.folder), num_processes=1)
    said = capsys.readouterr().out
    assert "verify_dataset_integrity Done" in said
    assert "mismatch" not in said


@pytest.mark.slow
def test_nnunets_integrity_check_passes_on_several_channels(public, capsys):
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity

    made = public("msd", channels=2)
    made.convert()
    verify_dataset_integrity(str(made.folder), num_processes=1)
    assert "verify_dataset_integrity Done" in capsys.readouterr().out
