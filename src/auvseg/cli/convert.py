"""`auvseg convert`: convert a public data set to nnU-Net v2 raw."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.choices import PublicDataset
from auvseg.cli.console import AsJson, progress, say, say_warning, show_json, show_table
from auvseg.cli.values import names

if TYPE_CHECKING:
    from auvseg.data.public.target import Conversion, Event

MAX_SHOWN = 20
_COUNTED: "tuple[tuple[str, Event], ...]" = (
    ("converted", "converted"),
    ("with a repaired label", "mended"),
    ("with overlapping masks", "overlap"),
    ("with a warning", "warning"),
    ("known bad", "known bad"),
    ("left out", "left out"),
    ("failed", "failed"),
)


def command(
    kind: Annotated[
        PublicDataset, typer.Argument(help="Data set; msd: any task of the Medical Segmentation Decathlon.")
    ],
    source: Annotated[Path, typer.Argument(help="Unpacked folder of the data set; it is only read.")],
    folder: Annotated[Path, typer.Argument(help="Output folder: new, empty, or an earlier conversion.")],
    copy: Annotated[bool, typer.Option("--copy", help="Copy images instead of referencing them.")] = False,
    classes: Annotated[str, typer.Option(help="Comma-separated class names to keep. Default: all.")] = "",
    merge: Annotated[list[str] | None, typer.Option(help="NEW=OLD,OLD: merge classes; may be repeated.")] = None,
    class_map: Annotated[
        Path | None,
        typer.Option("--map", help="YAML or JSON file that maps each new class to old classes, in label order."),
    ] = None,
    regions: Annotated[
        bool, typer.Option("--regions", help="Write nnU-Net regions instead of classes (kits).")
    ] = False,
    exclude_known_bad: Annotated[
        bool, typer.Option("--exclude-known-bad", help="Leave out cases that are publicly reported as wrong.")
    ] = False,
    as_json: AsJson = False,
    workers: Annotated[int, typer.Option(min=0, help="Cases converted in parallel; 0: in this process.")] = 2,
) -> None:
    """Convert a public data set to nnU-Net v2 raw. Images are referenced, not copied.

    Labels are merged by name, moved to the image grid if headers disagree, and written as integers. conversion.csv
    lists every repair, overlap and failure. If interrupted, run the same command to resume.

    Example: [bold]auvseg convert lits LiTS nnUNet_raw/Dataset003_Liver --merge liver=liver,tumor[/bold]
    """
    from auvseg.data.public.classes import parse_merges, read_class_map
    from auvseg.data.public.convert import convert

    with progress("converting") as step:
        result = convert(
            kind,
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
        say(f"{result.kept} unchanged since an earlier conversion")
    for note in result.notes:
        say_warning(note)
    for row in result.of("failed", "left out")[:MAX_SHOWN]:
        say_warning(f"{row.case}: {row.event}: {row.detail}")
    say(f"report: {result.folder / 'conversion.csv'}")
