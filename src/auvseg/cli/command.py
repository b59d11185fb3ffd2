"""Options that every command has (`--config`, `--verbose`, `--quiet`), and the run log."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from auvseg.cli.console import Verbosity, python_warnings_shown, say_detail, verbosity
from auvseg.cli.options_file import Options, read_options
from auvseg.cli.run_log import RunLog, attached

_SHARED_PANEL = "Options of every command"
_PANELS = {
    "Model": (
        "extractor",
        "combined_extractor",
        "quick",
        "model",
        "folds",
        "checkpoint",
        "mirroring",
        "class_map",
    ),
    "What the model sees": ("prompt", "input_kind", "modality", "window", "channel", "box_margin", "max_slices"),
    "The scale S": ("unfold", "energy", "centre", "scale_on"),
    "Where it runs": (
        "device",
        "devices",
        "precision",
        "engine",
        "workers",
        "ray_address",
        "max_memory",
        "jobs",
        "num_parts",
        "part_id",
    ),
}
_PANEL_OF = {name: panel for panel, names in _PANELS.items() for name in names}
"""Help panel by option, for the commands that run a model. Narrow panels leave room for help text at 80 columns."""

_VERBOSITY = "auvseg.verbosity"
_ARGUMENTS = "auvseg.arguments"
_OPTIONS = "auvseg.options"


class Command(TyperCommand):
    """Typer command with the shared options."""

    def __init__(self, *args: Any, params: Any = None, **settings: Any) -> None:
        super().__init__(*args, params=[*(params or ()), *_shared_parameters()], **settings)
        _group_options(self.params)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the arguments as typed; if a wrong value comes from the options file, name the file in the error."""
        ctx.meta[_ARGUMENTS] = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as problem:
            options = _options(ctx)
            name = getattr(problem.param, "name", None)
            if options is not None and name in options.values and _is_default(ctx, name):
                problem.message = f"in {options.path}: {problem.message}"
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command with the chosen verbosity, and record start and end in its run log."""
        ctx.params = {name: _from_home(value) for name, value in ctx.params.items()}
        level = ctx.meta.get(_VERBOSITY, Verbosity.normal)
        with verbosity(level), python_warnings_shown(), attached(RunLog()) as log, _logged(log, ctx):
            return super().invoke(ctx)


def with_shared_options(app: typer.Typer) -> typer.Typer:
    """Add the shared options to every command of an app and of its sub-apps."""
    for command in app.registered_commands:
        command.cls = Command
    for group in app.registered_groups:
        if group.typer_instance is not None:
            with_shared_options(group.typer_instance)
    return app


def typed(ctx: typer.Context) -> tuple[str, ...]:
    """The arguments after the command name, as typed."""
    return tuple(ctx.meta.get(_ARGUMENTS, ()))


def options_file(ctx: typer.Context) -> dict[str, Any] | None:
    """Content of the options file (`--config`) as written; None without one."""
    options = _options(ctx)
    return None if options is None else options.content


def _take_config(ctx: typer.Context, path: Path | None) -> None:
    if path is None or ctx.resilient_parsing:
        return
    options = read_options(_from_home(path), ctx.command.params, f"{ctx.command_path} --help")
    ctx.meta[_OPTIONS] = options
    ctx.default_map = options.values


def _take_verbose(ctx: typer.Context, wanted: bool) -> None:
    _take_verbosity(ctx, Verbosity.verbose, wanted)


def _take_quiet(ctx: typer.Context, wanted: bool) -> None:
    _take_verbosity(ctx, Verbosity.quiet, wanted)


def _take_verbosity(ctx: typer.Context, level: Verbosity, wanted: bool) -> None:
    if wanted and ctx.meta.setdefault(_VERBOSITY, level) is not level:
        raise typer.BadParameter("--verbose and --quiet exclude each other.")


Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        callback=_take_verbose,
        is_eager=True,
        expose_value=False,
        rich_help_panel=_SHARED_PANEL,
        help="Print more: every case, file locations, tracebacks.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        callback=_take_quiet,
        is_eager=True,
        expose_value=False,
        rich_help_panel=_SHARED_PANEL,
        help="Print only results and errors.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        callback=_take_config,
        is_eager=True,
        expose_value=False,
        rich_help_panel=_SHARED_PANEL,
        help="YAML file with options of this command, such as max-slices: 8.",
    ),
]


def _shared(config: Config = None, verbose: Verbose = False, quiet: Quiet = False) -> None:
    """Signature from which Typer makes the shared parameters."""


@cache
def _shared_parameters() -> tuple[Any, ...]:
    carrier = typer.Typer(add_completion=False)
    carrier.command()(_shared)
    return tuple(get_command(carrier).params)


def _from_home(value: Any) -> Any:
    """Expand `~` in paths: no shell does so in `--output=~/runs` or in an options file."""
    if isinstance(value, list):
        return [_from_home(one) for one in value]
    if isinstance(value, Path):
        with suppress(RuntimeError, ValueError):  # no such user: take the name literally
            return value.expanduser()
    return value


def _group_options(parameters: Iterable[Any]) -> None:
    """Group the options of commands that run a model; in other commands the same names mean something else."""
    known = list(parameters)
    if any(one.name == "extractor" for one in known):
        for one in known:
            if one.name in _PANEL_OF and getattr(one, "rich_help_panel", "") is None:
                one.rich_help_panel = _PANEL_OF[one.name]


def _options(ctx: Any) -> Options | None:
    return ctx.meta.get(_OPTIONS)


def _is_default(ctx: Any, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "DEFAULT_MAP"


@contextmanager
def _logged(log: RunLog, ctx: Any) -> Iterator[None]:
    """Log the start and the end of the command."""
    begun = time.perf_counter()
    options = _options(ctx)
    log.begin(ctx.command_path, typed(ctx), ctx.params, options)
    try:
        yield
    except typer.Exit as end:
        log.end(f"exit status {end.exit_code}", time.perf_counter() - begun)
        raise
    except KeyboardInterrupt:
        log.end("interrupted", time.perf_counter() - begun)
        raise
    except Exception as problem:
        say_detail("traceback:", problem)
        log.end(f"{type(problem).__name__}: {problem}", time.perf_counter() - begun, failed=True)
        raise
    log.end("exit status 0", time.perf_counter() - begun)
