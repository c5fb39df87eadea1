"""What an organisation allows: `limits.toml`, and the rules that hold just now. Several files hold at once,
and of each rule the strictest wins, so that a file can narrow what another one allows and never widen it.

It stands on the ground floor, where the doors are: data are read, and designs trained, in this building.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rl_designer.envs.errors import Error, OverLimit, unknown_name
from rl_designer.envs.files.untrusted import toml_file

VARIABLE = "RL_DESIGNER_LIMITS"
FILE = Path("rl-designer") / "limits.toml"
MACHINE = Path(os.environ.get("PROGRAMDATA", "C:/ProgramData") if os.name == "nt" else "/etc")
MEMORY = "memory"  # among `datasets`: what an estimator is given, which lies in no file

Verb = Literal["retrain", "export", "predict"]


class Limits(BaseModel):
    """The content of a `limits.toml`; None is no rule.

    Attributes:
        trainings: most trainings of a run, a retraining, a benchmark, a table or an experience; of a search
            its evaluations.
        hours: most hours of each of these on the clock, over all its starts.
        energy_kwh: most kilowatt hours of each, as codecarbon estimates them.
        max_parameters: of every network that is trained.
        data_folders: where data must lie, the file's own folder for `.`; where this or `datasets` is given,
            data that neither names are refused.
        datasets: data sets by name, `task:` for all made tasks, `memory` for what estimators are given.
        engines: where designs may be trained.
        approval: what a person must have approved a network for.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    trainings: int | None = Field(default=None, ge=0)
    hours: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    energy_kwh: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_parameters: int | None = Field(default=None, ge=1)
    data_folders: list[str] | None = None
    datasets: list[str] | None = None
    engines: list[Literal["local", "ray"]] | None = None
    approval: list[Verb] | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """A file's. Raises ValueError where it can't be read, is no TOML, or says what there isn't."""
        return cls.of(toml_file(path, "the limits file"), path)

    @classmethod
    def of(cls, said: Mapping[str, Any], path: Path) -> Self:
        """Of what a file says; its folders become whole paths. Raises ValueError as `read`."""
        for key in said:
            if key not in cls.model_fields:
                raise Error(f"{path}: {unknown_name('limit', key, cls.model_fields)}")
        try:
            made = cls.model_validate(said)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where, reason = str(first["loc"][0]), first["msg"].replace("Input should be", "must be")
            raise Error(f"{path}: `{where}` {reason}, got {str(first['input'])[:60]!r}") from error
        if made.data_folders is None:
            return made
        folders = [str((path.absolute().parent / folder).resolve()) for folder in made.data_folders]
        return made.model_copy(update={"data_folders": folders})

    def said(self) -> dict[str, Any]:
        """What it limits, JSON-ready."""
        return self.model_dump(exclude_none=True)


@dataclass(frozen=True)
class Rule:
    """One rule, and whose it is."""

    file: str
    key: str
    value: Any

    def __str__(self) -> str:
        return f"{self.file} ({self.key})"


@dataclass(frozen=True)
class Rules:
    """All that hold: files and what each says, in the order in which they were found."""

    files: tuple[tuple[str, Limits], ...] = ()

    def __or__(self, other: "Rules") -> "Rules":
        return Rules(tuple(_by_name((*self.files, *other.files))))

    def of(self, key: str) -> Iterator[Rule]:
        """Every file's rule of that name."""
        for file, limits in self.files:
            if (value := getattr(limits, key)) is not None:
                yield Rule(file, key, value)

    def strictest(self, key: str) -> Rule | None:
        """Of numbers, the lowest; None where there is none."""
        return min(self.of(key), key=lambda rule: rule.value, default=None)

    def check(self, key: str, asked: float, what: str) -> None:
        """Raises OverLimit where `asked` is more than allowed; `what` begins the sentence."""
        rule = self.strictest(key)
        if rule is not None and asked > rule.value:
            raise OverLimit(f"{what}: {rule} allows at most {rule.value:,}, asked for were {asked:,}")

    def check_engine(self, name: str) -> None:
        """Raises OverLimit for one that isn't allowed."""
        for rule in self.of("engines"):
            if name not in rule.value:
                raise OverLimit(f"engine {name!r}: {rule} allows {_listed(rule.value)}")

    def check_data(self, name: str, paths: Sequence[Path] = (), known: bool = False) -> None:
        """Raises OverLimit for data that aren't allowed.

        Args:
            name: as it was given.
            paths: where they lie; links are followed, those in a folder, too.
            known: whether it is a data set's name; then `paths` are where its files lie, if anywhere.
        """
        for file, limits in self.files:
            if limits.data_folders is None and limits.datasets is None:
                continue
            named = not known or name in (limits.datasets or ()) or _made(name, limits.datasets or ())
            folders = [Path(folder) for folder in limits.data_folders or ()]
            outside = next((path for path in _real(paths) if not _within(path, folders)), None)
            if named and outside is None:
                continue
            where = "" if outside is None or str(outside) == name else f", which is {outside}"
            legal = [*(limits.data_folders or ()), *(limits.datasets or ())]
            keys = [key for key in ("data_folders", "datasets") if getattr(limits, key) is not None]
            raise OverLimit(f"data {name!r}{where}: {file} ({', '.join(keys)}) allows {_listed(legal)}")

    def approval_for(self, verb: Verb) -> Rule | None:
        """The rule by which a network must be approved for it; None where there is none."""
        return next((rule for rule in self.of("approval") if verb in rule.value), None)

    def to_list(self) -> list[dict[str, Any]]:
        """JSON-ready, as a run's summary keeps them."""
        return [{"file": file, "rules": limits.said()} for file, limits in self.files]


