"""`SearchConfig`: everything that says what a search is, from options and from a TOML file, and back."""

import re
from collections.abc import Mapping
from typing import Any, Self

import tomli_w
from pydantic import field_validator, model_validator

from rl_designer.config.kept import absolute, kept_agent, kept_experience, kept_store
from rl_designer.config.subject import Subject
from rl_designer.config.training import DEFAULT_EPOCHS, Training, Where
from rl_designer.declared import Count, Name, Names, Seconds, Settings, about, option_name, setting
from rl_designer.envs.evaluation import DEFAULT_FAILURE_REWARD
from rl_designer.envs.extensions import names_code, short_name, with_whole_path
from rl_designer.envs.search_spaces.limits import ON_DEVICE
from rl_designer.errors import Error

DEFAULT_EVALUATIONS = 64
LARGEST_SEED = 2**32 - 1


class SearchBudget(Settings):
    """How much a search may spend, and what part of it on its control."""

    evaluations: Count | None = setting(
        "Distinct designs to evaluate, the control's included.",
        shown=f"{DEFAULT_EVALUATIONS}, or no limit with --time-limit",
    )
    time_limit: Seconds | None = setting("Such as 90s, 30m, 2h.")
    control_share: float = setting(
        "Part of the budget for random designs to compare with.",
        shown="0.25, nothing where the store has enough of them",
        default=0.25,
        limits={"ge": 0, "le": 0.9},
    )
    finalists: int | None = setting(
        "Best designs of the search to train longer, on all examples, before one is chosen; they are part of "
        "the budget.",
        shown="none",
        for_training=True,
        limits={"ge": 0},
    )
    finalist_epochs: Count | None = setting(
        "Epochs of each of these trainings.",
        shown="half as many as `retrain` takes, on rows 30",
        needs="finalists",
        for_training=True,
    )

    @field_validator("finalists")
    @classmethod
    def _several(cls, count: int | None) -> int | None:
        if count == 1:
            raise Error("must be at least 2, since of one alone nothing is chosen, or 0 for none, got 1")
        return count

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        limited = "evaluations" in given or "time_limit" in given
        return dict(given) if limited else {"evaluations": DEFAULT_EVALUATIONS, **given}


