"""A search, from config to run folder: puts space, evaluator, reward, budget and agent together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rl_designer.agents.base import Agent
from rl_designer.agents.memory import check_sources
from rl_designer.agents.registry import agent_class
from rl_designer.config import DEFAULT_FIDELITY, SearchConfig, Where, make_config
from rl_designer.declared import about
from rl_designer.envs.evaluators.early_stopping import FULL
from rl_designer.envs.extensions import file_of, names_code
from rl_designer.envs.limits import Rules, holding, in_force, kept_rules
from rl_designer.envs.metrics import ACCURACY, metric_digest
from rl_designer.envs.objectives import Objectives
from rl_designer.envs.rewards import Reward, RewardContext, RewardFunction, load_reward
from rl_designer.envs.rewards.reward import stopping_misfit
from rl_designer.errors import Error, WrongUsage, usage_errors
from rl_designer.experience.shipped import starting_experience
from rl_designer.oversight.admission import admitted, check_goes_on, rules_for
from rl_designer.runs.folder import DATA_CONTENT, LIMITS, METRIC_CODE, RunFolder, store_location
from rl_designer.runs.fronts import OBJECTIVES
from rl_designer.runs.same_data import data_of_run
from rl_designer.searches.energy import check_energy
from rl_designer.searches.finalists import Finals
from rl_designer.searches.objectives import fidelity_beside, leading_reward, objectives_of
from rl_designer.searches.observers import Observer, Observers
from rl_designer.searches.references import first_references, to_dict
from rl_designer.searches.replay import BEGAN, began, begin_anew, changed_settings
from rl_designer.searches.run import SearchResult, search
from rl_designer.searches.sources import check_remembers, check_source, copy_sources
from rl_designer.searches.start import Search
from rl_designer.setting import Setting, make_setting, training_setting
from rl_designer.store.store import Store


def run_search(
    config: SearchConfig,
    folder: Path | None = None,
    observers: Sequence[Observer] = (),
    reward: RewardFunction | None = None,
    setting: Setting | None = None,
    objectives: Sequence[RewardFunction] = (),
) -> SearchResult:
    """Searches, and writes a run folder.

    Args:
        folder: None for the default name under `runs/`.
        reward: the function that the config's reward is the name of, where no text can name it (`name_of`).
        setting: what the search happens on; None for what the config names.
        objectives: the functions among the config's, which no text can name.

    Raises:
        WrongUsage: for names, numbers and folders that can't be.
        OverLimit: for what an organisation's limits don't allow; no folder is made.
        ValueError, OSError: for data, stores and folders that can't be read or written.
    """
    rules = rules_for(config)
    with holding(rules):
        return _begin(config, folder, observers, reward, setting, objectives, rules)


def _begin(
    asked: SearchConfig,
    folder: Path | None,
    observers: Sequence[Observer],
    reward: RewardFunction | None,
    setting: Setting | None,
    objectives: Sequence[RewardFunction],
    rules: Rules,
) -> SearchResult:
    """Whatever can be wrong is found before the folder is made."""
    config = admitted(asked, rules)
    with usage_errors():
        agent = _agent(config)
        if config.energy is not None:
            check_energy(config.energy)
    setting = setting or make_setting(config, measured_on=config.where.device or "auto")
    check_sources([check_source(Path(source), setting) for source in config.sources])
    several = objectives_of(config, setting, agent, objectives)
    with usage_errors():
        paid = _reward(config, setting, reward, several)
        fidelity = settled_fidelity(config, paid) if several is None else fidelity_beside(config, several)
        finals = Finals.of(config, setting)
    experience, source = starting_experience(config, setting, agent)
    references = first_references(config, setting)
    # What the setting says is kept, for people and so that a resumed run has the same.
    folds = None if setting.folds == 1 else setting.folds  # of a run of before there were folds it is one
    settled: dict[str, Any] = {"fidelity": fidelity, "folds": folds, "experience": experience}
    settled |= {"reward": paid.text} if several is None else {"objectives": several.texts}
    config = config.changed(**settled)
    with Store(store_location(config, folder)) as store:
        facts = _facts(config, setting, paid) | {BEGAN: began(config, asked)}
        facts |= {LIMITS: rules.to_list()} if rules.files else {}
        facts |= {} if several is None else {OBJECTIVES: several.described()}
        facts |= {"references": to_dict(references)} if config.references else {}
        made = RunFolder.create(folder, config, facts, partial(copy_sources, config.sources, source))
        observed = Observers(observers)
        what = Search(made, config, setting, store, agent, paid, observed, references, finals, several, rules)
        return search(what)


def _facts(config: SearchConfig, setting: Setting, reward: Reward) -> dict[str, Any]:
    """What a run's summary has of its setting from the beginning."""
    facts: dict[str, Any] = {"setting": setting.facts, "title": setting.title, "best_by": reward.best_by}
    facts |= {"about": list(setting.about)} if setting.about else {}
    facts |= {} if setting.objective is None else {"objective": asdict(setting.objective)}
    own = _own_metric(config)
    facts |= {} if own is None else {METRIC_CODE: metric_digest(own)}
    return facts | {DATA_CONTENT: setting.content}


