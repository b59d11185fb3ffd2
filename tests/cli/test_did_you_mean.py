"""A name that is nearly right is answered with the right one, wherever it is typed."""

import pytest

from auvseg.errors import UsageError
from toy_cohorts import auvseg, draw_case, scored


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a data set of liver and spleen, and its run."""
    folder = tmp_path_factory.mktemp("toy")
    scored(folder, [draw_case(seed) for seed in range(6)])
    return folder


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("score DATA -o new --measures snr,agreemnt", "agreement"),
        ("score DATA -o new --extractor lite_medsm", "lite-medsam"),
        ("bench detect DATA -o new --extractor lite_medsm", "lite-medsam"),
        ("bench detect DATA -o new --extractor none --corruptions nose", "noise"),
        ("bench train DATA -o new --arms baseline,outlyer+duo", "outlier+duo"),
        ("bench train DATA -o new --combined-extractor nonee", "none"),
        ("bench correlate RUN METRICS --given volume", "volume_ml"),
        ("bench correlate RUN METRICS --column dyce", "dice"),
        ("evaluate DATA/labelsTr DATA --classes livr", "liver"),
        ("rank RUN RUN --by outlyer", "outlier"),
        ("filter RUN --strata subse", "subset"),
        ("figures RUN --measures sharpnes", "sharpness"),
        ("figures RUN --case case_0001", "case_001"),
        ("models vista", "vista3d"),
        ("measures agrement", "agreement"),
        ("weights verify medsam", "medsam2"),
        ("weights pull medsam", "medsam2"),
    ],
)
def test_the_near_name_is_named_and_not_forty_others(home, tmp_path, monkeypatch, command, meant):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metrics.csv").write_text("case,class,dice\n" + "".join(f"case_00{n},liver,0.{n}\n" for n in range(6)))
    places = {"DATA": home / "Dataset042_Toy", "RUN": home / "run", "METRICS": "metrics.csv"}
    for name, place in places.items():
        command = command.replace(name, str(place))
    result = auvseg(*command.split())
    assert isinstance(result.exception, UsageError), result.output
    said = str(result.exception).split("; ", 1)[1]
    assert said.startswith("did you mean ")
    assert meant in said.split("?")[0].removeprefix("did you mean ").split(" or ")
    assert not list(tmp_path.glob("new/*"))


@pytest.mark.parametrize("command", ["filter RUN --keep 95", "filter RUN --keep 95%", "figures RUN --keep 95"])
def test_a_percentage_to_keep_is_answered_with_the_share(home, command):
    result = auvseg(*command.replace("RUN", str(home / "run")).split())
    assert result.exit_code == 2
    assert "did you mean 0.95?" in " ".join(result.output.replace("│", " ").split())


def test_a_choice_of_few_lists_them(home):
    result = auvseg("rank", home / "run", "--scope", "clas")
    assert result.exit_code == 2
    assert "'case', 'class'" in " ".join(result.output.replace("│", " ").split())


def test_an_unknown_option_is_answered_with_the_near_one(home):
    result = auvseg("score", home / "Dataset042_Toy", "--max-slice", 3)
    assert result.exit_code == 2
    assert "--max-slices" in result.output
