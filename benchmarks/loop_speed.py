"""How fast the loop is: environments against SB3's DummyVecEnv, PPO's whole loop, the start of the command.

Usage: python benchmarks/loop_speed.py [TABLE.npz]
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from rl_designer.agents.controller import Controller, PPOSettings
from rl_designer.envs.design_env import DesignEnv
from rl_designer.envs.design_vec_env import DesignVecEnv, score_by
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.table import ArchitectureTable

EPISODES, REPEATS = 256, 7
DEFAULT_TABLE = Path(__file__).parents[2] / "shared" / "tables" / "nas-bench-201.npz"


class FreeEvaluator:
    """Evaluates nothing, so that only the environment is timed."""

    digest = "free"

    def evaluate(self, architectures: list) -> list[Evaluation]:
        return [Evaluation(val_accuracy=0.5) for _ in architectures]


def steps_a_second(env: VecEnv, steps: int) -> float:
    """Random legal actions, the masks asked for at each step as MaskablePPO does."""
    generator = np.random.default_rng(0)
    started = time.perf_counter()
    for _ in range(steps):
        masks = np.stack(env.env_method("action_masks"))
        env.step(np.where(masks, generator.random(masks.shape), -1).argmax(axis=1))
    return steps * EPISODES / (time.perf_counter() - started)


def environments(problem: Callable[[], Problem], steps: int) -> dict[str, object]:
    """Both environments in turn, a pair at a time; each has its own problem, cold at first."""
    rival_problem, own_problem = problem(), problem()
    rival = DummyVecEnv([lambda: DesignEnv(rival_problem) for _ in range(EPISODES)])
    own = DesignVecEnv(own_problem.space, score_by(own_problem), EPISODES)
    for env in (rival, own):
        env.reset()
    pairs = [(steps_a_second(rival, steps), steps_a_second(own, steps)) for _ in range(REPEATS)]
    ratios = sorted(own / rival for rival, own in pairs)
    return {
        "dummy_vec_env_steps_a_second": round(median(rival for rival, _ in pairs)),
        "design_vec_env_steps_a_second": round(median(own for _, own in pairs)),
        "ratio": {"median": ratios[len(ratios) // 2], "lowest": ratios[0], "highest": ratios[-1]},
    }


def ppo_loop(problem: Problem) -> dict[str, float]:
    """Rollouts and updates of MaskablePPO on one core, 256 episodes each."""
    controller = Controller(problem.space, score_by(problem), PPOSettings(episodes=EPISODES), 0)
    speeds = []
    for repeat in range(REPEATS):
        started = time.perf_counter()
        controller.update(controller.env.score, 10, repeat)
        speeds.append(10 * EPISODES * problem.space.max_steps / (time.perf_counter() - started))
    return {"median": median(speeds), "lowest": min(speeds), "highest": max(speeds)}


def command_start() -> dict[str, float]:
    """Seconds of `--help` as a whole process."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "rl_designer", "--help"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - started)
    return {"median": median(seconds), "lowest": min(seconds), "highest": max(seconds)}


def main() -> None:
    torch.set_num_threads(1)
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_TABLE
    table = TableSpace(ArchitectureTable.load(path))
    task = next(iter(table.table.tasks))
    layers = make_space("convnet1d", (1, 40), 10, max_parameters=20_000)

    def of_table() -> Problem:
        return Problem(table, TableEvaluator(table, task), accuracy)

    def of_layers() -> Problem:
        return Problem(layers, FreeEvaluator(), accuracy)

    results = {
        "episodes": EPISODES,
        "repeats": REPEATS,
        table.name: environments(of_table, 30),
        "convnet1d": environments(of_layers, 45),
        "ppo_steps_a_second": ppo_loop(of_table()),
        "help_seconds": command_start(),
    }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
