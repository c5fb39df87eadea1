"""Everything that the page tells of one run, as plain data for the template."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rl_designer.agents.base import PolicyAgent
from rl_designer.agents.belief import Belief
from rl_designer.agents.policy import Policy
from rl_designer.agents.registry import agent_class
from rl_designer.envs.metrics import ACCURACY, Objective
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.latencies.checking import latency_told
from rl_designer.oversight.approval import said_of
from rl_designer.quantities import show_count, show_figure, show_seconds, show_share
from rl_designer.reports.designs import design_row, device_costs, differences, draw, told, yes_or_no
from rl_designer.reports.explanations import importance, steps_of
from rl_designer.reports.front import front_data, front_plots
from rl_designer.reports.front_course import course_plot
from rl_designer.reports.terminal import WINNERS, references_told
from rl_designer.runs.folder import POLICY
from rl_designer.runs.fronts import leading_place
from rl_designer.runs.reading import RunReport
from rl_designer.spaces import space_of
from rl_designer.store.store import StoredDesign
from rl_designer.text import printable, short_design, shortened

MOST_DESIGNS = 300  # in the table of all designs
_MOST_REASONS = 12
_LONGEST = 160


def run_data(report: RunReport, name: str) -> dict[str, Any]:
    """What the template `run.html` needs.

    Args:
        name: of the run on the page, a word that ids begin with.
    """
    space, why_not = space_of_run(report)
    data: dict[str, Any] = {"name": name, "title": report.title, "tiles": _tiles(report)}
    data |= {"metric": report.objective.metric, "about": list(map(printable, report.about))}
    data |= {"state": report.folder.summary.get("state", "running"), "folder": str(report.folder.path)}
    data |= {"stopped_by": str(report.folder.summary.get("stopped_by") or "")}
    data |= {"verdict": report.folder.summary.get("verdict", ""), "better": _better(report)}
    data |= {"finalists": report.folder.summary.get("finalists_verdict", "")}
    data["about"] += [told] if (told := latency_told(report.folder.summary)) else []
    data |= {"references": list(references_told(report))}
    data |= {"sources": [source["reason"] for source in report.folder.summary.get("sources", [])]}
    course = course_plot(report, space, name)
    data["plots"] = [*([] if course is None else [course]), *front_plots(report, name)]
    data["front"] = front_data(report, name)
    data |= _winner(report)
    data |= _learned(report, space, why_not)
    data |= {"failures": failures(report.designs), "failed_share": failed_share(report.designs)}
    data |= {"spent": spent(report), "configuration": configuration(report)}
    return data | {
        "designs": [design_row(found, report) for found in report.designs[:MOST_DESIGNS]],
        "design_count": len(report.designs),
    }


def _better(report: RunReport) -> str:
    """For the colour of the verdict, which says it in words too."""
    return yes_or_no(report.folder.summary.get("better_than_control"), "unknown")


def space_of_run(report: RunReport) -> tuple[SearchSpace | None, str]:
    """The run's space, or why there is none any more."""
    try:
        facts = report.folder.summary.get("setting", {})
        return space_of(facts), ""
    except (ValueError, OSError) as error:
        return None, str(error)


def _tiles(report: RunReport) -> list[tuple[str, str, str]]:
    """What a reader wants to know first: label, figure, and what there is to add."""
    summary = report.folder.summary
    agents = sum(d.source == "agent" for d in report.designs)
    tiles = []
    if report.winners:
        best = report.winners[0]
        evaluation = best.design.evaluation
        found = f"by {report.found_by(best)}, at evaluation {report.position(best):,}"
        if (value := report.measured(evaluation)) is not None:
            tiles.append(_measured_tile(report.objective, value, found))
        tiles.append(("reward", show_figure(best.design.reward), _paid_for(report)))
        if evaluation.parameters is not None:
            limit = report.folder.config.subject.max_parameters
            note = "no limit" if limit is None else f"of at most {show_count(limit)}"
            tiles.append(("parameters", show_count(evaluation.parameters), note))
        if evaluation.macs is not None:
            tiles.append(("multiply-adds", show_count(evaluation.macs), "one example"))
        for words, spent, most in device_costs(best.design.architecture, summary.get("setting", {})):
            tiles.append((words, spent, most))
    rest = len(report.designs) - agents
    tiles.append(("evaluations", f"{len(report.designs):,}", f"{agents:,} and {rest:,} random ones"))
    if "seconds" in summary:
        tiles.append(("time", show_seconds(float(summary["seconds"])), "of the search"))
    return tiles


