"""`train` and `resume`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rl_designer.commands.options import (
    COUNT,
    FOLDER,
    SECONDS,
    SEED,
    Number,
    candidate_memory_limit,
    engine_options,
    fidelity,
    note,
    output_options,
    print_json,
    workers_option,
)

if TYPE_CHECKING:
    from rl_designer.config import SearchConfig
    from rl_designer.runs.folder import RunFolder


_ENGINE = {"engine", "ray_address", "gpus_per_candidate"}


@click.command()
@click.option(
    "--data",
    metavar="NAME|PATH",
    help="Data set: a name (see `list datasets`), an .npz, .csv, .parquet "
    "or a folder of images by class.  [default: mnist1d]",
)
@click.option("--target", metavar="COLUMN", help="Column to predict, of your own .csv or .parquet.")
@click.option("--data-folder", metavar="FOLDER", help="Where the original files of a published data set lie.")
@click.option("--image-size", type=COUNT, help="Side in pixels that your own images are brought to.")
@click.option("--table", metavar="NAME|FILE", help="Search on an architecture table instead of data.")
@click.option("--task", metavar="NAME", help="Task on the table; may be left out where there is one.")
@click.option(
    "--space",
    metavar="NAME|FILE.toml",
    help="Search space (see `list spaces`), or your own.  [default: by the data's shape]",
)
@click.option("--agent", metavar="NAME", help="Who designs (see `list agents`).  [default: ppo]")
@click.option(
    "--from",
    "sources",
    metavar="RUN",
    multiple=True,
    help="Start with what an earlier run learned on the same space with other data; it is dropped where it "
    "misleads. May be given several times.",
)
@click.option(
    "--evaluations",
    type=COUNT,
    help="Distinct designs to evaluate, the control's included.  "
    "[default: 64, or no limit with --time-limit]",
)
@click.option("--time-limit", type=SECONDS, help="Such as 90s, 30m, 2h.")
@click.option(
    "--reward",
    metavar="NAME|FILE.py:FUNCTION",
    help="What a design is worth (see `list rewards`), or your own function.  [default: accuracy]",
)
@click.option("--max-parameters", type=COUNT, help="Limit for every design, such as 20k or 1.5M.")
@click.option("--max-macs", type=COUNT, help="Limit on multiply-adds of one example.")
@click.option(
    "--examples",
    type=COUNT,
    help="Train the designs on so many of the training examples.  [default: all]",
)
@click.option("--epochs", type=COUNT, help="Epochs of each training.  [default: 12]")
@fidelity
@click.option(
    "--augment",
    metavar="NAME",
    help="Vary the training data: shift, or flip-shift or flip-shift-erase for images.  [default: no]",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    help="Of the trainings' products; bfloat16 is faster on GPUs, and on CPUs with AVX-512 BF16 or AMX.  "
    "[default: float32]",
)
@click.option(
    "--optimizer",
    type=click.Choice(["adamw", "muon"]),
    help="Of the trainings; muon is slower and often better.  [default: adamw]",
)
@workers_option
@engine_options
@click.option("--device", metavar="NAME", help="auto, cpu, cuda …  [default: auto]")
@click.option("--candidate-time-limit", type=SECONDS, help="Limit for the training of one design.")
@candidate_memory_limit
@click.option(
    "--control-share",
    type=Number(0, 0.9),
    help="Part of the budget for random designs to "
    "compare with.  [default: 0.25, nothing where the store has enough of them]",
)
@click.option("--no-control", is_flag=True, help="Compare with nothing.")
@click.option("--failure-reward", type=Number(), help="What a failed design is worth.  [default: -1]")
@click.option("--seed", type=SEED, help="Of everything random.  [default: 0]")
@click.option("--run", "folder", type=FOLDER, help="Run folder to make.  [default: runs/DATA-AGENT-SEED]")
@click.option(
    "--store",
    metavar="FILE|URL",
    help="Where evaluations are kept for all runs: SQLite file or "
    "SQLAlchemy URL.  [default: store.sqlite beside the run folder]",
)
@click.option("--tensorboard/--no-tensorboard", default=None, help="Write scalars.  [default: yes]")
@click.option(
    "--energy",
    metavar="COUNTRY",
    help="Estimate the energy, and what the country's power emits, such as DEU (needs the extra `energy`).",
)
@click.option("--config", "config_file", type=FOLDER, help="TOML file with any of these; options win.")
@output_options
def train(
    folder: Path | None,
    config_file: Path | None,
    no_control: bool,
    sources: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Search for good networks, and train the policy that designs them."""
    from rl_designer.config import SearchConfig, code_named, make_config
    from rl_designer.runs.folder import CONFIG, RunFolder, check_free
    from rl_designer.searches.observers import observers_of
    from rl_designer.searches.search import run_search

    if no_control and options["control_share"] is not None:
        raise click.UsageError("--no-control and --control-share exclude each other")
    if no_control:
        options["control_share"] = 0.0
    options["sources"] = sources or None
    file = {} if config_file is None else SearchConfig.read(config_file)
    for name, code in code_named(file).items():
        if options[name] is None:
            raise click.UsageError(
                f"{config_file} names the {name} {code}, whose code would be run with your rights; "
                f"if you trust it, name it yourself with --{name}"
            )
    config = make_config(options, file, str(config_file))
    if folder is not None and (folder / CONFIG).is_file():
        run = RunFolder.open(folder)
        _check_same(run, config)
        _resume(run, config.store, {name: getattr(config.where, name) for name in _ENGINE}, as_json, quiet)
        return
    if folder is not None:
        check_free(folder)
    result = run_search(config, folder, observers_of(not quiet, config.tensorboard))
    _show(result.folder, config.store, as_json, quiet)


