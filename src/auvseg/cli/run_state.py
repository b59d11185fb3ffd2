"""What every command that reads a run says first: whether it is finished, and what a bench recommends for it."""

import shlex
from pathlib import Path

from auvseg.cli.console import say, say_warning


def warn_if_unfinished(run: Path) -> None:
    """Warn if a run was interrupted or has unfinished shards, so that cases may be missing."""
    if (run / "scores.csv").exists():
        return
    from auvseg.errors import RunError
    from auvseg.scoring.run import read_run

    try:
        words = read_run(run).command()
    except RunError:  # a folder with records only, not made by auvseg score
        return
    resume = f"; resume with: {shlex.join(words)}" if words else ""
    say_warning(f"{run} is not finished, so cases may be missing{resume}")


def recommended(bench: Path, run: Path) -> str | None:
    """Print and return the measure that a bench recommends for a run; None if it found no usable signal."""
    from auvseg.bench.detection.recommendation import read_recommendation

    by = read_recommendation(bench, run)
    if by is None:
        say_warning(f"{bench}: no usable signal: no measure finds planted faults better than chance")
    else:
        say(f"{bench} recommends {by}")
    return by
