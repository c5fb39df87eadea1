"""`experience` and `sample --data` on the command line: built, learned, used, and refused in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rl_designer.experience.trainings import Trainings
from tests.helpers.command_line import Ended
from tests.helpers.experiences import made_experience


def test_trainings_are_built_once_and_become_experience_that_designs(command: Callable[..., Ended]) -> None:
    build = ("experience", "build", "made", "--kind", "features", "--tasks", 2, "--designs", 4)
    built = command(*build, "--workers", 2, "--json")
    assert built.status == 0, built.err
    assert built.json == {"file": "made/trainings.npz", "tasks": 2, "trainings": 8}
    parts = sorted(Path("made/parts").iterdir())
    times = [part.stat().st_mtime_ns for part in parts]
    assert command(*build, "--quiet").status == 0
    assert [part.stat().st_mtime_ns for part in parts] == times  # nothing is trained again
    trained = Trainings.load(Path("made/trainings.npz"))
    assert trained.curve.shape == (8, 12)
    learned = command("experience", "learn", "made/trainings.npz", "--output", "e.npz", "--updates", 1)
    assert learned.status == 0, learned.err
    known = command("experience", "info", "e.npz", "--json").json
    assert (known["space"], known["trainings"], known["tasks"]) == ("mlp", 8, 2)
    sampled = command("sample", "--data", "wine", "-n", 3, "--experience", "e.npz", "--output", "d", "--json")
    assert sampled.status == 0, sampled.err
    assert [path.name for path in sorted(Path("d").iterdir())] == [f"design-{i}.json" for i in range(3)]
    assert all(0 <= row["better_than"] <= 1 for row in sampled.json["architectures"])


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["sample"], 2, "name a RUN, or new data with --data"),
        (["sample", "run", "--data", "wine"], 2, "name a RUN, or new data with --data"),
        (["sample", "run", "--experience", "e.npz"], 2, "--experience is for --data"),
        (["sample", "--data", "wine", "--deterministic"], 2, "--deterministic is for the policy of a RUN"),
        (["sample", "--data", "wine", "--space", "cell1d"], 2, "space 'cell1d'"),
        (["experience", "add", "run", "--to", "o.npz"], 1, "run is no run folder"),
        (["sample", "--data", "wine", "--experience", "e.npz"], 2, "e.npz isn't for space 'mlp'"),
        (["sample", "--data", "wine", "--experience", "no.npz"], 1, "no experience: no.npz is missing"),
        (["experience", "info", "cell"], 2, "no experience ships for space 'cell'"),
        (["experience", "learn", "e.npz", "--output", "o.npz"], 1, "e.npz"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    command: Callable[..., Ended], arguments: list[str], status: int, message: str
) -> None:
    made_experience().save(Path("e.npz"))
    ended = command(*arguments)
    assert ended.status == status, ended.err
    assert message in ended.err
    assert "Traceback" not in ended.err
