"""`sample`."""

from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from rl_designer.commands.options import (
    COUNT,
    FILE,
    FOLDER,
    OUTPUT_FOLDER,
    Number,
    limits_option,
    note,
    options_of,
    output_options,
    prefer_option,
    print_json,
    store_option,
)
from rl_designer.config import SearchConfig, Subject
from rl_designer.envs.search_spaces.limits import ALWAYS, COSTS
from rl_designer.errors import usage_errors
from rl_designer.experience.proposing import propose
from rl_designer.experience.shipped import SHIPPED
from rl_designer.quantities import show_count, show_figure
from rl_designer.reports.terminal import terminal
from rl_designer.runs.architecture_files import ArchitectureFile, write_architecture
from rl_designer.runs.choosing import told_weights, weights_of
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.fronts import objectives_of
from rl_designer.searches.sampling import Draw, Drawn, drawn_to_dict, sample_designs
from rl_designer.store.store import Store, StoreError
from rl_designer.text import short_design


@click.command()
@click.argument("folder", metavar="RUN", type=FOLDER, required=False)
@click.option("-n", "n", type=COUNT, default=10, show_default=True, help="Designs to draw.")
@click.option(
    "--temperature",
    type=Number(0, min_open=True),
    help="Above 1 more various, below 1 more alike.  [default: 1]",
)
@click.option("--deterministic", is_flag=True, help="The likeliest action at each step.")
@click.option("--unique", is_flag=True, help="Draw until all are distinct.")
@options_of(
    Subject,
    *Subject.of_data(),
    data="In place of a RUN: design for these data by what was learned on other tasks; nothing is trained.",
)
@options_of(SearchConfig, "experience", experience="With --data: what was learned, shipped or your own FILE.")
@options_of(
    Subject,
    *Subject.of_limits(),
    max_parameters="Limit, such as 20k.  [default: the run's]",
    max_macs="Limit on multiply-adds.  [default: the run's]",
    max_ram="Limit on memory of values, such as 32kB.  [default: the run's]",
    max_flash="Limit on memory of parameters, such as 128kB.  [default: the run's]",
    device_numbers="What is counted for these two.  [default: the run's, int8]",
    max_latency="Limit on what an example is expected to take, such as 2ms.  [default: the run's]",
    latency_from="Measurements of another device.  [default: the run's]",
)
@prefer_option("Designs of a run with objectives for these weights of them")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draws.")
@click.option(
    "--sb3",
    "policy_file",
    type=FILE,
    help="Sample a policy that Stable-Baselines3 saved for the run's space, a .zip, in place of the run's.",
)
@click.option(
    "--trust",
    is_flag=True,
    help="Read --sb3. Such a file holds pickles, and reading a pickle can run whatever code its maker put "
    "into it, with your rights. Or take a run that was copied from elsewhere and whose agent is code in a "
    "file. Say so only of what comes from where you trust.",
)
@click.option("--output", type=OUTPUT_FOLDER, help="Write each design there, as a file that `retrain` takes.")
@store_option
@limits_option
@output_options
def sample(
    folder: Path | None,
    temperature: float | None,
    store: str | None,
    output: Path | None,
    experience: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Draw designs from the policy of a trained RUN, or from that of experience for new --data."""
    reading = {name: options.pop(name) for name in Subject.of_data()}
    options["limits"] = {name: options.pop(name) for name in Subject.of_limits()}
    if (folder is None) == (reading["data"] is None):
        raise click.UsageError("name a RUN, or new data with --data")
    if folder is None:
        drawn = _proposed(reading, experience, temperature, options, quiet)
        data = drawn_to_dict(drawn, None)
    else:
        _refuse(folder, {**reading, "experience": experience})
        drawn, data = _sampled(folder, temperature, store, options, quiet)
    if output is not None:
        _write(drawn, output, quiet)
    if as_json:
        print_json(data)
    else:
        _print(data, [sample.architecture for sample in drawn.samples])


def _proposed(
    reading: dict[str, Any],
    experience: str | None,
    temperature: float | None,
    options: dict[str, Any],
    quiet: bool,
) -> Drawn:
    """Designs for new data."""
    of_runs = {
        "--temperature": temperature,
        "--prefer": options["prefer"],
        **{f"--{n}": options[n] for n in ("deterministic", "trust")},
    }
    of_runs |= {"--sb3": options["policy_file"]}
    for option, value in of_runs.items():
        if value:
            raise click.UsageError(f"{option} is for the policy of a RUN; leave it away with --data")
    limits = options["limits"]
    with usage_errors():
        subject = Subject.of({**reading, **limits})
    samples, space, about = propose(subject, options["n"], experience or SHIPPED, options["seed"])
    for line in about:
        note(line, quiet)
    entropy = -sum(sample.log_probability for sample in samples) / len(samples)
    return Drawn(samples, space, entropy)


def _refuse(folder: Path, given: dict[str, Any]) -> None:
    for name, value in given.items():
        if value is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} is for --data; leave it away with {folder}")


def _write(drawn: Drawn, output: Path, quiet: bool) -> None:
    output.mkdir(parents=True, exist_ok=True)
    shape = getattr(drawn.space, "input_shape", None)
    classes = getattr(drawn.space, "num_classes", None)
    for number, sample in enumerate(drawn.samples):
        file = ArchitectureFile(sample.architecture, shape, classes)
        write_architecture(output / f"design-{number}.json", file)
    note(f"{len(drawn.samples):,} designs are in {output}; train one with `retrain`", quiet)


def _sampled(
    folder: Path, temperature: float | None, store: str | None, options: dict[str, Any], quiet: bool
) -> tuple[Drawn, dict[str, Any]]:
    """Designs from a run's policy."""
    if options["deterministic"] and temperature is not None:
        raise click.UsageError("--deterministic and --temperature exclude each other")
    if options["policy_file"] is not None and not options["trust"]:
        raise click.UsageError(
            "--sb3 reads a file of pickles, which can run code of whoever made it; add --trust only if you "
            "trust where it comes from"
        )
    run = RunFolder.open(folder)
    drawn = sample_designs(run, Draw(temperature=1.0 if temperature is None else temperature, **options))
    if options["unique"] and len(drawn.samples) < options["n"]:
        note(
            f"only {len(drawn.samples):,} distinct designs were found; a higher --temperature finds more",
            quiet,
        )
    data = drawn_to_dict(drawn, _seen(run, store, quiet))
    if options["prefer"] is not None:
        objectives, weights = objectives_of(run.summary), weights_of(run.summary, options["prefer"])
        note(f"wanted: {told_weights(run.summary, weights)}", quiet)
        named = zip(objectives, weights, strict=True)
        data["preference"] = {facts.name: weight for facts, weight in named}
    return drawn, data


def _seen(run: RunFolder, store: str | None, quiet: bool) -> set[str] | None:
    """Digests of the run's designs; None where a run was taken away without its store."""
    try:
        with Store(store or run.store_location, create=False) as opened:
            return {d.design.architecture.digest for d in opened.designs(run.id)}
    except StoreError as error:
        if store is not None:
            raise
        note(f"which designs were seen before is not known: {error}", quiet)
        return None


def _print(data: dict[str, Any], architectures: list[Any]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    proposed = any("better_than" in row for row in data["architectures"])
    expectation = "better than random" if proposed else "expected reward"
    limited = [cost for cost in COSTS if cost in data["architectures"][0] and cost not in ALWAYS]
    words = [COSTS[cost].words for cost in limited]
    for name in ("log-probability", expectation, "parameters", "multiply-adds", *words, "seen"):
        table.add_column(name, justify="right")
    table.add_column("design", overflow="fold")
    for row, architecture in zip(data["architectures"], architectures, strict=True):
        expected = f"{row['better_than']:.1%}" if proposed else show_figure(row["predicted_reward"])
        table.add_row(
            f"{row['log_probability']:.2f}",
            expected,
            show_count(row["parameters"]),
            show_count(row["macs"]),
            *(COSTS[cost].figure(row[cost] / COSTS[cost].unit) for cost in limited),
            {True: "yes", False: "no", None: "–"}[row["seen"]],
            Text(short_design(architecture)),
        )
    console = terminal()
    console.print(table)
    console.print(Text(f"{data['distinct']:,} distinct; entropy about {data['entropy']:.2f} nats"))
