"""What the commands share: kinds of numbers, where output goes."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rl_designer.quantities import parse_bytes, parse_count, parse_seconds

if TYPE_CHECKING:
    from rl_designer.envs.workers.engines import Engine

Command = TypeVar("Command", bound=Callable[..., Any])


class _Parsed(click.ParamType):
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

    def __init__(
        self,
        min: float | None = None,
        max: float | None = None,
        *,
        min_open: bool = False,
        max_open: bool = False,
    ) -> None:
        super().__init__(min, max, min_open=min_open, max_open=max_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{str(value)[:40]!r} is not a finite number", param, ctx)
        return number

    def _describe_range(self) -> str:
        # Click would say `x<=None` where there are no limits.
        return "" if self.min is None and self.max is None else super()._describe_range()


COUNT = _Parsed("count", parse_count)
BYTES = _Parsed("memory", parse_bytes)
SECONDS = _Parsed("time", parse_seconds)
SEED = click.IntRange(0, 2**32 - 1)
FOLDER = click.Path(path_type=Path)
OUTPUT_FOLDER = click.Path(path_type=Path, file_okay=False)


# Wherever a search trains designs.
fidelity = click.option(
    "--fidelity",
    type=click.Choice(["full", "quarters", "halving"]),
    help="Which trainings go on: quarters, of all designs so far the best three quarters after a quarter of "
    "the epochs, the best half after half, the best quarter after three quarters; halving, the best half "
    "after a quarter, the best quarter after half; full, all.  "
    "[default: quarters, or full where the reward needs whole trainings]",
)

# Wherever designs are trained; its name in a config is `candidate_memory_limit`.
candidate_memory_limit = click.option(
    "--candidate-memory-limit",
    type=BYTES,
    help="Memory for the process that trains one design, such as 2G.  [default: half of the machine's]",
)


# Where designs are trained.
_ENGINE = (
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        help="Where designs are trained: by processes of this machine, or by a cluster with Ray (needs the "
        "extra `ray`).  [default: local]",
    ),
    click.option(
        "--ray-address",
        metavar="HOST:PORT",
        help="The Ray cluster's head, or auto for the cluster that has a node here.  "
        "[default: RAY_ADDRESS, else Ray on this machine alone]",
    ),
    click.option(
        "--gpus-per-candidate",
        type=Number(0, 1),
        help="Share of a GPU for each training by Ray, such as 0.25.  "
        "[default: the cluster's GPUs by its cores, at least 0.125]",
    ),
)


workers_option = click.option(
    "--workers", type=COUNT, help="Trainings at the same time.  [default: one a core, on a GPU at most 8]"
)


def engine_options(command: Command) -> Command:
    """`--engine` and the options of engines."""
    for option in reversed(_ENGINE):
        command = option(command)
    return command


def taken_engine(options: dict[str, Any]) -> "Engine":
    """The engine that `--workers` and the options of engines name, which are taken out of `options`."""
    from rl_designer.config import make_config
    from rl_designer.errors import usage_errors
    from rl_designer.setting import engine_of

    names = ("workers", "engine", "ray_address", "gpus_per_candidate")
    with usage_errors():
        return engine_of(make_config({name: options.pop(name) for name in names}))


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
        from rl_designer.text import printable

        click.echo(printable(text), err=True)
