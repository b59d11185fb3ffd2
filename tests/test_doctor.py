"""What the doctor sees of this installation."""

import subprocess
import sys

import pytest

from auvseg import doctor


def finding(what):
    return next(one for one in doctor.examine() if one.what == what)


@pytest.fixture
def nothing_is_compiled(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "compiled"))


@pytest.mark.usefixtures("nothing_is_compiled")
def test_packages_that_can_never_be_compiled_are_said_to_slow_every_start(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    found = finding("bytecode")
    assert found.state == "optional"
    assert "PYTHONDONTWRITEBYTECODE" in found.found
    assert "compileall" in found.advice


@pytest.mark.usefixtures("nothing_is_compiled")
def test_packages_that_are_compiled_at_first_use_are_no_finding(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert (finding("bytecode").state, finding("bytecode").advice) == ("ok", "")


def test_the_advice_compiles_what_was_missing(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    (folder / "pandas").mkdir(parents=True)
    (folder / "pandas" / "__init__.py").touch()
    monkeypatch.setattr(doctor, "_PACKAGES", ("pandas",))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: _Spec(folder / name / "__init__.py"))
    (folder / "auvseg").mkdir()
    (folder / "auvseg" / "__init__.py").touch()
    advice = doctor._bytecode().advice.split()
    assert advice[1:] == ["-m", "compileall", "-q", "-j", "0", str(folder)]
    subprocess.run([sys.executable, *advice[1:]], check=True)
    assert doctor._bytecode().state == "ok"


class _Spec:
    def __init__(self, path):
        self.origin = str(path)


def test_without_a_driver_there_is_no_device_and_pytorch_is_not_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_ACCELERATORS", (str(tmp_path / "no-driver"),))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert (finding("CUDA").state, finding("CUDA").found) == ("optional", "no device")


def test_with_a_driver_pytorch_says_which_devices_there_are(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(doctor, "_ACCELERATORS", (str(tmp_path),))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")
    assert (finding("CUDA").state, finding("CUDA").found) == ("ok", "GPU 0, GPU 1")


def test_a_pytorch_that_cannot_be_imported_beside_a_driver_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_ACCELERATORS", (str(tmp_path),))
    monkeypatch.setitem(sys.modules, "torch", None)
    assert finding("CUDA").state == "problem"