def kept_rules(kept: Any) -> Rules:
    """The rules under which something was begun, as `to_list` gave them: as their files say now, and as they
    were where a file is gone. Raises ValueError for what is damaged.
    """
    files = []
    for one in kept or ():
        if not isinstance(one, dict) or not isinstance(one.get("file"), str):
            raise Error(f"the limits that it began with are damaged: {str(one)[:60]!r}")
        path = Path(one["file"])
        limits = Limits.read(path) if path.is_file() else Limits.of(one.get("rules") or {}, path)
        files.append((str(path), limits))
    return Rules(tuple(files))


_NONE = Rules()
_HOLDING: ContextVar[Rules] = ContextVar("limits", default=_NONE)


def in_force() -> Rules:
    """Those of the machine, of the user, of the environment's RL_DESIGNER_LIMITS, and of who calls.

    Raises:
        ValueError: where one of the files is damaged, or named and not there: then nothing goes.
    """
    named = [Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]
    found = [path for path in _usual_places() if path.exists()]
    return rules_of([*found, *named]) | _HOLDING.get()


def rules_of(paths: Iterable[Path]) -> Rules:
    """Those of files. Raises ValueError as `Limits.read`."""
    return Rules(tuple((str(path.resolve()), Limits.read(path)) for path in paths))


@contextmanager
def holding(rules: Rules) -> Iterator[None]:
    """Within it these hold, too."""
    token = _HOLDING.set(_HOLDING.get() | rules)
    try:
        yield
    finally:
        _HOLDING.reset(token)


def _usual_places() -> list[Path]:
    """The home is the account's, whatever HOME says."""
    places = [MACHINE / FILE]
    if configured := os.environ.get("XDG_CONFIG_HOME"):
        places.append(Path(configured) / FILE)
    if os.name == "nt":
        return [*places, Path(os.environ.get("APPDATA", Path.home())) / FILE]
    import pwd

    try:
        home = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:  # as in some containers
        home = str(Path.home())
    return [*places, Path(home) / ".config" / FILE]


def _by_name(files: Iterable[tuple[str, Limits]]) -> Iterator[tuple[str, Limits]]:
    """Each file once with each content."""
    seen: set[tuple[str, str]] = set()
    for file, limits in files:
        key = file, limits.model_dump_json()
        if key not in seen:
            seen.add(key)
            yield file, limits


def _made(name: str, datasets: Sequence[str]) -> bool:
    return name.startswith("task:") and "task:" in datasets


def _within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path == folder or folder in path.parents for folder in folders)


def _real(paths: Iterable[Path]) -> Iterator[Path]:
    """Where paths lead, and where the links in folders do."""
    waiting, seen = [Path(path) for path in paths], set[Path]()
    while waiting:
        real = waiting.pop().resolve()
        if real in seen:
            continue
        seen.add(real)
        yield real
        if real.is_dir():
            with os.scandir(real) as entries:
                waiting += [
                    Path(e.path) for e in entries if e.is_symlink() or e.is_dir(follow_symlinks=False)
                ]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