def _paid_for(report: RunReport) -> str:
    """What the reward is, for people."""
    if objectives := report.objectives:
        return f"{objectives[leading_place(objectives)].label}, of {len(objectives)} objectives"
    return report.folder.config.reward.partition(":")[0]


def _measured_tile(objective: Objective, value: float, found: str) -> tuple[str, str, str]:
    guess = "" if math.isnan(objective.guess) else f"; guessing gives {show_figure(objective.guess)}"
    figure = f"{100 * value:.2f} %" if objective.metric == ACCURACY.name else show_figure(value)
    return f"val. {objective.metric}", figure, f"{found}{guess}"


def _winner(report: RunReport) -> dict[str, Any]:
    if not report.winners:
        return {"winner": None, "winners": []}
    best = report.winners[0]
    architecture = best.design.architecture
    try:
        drawing = draw(architecture, report.folder.summary.get("setting", {}))
    except (ValueError, KeyError, TypeError):  # of a summary that somebody has changed
        drawing = draw(architecture, {})
    rows = []
    for rank, found in enumerate(report.winners[:WINNERS], start=1):
        evaluation = found.design.evaluation
        parts = differences(found.design.architecture, architecture)
        rows.append(
            {
                "rank": rank,
                "digest": found.design.architecture.digest,
                "reward": show_figure(found.design.reward),
                "accuracy": show_figure(report.measured(evaluation)),
                "longer": show_figure(report.measured_longer(found)),
                "parameters": show_count(evaluation.parameters),
                "macs": show_count(evaluation.macs),
                "found": f"{report.position(found):,}",
                "by": report.found_by(found),
                "parts": parts,
                "told": "the best" if rank == 1 else told(parts),
            }
        )
    approval = said_of(report.folder, architecture.digest)
    winner = {"drawing": drawing, "digest": architecture.digest, "approval": approval}
    return {"winner": winner, "winners": rows}


def _learned(report: RunReport, space: SearchSpace | None, why_not: str) -> dict[str, Any]:
    """The policy's choices and the reward model's beliefs, or why there are none."""
    nothing: dict[str, Any] = {"steps": [], "decisions": [], "steps_missing": "", "decisions_missing": ""}
    if space is None:
        reason = f"The search space can't be made any more: {why_not}"
        return nothing | {"steps_missing": reason, "decisions_missing": reason}
    agent = report.agent
    try:
        policy, belief = policy_and_belief(report, space)
    except ValueError as error:
        return nothing | {"steps_missing": str(error), "decisions_missing": str(error)}
    data = dict(nothing)
    if policy is None:
        data["steps_missing"] = _no_policy(report)
    else:
        data |= _steps(report, policy, belief, space)
    if belief is None:
        data["decisions_missing"] = f"The agent {agent} has no reward model, or none yet."
    else:
        data["decisions"] = importance(belief, space)
    return data


def policy_and_belief(report: RunReport, space: SearchSpace) -> tuple[Policy | None, Belief | None]:
    folder = report.folder.path / POLICY
    if report.folder.foreign_code("agent") or not folder.is_dir():
        return None, None
    if not issubclass(agent_class(report.folder.config.agent), PolicyAgent):
        return None, None
    policy = Policy.load(folder)
    policy.check(space)
    return policy, Belief.load(folder, space)


def _no_policy(report: RunReport) -> str:
    agent = report.agent
    if report.folder.summary.get("state") != "finished":
        return "There is no policy yet: the search isn't finished."
    if report.folder.foreign_code("agent"):
        return f"The agent {agent} is code that came with the run from elsewhere; it was not run."
    return f"The agent {agent} leaves no policy behind."


