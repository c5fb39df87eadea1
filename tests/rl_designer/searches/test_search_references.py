"""Searches that begin with networks designed by hand."""

from pathlib import Path
from typing import Any

import pytest

from rl_designer.config import make_config
from rl_designer.envs.evaluators.early_stopping import FEWEST_KNOWN
from rl_designer.envs.references.by_hand import REFERENCES
from rl_designer.errors import Interrupted, WrongUsage
from rl_designer.reports.terminal import references_told
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import public_summary, read_run
from rl_designer.searches.observers import Observer, Start
from rl_designer.searches.search import run_search
from tests.helpers.searches import Fake, all_digests, digests

AGENTS = ("ppo:warm=4,batch=4,updates=1,final_updates=1", "regularized-evolution:population=6,sample=3")
FOUND = ["cnn", "lenet-5", "resnet-8", "mobilenet-v2"]  # on mnist1d within 5,000 parameters


def names(run: Path) -> dict[str, str]:
    return dict(read_run(run).references)


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_begins_with_them_and_goes_on(train: Any, agent: str) -> None:
    result = train("run", agent=agent, references="all", experience="none")
    own = digests(result)
    assert [names(Path("run"))[digest] for digest in own[:4]] == FOUND
    assert len(all_digests(result)) == 16 and not set(own[4:]) & set(own[:4])
    best = max(design.reward for design in result.designs)
    assert best >= max(design.reward for design in result.designs[:4])


@pytest.mark.parametrize("stop_at", [2, 7])
def test_a_stopped_run_goes_on_as_if_it_had_never_stopped(train: Any, stop_at: int) -> None:
    whole = train("whole", agent="regularized-evolution:population=6", references="all")
    with pytest.raises(Interrupted):
        train(
            "part",
            Fake(stop_at),
            agent="regularized-evolution:population=6",
            references="all",
            store="other.sqlite",
        )
    part = train("part", resume=True)
    assert (
        all_digests(part) == all_digests(whole) and part.summary["references"] == whole.summary["references"]
    )


def test_those_named_alone_are_taken(train: Any) -> None:
    train("run", references=["resnet-8", "cnn", "resnet-20"])
    kept = RunFolder.open(Path("run"))
    assert kept.config.references == ("resnet-8", "cnn", "resnet-20")
    assert list(names(Path("run")).values()) == ["cnn", "resnet-8"]
    same = {"name": "resnet-20", "reason": "it is the same design as resnet-8"}
    assert kept.summary["references"]["left_out"] == [same]


class Told(Observer):
    start: Start | None = None

    def started(self, start: Start) -> None:
        self.start = start


def line_at_the_start(**options: Any) -> str:
    observer = Told()
    config = make_config({"agent": "random", "evaluations": 8, **options})
    run_search(config, Path("told"), [observer])
    assert observer.start is not None
    return observer.start.about[-1]


def test_which_they_are_is_said_as_the_search_starts(train: Any) -> None:
    train("first")  # what is trained from now on, is by the fake evaluator
    line = line_at_the_start(max_parameters=5_000, references="all")
    assert line == (
        "begins with networks designed by hand, the nearest that the space has: cnn (3,970 parameters), "
        "lenet-5 (4,306 parameters; activation relu for tanh), resnet-8 (3,810 parameters), mobilenet-v2 "
        "(4,898 parameters; at most 1 block in a row for 4; expansion 2 for 1; expansion 2 for 6; kernel 3 "
        "for 1). Left out: linear, mlp: it takes the data flattened, and the space's designs don't; "
        "resnet-20: it is the same design as resnet-8; inception-time, lite: the space has no inception "
        "layers"
    )


def test_where_none_fits_the_search_says_so_and_goes_on(train: Any) -> None:
    train("first")
    line = line_at_the_start(max_parameters=500, references="lenet-5")
    assert line.startswith(
        "begins without networks designed by hand, of which the space has none here: lenet-5: at"
    )
    assert len(read_run(Path("told")).designs) == 8 and names(Path("told")) == {}


def test_they_are_so_few_that_none_is_stopped_early() -> None:
    for rank in (0, 1, 2):
        assert sum(rank in reference.ranks for reference in REFERENCES.values()) <= FEWEST_KNOWN


def test_a_search_without_them_knows_nothing_of_them(train: Any) -> None:
    result = train("run")
    assert "references" not in result.folder.summary
    assert "references" not in (Path("run") / "config.toml").read_text(encoding="utf-8")


def test_the_report_names_them_and_says_whether_the_search_got_beyond(train: Any) -> None:
    train("run", agent="regularized-evolution:population=6", evaluations=24, references="all")
    report = read_run(Path("run"))
    assert [report.found_by(design) for design in report.designs[:5]] == [
        *(f"reference {name}" for name in FOUND),
        "regularized-evolution",
    ]
    [line] = references_told(report)
    assert line.startswith("Began with the nearest to networks designed by hand: cnn (0.")
    assert "lenet-5 (0." in line and "; activation relu for tanh)" in line
    assert "; the best design is ahead by 0." in line or line.endswith("; no design was better.")
    assert [found["name"] for found in public_summary(report.folder)["references"]["found"]] == FOUND


def test_the_verdict_is_about_the_agents_own_designs(train: Any) -> None:
    summary = train("run", agent="reinforce", evaluations=16, references="all").summary
    assert "Of its 8 designs" in summary["verdict"] and summary["agent_evaluations"] == 12
    assert summary["verdict"].endswith("The references that it began with don't count.")


def test_a_budget_that_is_smaller_holds_for_them_too(train: Any) -> None:
    result = train("run", agent="reinforce", evaluations=3, control_share=0, references="all")
    assert list(names(Path("run")))[:3] == digests(result)
    [line] = references_told(read_run(Path("run")))
    assert "mobilenet-v2" not in line


def test_random_search_with_them_is_no_control_for_others(train: Any) -> None:
    train("begun", agent="random", references="all", fidelity="full")
    later = train("later", agent="reinforce")
    assert later.folder.summary["control_plan"]["known"] == []


def test_unknown_names_and_tables_are_refused(train: Any) -> None:
    with pytest.raises(WrongUsage, match=r"unknown reference for such data 'vgg'.*resnet-8"):
        train("run", references="vgg")
    with pytest.raises(WrongUsage, match="--table and --references exclude each other"):
        make_config({"table": "mnist1d-cells", "references": "all"})
    assert not Path("run").exists()
