"""`table` and its parts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from rl_designer.commands.options import (
    COUNT,
    FILE,
    note,
    options_of,
    output_options,
    print_json,
)
from rl_designer.config import SearchConfig, Subject, Training, Where, make_config
from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.errors import usage_errors
from rl_designer.jobs.progress import Display
from rl_designer.oversight.work import USED
from rl_designer.reports.terminal import terminal
from rl_designer.retraining.settings import FullTraining
from rl_designer.setting import named_table
from rl_designer.table_making.building import TablePlan, build_table
from rl_designer.table_making.import_csv import Mapped, mapping_of, read_csv_table, read_mapping
from rl_designer.table_making.import_nas import read_macro_table, read_nats_table
from rl_designer.table_making.info import print_info, table_info
from rl_designer.table_making.published import fetch_table

FORMATS = ("csv", "nas-bench-macro", "nats-bench")
_NOTES = 20  # while a large archive is read
UNITS = ("fraction", "percent", "count", "seconds")


class _Share(click.ParamType):
    """`10%`, or a fraction such as 0.1."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            text = str(value).strip()
            return float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            raise click.UsageError(
                f"--share must be a share such as 10% or a fraction such as 0.1, got {value!r}"
            ) from None


@click.group()
def table() -> None:
    """Make, show and convert architecture tables."""


@table.command()
@options_of(
    Subject,
    without=("table", "task"),
    max_parameters="Leave out designs with more, such as 20k.",
    max_macs="Leave out designs with more multiply-adds of one example.",
    max_ram="Leave out designs whose values take more memory at once, such as 32kB.",
    max_flash="Leave out designs whose parameters take more memory, such as 128kB.",
    max_latency="Leave out designs that are expected to take longer, such as 2ms; needs --latency-from.",
    latency_from="Measurements to expect that by (see `latency`).",
)
@click.option("--designs", type=COUNT, help="Train so many random designs only.")
@click.option("--share", type=_Share(), help="The same as a share of all, such as 10%.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random designs."
)
@click.option(
    "--seeds",
    type=COUNT,
    default=2,
    show_default=True,
    help="Trainings of each design; the first is searched.",
)
@options_of(Training, "epochs", "augment", "candidate_time_limit", "candidate_memory_limit")
@options_of(
    FullTraining,
    *("batch_size", "learning_rate"),
    batch_size="Examples a step.  [default: 64]",
    learning_rate="Its peak.  [default: 0.02]",
)
@options_of(Where)
@click.option("--output", type=FILE, required=True, help="The table, a .npz file.")
@options_of(SearchConfig, "store", "limits", store="Where trainings are kept.  [default: runs/store.sqlite]")
@click.option("--name", help="The table's name.  [default: the output's, without .npz]")
@click.option("--title", help="One line for people.  [default: says the data, the space and the training]")
@output_options
def build(output: Path, as_json: bool, quiet: bool, **options: Any) -> None:
    """Train every design of a finite space, or a random share, and write a table of them.

    The same command again goes on where it was stopped, even by kill -9.
    """
    _check_output(output)
    plan = _plan(options)
    output.parent.mkdir(parents=True, exist_ok=True)  # before hours of training, not after
    try:
        used = output.with_name(f"{output.stem}-{USED}")
        name = options["name"] or output.stem
        made = build_table(plan, name, Display(quiet), title=options["title"], used=used)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("every finished training is kept; the same command goes on") from None
    _write(made, output, quiet)
    _show(made, as_json, output)


@table.command()
@click.argument("source", metavar="FILE|NAME")
@output_options
def info(source: str, as_json: bool, quiet: bool) -> None:
    """Show what a table holds: designs, metrics, tasks, how far repeats agree."""
    _show(named_table(source), as_json)


@table.command("import")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--output", type=FILE, required=True, help="The table, a .npz file.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="What FILE is.  [default: by its name]")
@click.option("--mapping", type=FILE, help="What is what in a CSV, a TOML file; see docs/tables.md.")
@click.option("--decision", "decisions", metavar="COLUMN", multiple=True, help="Of a CSV, in order.")
@click.option(
    "--metric",
    "metrics",
    metavar="COLUMN[:UNIT]",
    multiple=True,
    help=f"Of a CSV; UNIT is {', '.join(UNITS[:-1])} or {UNITS[-1]}.  [default: fraction]",
)
@click.option("--search", metavar="COLUMN", help="The metric that a search sees.  [default: the first]")
@click.option("--report", metavar="COLUMN", help="The metric of what it chose.  [default: that of --search]")
@click.option("--name", help="The table's name, of a CSV.  [default: the output's, without .npz]")
@click.option(
    "--trust",
    is_flag=True,
    help="Read a pickle, as NATS-Bench is one. Reading a pickle runs whatever code its maker put into it, "
    "with your rights: say so only of a file whose origin you trust.",
)
@output_options
def import_table(source: Path, output: Path, as_json: bool, quiet: bool, **options: Any) -> None:
    """Convert FILE into an architecture table: a CSV, NAS-Bench-Macro's JSON, or NATS-Bench.

    A CSV needs --mapping, or --decision and --metric, each as often as there are such columns.
    """
    _check_output(output)
    table = _read(source, output, {**options, "quiet": quiet})
    _write(table, output, quiet)
    _show(table, as_json, output)


