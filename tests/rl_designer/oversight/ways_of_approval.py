"""Ways to use a winner that nobody has approved, or other weights than those that somebody has."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import rl_designer as rl
from tests.helpers.command_line import Ended
from tests.rl_designer.oversight.conftest import House
from tests.rl_designer.oversight.ways import RULES, way, write


def approve(house: House, *options: object) -> None:
    assert house.command("approve", "runs/a", "--by", "A", "--reason", "b", *options).status == 0


def exchange(found: Iterable[Path]) -> None:
    """Other weights in the only file."""
    [weights] = found
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


@way("approval")
def training_an_unapproved_winner(house: House, _: Any) -> Ended:
    return house.command("retrain", "runs/a", "--seeds", 1)


@way("approval")
def training_its_architecture_from_a_file(house: House, _: Any) -> Ended:
    [file] = Path("runs/a/retrained").glob("*/architecture.json")
    shutil.copy(file, "mine.json")
    return house.command("retrain", "mine.json", "--data", "wine", "--seeds", 1)


@way("approval")
def exporting_it_in_python(house: House, _: Any) -> None:
    rl.export("runs/a", "out")


@way("approval")
def exporting_from_its_folder(house: House, _: Any) -> Ended:
    [folder] = Path("runs/a/retrained").iterdir()
    return house.command("export", folder, "--output", "out")


@way("approval")
def predicting_from_a_copy_of_its_files(house: House, _: Any) -> Ended:
    shutil.copytree("runs/a/exported", "out")
    return house.command("predict", "out", "new.csv")


@way("approval")
def the_approval_of_another_design(house: House, _: Any) -> Ended:
    other = rl.load_run("runs/a").designs[-1].architecture.digest
    assert other != rl.load_run("runs/a").best.architecture.digest  # type: ignore[union-attr]
    approve(house, "--design", other)
    return house.command("predict", "runs/a", "new.csv")


@way("approval")
def other_weights_under_an_approved_name(house: House, _: Any) -> Ended:
    approve(house)
    exchange(Path("runs/a/retrained").glob("*/seed-0.safetensors"))
    return house.command("predict", "runs/a", "new.csv")


@way("approval")
def weights_that_were_made_after_the_approval_of_the_design(house: House, _: Any) -> Ended:
    folder = next(Path("runs/a/retrained").iterdir())
    shutil.move(folder, "elsewhere")
    approve(house)
    assert house.command("retrain", "runs/a", "--seeds", 1, "--epochs", 1, "--no-rivals").status == 0
    return house.command("export", "runs/a", "--output", "out")


@way("approval")
def weights_of_a_seed_that_was_trained_after_the_approval(house: House, _: Any) -> Ended:
    approve(house)
    assert house.command("retrain", "runs/a", "--seeds", 2, "--epochs", 1, "--no-rivals").status == 0
    return house.command("predict", "runs/a", "new.csv", "--weights-of", 1)


@way("approval")
def exported_weights_that_were_exchanged(house: House, _: Any) -> Ended:
    approve(house)
    exchange(Path("runs/a/exported").glob("*.safetensors"))
    return house.command("predict", "runs/a/exported", "new.csv")


@way("approval")
def a_copy_of_an_approved_network_outside_its_run(house: House, _: Any) -> Ended:
    approve(house)
    shutil.copytree(next(Path("runs/a/retrained").iterdir()), "mine")
    return house.command("predict", "mine", "new.csv")


@way("approval")
def a_copy_of_the_run_from_before_the_approval(house: House, _: Any) -> Ended:
    shutil.copytree("runs/a", "runs/b")
    approve(house)
    return house.command("predict", "runs/b", "new.csv")


@way("approval")
def an_approved_log_in_another_run(house: House, _: Any) -> Ended:
    shutil.copytree("runs/a", "runs/b")
    exchange(Path("runs/b/retrained").glob("*/seed-0.safetensors"))
    approve(house)
    for name in ("audit.jsonl", "summary.json"):
        shutil.copy(Path("runs/a", name), Path("runs/b", name))
    return house.command("predict", "runs/b", "new.csv")


@way("max_parameters")
def experience_of_larger_networks(house: House, _: Any) -> Ended:
    house.rule(RULES.replace('"mnist"]', '"mnist", "task:"]'))
    return house.command("experience", "build", "e", "--kind", "features", "--tasks", 1, "--designs", 2)


@way("trainings")
def more_seeds_of_an_approved_winner(house: House, _: Any) -> Ended:
    approve(house)
    return house.command("retrain", "runs/a", "--seeds", 5, "--output", "out", "--epochs", 1)


@way("approval")
def a_wider_limit_for_one_command(house: House, _: Any) -> Ended:
    return house.command("export", "runs/a", "--limits", write(Path("wide.toml"), "approval = []"))
