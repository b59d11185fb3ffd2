"""Import nibabel without pydicom, which doubles the import time and is only needed for an unused NIfTI extension."""

import sys
from collections.abc import Iterable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


def hide_pydicom_from_nibabel() -> None:
    """Let nibabel find no pydicom while it is imported; everybody else finds it, before and after.

    Only for processes that run auvseg alone: nibabel then leaves DICOM that lies in a NIfTI header as the bytes it is.
    """
    if not any(isinstance(finder, _Hiding) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Hiding())


class _Hiding(MetaPathFinder):
    def find_spec(self, name: str, path: Iterable[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Refuse pydicom to nibabel; leave all else to the other finders."""
        nibabel = getattr(sys.modules.get("nibabel"), "__spec__", None)
        if name == "pydicom" and getattr(nibabel, "_initializing", False):
            raise ModuleNotFoundError("hidden while nibabel is imported", name=name)
        return None
