"""What a person needs to know of a run's winner to approve it: figures, the weakest classes, data, costs, and
what the reward model believes.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rl_designer.agents.belief import Belief
from rl_designer.agents.policy import Policy
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.limits import Verb
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.oversight.admission import told as limits_told
from rl_designer.oversight.approval import approvals, missing_approval, rules_of_run, said_of, weights_of
from rl_designer.quantities import show_count, show_figure, show_seconds, show_share
from rl_designer.reports.run_page import policy_and_belief, space_of_run, spent
from rl_designer.retraining.folder import DEFAULT_PARENT, RetrainedFolder
from rl_designer.retraining.verdicts import figure_of
from rl_designer.runs.reading import RunReport
from rl_designer.store.store import StoredDesign
from rl_designer.text import printable, short_design

WAITS, IS_APPROVED, IS_REVOKED, OPEN = "waits", "approved", "revoked", "not asked for"
_WEAKEST = 3
_VERBS: tuple[Verb, ...] = ("retrain", "export", "predict")

Pairs = list[tuple[str, str]]


def approval_state(report: RunReport) -> tuple[str, str]:
    """Of the winner, one of those above, and the sentence that says more."""
    digest = report.winners[0].design.architecture.digest
    said = said_of(report.folder, digest)
    try:
        approval = approvals(report.folder).get(digest)
        asked = any(rules_of_run(report.folder).approval_for(verb) for verb in _VERBS)
        missing = _missing(report, digest)
    except ValueError as error:
        return WAITS, printable(error)
    if approval is not None and approval.revoked:
        return IS_REVOKED, said
    if approval is not None and not missing:
        return IS_APPROVED, said
    if approval is not None:
        return WAITS, f"{said}. Since then: {missing}"
    return WAITS if asked else OPEN, said or "Nobody asks for its approval here; it may be given all the same"


def _missing(report: RunReport, digest: str) -> str:
    """What isn't approved of the design, or of any of its weights."""
    weights: list[str | None] = [*weights_of(report.folder, digest).values()] or [None]
    return next((why for one in weights if (why := missing_approval(report.folder, digest, one))), "")


def decision_data(report: RunReport) -> dict[str, Pairs]:
    """Title to pairs of what and how much."""
    winner = report.winners[0]
    return {
        "The design": list(_design(report, winner)),
        "Weakest classes": list(_weakest(report, winner)),
        "Data": list(_data(report)),
        "Limits": list(_limits(report)),
        "Costs": [("parameters", show_count(winner.design.evaluation.parameters)), *_costs(report, winner)],
        "What the reward model believes": list(_believed(report, winner)),
    }


def _design(report: RunReport, winner: StoredDesign) -> Iterator[tuple[str, str]]:
    architecture, evaluation = winner.design.architecture, winner.design.evaluation
    yield "digest", architecture.digest
    yield "layers", short_design(architecture)
    yield "found by", f"{report.found_by(winner)}, at evaluation {report.position(winner):,}"
    metric = report.objective.metric
    yield f"validation, {metric}", show_figure(report.measured(evaluation))
    if (results := _results(report, architecture)) is not None:
        figure = figure_of(results)
        scored = "test" if "test_accuracy" in results else "validation, after the full training"
        yield f"{scored}, {results.get('metric', metric)}", show_figure(figure["mean"])
        yield "full trainings", f"{len(results['seeds']):,}"
    else:
        yield "full trainings", "none yet"
    if verdict := report.folder.summary.get("verdict"):
        yield "against random search", printable(verdict)


def _results(report: RunReport, architecture: Architecture) -> dict[str, Any] | None:
    folder = RetrainedFolder(report.folder.path / DEFAULT_PARENT / architecture.digest[:12])
    try:
        return folder.results()
    except ValueError:
        return None


def _weakest(report: RunReport, winner: StoredDesign) -> Iterator[tuple[str, str]]:
    """From the full training where there is one, else by the search's short one."""
    results = _results(report, winner.design.architecture)
    lines = [] if results is None else results.get("weakest_classes") or []
    if lines:
        for line in lines[:_WEAKEST]:
            taken = line.get("mistaken_for")
            more = f", most often taken for {taken}" if taken else ""
            yield str(line.get("class")), f"{show_share(float(line.get('accuracy', 0.0)))} right{more}"
        return
    recalls = winner.design.evaluation.val_recalls
    known = sorted((recall, number) for number, recall in enumerate(recalls) if recall is not None)
    for recall, number in known[:_WEAKEST]:
        yield f"class {number}", f"{show_share(recall)} right on validation, after the short training"
    if not known:
        yield "classes", "not known"


def _data(report: RunReport) -> Iterator[tuple[str, str]]:
    yield "name", printable(report.folder.summary.get("title") or report.folder.config.subject.name)
    for number, line in enumerate(report.about, start=1):
        yield f"note {number}", printable(line)


def _limits(report: RunReport) -> Iterator[tuple[str, str]]:
    """That hold for the run."""
    try:
        for number, line in enumerate(limits_told(rules_of_run(report.folder)), start=1):
            yield f"rule {number}", printable(line)
    except ValueError as error:
        yield "rules", printable(error)
    if ended := report.folder.summary.get("stopped_by"):
        yield "ended the search", printable(str(ended))


def _costs(report: RunReport, winner: StoredDesign) -> Iterator[tuple[str, str]]:
    yield "multiply-adds of one example", show_count(winner.design.evaluation.macs)
    if (results := _results(report, winner.design.architecture)) is not None:
        times = [line.get("training_seconds") for line in results["seeds"]]
        known = [time for time in times if isinstance(time, int | float)]
        if known:
            yield "time of the full trainings", show_seconds(sum(known))
    yield from spent(report)


def _believed(report: RunReport, winner: StoredDesign) -> Iterator[tuple[str, str]]:
    """The reward that the model expects of the design, and how it stands to what was measured."""
    space, why_not = space_of_run(report)
    policy: Policy | None = None
    belief: Belief | None = None
    if space is not None:
        try:
            policy, belief = policy_and_belief(report, space)
        except ValueError as error:
            why_not = str(error)
    if space is None or belief is None:
        kept = "the agent has none" if policy is None else "none was kept"
        yield "reward model", printable(why_not or kept)
        return
    yield from _expected(belief, space, winner)


def _expected(belief: Belief, space: SearchSpace, winner: StoredDesign) -> Iterator[tuple[str, str]]:
    try:
        actions = space.pad([space.actions(winner.design.architecture)])
    except ValueError as error:
        yield "reward model", printable(error)
        return
    mean, deviation = belief.predict(space, actions)
    low, middle, high = (
        float(np.interp(score, belief.scores, belief.rewards)[0])
        for score in (mean - deviation, mean, mean + deviation)
    )
    measured = winner.design.reward
    yield "expected reward", f"{middle:.4f}, within one deviation {low:.4f} to {high:.4f}"
    yield "measured reward", f"{measured:.4f}"
    beyond = "above that" if measured > high else "below that"
    yield "so the design is", "as it expected" if low <= measured <= high else beyond