def _read(source: Path, output: Path, options: dict[str, Any]) -> ArchitectureTable:
    format_ = options["format_"] or _format_of(source)
    if format_ != "csv":
        for name in ("mapping", "decisions", "metrics", "search", "report", "name"):
            if options[name]:
                raise click.UsageError(f"--{name.removesuffix('s')} is for a CSV, {source} is {format_}")
    return _READERS[format_](source, output, options)


def _format_of(source: Path) -> str:
    if source.is_dir() or ".pickle" in source.name:
        return "nats-bench"
    if source.suffix == ".json":
        return "nas-bench-macro"
    if source.name.endswith((".csv", ".csv.gz")):
        return "csv"
    raise click.UsageError(
        f"what {source} is can't be told from its name; say --format {' or '.join(FORMATS)}"
    )


def _csv(source: Path, output: Path, options: dict[str, Any]) -> ArchitectureTable:
    given = [name for name in ("decisions", "metrics", "search", "report", "name") if options[name]]
    if options["mapping"] is None:
        return read_csv_table(source, _mapping(output, options))
    if given:
        raise click.UsageError(f"--mapping and --{given[0].removesuffix('s')} exclude each other")
    return read_csv_table(source, read_mapping(options["mapping"]))


def _mapping(output: Path, options: dict[str, Any]) -> Mapped:
    """What the options say."""
    if not options["decisions"] or not options["metrics"]:
        raise click.UsageError(
            "a CSV needs --mapping FILE.toml, or --decision COLUMN … and --metric COLUMN …"
        )
    units = dict(map(_column_and_unit, options["metrics"]))
    search = options["search"] or next(iter(units))
    data = {
        "name": options["name"] or output.stem,
        "architectures": {"columns": list(options["decisions"])},
        "metrics": {column: {"unit": unit} for column, unit in units.items()},
        "tasks": {"main": {"search": search, "report": options["report"] or search}},
    }
    return mapping_of(data, "the options")


def _column_and_unit(text: str) -> tuple[str, str]:
    column, _, unit = text.rpartition(":")
    return (column, unit) if column and unit in UNITS else (text, UNITS[0])


def _macro(source: Path, output: Path, options: dict[str, Any]) -> ArchitectureTable:
    return read_macro_table(source)


def _nats(source: Path, output: Path, options: dict[str, Any]) -> ArchitectureTable:
    def observer(done: int, total: int) -> None:
        if done % max(total // _NOTES, 1) == 0:
            note(f"{done:,}/{total:,} designs read", options["quiet"])

    return read_nats_table(source, trust=options["trust"], observer=observer)


_READERS = {"csv": _csv, "nas-bench-macro": _macro, "nats-bench": _nats}


@table.command()
@click.argument("name")
@click.option("--output", type=FILE, help="The table, a .npz file.  [default: NAME.npz]")
@options_of(Subject, "data_folder", data_folder="Where the original file lies, if it is here already.")
@output_options
def fetch(name: str, output: Path | None, data_folder: str | None, as_json: bool, quiet: bool) -> None:
    """Download a published table, verify it, and convert it.

    NAME is nas-bench-macro or nats-bench-200; `list tables` says what they are.
    """
    output = output or Path(f"{name}.npz")
    _check_output(output)
    table = fetch_table(name, data_folder)
    _write(table, output, quiet)
    _show(table, as_json, output)


def _plan(options: dict[str, Any]) -> TablePlan:
    config = make_config({name: options[name] for name in SearchConfig.declared() if name in options})
    more = {name: options[name] for name in ("batch_size", "learning_rate") if options[name] is not None}
    with usage_errors():
        settings = replace(config.training.settings(), **more)
        return TablePlan(config, settings, options["seeds"], options["designs"], options["share"])


def _check_output(output: Path) -> None:
    """Raises UsageError for a path that is no `.npz`."""
    if output.suffix != ".npz":
        raise click.UsageError(f"--output must be a .npz file, got {str(output)!r}")


def _write(table: ArchitectureTable, output: Path, quiet: bool) -> None:
    """Saves a table, and says so."""
    output.parent.mkdir(parents=True, exist_ok=True)
    table.save(output)
    note(f"written: {output}", quiet)


def _show(table: ArchitectureTable, as_json: bool, output: Path | None = None) -> None:
    """Prints what `table info` shows: as JSON, or for people."""
    info = table_info(table)
    if as_json:
        print_json(info if output is None else {"output": str(output), **info})
    else:
        print_info(info, terminal())
