"""What the commands share: options made of settings, kinds of numbers, where output goes."""

import json
import math
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import click
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from rl_designer.config import LARGEST_SEED, Subject, Where
from rl_designer.declared import Settings, about, option_name
from rl_designer.envs.limits import holding, rules_of
from rl_designer.errors import usage_errors
from rl_designer.quantities import parse_bytes, parse_count, parse_seconds
from rl_designer.text import printable

if TYPE_CHECKING:
    from rl_designer.envs.workers.engines import Engine

Command = TypeVar("Command", bound=Callable[..., Any])


class Parsed(click.ParamType):
    """A number with a unit; what the parser raises becomes wrong usage."""

    def __init__(self, name: str, parse: Callable[[object], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._parse(value)
        except ValueError as error:
            option = param.opts[-1] if param is not None else self.name
            raise click.UsageError(f"{option} {error}") from None


class Number(click.FloatRange):
    """A finite number, within limits where there are any."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{str(value)[:40]!r} is not a finite number", param, ctx)
        return number

    def _describe_range(self) -> str:
        # Click would say `x<=None` where there are no limits.
        return "" if self.min is None and self.max is None else super()._describe_range()


COUNT = Parsed("count", parse_count)
SEED = click.IntRange(0, LARGEST_SEED)
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path)
OUTPUT_FOLDER = click.Path(path_type=Path, file_okay=False)

_OF_PARSER = {
    parse_count: COUNT,
    parse_bytes: Parsed("memory", parse_bytes),
    parse_seconds: Parsed("time", parse_seconds),
}


def options_of(
    settings: type[Settings], *only: str, without: Collection[str] = (), **helps: str
) -> Callable[[Command], Command]:
    """The options of settings: of those named, or of all.

    Args:
        helps: what a command says of a setting where it is not what is said everywhere.
    """
    fields = settings.declared()
    chosen = [name for name in only or fields if name not in without]

    def decorate(command: Command) -> Command:
        for name in reversed(chosen):
            command = _option(name, fields[name], helps.get(name, about(fields[name]).help))(command)
        return command

    return decorate


def _option(name: str, field: FieldInfo, text: str) -> Callable[[Command], Command]:
    typed, metavar = option_name(name, field), about(field).metavar or None
    if field.annotation in (bool, bool | None):
        return click.option(f"{typed}/--no-{typed.removeprefix('--')}", name, default=None, help=text)
    if get_origin(field.annotation) is tuple:
        return click.option(typed, name, metavar=metavar, multiple=True, callback=_if_given, help=text)
    return click.option(typed, name, type=_type_of(field), metavar=metavar, help=text)


def _if_given(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    """None where an option that may be given several times wasn't, as for all others."""
    return values or None


def _type_of(field: FieldInfo) -> click.ParamType | None:
    """How the value of a setting is read; None for text."""
    parts = [part for part in get_args(field.annotation) if part is not type(None)]
    kind = parts[0] if parts else field.annotation
    known = [*field.metadata, *getattr(kind, "__metadata__", ())]
    for one in known:
        if isinstance(one, BeforeValidator) and one.func in _OF_PARSER:
            return _OF_PARSER[one.func]
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    limits = {
        name: getattr(one, name) for one in known for name in ("ge", "gt", "le", "lt") if hasattr(one, name)
    }
    lowest, highest = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    if kind is int:
        return click.IntRange(lowest, highest)
    if kind is float:
        return Number(lowest, highest, min_open="gt" in limits, max_open="lt" in limits)
    return None


def together(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Several options as one."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


engine_options = options_of(Where, without=("workers", "device"))

# Wherever data are named for what was designed already.
data_options = options_of(
    Subject,
    *Subject.of_data(),
    data="Data set; of a run, where its own lies now.",
    space="Read the data as this space does, where two readings fit.",
)

# Wherever a run's data are read again.
moved_data_options = options_of(Subject, "data", "data_folder", data="The run's data, where they lie now.")


def prefer_option(text: str) -> Callable[[Command], Command]:
    """`--prefer`: what it does, in a sentence without its end."""
    weights = "as in accuracy=0.7,parameters=0.3; they are brought to a sum of 1."
    return click.option("--prefer", metavar="NAME=WEIGHT,...", help=f"{text}, {weights}")


# Wherever a design of a run is taken.
choice_options = together(
    prefer_option("Of a run with objectives the front's best by these weights"),
    click.option(
        "--within",
        type=Number(0),
        help="The cheapest design so near the best: in percentage points of the validation metric, or of an "
        "error and a metric of your own in its unit. Cheap is what has fewest parameters, or least of the "
        "first cost among the run's objectives.",
    ),
)

# Wherever runs are read.
store_option = click.option("--store", metavar="FILE|URL", help="The runs' store, where it was moved.")


def _also(context: click.Context, _: click.Parameter, files: tuple[Path, ...]) -> None:
    """The limits of files hold until the command ends."""
    context.with_resource(holding(rules_of(files)))


# Wherever something is trained, exported or predicted by another command than `train`, which has the setting.
limits_option = click.option(
    "--limits",
    type=FOLDER,
    metavar="FILE",
    multiple=True,
    expose_value=False,
    callback=_also,
    help="Limits of an organisation that hold beside this machine's and the run's, a TOML file; again for "
    "more.",
)


def taken_engine(options: dict[str, Any]) -> "Engine":
    """The engine that `--workers` and the options of engines name, which are taken out of `options`."""
    from rl_designer.setting import engine_of

    with usage_errors():
        return engine_of(Where.of({name: options.pop(name) for name in Where.declared() if name in options}))


def seed_of(text: str | None) -> int | None:
    """The number of a full training, as `--weights-of` has it."""
    if text is None:
        return None
    try:
        return parse_count(text) if text != "0" else 0
    except ValueError as error:
        raise click.UsageError(f"--weights-of {error}") from None


def output_options(command: Command) -> Command:
    """`--json` and `--quiet`."""
    command = click.option("--quiet", is_flag=True, help="No progress and no notes, only errors.")(command)
    return click.option(
        "--json", "as_json", is_flag=True, help="One JSON object on stdout, and nothing else there."
    )(command)


def print_json(data: dict[str, Any]) -> None:
    """The one object that `--json` promises."""
    sys.stdout.write(json.dumps(data, indent=2, allow_nan=False) + "\n")
    sys.stdout.flush()


def note(text: str, quiet: bool = False) -> None:
    """A line for people, on stderr."""
    if not quiet:
        click.echo(printable(text), err=True)
