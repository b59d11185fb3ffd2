"""What every command has: `--config`, `--verbose`, `--quiet`, and a log where it keeps one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from auvseg.cli.console import Verbosity, say_detail, verbosity, warnings_said
from auvseg.cli.options_file import Options, read_options
from auvseg.cli.panels import group_options
from auvseg.cli.run_log import RunLog, running

_PANEL = "Options of every command"
_VERBOSITY = "auvseg.verbosity"
_ARGUMENTS = "auvseg.arguments"
_OPTIONS = "auvseg.options"


class Command(TyperCommand):
    """A command with the options that every command has; Typer makes one of each function."""

    def __init__(self, *args: Any, params: Any = None, **settings: Any) -> None:
        super().__init__(*args, params=[*(params or ()), *_shared_parameters()], **settings)
        group_options(self.params)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Remember what was typed; say of a wrong value that it stands in the file of options, if it does."""
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
        """Run it, as talkative as asked for; what was run and how it ended stands in the log, if it keeps one."""
        ctx.params = {name: _from_home(value) for name, value in ctx.params.items()}
        level = ctx.meta.get(_VERBOSITY, Verbosity.normal)
        with verbosity(level), warnings_said(), running(RunLog()) as log, _told(log, ctx):
            return super().invoke(ctx)


def with_shared_options(app: typer.Typer) -> typer.Typer:
    """Give every command of an app, and of the apps in it, the options that every command has."""
    for command in app.registered_commands:
        command.cls = Command
    for group in app.registered_groups:
        if group.typer_instance is not None:
            with_shared_options(group.typer_instance)
    return app


def typed(ctx: typer.Context) -> tuple[str, ...]:
    """What was typed after the command's name."""
    return tuple(ctx.meta.get(_ARGUMENTS, ()))


def options_file(ctx: typer.Context) -> dict[str, Any] | None:
    """What the file of options says that this command was given, as written there; None without one."""
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
        rich_help_panel=_PANEL,
        help="Tell more: every case, where files are, tracebacks.",
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
        rich_help_panel=_PANEL,
        help="Tell nothing but results and errors.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        callback=_take_config,
        is_eager=True,
        expose_value=False,
        rich_help_panel=_PANEL,
        help="YAML with options of this command, such as max-slices: 8.",
    ),
]


def _shared(config: Config = None, verbose: Verbose = False, quiet: Quiet = False) -> None:
    """Carries the options of which Typer makes parameters."""


@cache
def _shared_parameters() -> tuple[Any, ...]:
    carrier = typer.Typer(add_completion=False)
    carrier.command()(_shared)
    return tuple(get_command(carrier).params)


def _from_home(value: Any) -> Any:
    """A path without its `~`, which no shell replaces in `--output=~/runs` or in a file of options."""
    if isinstance(value, list):
        return [_from_home(one) for one in value]
    if isinstance(value, Path):
        with suppress(RuntimeError, ValueError):  # nobody's home: a file of that name is meant
            return value.expanduser()
    return value


def _options(ctx: Any) -> Options | None:
    return ctx.meta.get(_OPTIONS)


def _is_default(ctx: Any, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "DEFAULT_MAP"


@contextmanager
def _told(log: RunLog, ctx: Any) -> Iterator[None]:
    """Tell the log what is run, and how it ends."""
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
        say_detail("where it came from:", problem)
        log.end(f"{type(problem).__name__}: {problem}", time.perf_counter() - begun, failed=True)
        raise
    log.end("exit status 0", time.perf_counter() - begun)
