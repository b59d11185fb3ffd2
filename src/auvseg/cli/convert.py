"""`auvseg convert`: a public data set → nnU-Net v2 raw."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli.console import AsJson, progress, say, say_warning, show_json, show_table
from auvseg.cli.values import names

if TYPE_CHECKING:
    from auvseg.data.public.report import Conversion, Event

_MOST_SHOWN = 20
_COUNTED: "tuple[tuple[str, Event], ...]" = (
    ("converted", "converted"),
    ("with a mended label", "mended"),
    ("with overlapping masks", "overlap"),
    ("with a warning", "warning"),
    ("known bad", "known bad"),
    ("left out", "left out"),
    ("failed", "failed"),
)


class Kind(str, Enum):
    """The data sets that can be converted."""

    LITS = "lits"
    TOTALSEGMENTATOR = "totalsegmentator"
    WORD = "word"
    FETA = "feta"
    KITS = "kits"
    MSD = "msd"


def command(
    kind: Annotated[Kind, typer.Argument(help="Which data set; msd is any task of the decathlon.")],
    source: Annotated[Path, typer.Argument(help="Its folder, unpacked; only read.")],
    folder: Annotated[Path, typer.Argument(help="Data set to write: new, empty, or an earlier conversion.")],
    copy: Annotated[bool, typer.Option("--copy", help="Copy the images instead of referring to them.")] = False,
    classes: Annotated[str, typer.Option(help="Comma-separated names of the only classes to take; else all.")] = "",
    merge: Annotated[
        list[str] | None, typer.Option(help="NEW=OLD,OLD: one class out of several; can be given several times.")
    ] = None,
    class_map: Annotated[
        Path | None, typer.Option("--map", help="YAML or JSON: new name to old name or names, in order of new values.")
    ] = None,
    regions: Annotated[bool, typer.Option("--regions", help="nnU-Net regions in place of classes (kits).")] = False,
    exclude_known_bad: Annotated[
        bool, typer.Option("--exclude-known-bad", help="Leave out cases that a public source names as wrong.")
    ] = False,
    as_json: AsJson = False,
    workers: Annotated[int, typer.Option(min=0, help="Cases converted at the same time; 0: in this process.")] = 2,
) -> None:
    """Convert a public data set to nnU-Net v2 raw; images are referred to, not copied.

    Labels are merged by name, put on their image's grid where headers disagree, and written as integers; every mend,
    overlap and failure is a row of conversion.csv. The same command again goes on where it stopped.

    Example: [bold]auvseg convert lits LiTS nnUNet_raw/Dataset003_Liver --merge liver=liver,tumor[/bold]
    """
    from auvseg.data.public.classes import parse_merges, read_class_map
    from auvseg.data.public.convert import convert

    with progress("converting") as step:
        result = convert(
            kind.value,
            source,
            folder,
            copy=copy,
            classes=names(classes),
            merge=parse_merges(merge or []),
            class_map=read_class_map(class_map) if class_map else None,
            regions=regions,
            exclude_known_bad=exclude_known_bad,
            num_workers=workers,
            progress=step,
        )
    if as_json:
        counts = {event: len({row.case for row in result.of(event)}) for _, event in _COUNTED}
        show_json({"folder": result.folder, "cases": counts, "reused": result.kept, "events": result.rows})
    else:
        _show_counts(result)
    _tell(result)
    if result.of("failed"):
        raise typer.Exit(1)


def _show_counts(result: "Conversion") -> None:
    counts = [[name, str(len({row.case for row in result.of(event)}))] for name, event in _COUNTED]
    show_table("", ("cases", ""), counts)


def _tell(result: "Conversion") -> None:
    if result.kept:
        say(f"{result.kept} were converted by an earlier run and are unchanged")
    for note in result.notes:
        say_warning(note)
    for row in result.of("failed", "left out")[:_MOST_SHOWN]:
        say_warning(f"{row.case}: {row.event}: {row.detail}")
    say(f"report: {result.folder / 'conversion.csv'}")