class SearchConfig(Settings):
    """What a search is. Two runs of one config propose the same designs and end with the same policy.

    A search is on data (`data`, `space`, `epochs` …), on an architecture table (`table`, `task`) or on
    controllers (`controllers`).
    """

    subject: Subject
    agent: Name = setting(
        "Who designs (see `list agents`), or your own class, with options where wanted: ppo:batch=8, or of a "
        "file, ppo:from-file=controller.toml.",
        "NAME|FILE.py:CLASS",
        default="ppo",
        may_be_code=True,
        kept=kept_agent,
    )
    sources: Names = setting(
        "Start with what an earlier run learned on the same space with other data; it is dropped where "
        "it misleads. May be given several times.",
        "RUN",
        option="from",
        kept=lambda sources: tuple(map(absolute, sources)),
        default=(),
    )
    experience: Name | None = setting(
        "What was learned on other tasks: shipped with the package, none, or your own file (see "
        "`experience`); it is dropped where it misleads.",
        "shipped|none|FILE",
        shown="shipped, where there is one for the space",
        kept=kept_experience,
    )
    references: Names = setting(
        "Begin with networks designed by hand, the nearest that the space has within the limits: all, or "
        "names such as resnet-8. May be given several times.",
        "all|NAME",
        for_training=True,
        default=(),
    )
    reward: Name = setting(
        "What a design is worth (see `list rewards`), or your own function.",
        "NAME|FILE.py:FUNCTION",
        default="accuracy",
        may_be_code=True,
        kept=with_whole_path,
    )
    objectives: Names = setting(
        "Search for a whole front of two or three at once, such as val_accuracy and parameters (see `list "
        "objectives`), rewards, or your own functions. Give it once for each.",
        "NAME|FILE.py:FUNCTION",
        option="objective",
        default=(),
        may_be_code=True,
        kept=lambda objectives: tuple(map(with_whole_path, objectives)),
    )
    failure_reward: float = setting(
        "What a failed design is worth.", default=DEFAULT_FAILURE_REWARD, limits={"allow_inf_nan": False}
    )
    budget: SearchBudget
    training: Training
    where: Where
    seed: int = setting("Of everything random.", shown="0", default=0, limits={"ge": 0, "le": LARGEST_SEED})
    store: Name | None = setting(
        "Where evaluations are kept for all runs: SQLite file or SQLAlchemy URL.",
        "FILE|URL",
        shown="store.sqlite beside the run folder",
        changes_result=False,
        kept=kept_store,
    )
    tensorboard: bool = setting("Write scalars.", shown="yes", changes_result=False, default=True)
    energy: Name | None = setting(
        "Estimate the energy, and what the country's power emits, such as DEU (needs the extra `energy`).",
        "COUNTRY",
        changes_result=False,
    )

    limits: Names = setting(
        "Limits of an organisation that hold beside this machine's, a TOML file; the strictest wins. May be "
        "given several times.",
        "FILE",
        changes_result=False,
        kept=lambda files: tuple(map(absolute, files)),
        default=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("objectives"):
            _check_beside_objectives(given)
        on = "table" if "table" in given["subject"] else "controllers"
        if not given["subject"].get(on):
            training = {"epochs": DEFAULT_EPOCHS, **given["training"]}
            return given | {"training": training, "where": {"device": "auto", **given["where"]}}
        groups = ("subject", "training", "where", "budget")
        settings = given | {name: value for group in groups for name, value in given[group].items()}
        for name in cls.declared():
            searched_there = on == "controllers" and name in Where.model_fields and name != "device"
            if settings.get(name, ()) != () and needs_training(name) and not searched_there:
                raise Error(
                    f"--{on} and {option_name(name)} exclude each other: nothing is trained on a table"
                )
        return given

    @property
    def agent_name(self) -> str:
        """The agent without its options: `ppo` of `ppo:…`, `Mine` of `file.py:Mine:…`."""
        return short_name(self.agent)

    @property
    def device_costs(self) -> tuple[str, ...]:
        """The costs on a device that objectives, or a reward's `cost=`, ask for."""
        asked = {word for text in (self.reward, *self.objectives) for word in re.split("[:,]", text)}
        return tuple(cost for cost in ON_DEVICE if {cost, f"cost={cost}"} & asked)

    @property
    def subject_counted(self) -> Subject:
        """The subject, in whose space they are counted."""
        return self.subject.counting(self.device_costs)

    def given(self) -> dict[str, Any]:
        given = super().given()
        if self.objectives:
            del given["reward"]  # they say what a design is worth
        return given

    def to_toml(self) -> str:
        """The config as TOML; `read` and `make_config` read it back to an equal one."""
        settings = {name: value for name, value in self.given().items() if value != ()}
        return tomli_w.dumps({name: part for name, part in self.grouped(settings).items() if part != {}})

    def to_keep(self) -> Self:
        """What a run folder keeps: paths that hold in every working directory, no password of the store."""
        kept = {name: about(field).kept for name, field in self.declared().items()}
        given = self.given().items()
        return self.changed(**{name: keep(value) for name, value in given if (keep := kept[name])})


def _check_beside_objectives(given: Mapping[str, Any]) -> None:
    """Raises ValueError for what makes no sense beside several objectives."""
    if "reward" in given:
        raise Error("--objective and --reward exclude each other: a reward can be one of the objectives")
    if given["budget"].get("finalists"):
        raise Error(
            "--objective and --finalists exclude each other: finalists are for choosing one winner; "
            "`retrain --front` trains all of a front"
        )


def needs_training(name: str) -> bool:
    """Whether a setting has no use on an architecture table, where nothing is trained."""
    field = SearchConfig.declared().get(name)
    trains = name in Training.model_fields or name in Where.model_fields
    return trains or (field is not None and about(field).for_training)


def code_named(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings that name code in a file, which would be run with the user's rights."""
    may_be = [name for name, field in SearchConfig.declared().items() if about(field).may_be_code]
    code: dict[str, list[str]] = {}
    for name in may_be:
        value = settings.get(name)
        texts = value if isinstance(value, tuple | list) else [value]
        code[name] = [str(text) for text in texts if names_code(text)]
    return {name: ", ".join(texts) for name, texts in code.items() if texts}


def make_config(
    options: Mapping[str, Any], file: Mapping[str, Any] | None = None, name: str = "config"
) -> SearchConfig:
    """A config from settings by their names alone, over those of a file, as `Settings.of` takes them."""
    return SearchConfig.of(options, file, name)
