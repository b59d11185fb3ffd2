"""Settings: environment over plans over the paper, and every wrong value named."""

import pytest

from auvseg.errors import UsageError
from auvseg.nnunet.settings import Settings


def test_the_defaults_are_the_paper_s_protocol():
    settings = Settings.read({}, {})
    assert settings == Settings()
    assert (settings.epochs, settings.learning_rate) == (100, 0.01)
    assert settings.correction_limit < 0.5


def test_the_environment_wins_over_the_plans():
    settings = Settings.read({"AUVSEG_ALPHA": "2"}, {"alpha": 1.0, "beta": 0.25})
    assert (settings.alpha, settings.beta) == (2.0, 0.25)


def test_settings_survive_the_way_through_the_environment():
    settings = Settings(
        epochs=3, seed=7, keep="a b.txt", scale_gradient=False, mirroring=False, noise="sampled", alpha=0.1
    )
    assert Settings.read(settings.as_environment(), {}) == settings


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("EPOCHS", "0", "whole number from 1"),
        ("EPOCHS", "2.5", "whole number"),
        ("ALPHA", "-1", "from 0"),
        ("ALPHA", "nan", "from 0"),
        ("BETA", "1.1", "0 to 1"),
        ("CORRECTION_LIMIT", "0", "above 0 to 1"),
        ("LEARNING_RATE", "inf", "above 0"),
        ("NOISE", "loud", "case or sampled or none"),
        ("SCALE_GRADIENT", "perhaps", "true or false"),
        ("MIRRORING", "often", "true or false"),
        ("SCALE_ON", "features", "logits or probabilities"),
    ],
)
def test_wrong_values_are_named(name, value, expected):
    with pytest.raises(UsageError, match=expected) as caught:
        Settings.read({f"AUVSEG_{name}": value}, {})
    assert f"AUVSEG_{name} is {value!r}" in str(caught.value)


def test_unknown_settings_of_the_plans_are_named():
    with pytest.raises(UsageError, match="no setting 'alhpa'"):
        Settings.read({}, {"alhpa": 1})
    with pytest.raises(UsageError, match=r"auvseg\.beta of the plans is 2"):
        Settings.read({}, {"beta": 2})
