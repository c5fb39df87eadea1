"""`train` and `resume`. What does the work is imported when it is called, so that `--help` comes at once."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from rl_designer.commands.options import (
    FOLDER,
    engine_options,
    limits_option,
    moved_data_options,
    note,
    options_of,
    output_options,
    print_json,
    store_option,
)
from rl_designer.config import SearchConfig, code_named, make_config
from rl_designer.declared import option_name
from rl_designer.envs.limits import holding, rules_of
from rl_designer.errors import WrongUsage
from rl_designer.runs.folder import CONFIG, RunFolder, check_free
from rl_designer.text import command


@click.command()
@options_of(SearchConfig)
@click.option("--no-control", is_flag=True, help="Compare with nothing.")
@click.option("--run", "folder", type=FOLDER, help="Run folder to make.  [default: runs/DATA-AGENT-SEED]")
@click.option("--config", "config_file", type=FOLDER, help="TOML file with any of these; options win.")
@output_options
def train(
    folder: Path | None,
    config_file: Path | None,
    no_control: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Search for good networks, and train the policy that designs them."""
    from rl_designer.searches.observers import observers_of
    from rl_designer.searches.search import run_search

    if no_control and options["control_share"] is not None:
        raise click.UsageError("--no-control and --control-share exclude each other")
    if no_control:
        options["control_share"] = 0.0
    file = {} if config_file is None else SearchConfig.read(config_file)
    for name, code in code_named(file).items():
        if options[name] is None:
            raise click.UsageError(
                f"{config_file} names the {name} {code}, whose code would be run with your rights; "
                f"if you trust it, name it yourself with {option_name(name, SearchConfig.declared()[name])}"
            )
    config = make_config(options, file, str(config_file))
    if folder is not None and (folder / CONFIG).is_file():
        run = RunFolder.open(folder)
        _check_same(run, config)
        with holding(rules_of(map(Path, config.limits))):
            _resume(run, config.store, config.where.flat(), as_json, quiet)
        return
    if folder is not None:
        check_free(folder)
    result = run_search(config, folder, observers_of(not quiet, config.tensorboard))
    _show(result.folder, config.store, as_json, quiet)


@click.command()
@click.argument("folder", metavar="RUN", type=FOLDER)
@store_option
@limits_option
@moved_data_options
@engine_options
@click.option(
    "--trust",
    is_flag=True,
    help="Go on with a run that was copied from elsewhere and names code: a reward, an agent, a space or "
    "data in a Python file. It is run with your rights: say so only of a run whose origin you trust.",
)
@output_options
def resume(
    folder: Path,
    store: str | None,
    data: str | None,
    data_folder: str | None,
    trust: bool,
    as_json: bool,
    quiet: bool,
    **engine: Any,
) -> None:
    """Go on with a run after any stop, as if it had never stopped."""
    run = RunFolder.open(folder)
    if not trust:
        run.check_code()
    where = {"data": data, "data_folder": data_folder}
    _resume(run, store, engine, as_json, quiet, where)


def _resume(
    run: RunFolder,
    store: str | None,
    engine: dict[str, Any],
    as_json: bool,
    quiet: bool,
    where: Mapping[str, Any] = MappingProxyType({}),
) -> None:
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
    resume_search(run, observers_of(not quiet, run.config.tensorboard), store, engine, data=where)
    _show(run, store, as_json, quiet)


def _check_same(run: RunFolder, config: SearchConfig) -> None:
    """Says what becomes of a search that a folder holds. Raises WrongUsage where another is asked for."""
    from rl_designer.searches.replay import other_than_asked

    if other := other_than_asked(run.summary, config, run.config):
        raise WrongUsage(
            f"{run.path} holds another run ({'; '.join(other)}); go on with it as it is by "
            f"`{command('resume', run.path)}`, or name another folder with --run"
        )


def _show(folder: RunFolder, store: str | None, as_json: bool, quiet: bool) -> None:
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
