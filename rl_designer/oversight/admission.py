"""A search within an organisation's limits: what it asks for and may not is refused, what it leaves open is
narrowed to what it may.
"""

from collections.abc import Iterator
from pathlib import Path

from rl_designer.config import DEFAULT_ENGINE, SearchConfig
from rl_designer.envs.limits import Rule, Rules, in_force, rules_of
from rl_designer.errors import OverLimit
from rl_designer.oversight.work import HOUR
from rl_designer.searches.energy import check_energy

_UNITS = {"trainings": "trainings", "hours": "hours", "energy_kwh": "kWh", "max_parameters": "parameters"}


def rules_for(config: SearchConfig) -> Rules:
    """Those in force, and those that a config names. Raises ValueError for a file that can't be read."""
    return in_force() | rules_of(map(Path, config.limits))


def admitted(config: SearchConfig, rules: Rules) -> SearchConfig:
    """The same search within the rules.

    Raises:
        OverLimit: where it asks for more than they allow.
        WrongUsage: as `make_config`.
    """
    check_possible(rules)
    rules.check_engine(config.where.engine or DEFAULT_ENGINE)
    narrowed: dict[str, float | int] = {}
    budget, hours = config.budget, rules.strictest("hours")
    if hours is not None:
        narrowed["time_limit"] = _within(hours, budget.time_limit, "--time-limit in seconds", HOUR)
    if not config.subject.no_data and (most := rules.strictest("trainings")) is not None:
        narrowed["evaluations"] = int(_within(most, budget.evaluations, "--evaluations"))
    return within_size(config.changed(**narrowed) if narrowed else config, rules)


def within_size(config: SearchConfig, rules: Rules) -> SearchConfig:
    """The same with no larger networks than the rules allow. Raises OverLimit where it asks for larger."""
    size, asked = rules.strictest("max_parameters"), config.subject.max_parameters
    if size is None or config.subject.no_data:
        return config
    return config.changed(max_parameters=int(_within(size, asked, "--max-parameters")))


def check_goes_on(config: SearchConfig, rules: Rules) -> None:
    """Raises OverLimit where a run that was begun under other rules can't go on as it is. Its hours and its
    energy are counted as it goes.
    """
    check_possible(rules)
    rules.check_engine(config.where.engine or DEFAULT_ENGINE)
    if config.subject.no_data:
        return
    most, size = rules.strictest("trainings"), rules.strictest("max_parameters")
    if most is not None and config.budget.evaluations is not None:
        _within(most, config.budget.evaluations, "its evaluations")
    if size is not None:
        if config.subject.max_parameters is None:
            raise OverLimit(f"{size} allows {size.value:,} parameters, and the run has no limit on them")
        _within(size, config.subject.max_parameters, "its max_parameters")


def check_possible(rules: Rules) -> None:
    """Raises OverLimit where rules allow nothing at all, or ask for what can't be measured here."""
    for key in ("trainings", "hours", "energy_kwh"):
        if (rule := rules.strictest(key)) is not None and rule.value == 0:
            raise OverLimit(f"{rule} is 0: nothing may be trained")
    if (rule := rules.strictest("energy_kwh")) is not None:
        try:
            check_energy()
        except ValueError as error:
            raise OverLimit(f"{rule} limits energy, and {error}") from error


def told(rules: Rules) -> Iterator[str]:
    """What limits a search, a line each."""
    for key, unit in _UNITS.items():
        if (rule := rules.strictest(key)) is not None:
            yield f"at most {rule.value:,} {unit}: {rule}"
    for verb in ("retrain", "export", "predict"):
        if (needed := rules.approval_for(verb)) is not None:
            what = "the design" if verb == "retrain" else "the weights"
            yield f"{verb} needs a person's approval of {what}: {needed}"


def _within(rule: Rule, asked: float | None, what: str, unit: float = 1) -> float:
    most = rule.value * unit
    if asked is not None and asked > most:
        raise OverLimit(f"{what}: {rule} allows at most {most:,g}, asked for were {asked:,g}; ask for less")
    return float(most if asked is None else asked)
