"""Build the source archive and the wheel, look into both, and use the wheel in a clean environment.

    python tools/check_package.py

The clean environment has its own interpreter and its own auvseg, and sees this environment's other packages: what is to
be shown is that the wheel is whole, and a second torch of six gigabytes would not show it better.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from email.parser import BytesParser
from pathlib import Path

from packaging.metadata import Metadata
from readme_renderer import markdown

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 8 << 20
"""A wheel of code, templates and the report's libraries; weights would make it larger."""

IN_THE_WHEEL = (
    "auvseg/py.typed",
    "auvseg/report/assets/index.html.j2",
    "auvseg/report/assets/report.css",
    "auvseg/report/assets/app.js",
    "auvseg/report/assets/vendor/echarts.min.js",
    "auvseg/report/assets/vendor/tabulator.min.js",
    "auvseg/report/assets/vendor/LICENSE.echarts",
    "auvseg/report/assets/vendor/LICENSE.tabulator",
    "auvseg/nnunet/search/auvseg_trainers.py",
    "*.dist-info/licenses/LICENSE",
    "*.dist-info/entry_points.txt",
)
NEVER = (".pt", ".pth", ".safetensors", ".npz", ".nii", ".nii.gz", ".dcm", ".ckpt")
IN_THE_ARCHIVE = ("LICENSE", "README.md", "pyproject.toml", "src/auvseg/__init__.py", "tests/conftest.py", "Makefile")
USE = (
    "import auvseg, pathlib, sys, torch\n"
    "assert pathlib.Path(auvseg.__file__).is_relative_to(sys.prefix), auvseg.__file__\n"
    "scale = auvseg.semantic_scale(torch.rand(2, 4, 16, 16))\n"
    "assert torch.isfinite(scale).all(), scale\n"
    "for name in auvseg.__all__: getattr(auvseg, name)\n"
)


def main() -> int:
    """Run every check; the first that fails says what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run([sys.executable, "-m", "build", "--outdir", place / "dist", ROOT], place)
        (wheel,), (archive,) = (place / "dist").glob("*.whl"), (place / "dist").glob("*.tar.gz")
        look_into_wheel(wheel)
        look_into_archive(archive)
        use_wheel(wheel, place)
    print(f"package: {wheel.name} and {archive.name} are whole, and the wheel works")
    return 0


def look_into_wheel(wheel: Path) -> None:
    """Contents, size, metadata and README of the wheel."""
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
        for wanted in IN_THE_WHEEL:
            require(any(Path(name).match(wanted) for name in names), f"{wheel.name} lacks {wanted}")
        for name in names:
            require(name.startswith(("auvseg/", "auvseg-")), f"{wheel.name} holds {name}, which is no part of auvseg")
            require(not name.endswith(NEVER), f"{wheel.name} holds {name}: weights and images are never packed")
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = content.read(about)
    require(wheel.stat().st_size < MOST_BYTES, f"{wheel.name} has {wheel.stat().st_size} bytes")
    checked = Metadata.from_email(metadata, validate=True)
    require(checked.license_expression == "Apache-2.0", "the licence is not Apache-2.0")
    require(checked.description_content_type == "text/markdown", "the README is not said to be Markdown")
    described = BytesParser().parsebytes(metadata).get_payload()
    rendered = markdown.render(described)
    require(bool(rendered) and "<h1" in str(rendered), "the README does not render")


def look_into_archive(archive: Path) -> None:
    """Contents of the source archive."""
    with tarfile.open(archive) as content:
        names = {name.partition("/")[2] for name in content.getnames()}
    for wanted in IN_THE_ARCHIVE:
        require(wanted in names, f"{archive.name} lacks {wanted}")
    loose = [name for name in names if name.endswith(NEVER) or "node_modules" in name]
    require(not loose, f"{archive.name} holds {loose[:3]}")


def use_wheel(wheel: Path, place: Path) -> None:
    """Install the wheel without its dependencies beside those that are here, and use it from elsewhere."""
    run([sys.executable, "-m", "venv", "--without-pip", place / "clean"], place)
    clean = place / "clean" / "bin"
    (site,) = (place / "clean" / "lib").glob("python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", clean / "python"]
    run([*pip, "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", wheel], place)
    run([*pip, "check"], place)
    run([clean / "auvseg", "--help"], place)
    run([clean / "auvseg", "doctor"], place)
    run([clean / "python", "-c", USE], place)
    require(shutil.which("auvseg", path=str(clean)) is not None, "the command auvseg is not installed")


def run(command: list[str | Path], place: Path) -> None:
    """Run a command elsewhere than in the source tree; its output is shown where it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=place,
        env={"PATH": "/usr/bin:/bin", "HOME": str(place), "LANG": "C.UTF-8"} | kept_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    require(done.returncode == 0, f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


def kept_environment() -> dict[str, str]:
    """How packages and certificates are found here; nothing that would find this source tree."""
    kept = ("PIP_", "SSL_", "REQUESTS_", "http_", "https_", "HTTP_", "HTTPS_", "NO_PROXY", "no_proxy")
    return {name: value for name, value in os.environ.items() if name.startswith(kept)}


def require(holds: bool, otherwise: str) -> None:
    """Stop with a message unless something holds."""
    if not holds:
        sys.exit(f"package: {otherwise}")


if __name__ == "__main__":
    sys.exit(main())
