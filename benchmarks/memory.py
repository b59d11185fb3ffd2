"""The most memory that scoring a large CT takes, all its processes together, beside what was expected of it.

    python benchmarks/memory.py [--shape 600 512 512] [--classes 104] [--cases 2] [--max-slices N] [--extractor quick]

Scores cases drawn by `synthetic_ct.py` with a bound of `--max-memory` and samples all processes of the run, with the
arrays on their way between them, from /proc; the kernel's own high-water marks of the two processes, which `score`
writes beside every record, stand below. With two cases the second is read while the first is scored.

`quick` is LiteMedSAM with a disc instead of its network: all planes of all structures are held as they would be, in
minutes. `lite-medsam` is the network, `none` no map at all.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import auvseg
from auvseg.cli.score import measures_named
from auvseg.data.workers.memory import gigabytes, parse_size
from synthetic_ct import write_dataset

GOAL_BYTES = 6 * 10**9
EXTRACTORS = {"quick": "quick_extractor:Quick", "lite-medsam": "lite-medsam", "none": "none"}
_SAMPLE_S = 0.02


class Sampler:
    """Samples what this process and its children hold, and what is on its way between them."""

    def __init__(self) -> None:
        self.peak = 0
        self._shared_before = _system_shared()
        self._done = threading.Event()

    def run(self) -> None:
        """Sample until `stop`."""
        while not self._done.is_set():
            own = sum(map(_private, [os.getpid(), *_children(os.getpid())]))
            self.peak = max(self.peak, own + _system_shared() - self._shared_before)
            time.sleep(_SAMPLE_S)

    def stop(self) -> None:
        """End `run`."""
        self._done.set()


@contextmanager
def sampled() -> Iterator[Sampler]:
    """Sample as long as the block runs."""
    sampler = Sampler()
    thread = threading.Thread(target=sampler.run)
    thread.start()
    try:
        yield sampler
    finally:
        sampler.stop()
        thread.join()


def _system_shared() -> int:
    """Arrays between processes are nobody's until they are looked at; the system counts them all."""
    return _kilobytes(Path("/proc/meminfo"), ("Shmem",))


def _private(process: int) -> int:
    # Proportional: what a process shares, with a child that is only starting above all, counts once.
    return _kilobytes(Path(f"/proc/{process}/smaps_rollup"), ("Pss_Anon", "Pss_File"))


def _kilobytes(path: Path, names: tuple[str, ...]) -> int:
    try:
        fields = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
    except OSError:
        return 0
    return 1024 * sum(int(fields[name].split()[0]) for name in names if name in fields)


def _children(process: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            direct = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        found += direct + [below for child in direct for below in _children(child)]
    return found


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        source = options.data or write_dataset(
            Path(folder) / "data", tuple(options.shape), options.classes, options.cases, compressed=True
        )
        dataset = auvseg.read_dataset(source)
        measures = measures_named("all", "none" if options.extractor == "none" else "lite-medsam")
        config = auvseg.ScoreConfig(
            modality="ct", extractor=EXTRACTORS[options.extractor], max_slices=options.max_slices, measures=measures
        )
        with sampled() as sampler:
            summary = auvseg.score(
                dataset, Path(folder) / "run", config, max_memory_bytes=parse_size(options.max_memory)
            )
        costs = [json.loads(path.read_text()) for path in sorted((Path(folder) / "run" / "timings").glob("*.json"))]
    for case_id, reason in summary.failed:
        print(f"{case_id}: {reason}")
    planes = "all planes" if options.max_slices is None else f"at most {options.max_slices} planes a structure"
    shape = source.name if options.data else "×".join(map(str, options.shape))
    print(f"{shape}, {len(dataset.classes or ())} structures, {planes}, {options.extractor}, {summary.cases} cases")
    for name, words in (("peak_bytes", "the process that scores"), ("reader_peak_bytes", "the process that reads")):
        peaks = [case[name] for case in costs if case[name] is not None]
        print(f"  {words:<28}{gigabytes(max(peaks)) if peaks else 'not counted here':>10}")
    print(f"  {'all processes together':<28}{gigabytes(sampler.peak):>10}")
    verdict = "met" if sampler.peak <= GOAL_BYTES and not summary.failed else "missed"
    print(f"goal: at most {gigabytes(GOAL_BYTES)}: {verdict}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=3, default=[600, 512, 512])
    parser.add_argument("--classes", type=int, default=104)
    parser.add_argument("--cases", type=int, default=2)
    parser.add_argument("--data", type=Path, help="a data set instead of a drawn one")
    parser.add_argument("--extractor", default="quick", choices=list(EXTRACTORS))
    parser.add_argument("--max-slices", type=int)
    parser.add_argument("--max-memory", default="6GB")
    return parser.parse_args()


if __name__ == "__main__":
    main()
