"""`table import` and `table fetch`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rl_designer.commands.options import note, output_options
from rl_designer.commands.table_output import FILE, check_output, show, write

if TYPE_CHECKING:
    from rl_designer.envs.tables.table import ArchitectureTable
    from rl_designer.table_making.import_csv import Mapped

FORMATS = ("csv", "nas-bench-macro", "nats-bench")
_NOTES = 20  # while a large archive is read
UNITS = ("fraction", "percent", "count", "seconds")


@click.command("import")
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
    check_output(output)
    table = _read(source, output, {**options, "quiet": quiet})
    write(table, output, quiet)
    show(table, as_json, output)


def _read(source: Path, output: Path, options: dict[str, Any]) -> "ArchitectureTable":
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


def _csv(source: Path, output: Path, options: dict[str, Any]) -> "ArchitectureTable":
    from rl_designer.table_making.import_csv import read_csv_table, read_mapping

    given = [name for name in ("decisions", "metrics", "search", "report", "name") if options[name]]
    if options["mapping"] is None:
        return read_csv_table(source, _mapping(output, options))
    if given:
        raise click.UsageError(f"--mapping and --{given[0].removesuffix('s')} exclude each other")
    return read_csv_table(source, read_mapping(options["mapping"]))


def _mapping(output: Path, options: dict[str, Any]) -> "Mapped":
    """What the options say."""
    from rl_designer.table_making.import_csv import mapping_of

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


def _macro(source: Path, output: Path, options: dict[str, Any]) -> "ArchitectureTable":
    from rl_designer.table_making.import_macro import read_macro_table

    return read_macro_table(source)


def _nats(source: Path, output: Path, options: dict[str, Any]) -> "ArchitectureTable":
    from rl_designer.table_making.import_nats import read_nats_table

    def heard(done: int, total: int) -> None:
        if done % max(total // _NOTES, 1) == 0:
            note(f"{done:,}/{total:,} designs read", options["quiet"])

    return read_nats_table(source, trust=options["trust"], heard=heard)


_READERS = {"csv": _csv, "nas-bench-macro": _macro, "nats-bench": _nats}


@click.command()
@click.argument("name")
@click.option("--output", type=FILE, help="The table, a .npz file.  [default: NAME.npz]")
@click.option("--data-folder", metavar="FOLDER", help="Where the original file lies, if it is here already.")
@output_options
def fetch(name: str, output: Path | None, data_folder: str | None, as_json: bool, quiet: bool) -> None:
    """Download a published table, verify it, and convert it.

    NAME is nas-bench-macro or nats-bench-200; `list tables` says what they are.
    """
    from rl_designer.table_making.published import fetch_table

    output = output or Path(f"{name}.npz")
    check_output(output)
    table = fetch_table(name, data_folder)
    write(table, output, quiet)
    show(table, as_json, output)