def _steps(report: RunReport, policy: Policy, belief: Belief | None, space: SearchSpace) -> Mapping[str, Any]:
    """The way to the agent's best design."""
    own = [d for d in report.winners if d.source == "agent"]
    if not own:
        return {"steps_missing": "No design of the agent has been trained."}
    architecture = own[0].design.architecture
    try:
        steps = steps_of(policy, belief, space, architecture)
    except ValueError as error:
        return {"steps_missing": str(error)}
    probability = 1.0
    for step in steps:
        probability *= step.chosen.probability
    return {
        "steps": steps,
        "steps_of": short_design(architecture),
        "steps_digest": architecture.digest,
        "steps_probability": probability,
        "steps_expected": any(choice.expected is not None for step in steps for choice in step.choices),
    }


@dataclass(frozen=True)
class Reason:
    """Designs that ended for the same reason; `example` is one's whole text."""

    text: str
    count: int
    share: float
    example: str


def failures(designs: Sequence[StoredDesign]) -> list[Reason]:
    """Failures by their reason, the text before its first colon; the most frequent first."""
    texts = [d.design.evaluation.failure for d in designs]
    failed = [text for text in texts if text is not None]
    counts = Counter(shortened(text.partition(":")[0], 80) for text in failed)
    example: dict[str, str] = {}
    for text in failed:
        example.setdefault(shortened(text.partition(":")[0], 80), shortened(text, _LONGEST))
    return [
        Reason(reason, count, count / len(designs), example[reason])
        for reason, count in counts.most_common(_MOST_REASONS)
    ]


def spent(report: RunReport) -> list[tuple[str, str]]:
    """Budget, time, energy and emissions: what of it and how much."""
    designs, summary, config = report.designs, report.folder.summary, report.folder.config
    agents = sum(d.source == "agent" for d in designs)
    lines = [("designs of the agent", f"{agents:,}")]
    lines.append(("random designs to compare with", f"{len(designs) - agents:,}"))
    stopped = sum(d.design.evaluation.stopped_at is not None for d in designs)
    if stopped:
        lines.append(("of them stopped early", f"{stopped:,}"))
    limit = "no limit" if config.budget.evaluations is None else f"{config.budget.evaluations:,} evaluations"
    lines.append(("budget", limit))
    if config.budget.time_limit is not None:
        lines.append(("time limit", show_seconds(config.budget.time_limit)))
    if "seconds" in summary:
        lines.append(("time of the search", show_seconds(float(summary["seconds"]))))
    times = [d.design.evaluation.training_seconds for d in designs]
    known = [t for t in times if t is not None]
    if known:
        lines.append(("time of all trainings together", show_seconds(sum(known))))
        lines.append(("median training", show_seconds(sorted(known)[len(known) // 2])))
    epochs = sum(d.design.evaluation.epochs or 0 for d in designs)
    if epochs:
        lines.append(("epochs trained", show_count(epochs)))
    return [*lines, *_energy(summary)]


def _energy(summary: Mapping[str, object]) -> list[tuple[str, str]]:
    kwh, emitted = summary.get("energy_kwh"), summary.get("co2_kg")
    lines = [("energy", f"{1000 * kwh:.3g} Wh" if isinstance(kwh, int | float) else "not measured")]
    if isinstance(emitted, int | float):
        lines.append(("CO₂", f"{1000 * emitted:.3g} g"))
    return lines


def configuration(report: RunReport) -> list[tuple[str, str]]:
    """Every setting of a run and its value, as `config.toml` has them."""
    settings = report.folder.config.to_keep().given()
    return [(name, shortened(_told(value), 400)) for name, value in settings.items() if value != ()]


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def failed_share(designs: Sequence[StoredDesign]) -> str:
    """`3 of 64 designs failed (4.7 %)`."""
    count = sum(d.design.evaluation.failure is not None for d in designs)
    return f"{count:,} of {len(designs):,} designs failed ({show_share(count / max(len(designs), 1))})"
