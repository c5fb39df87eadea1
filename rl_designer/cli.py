"""The command line: what is typed, the exit status, errors in one line."""

import os
import sys
from collections.abc import Sequence

import click

from rl_designer.commands.benchmark import benchmark
from rl_designer.commands.benchmark_rewards import rewards
from rl_designer.commands.dashboard import dashboard
from rl_designer.commands.export import export
from rl_designer.commands.listing import listing
from rl_designer.commands.references import references
from rl_designer.commands.report import report
from rl_designer.commands.retrain import retrain
from rl_designer.commands.sample import sample
from rl_designer.commands.table import table
from rl_designer.commands.train import resume, train
from rl_designer.interruption import INTERRUPTED, clean_interruption, interruption_asked
from rl_designer.version import __version__

DONE, COULD_NOT, WRONG_USAGE = 0, 1, 2
DEBUG = "RL_DESIGNER_DEBUG"
_NOTHING_LOST = "nothing was lost"
_LONGEST_MESSAGE = 2_000  # characters; names from outside may be longer


class _Commands(click.Group):
    """A group that knows what was probably meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from rl_designer.envs.names import unknown_name

            raise click.UsageError(unknown_name("command", args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rl-designer")
def cli() -> None:
    """A controller that learns, by reinforcement, to design neural networks.

    Exit status: 0 done, 1 could not, 2 wrong usage, 130 interrupted.
    """


for _command in (train, resume, sample, retrain, export, report, dashboard, benchmark, table, listing):
    cli.add_command(_command)
benchmark.add_command(references)
benchmark.add_command(rewards)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and ends the process with its exit status."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; its exit status. Errors are one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal may lack `→`
    try:
        with clean_interruption():
            cli.main(
                args=None if arguments is None else list(arguments),
                prog_name="rl-designer",
                standalone_mode=False,
            )
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except BrokenPipeError:
        # Who read stdout has seen enough; Python would complain as it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT
    except (KeyboardInterrupt, click.Abort) as stop:
        # Click makes an Abort of a KeyboardInterrupt, whose text says how to go on.
        return _fail(str(stop.__cause__ or stop) or _NOTHING_LOST, INTERRUPTED, "Interrupted")
    except (click.ClickException, ValueError, OSError, ImportError) as error:
        from rl_designer.errors import WrongUsage

        wrong_usage = isinstance(error, click.UsageError | WrongUsage)
        return _fail(_message(error), WRONG_USAGE if wrong_usage else COULD_NOT)
    except Exception as error:
        if interruption_asked():
            # Libraries may turn a KeyboardInterrupt into an error of theirs, as NumPy does in comparisons.
            return _fail(_NOTHING_LOST, INTERRUPTED, "Interrupted")
        # Of the machine, or a mistake of ours: who can tell wants to see where.
        return _fail(f"{_message(error)} ({DEBUG}=1 shows where)", COULD_NOT)
    return DONE


def _message(error: BaseException) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    known = isinstance(error, ValueError | OSError | ImportError | RuntimeError) and str(error)
    return str(error) if known else f"{type(error).__name__}: {error}".removesuffix(": ")


def _fail(message: str, status: int, opening: str = "Error") -> int:
    if os.environ.get(DEBUG):
        import traceback

        traceback.print_exc()
    from rl_designer.text import cut, printable

    click.echo(f"{opening}: {cut(printable(message), _LONGEST_MESSAGE)}", err=True)
    return status
