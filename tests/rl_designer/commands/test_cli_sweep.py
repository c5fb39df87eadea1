"""Every option of every command, wrong in every way that a person might: one line says so, no traceback."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from rl_designer.cli import cli, run

ESCAPE = "\x1b[31m"
HUGE = "9" * 5_000
LONG = "x" * 5_000
NO_NUMBERS = (
    "",
    " ",
    "abc",
    "nan",
    "inf",
    "-inf",
    "1e999",
    HUGE,
    "1,5",
    f"1{ESCAPE}",
    "0x10",
    "--",
    "½",
)
TOO_SMALL = ("-1", "-0.5")
NEGATIVE_IS_LEGAL = "--failure-reward"
NO_NAMES = ("", " ", "nonsense", ESCAPE, "a\nb", LONG, "[red]x[/red]", "../../etc/passwd", "x:y=z", "☃")
NO_PATHS = ("", "missing/file", "folder", "empty", "text.txt", f"no{ESCAPE}", LONG, "text.txt/below")

# What each command is called with so that the wrong option is all that is wrong. Nothing is trained:
# a wrong option that isn't noticed meets data, a table or a run that isn't there.
GONE = ("--data", "gone.csv")
BASES: dict[str, tuple[str, ...]] = {
    "train": (*GONE, "--run", "new"),
    "resume": ("gone",),
    "sample": ("gone",),
    "retrain": ("gone.json", *GONE),
    "experience build": ("text.txt", "--kind", "signal"),
    "experience learn": ("gone.npz", "--output", "new.npz"),
    "experience add": ("gone", "--to", "new.npz"),
    "experience info": ("gone.npz",),
    "export": ("gone.json", *GONE),
    "predict": ("gone", "gone.csv"),
    "report": ("gone",),
    "dashboard": ("gone", "--no-open"),
    "list": ("--template",),
    "loop": ("--controllers", "gone.npz", "--run", "new"),
    "approve": ("gone", "--by", "Ada", "--reason", "none"),
    "audit": ("gone",),
    "latency measure": (*GONE, "--output", "new.json"),
    "latency export": (*GONE, "--output", "new"),
    "latency info": ("gone.json",),
    "benchmark agents": GONE,
    "benchmark rewards": ("--reward", "accuracy", *GONE),
    "benchmark references": GONE,
    "table build": ("--output", "new.npz", *GONE),
    "table info": ("gone.npz",),
    "table import": ("gone.csv", "--output", "new.npz", "--decision", "a", "--metric", "b"),
    "table fetch": ("gone",),
}


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


COMMANDS = dict(commands(cli))
OPTIONS = [
    (name, parameter)
    for name, command in COMMANDS.items()
    for parameter in command.params
    if isinstance(parameter, click.Option)
]
IDS = [f"{name} {option.opts[-1]}" for name, option in OPTIONS]


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("empty").touch()
    Path("text.txt").write_text("hello\n")


def refusal(*arguments: str) -> tuple[int, str]:
    """Exit status and the one line on stderr of a command that can't be."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(arguments)
    said = err.getvalue()
    assert status in (1, 2), (status, said)
    assert said.startswith("Error: "), said
    assert said.count("\n") == 1, said
    assert said[:-1].isprintable(), said
    assert len(said) < 2_500, len(said)
    assert "Traceback" not in said, said
    assert "shows where" not in said, said
    assert out.getvalue() == "", out.getvalue()
    return status, said


def with_base(name: str, option: str, *arguments: str) -> list[str]:
    """A whole command line, in which an option stands in the place of the base's own."""
    base = list(BASES[name])
    while option in base:
        place = base.index(option)
        del base[place : place + 2]
    return [*name.split(), *base, *arguments]


def is_number(option: click.Option) -> bool:
    return option.type.name in ("count", "memory", "time", "share", "integer", "float") or isinstance(
        option.type, click.IntRange | click.FloatRange
    )


def wrong_values(option: click.Option) -> tuple[str, ...]:
    if is_number(option):
        return NO_NUMBERS + TOO_SMALL * (NEGATIVE_IS_LEGAL not in option.opts)
    return NO_PATHS + NO_NAMES if isinstance(option.type, click.Path) else NO_NAMES + NO_PATHS


def test_the_sweep_knows_every_command() -> None:
    assert COMMANDS.keys() == BASES.keys()


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=IDS)
def test_a_wrong_value_is_told_in_one_line(name: str, option: click.Option) -> None:
    spelt = option.opts[-1]
    if option.is_flag:
        status, said = refusal(*with_base(name, spelt, f"{spelt}=yes"))
        assert status == 2 and spelt in said
        return
    for value in wrong_values(option):
        status, said = refusal(*with_base(name, spelt, f"{spelt}={value}"))
        if is_number(option):
            assert status == 2 and spelt in said, (value, said)
    status, said = refusal(*with_base(name, spelt, spelt))
    assert status == 2 and spelt in said


# -- names, in a setting in which everything else is right ---------------------------------------------

