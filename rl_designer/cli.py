"""The command line: what is typed, the exit status, errors in one line."""

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from rl_designer import __version__
from rl_designer.interruption import INTERRUPTED, clean_interruption, interruption_asked

DONE, COULD_NOT, WRONG_USAGE = 0, 1, 2
DEBUG = "RL_DESIGNER_DEBUG"
_NOTHING_LOST = "nothing was lost"
_LONGEST_MESSAGE = 2_000  # characters; names from outside may be longer

# A command's module is loaded when it is called; until then this says what it does.
COMMANDS = {
    "approve": (
        "approve:approve",
        "Approve a design of a RUN, or revoke that, where an organisation's limits ask for it.",
    ),
    "audit": ("audit:audit", "Show who did what in a RUN, and whether anything of it was changed."),
    "benchmark": ("benchmark:benchmark", "Compare agents, or rewards, side by side."),
    "dashboard": ("dashboard:dashboard", "Follow runs in the browser, stop them, let them go on."),
    "experience": (
        "experience:experience",
        "Make what searches on new data start with: trainings on many tasks, and what is learned from them.",
    ),
    "export": (
        "export:export",
        "Write a network as plain Python, ONNX, a torch.export program, and a model card.",
    ),
    "latency": (
        "latency:latency",
        "Measure what networks take, here or on a device, for --max-latency.",
    ),
    "list": (
        "listing:listing",
        "List spaces, agents, rewards, objectives, metrics, data sets and tables, with a line each.",
    ),
    "loop": ("loop:loop", "Let the controller design its own successor, which designs the next."),
    "predict": (
        "predict:predict",
        "Use a trained network on rows, signals, images or texts of a FILE.",
    ),
    "report": (
        "report:report",
        "Show what one RUN or several found, as text and as one HTML page that needs no network.",
    ),
    "resume": ("train:resume", "Go on with a run after any stop, as if it had never stopped."),
    "retrain": (
        "retrain:retrain",
        "Train the winners of runs, or architectures of files, in full, and score them on the sealed "
        "test split.",
    ),
    "sample": (
        "sample:sample",
        "Draw designs from the policy of a trained RUN, or from that of experience for new --data.",
    ),
    "table": ("table:table", "Make, show and convert architecture tables."),
    "train": ("train:train", "Search for good networks, and train the policy that designs them."),
}


class _Commands(click.Group):
    """Commands that are loaded when they are called, and a guess of what was probably meant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"rl_designer.commands.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from rl_designer.envs.errors import unknown_name

            raise click.UsageError(unknown_name("command", args[0], COMMANDS))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        known = [CompletionItem(name, help=line) for name, (_, line) in COMMANDS.items()]
        found = [item for item in known if item.value.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rl-designer")
def cli() -> None:
    """A controller that learns, by reinforcement, to design neural networks.

    Exit status: 0 done, 1 could not, 2 wrong usage, 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and ends the process with its exit status."""
    status = run(arguments)
    gc.freeze()  # all memory goes back as the process ends; looking through it takes half a second of torch's
    sys.exit(status)


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
