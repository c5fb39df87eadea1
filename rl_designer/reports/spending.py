"""What a run cost, what failed in it and why, and what it was set to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rl_designer.quantities import show_count, show_seconds
from rl_designer.reports.words import percent
from rl_designer.runs.reading import RunReport
from rl_designer.store.store import StoredDesign
from rl_designer.text import shortened

_MOST_REASONS = 12
_LONGEST = 160


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
    return f"{count:,} of {len(designs):,} designs failed ({percent(count / max(len(designs), 1))})"