TABLE = ("--table", "mnist1d-convnet1d", "--evaluations", "1", "--no-control", "--run", "new")
WINE = ("--data", "wine", "--evaluations", "1", "--no-control", "--run", "new")
WRONG = {
    ("train", *TABLE, "--agent"): ("nonsense", "ppo:", "ppo:batch=nan", "ppo:bach=3", "random:x=1"),
    ("train", *TABLE, "--reward"): (
        "nonsense",
        "gone.py:mine",
        "folder.py:mine",
        "accuracy:x=1",
        "mnasnet:target=nan",
        "mnasnet:target=-1",
        "mnasnet:cost=money",
    ),
    ("train", *TABLE, "--task"): ("nonsense",),
    ("train", *TABLE, "--max-parameters"): ("1",),
    ("train", *TABLE, "--from"): ("gone", "folder", "text.txt"),
    ("train", *TABLE, "--store"): ("folder", "nonsense://x", "text.txt", "sqlite:///gone/store.sqlite"),
    ("train", *WINE, "--space"): ("nonsense", "gone.toml", "folder.toml", "text.toml", "convnet", "table"),
    ("train", *WINE, "--device"): ("nonsense", "cuda:99"),
    ("train", *WINE, "--augment"): ("nonsense", "flip-shift"),
    ("train", *WINE, "--target"): ("a",),
    ("train", *WINE, "--data-folder"): ("folder",),
    ("train", *WINE, "--image-size"): ("8",),
    ("train", *WINE, "--max-parameters"): ("1",),
    ("train", *WINE, "--epochs"): ("0",),
    ("train", "--run", "new", "--table"): ("nonsense", "folder", "text.npz", "gone.npz"),
    ("train", "--run", "new", "--data"): ("nonsense", "folder", "text.npz", "text.txt", "text.csv"),
    ("train", "--config"): ("gone.toml", "folder", "text.toml", "nul.toml", "unknown.toml", "nan.toml"),
    ("train", *TABLE, "--workers"): ("2",),
    ("benchmark", "agents"): ("nonsense",),
    ("benchmark", "agents", "--reward"): ("nonsense", "hypervolume"),
    ("benchmark", "agents", "--output"): ("text.txt",),
    ("benchmark", "agents", "--epochs"): ("3",),
    ("benchmark", "rewards", "--reward"): ("nonsense",),
    ("benchmark", "rewards", "--reward", "accuracy", "--reward"): ("accuracy",),
    ("benchmark", "rewards", "--reward", "accuracy", "--yardstick"): ("nonsense", "hypervolume:cost=money"),
    ("benchmark", "references", "--data", "wine", "--only"): ("nonsense", "resnet-8"),
    ("benchmark", "references", "--data", "wine", "--precision"): ("nonsense",),
    ("benchmark", "references", "--data", "wine", "--optimizer"): ("nonsense",),
    ("export", "gone", "--format"): ("nonsense", "python:x"),
    ("list",): ("nonsense",),
    ("loop", "--run", "new", "--controllers"): ("nonsense", "gone.npz", "mnist1d-cell1d:size=3"),
    ("loop", "--run", "new", "--judge"): ("nonsense", "mnist1d-convnet1d", "mnist1d-cell1d:max_macs=1"),
    ("table", "info"): ("nonsense", "folder", "text.npz"),
    ("table", "import", "text.csv", "--output", "new.npz", "--format"): ("nonsense", "nas-bench-macro"),
    ("table", "import", "text.csv", "--output", "new.npz", "--mapping"): ("text.toml", "gone.toml"),
    ("table", "import", "--output", "new.npz"): ("gone.pickle.pbz2", "folder", "text.json"),
    ("table", "fetch"): ("nonsense",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "value"),
    [(arguments, value) for arguments, values in WRONG.items() for value in values],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else part,
)
def test_a_wrong_name_is_told_in_one_line_that_names_it(arguments: tuple[str, ...], value: str) -> None:
    for name in ("folder.py", "folder.toml"):
        Path(name).mkdir()
    for suffix in ("csv", "npz", "toml", "json"):
        Path(f"text.{suffix}").write_text("hello\n")
    Path("nul.toml").write_text('data = "a\\u0000b.csv"\n')
    Path("unknown.toml").write_text('"\\u001b[31m" = 1\n')
    Path("nan.toml").write_text("failure_reward = nan\n")
    _, said = refusal(*arguments, value)
    option = arguments[-1] if arguments[-1].startswith("--") else ""
    words = (value.partition(".")[0].partition(":")[0], option.strip("-").partition("-")[0], "a\\x00b.csv")
    assert any(word and word in said.lower() for word in words), said
    assert not Path("new").exists()


def test_a_word_that_is_no_command_or_option_is_told() -> None:
    for name in BASES:
        status, said = refusal(*name.split(), *BASES[name], "--nonsense")
        assert status == 2 and "--nonsense" in said
        status, said = refusal(*name.split()[:-1], f"{name.split()[-1]}x")
        assert status == 2 and "Did you mean" in said
    assert "--evaluations" in refusal("train", "--evaluatons", "3")[1]


def test_an_argument_that_is_missing_is_told() -> None:
    for name, command in COMMANDS.items():
        if any(parameter.required for parameter in command.params):
            status, said = refusal(*name.split())
            assert status == 2 and "Missing" in said, name