def resume_search(
    run: Path | RunFolder,
    observers: Sequence[Observer] = (),
    store: str | None = None,
    engine: Mapping[str, Any] = MappingProxyType({}),
    reward: RewardFunction | None = None,
    data: Mapping[str, Any] = MappingProxyType({}),
    objectives: Sequence[RewardFunction] = (),
) -> SearchResult | None:
    """Runs a run again: what it evaluated already is answered by the store, so it goes on where it stopped,
    with the same designs and the same policy as if it never had. None where it was finished.

    Args:
        run: its folder; a path is opened.
        store: where its store is now; None for where it was.
        engine: where its designs are trained now, as `on_engine` takes it.
        reward, objectives: as `run_search` takes them.
        data: where its data lie now, as `data_of_run` takes it.

    Raises:
        OverLimit: where it doesn't keep within the limits of now, or those that it was begun under.
        ValueError, OSError: as `run_search`; for a folder that is no run; and where its config, data or
            reward are not what they were.
    """
    folder = RunFolder.open(run) if isinstance(run, Path) else run
    if folder.summary.get("state") == "finished":
        return None
    rules = in_force() | kept_rules(folder.summary.get(LIMITS))
    with holding(rules):
        return _go_on(folder, observers, store, engine, reward, data, objectives, rules)


def _go_on(
    folder: RunFolder,
    observers: Sequence[Observer],
    store: str | None,
    engine: Mapping[str, Any],
    reward: RewardFunction | None,
    data: Mapping[str, Any],
    objectives: Sequence[RewardFunction],
    rules: Rules,
) -> SearchResult:
    if changed := changed_settings(folder.summary, folder.config):
        raise Error(
            f"{folder.path} can't go on: its config.toml is not what it was ({'; '.join(changed)}); "
            f"{begin_anew(folder.path)}, or put it back"
        )
    _check_metric(folder)
    config = on_engine(folder.config, engine)
    check_goes_on(config, rules)
    agent = _agent(config)
    setting = _setting_now(folder, config, data)
    several = objectives_of(config, setting, agent, objectives)
    paid, finals = _reward(config, setting, reward, several), Finals.of(config, setting)
    references = first_references(config, setting)
    with Store(store or folder.store_location, create=False) as opened:
        observed = Observers(observers)
        what = Search(
            folder, config, setting, opened, agent, paid, observed, references, finals, several, rules, True
        )
        return search(what)


def _own_metric(config: SearchConfig) -> str | None:
    """A metric that is the user's own, as `file.py:function`."""
    return config.training.metric if names_code(config.training.metric) else None


def _check_metric(folder: RunFolder) -> None:
    """Raises ValueError where the code of the run's own metric is not what it was."""
    own = _own_metric(folder.config)
    file = None if own is None else file_of(own)
    if own is None or file is None or not file.is_file():  # to load it says so
        return
    if folder.summary.get(METRIC_CODE) != metric_digest(own):
        raise Error(
            f"{folder.path} can't go on: {file}, which has its metric, is not what it was; "
            f"{begin_anew(folder.path)}, or put it back"
        )


def _setting_now(folder: RunFolder, config: SearchConfig, data: Mapping[str, Any]) -> Setting:
    if not config.subject.no_data:
        config = config.changed(folds=config.training.folds or 1)
        # Networks measured again would be another space.
        latency = folder.summary.get("setting", {}).get("latency")
        return training_setting(config, data_of_run(folder, data), latency=latency)
    for name, value in data.items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise WrongUsage(f"{folder.path} searched on {config.subject.no_data}; leave {option} away")
    return make_setting(config)


def on_engine(config: SearchConfig, options: Mapping[str, Any]) -> SearchConfig:
    """The same search with its trainings elsewhere.

    Args:
        options: `engine` and options of engines; None means not given. Where an engine is named, options of
            the former one don't stay.

    Raises:
        WrongUsage: for options that don't fit.
    """
    given = {name: value for name, value in options.items() if value is not None}
    fields = Where.model_fields.items()
    former = {name for name, field in fields if name == "engine" or about(field).needs.startswith("engine")}
    stays = former if "engine" in given else set(given)
    kept = {name: value for name, value in config.given().items() if name not in stays and value != ()}
    return make_config(given, kept) if given else config


def _agent(config: SearchConfig) -> Agent:
    agent = agent_class(config.agent)(seed=config.seed)
    if config.sources:
        check_remembers(agent, config.agent_name)
    return agent


def _reward(
    config: SearchConfig, setting: Setting, function: RewardFunction | None, objectives: Objectives | None
) -> Reward:
    if objectives is not None:
        return leading_reward(objectives)
    context = RewardContext(setting.space)
    return load_reward(config.reward, context, function)


def settled_fidelity(config: SearchConfig, reward: Reward) -> str | None:
    """The fidelity of a search: the config's, or the default; `full` for a reward that needs whole trainings;
    None on a table.

    Raises:
        WrongUsage: where the config asks for early stopping under such a reward.
    """
    if config.subject.no_data:
        return None
    by_accuracy = config.training.metric in (None, ACCURACY.name)
    misfit = stopping_misfit(reward, by_accuracy=by_accuracy)
    if misfit is None:
        return config.training.fidelity or DEFAULT_FIDELITY
    if config.training.fidelity not in (None, FULL):
        raise WrongUsage(
            f"--fidelity {config.training.fidelity} stops trainings early, but the reward {reward.name!r} "
            f"can't be paid for those: {misfit}; use --fidelity {FULL}"
        )
    return FULL
