"""What is known of a run in the end, as JSON-ready objects."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from rl_designer.envs.problem import Design, best_of
from rl_designer.envs.rewards import BestBy
from rl_designer.runs.verdict import CONTROL_AGENT, Verdict, quarter_means


def design_to_dict(design: Design, found_by: str) -> dict[str, Any]:
    """A design as `train --json` and `report --json` give it."""
    evaluation = design.evaluation
    return {
        "index": design.index,
        "digest": design.architecture.digest,
        "layers": [layer.to_dict() for layer in design.architecture.layers],
        "reward": design.reward,
        "val_accuracy": evaluation.val_accuracy,
        "parameters": evaluation.parameters,
        "macs": evaluation.macs,
        "failure": evaluation.failure,
        "stopped_at": evaluation.stopped_at,
        "found_by": found_by,
    }


def improvement(designs: Sequence[Design]) -> dict[str, float] | None:
    """Mean reward of the first and of the last quarter of an agent's designs; None for fewer than 4."""
    means = quarter_means([design.reward for design in designs])
    return None if means is None else {"first_quarter": means[0], "last_quarter": means[1]}


def summary_of(
    agent: str,
    designs: Sequence[Design],
    controls: Sequence[Design],
    verdict: Verdict,
    *,
    best_by: BestBy = "reward",
) -> dict[str, Any]:
    """The figures of a finished search. `best` is of all designs, `agent_best` of the agent's.

    Args:
        best_by: how the best is chosen; see `best_of`.
    """
    agent_best, control_best = (best_of(found, best_by) for found in (designs, controls))
    best, found_by = agent_best, agent
    if control_best is not None and (agent_best is None or control_best.reward > agent_best.reward):
        best, found_by = control_best, CONTROL_AGENT
    return {
        "agent": agent,
        "evaluations": len(designs) + len(controls),
        "agent_evaluations": len(designs),
        "failures": sum(d.evaluation.failure is not None for d in chain(designs, controls)),
        "stopped_early": sum(d.evaluation.stopped_at is not None for d in chain(designs, controls)),
        "best": None if best is None else design_to_dict(best, found_by),
        "agent_best": None if agent_best is None else design_to_dict(agent_best, agent),
        "improvement": improvement(designs) if best_by == "reward" else None,
        "control": None if verdict.control is None else verdict.control.to_dict(),
        "better_than_control": verdict.better,
        "p_value": verdict.p_value,
        "verdict": verdict.sentence,
    }
