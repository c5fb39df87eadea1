"""`benchmarks/experience/left_out.py` learns without what it measures on, and says what the runs say."""

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rl_designer.agents.controller import Controller, PPOSettings
from rl_designer.agents.experience import Experience
from rl_designer.agents.memory import Source
from rl_designer.agents.prior import Prior
from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.datasets.dataset import SPACES
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.tasks.made import PREFIX
from rl_designer.experience.shipped import shipped, shipped_trainings
from tests.helpers.experiences import QUICK_POLICY, QUICK_PRIOR, made_trainings

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "experience"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("left_out_benchmark", FOLDER / "left_out.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_there_are_enough_tasks_and_each_family_is_left_out_once(benchmark):
    of = {kind: benchmark.left_out_tasks(kind) for kind in benchmark.KINDS}
    made = [task for tasks in of.values() for task in tasks if task.family != "real"]
    real = [task for tasks in of.values() for task in tasks if task.family == "real"]
    assert len(made) >= 20 and len(real) >= 6
    for kind, tasks in of.items():
        for task in tasks:
            group = benchmark.group_of(task.family, kind)
            assert (task.family in group) == (task.family != "real")
            assert len(group) < len({other.family for other in tasks}) / 2


def test_experience_is_learned_from_the_other_families_alone(benchmark, monkeypatch, tmp_path):
    tasks = sys.modules["left_out_tasks"]
    learn = tasks.learn
    monkeypatch.setattr(tasks, "learn", lambda known: learn(known, QUICK_PRIOR, QUICK_POLICY))
    known = made_trainings()
    families = [task.family for task in known.tasks]
    path = benchmark.learned_without(families[:2], known, tmp_path)
    about = Experience.load(path).about
    assert about["families"] == sorted(families[2:])
    assert about["contents"] == sorted(task.content for task in known.tasks[2:])


@pytest.mark.parametrize("kind", [kind for kind, space in SPACES.items() if shipped(space)])
def test_nothing_that_is_measured_on_is_in_what_ships(benchmark, kind, tmp_path):
    made, trainings = shipped(SPACES[kind]), shipped_trainings(SPACES[kind])
    contents = {task.content for task in trainings.tasks}
    assert contents == set(made.about["contents"]) and len(trainings) == made.about["trainings"]

    def content_of(arrays):
        np.savez(tmp_path / "task.npz", **arrays)
        return load_dataset(str(tmp_path / "task.npz"), kind=kind).content

    known = trainings.tasks[0].name.removeprefix(PREFIX)
    assert content_of(sys.modules["left_out_tasks"].made_arrays(known)) in contents  # it would be noticed
    measured = [task for task in benchmark.left_out_tasks(kind) if task.family != "real"]
    assert not contents & {content_of(task.make()) for task in measured}
    packaged = {load_dataset(name).content for name in ("mnist1d", "digits", "wine", "breast-cancer")}
    assert not contents & packaged


@dataclass(frozen=True)
class Run:
    scores: tuple[float, ...]
    training_seconds: tuple[float, ...] = (1.0,)
    own_seconds: float = 1.0


def test_the_figures_are_what_they_are_called(benchmark):
    figures = sys.modules["left_out_figures"]
    low, high = Run((0.5,) * 64), Run((0.5, 0.9) + (0.5,) * 62)
    np.testing.assert_array_equal(figures.best([low, high], 8), [0.5, 0.9])
    np.testing.assert_array_equal(figures.best([high], 1), [0.5])
    np.testing.assert_array_equal(figures.trainings_until([high, low], np.array([0.9, 0.9])), [2, np.inf])
    timed = Run((0.5,) * 3, training_seconds=(1.0, 2.0, 4.0), own_seconds=0.5)
    np.testing.assert_array_equal(figures.seconds_of([timed], 2), [3.5])
    runs = {name: [low] for name in ("random", *figures.EIGHT, *figures.WHOLE)} | {"experience": [high]}
    runs["random"] = [Run((0.4, 0.6) * 32)]
    told = figures.table({"a": runs, "b": runs})
    assert "experience: at least as good on 100%, +3.00" in told  # 0.3 of a spread of 0.1
    assert "evolution: ahead on 100%" in told
    assert "median 2" in told
    assert "| 16 | 4 | 0% | +0.300 | 0% | -0.100 |" in told  # one of twelve isn't enough


class Knows(Prior):
    """Of some designs how good they are, of all others nothing."""

    def mean(self, space, actions):
        return np.array([self.arrays.get(row.tobytes(), 0.0) for row in actions])


def test_how_much_better_designs_are_ranked_with_experience(benchmark, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    ranked = importlib.import_module("ranked")
    space = make_space(None, (8,), 3, max_parameters=20_000)
    actions = np.unique(space.random_actions(200, np.random.default_rng(0)), axis=0)[: ranked.DESIGNS]
    scores = np.random.default_rng(0).random(len(actions))  # of which a design tells nothing
    known = Knows({row.tobytes(): score for row, score in zip(actions, scores, strict=True)})
    policy = Controller(space, lambda actions: np.zeros(len(actions)), PPOSettings(), 0).policy()
    trained = ranked.Trained(space, actions, np.stack([scores, scores]), (300, 300))
    found = ranked.correlations(trained, Source("knows", policy, known), 3)
    assert found.shape == (3, 3)
    assert found[:, 2] == pytest.approx(1)
    assert found[:, 1].mean() > 0.9
    assert abs(found[:, 0].mean()) < 0.4  # by chance 0, three splits of 24: a standard error of 0.12
    assert "| one | " in [*ranked.lines({"one": found[0], "other": found[1]})][2]
