"""An extractor of a second's run: logits are label and image; on request it breaks, in whatever process it lives.

Name it `small_extractor:Small`; workers import it by that name. A file `break_CASE` beside an image is what to do with
a case of that many planes, once or always.
"""

import os
import signal
import time
from pathlib import Path

import numpy as np
import torch

from auvseg.extractors.base import WHOLE_IMAGE, ClassMap

BREAKS = "AUVSEG_TEST_BREAKS"
"""Names a folder in which a file `PLANES` says what happens to a case with so many planes: `kill`, `kill once`,
`sleep SECONDS`."""


class Small:
    name = "small"
    weights_id = "0" * 64
    modalities = frozenset({"ct", "mri"})

    def __init__(self, **options):
        self.options = options
        self.prompt = options["prompt"]

    def settings(self):
        return {"max_slices": self.options["max_slices"]}

    def class_maps(self, case, classes):
        misbehave(case.image.shape[0])
        for class_def in classes:
            inside = np.ones_like(case.image) if class_def is WHOLE_IMAGE else np.isin(case.label, class_def.values)
            planes = tuple(int(d) for d in np.flatnonzero(inside.any(axis=(1, 2))))
            logits = torch.from_numpy((8.0 * inside - 4 + case.image)[list(planes)].astype(np.float32))
            yield ClassMap(class_def, logits, planes, len(planes), None)


def misbehave(planes):
    folder = os.environ.get(BREAKS)
    order = Path(folder) / str(planes) if folder else None
    if order is None or not order.exists():
        return
    words = order.read_text().split()
    if words[-1] == "once":
        order.unlink()
    if words[0] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if words[0] == "sleep":
        time.sleep(float(words[1]))