@click.command()
@click.argument("folder", metavar="RUN", type=FOLDER)
@click.option("--store", metavar="FILE|URL", help="The run's store, where it was moved.")
@engine_options
@click.option(
    "--trust",
    is_flag=True,
    help="Go on with a run that was copied from elsewhere and names code: a reward, an agent, a space or "
    "data in a Python file. It is run with your rights: say so only of a run whose origin you trust.",
)
@output_options
def resume(folder: Path, store: str | None, trust: bool, as_json: bool, quiet: bool, **engine: Any) -> None:
    """Go on with a run after any stop, as if it had never stopped."""
    from rl_designer.runs.folder import RunFolder

    run = RunFolder.open(folder)
    if not trust:
        run.check_code()
    _resume(run, store, engine, as_json, quiet)


def _resume(run: "RunFolder", store: str | None, engine: dict[str, Any], as_json: bool, quiet: bool) -> None:
    from rl_designer.searches.observers import observers_of
    from rl_designer.searches.replay import changed_code
    from rl_designer.searches.search import resume_search

    if run.summary["state"] == "finished":
        note(f"{run.path} is finished already; nothing was left to do", quiet)
    elif changed := changed_code(run.summary):
        note(
            f"{run.path} began with other code ({'; '.join(changed)}): its designs are compared as they come "
            "out again, and it stops where one differs; the policy may differ all the same",
            quiet,
        )
    resume_search(run, observers_of(not quiet, run.config.tensorboard), store, engine)
    _show(run, store, as_json, quiet)


def _check_same(run: "RunFolder", config: "SearchConfig") -> None:
    """Says what becomes of a search that a folder holds. Raises WrongUsage where another is asked for."""
    from rl_designer.errors import WrongUsage
    from rl_designer.searches.replay import other_than_asked

    if other := other_than_asked(run.summary, config, run.config):
        raise WrongUsage(
            f"{run.path} holds another run ({'; '.join(other)}); go on with it as it is by "
            f"`rl-designer resume {run.path}`, or name another folder with --run"
        )


def _show(folder: "RunFolder", store: str | None, as_json: bool, quiet: bool) -> None:
    from rl_designer.reports.page import leave_report
    from rl_designer.reports.terminal import print_report, terminal
    from rl_designer.runs.reading import public_summary, read_run

    read = read_run(folder, store)
    if not quiet:
        print_report(terminal(stderr=True), read)
    if (problem := leave_report(read)) is not None:
        note(f"there is no page of this run: {problem}", quiet)
    if as_json:
        print_json(public_summary(folder))
