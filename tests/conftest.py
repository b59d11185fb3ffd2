"""Fixtures for every test; turns on run-time checks of types and array shapes before auvseg is imported."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook


def _checked_modules() -> list[str]:
    """Everything but the command line, whose functions typer inspects: it must see them as they are."""
    (folder,) = find_spec("auvseg").submodule_search_locations
    return sorted({f"auvseg.{path.stem}" for path in Path(folder).iterdir() if path.stem not in ("cli", "__init__")})


# A busy machine is slow, not wrong.
settings.register_profile("auvseg", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("auvseg")
install_import_hook(_checked_modules(), "typechecked.check")


def pytest_collection_modifyitems(items):
    """Files with slow tests first: as the last, one would keep a worker while the others have nothing left to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images; a test that needs it is skipped, with the reason, where it is absent."""
    folder = Path(os.environ.get("AUVSEG_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set AUVSEG_DATA")
    return folder


@pytest.fixture
def reads_in_this_process(monkeypatch):
    """A run reads its cases without a process of its own, which takes longer to start than a small run needs.

    That a file which kills its reader costs one case alone is tested in `tests/data/test_isolation.py`.
    """
    from auvseg.data.workers.pool import IsolatedPool
    from auvseg.scoring import engines

    monkeypatch.setattr(engines, "IsolatedPool", lambda **options: IsolatedPool(**{**options, "num_workers": 0}))


@pytest.fixture
def make_scores():
    """A scores table from `{case: {class: value}}`: None is absent, NaN an ok row without a value."""
    import numpy as np
    import pandas as pd

    def make(values, measure="S", subset="training", **attributes):
        rows = []
        for case, classes in values.items():
            if not classes:
                rows.append((case, subset, None, "", "failed", f"{case} is truncated", np.nan))
            for class_id, value in classes.items():
                status, reason = ("absent", "the label does not hold this class") if value is None else ("ok", "")
                rows.append((case, subset, class_id, f"class {class_id}", status, reason, value))
        columns = ["case", "subset", "class_id", "class", "status", "reason", measure]
        table = pd.DataFrame(rows, columns=columns)
        table["class_id"] = table["class_id"].astype("Int64")
        table[measure] = table[measure].astype("float64")
        for name, of_case in attributes.items():
            table[name] = table["case"].map(of_case)
        return table

    return make
