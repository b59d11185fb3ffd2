"""Whether a file looks like weights: an error page that came with status 200 must not become the file of first use."""

import zipfile
from pathlib import Path

from auvseg.errors import WeightsError

_PICKLE = b"\x80"
_LARGEST_HEADER = 100_000_000


def require_weights_format(path: Path) -> None:
    """Refuse a file that neither `torch.load` nor safetensors could read.

    Only the outside is looked at: nothing is unpickled here. What is inside is checked when it is loaded.

    Args:
        path: a file that may still carry a temporary name.

    Raises:
        WeightsError: it is something else.
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
        known = start[:1] == _PICKLE or _is_torch_archive(path) or _is_safetensors(start, path.stat().st_size)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from None
    if not known:
        raise WeightsError(
            f"{path.name}: is no file of torch.save or safetensors, but perhaps a page that says why not; it was not "
            "kept"
        )


def _is_torch_archive(path: Path) -> bool:
    """A zip with one `*/data.pkl`, as `torch.save` writes it; `torch.jit`'s, which holds code, has more."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False
    return any(name.endswith("data.pkl") for name in names) and not any("/code/" in name for name in names)


def _is_safetensors(start: bytes, size: int) -> bool:
    """Eight bytes of header length, then the header as JSON."""
    length = int.from_bytes(start[:8], "little")
    return start[8:9] == b"{" and 2 <= length <= min(size - 8, _LARGEST_HEADER)
