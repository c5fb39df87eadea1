"""Valid files of runs, policies, stores and benchmarks, and what reads each."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.loader import Loader
from tests.helpers.policies import random_weights
from tests.helpers.tables import synthetic_table


def _config(folder: Path) -> Path:
    (folder / "config.toml").write_text('table = "mnist1d-convnet1d"\nevaluations = "1k"\nseed = 3\n')
    return folder / "config.toml"


def _read_config(path: Path) -> Any:
    from rl_designer.config import SearchConfig, make_config

    return make_config({}, SearchConfig.read(path), str(path))


SUMMARY: Mapping[str, Any] = {
    "id": "0" * 32,
    "state": "finished",
    "title": "wine",
    "seconds": 3.5,
    "verdict": "nobody knows",
    "setting": {
        "space": {"name": "mlp", "family": "mlp", "max_layers": 2, "layers": {"dense": {"width": [4, 8]}}},
        "input_shape": [13],
        "num_classes": 3,
    },
    "control_plan": {"known": [], "paid": 3},
    "finalists": [
        {"digest": "0" * 20, "place": 1, "epochs": 2, "examples": 9, "val_score": 0.5, "folders": ["f"]}
    ],
    "objectives": [
        {"name": "val_accuracy", "unit": "", "higher_is_better": True, "cost": None},
        {"name": "parameters", "unit": "parameters", "higher_is_better": False, "cost": "parameters"},
    ],
    "front": [{"digest": "0" * 20, "figures": {"val_accuracy": 0.5, "parameters": 9.0}}],
}


def _run(folder: Path) -> Path:
    (folder / "config.toml").write_text('data = "wine"\n')
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
    return folder / "summary.json"


def _read_run(path: Path) -> Any:
    from rl_designer.errors import WrongUsage
    from rl_designer.runs.choosing import weights_of
    from rl_designer.runs.folder import RunFolder
    from rl_designer.runs.fronts import front_of
    from rl_designer.spaces import space_of

    run = RunFolder.open(path.parent)
    front_of(run.summary, [])
    with suppress(WrongUsage):  # another run's objectives
        weights_of(run.summary, "accuracy=0.5,parameters=0.5")
    return space_of(run.summary.get("setting", {}))


def _space() -> Any:
    from rl_designer.envs.search_spaces.table import TableSpace

    return TableSpace(synthetic_table((2, 3)))


def _policy_weights() -> dict[str, Any]:
    return random_weights(_space(), hidden=4)


def _save_policy(folder: Path) -> None:
    from rl_designer.agents.policy import Policy

    Policy(_policy_weights(), _space().name, {"agent": "ppo"}).save(folder)


def _policy_facts(folder: Path) -> Path:
    _save_policy(folder)
    return folder / "policy.json"


def _policy(folder: Path) -> Path:
    _save_policy(folder)
    return folder / "policy.safetensors"


def _read_policy(path: Path) -> Any:
    from rl_designer.agents.policy import Policy

    policy = Policy.load(path.parent)
    policy.check(_space())
    return policy.sample(_space(), 4, np.random.default_rng(0))


def _belief(folder: Path) -> Path:
    from rl_designer.agents.belief import FILE
    from rl_designer.agents.reward_model import RewardModel

    actions = _space().random_actions(5, np.random.default_rng(0))
    RewardModel(_space()).fit(actions, np.arange(5.0)).save(folder)
    return folder / FILE


def _older_belief(folder: Path) -> Path:
    """Of the second format."""
    from rl_designer.agents.belief import FILE
    from rl_designer.envs.files.archives import write_arrays

    space, generator = _space(), np.random.default_rng(0)
    actions = space.random_actions(5, generator)
    tokens = space.tokens(actions).astype(np.float64)
    options, scores = generator.normal(size=(tokens.shape[2], 2)), np.sort(generator.normal(size=5))
    arrays = {
        "format": np.array([2]),
        "options": options,
        "step_weights": np.ones(space.max_steps),
        "whole_weights": np.zeros(0),
        "points": (tokens @ options).reshape(5, -1),
        "targets": scores,
        "scores": scores,
        "rewards": scores,
        "facts": np.array([1.0, 0.1]),
        "memory_weights": np.zeros(0),
        "actions": actions,
    }
    write_arrays(folder / FILE, arrays)
    return folder / FILE


def _read_belief(path: Path) -> Any:
    from rl_designer.agents.belief import Belief

    return Belief.load(path.parent, _space())


def _store(folder: Path) -> Path:
    from rl_designer.envs.architecture import Architecture, Layer
    from rl_designer.envs.evaluation import Evaluation
    from rl_designer.envs.problem import Design
    from rl_designer.store.store import Store, StoredRun

    architecture = Architecture("mlp", (Layer.of("dense", width=8),), complete=True)
    evaluation = Evaluation(val_accuracy=0.5, learning_curve=(0.25, 0.5), parameters=9, epochs=2)
    with Store(folder / "store.sqlite") as store:
        store.add_run(StoredRun("r", "folder", "ppo", "space", "e"))
        store.add_evaluations({(architecture.digest, "e"): evaluation})
        store.add_designs("r", "agent", [(Design(architecture, evaluation, 0.5, 0), "e", 1.5)])
    return folder / "store.sqlite"


def _read_store(path: Path) -> Any:
    from rl_designer.store.store import Store

    with Store(path, create=False) as store:
        designs = store.designs("r")
        store.evaluations(["e"], [found.design.architecture.digest for found in designs])
        return [f"{d.design.reward:.4f} {d.seconds:.1f} {d.design.evaluation.val_accuracy}" for d in designs]


def _log(folder: Path) -> Path:
    from rl_designer.comparisons.records import AgentRun, PolicySamples

    policy = PolicySamples(0.5, 0.1, 3, 100)
    record = AgentRun("ppo", 0, 20, 1, ((1, 0.5, None), (3, 0.75, 0.5)), 1.5, 1.0, policy)
    line = json.dumps({"key": "k", **record.to_dict()})
    (folder / "runs.jsonl").write_text(f"{line}\n{line}\n")
    return folder / "runs.jsonl"


def _read_log(path: Path) -> Any:
    from rl_designer.comparisons.benchmark import BenchmarkLog, finished_runs
    from rl_designer.comparisons.records import AgentRun

    return [run for _, run in finished_runs(BenchmarkLog(path), ["k"], AgentRun.from_dict)]


def _reward_log(folder: Path) -> Path:
    from rl_designer.comparisons.records import COLUMNS, RewardRun

    figures = (tuple(0.5 for _ in COLUMNS), tuple(None for _ in COLUMNS))
    record = RewardRun("accuracy", 0, True, ("a", "b"), ((0, 1), (1, 2)), figures, 1.5)
    (folder / "runs.jsonl").write_text(json.dumps({"key": "k", **record.to_dict()}) + "\n")
    return folder / "runs.jsonl"


def _read_reward_log(path: Path) -> Any:
    from rl_designer.comparisons.benchmark import BenchmarkLog, finished_runs
    from rl_designer.comparisons.records import RewardRun

    return [run.table for _, run in finished_runs(BenchmarkLog(path), ["k"], RewardRun.from_dict)]


RUNS: Mapping[str, Loader] = {
    "benchmark log": Loader(_log, _read_log),
    "config": Loader(_config, _read_config),
    "older reward model": Loader(_older_belief, _read_belief),
    "policy": Loader(_policy, _read_policy),
    "policy facts": Loader(_policy_facts, _read_policy),
    "reward benchmark log": Loader(_reward_log, _read_reward_log),
    "reward model": Loader(_belief, _read_belief),
    "run summary": Loader(_run, _read_run),
    "store": Loader(_store, _read_store),
}
