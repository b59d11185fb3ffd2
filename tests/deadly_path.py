"""A path that does to the process which reads it what a file does that corrupts a reader's heap."""

import multiprocessing
import os
from pathlib import Path


class DeadlyPath(type(Path())):
    """Ends a worker process as soon as that asks what the path is; its parent may ask."""

    def is_dir(self) -> bool:
        if multiprocessing.parent_process() is not None:
            os._exit(3)
        return super().is_dir()
