"""How long the data set of `auvseg demo` takes to make: seconds of the processor for 24 cases, a third with a fault.

    python benchmarks/demo_data.py

The goal: 20 s.
"""

import tempfile
import time
from pathlib import Path

from auvseg.demo.planted import write_planted_dataset

CASES = 24


def main() -> None:
    """Make it in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        write_planted_dataset(Path(folder), cases=CASES)
        print(f"{CASES} cases: {time.process_time() - started:.1f} s of the processor")


if __name__ == "__main__":
    main()
