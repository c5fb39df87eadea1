"""What a setting is, declared once: its type, its default, what people are told, what it has a say in.

The options of the commands, the settings of a TOML file, Python's arguments and the classes' docstrings are
made of the fields of `Settings`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic.fields import FieldInfo

from rl_designer.envs.files.untrusted import toml_file
from rl_designer.errors import Error, WrongUsage, unknown_name, usage_errors
from rl_designer.quantities import parse_bytes, parse_count, parse_seconds

_ABOUT = "about"
_LONGEST = 60  # characters of a value that are shown


def _several(given: object) -> object:
    """One name may stand alone."""
    if isinstance(given, list):
        return tuple(given)
    return (given,) if isinstance(given, str) else given


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise Error(f"names {name} twice; once is enough")
    return names


Count = Annotated[int, BeforeValidator(parse_count)]
Bytes = Annotated[int, BeforeValidator(parse_bytes)]
Seconds = Annotated[float, BeforeValidator(parse_seconds)]
Name = Annotated[str, Field(min_length=1, max_length=4_096)]
Names = Annotated[
    tuple[Name, ...],
    BeforeValidator(_several),
    AfterValidator(_distinct),
]


@dataclass(frozen=True)
class About:
    """What is known of a setting beside its type and its default.

    Attributes:
        text: for people, in whole sentences.
        metavar: what stands for the value in a command's help; "" for one made of the type.
        shown: what is taken where nothing is given, for people; "" where that is nothing.
        option: what it is called on the command line; "" for its own name.
        needs: the setting without which this one does nothing, and its value behind a space.
        for_training: whether it has no use on an architecture table, where nothing is trained.
        changes_result: whether the designs or the policy depend on it.
        may_be_code: whether it may name code in a file, which is run with the user's rights.
        by_content: whether what it names may lie elsewhere later, since its content is checked.
        kept: the value as a run folder keeps it, which holds in every working directory.
    """

    text: str
    metavar: str = ""
    shown: str = ""
    option: str = ""
    needs: str = ""
    for_training: bool = False
    changes_result: bool = True
    may_be_code: bool = False
    by_content: bool = False
    kept: Callable[[Any], Any] | None = None

    @property
    def help(self) -> str:
        """The text with the default, as `--help` shows it."""
        return f"{self.text}  [default: {self.shown}]" if self.shown else self.text


def setting(
    text: str,
    metavar: str = "",
    *,
    default: Any = None,
    limits: Mapping[str, Any] = MappingProxyType({}),
    **known: Any,
) -> Any:
    """A field of `Settings`.

    Args:
        text, metavar: as `About` has them, and `known` the rest of it; `shown` is the default's text unless
            it is given.
        limits: as pydantic's `Field` takes them: `ge`, `le` …
    """
    known.setdefault("shown", f"{default:g}" if isinstance(default, float) else str(default or ""))
    return Field(default, json_schema_extra={_ABOUT: cast(Any, About(text, metavar, **known))}, **limits)


class Settings(BaseModel):
    """Frozen settings, some of them in groups, which are `Settings` themselves. No two have the same name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        lines = [f"    {name}: {about(field).help}" for name, field in cls.model_fields.items()]
        cls.__doc__ = "\n".join([f"{cls.__doc__}\n", "Attributes:", *lines])

    @classmethod
    def groups(cls) -> dict[str, type["Settings"]]:
        """The groups among the fields."""
        types = {name: field.annotation for name, field in cls.model_fields.items()}
        return {n: t for n, t in types.items() if isinstance(t, type) and issubclass(t, Settings)}

    @classmethod
    def declared(cls) -> dict[str, FieldInfo]:
        """Every setting by its name, those of the groups, too, in the order of their declaration."""
        groups, found = cls.groups(), dict[str, FieldInfo]()
        for name, field in cls.model_fields.items():
            found |= groups[name].declared() if name in groups else {name: field}
        return found

    @classmethod
    def grouped(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings by their names alone, put into their groups."""
        found = dict(settings)
        for group, members in cls.groups().items():
            found[group] = {name: found.pop(name) for name in members.model_fields if name in found}
        return found

    def flat(self) -> dict[str, Any]:
        """All settings by their names alone."""
        groups, found = self.groups(), dict[str, Any]()
        for name in type(self).model_fields:
            value = getattr(self, name)
            found |= value.flat() if name in groups else {name: value}
        return found

    def given(self) -> dict[str, Any]:
        """The same, without what is None."""
        return {name: value for name, value in self.flat().items() if value is not None}

    def changed(self, **settings: Any) -> Self:
        """The same with other values, which are not checked again."""
        changes = self.grouped(settings)
        for group in self.groups():
            changes[group] = getattr(self, group).model_copy(update=changes[group])
        return self.model_copy(update=changes)

    @classmethod
    def of(cls, options: Mapping[str, Any], file: Mapping[str, Any] | None = None, name: str = "") -> Self:
        """Makes them of settings by their names alone (None means not given), over those of a file called
        `name`, where they may stand in sections.

        Raises:
            WrongUsage: for unknown settings, values out of range, settings that exclude each other.
        """
        given = {option: value for option, value in options.items() if value is not None}
        for option in given:
            if option not in cls.declared():
                raise WrongUsage(unknown_name("setting", option, cls.declared()))
        settings = cls.flattened(file or {}, name) | given
        cls._check_needs(settings)
        try:
            return cls.model_validate(cls.grouped(settings))
        except ValidationError as error:
            raise WrongUsage(cls._one_line(error, given, name)) from error

    @classmethod
    def flattened(cls, file: Mapping[str, Any], name: str) -> dict[str, Any]:
        """What a file called `name` sets, in sections or not, by the settings' names alone.

        Raises:
            WrongUsage: for unknown settings, and those that stand there twice.
        """
        groups, found = cls.groups(), dict[str, Any]()
        for key, value in file.items():
            section = value if key in groups else {key: value}
            if not isinstance(section, Mapping):
                raise WrongUsage(f"{name}: `{key}` must be a section, got {str(value)[:_LONGEST]!r}")
            legal = groups[key].model_fields if key in groups else cls.declared()
            for setting in section:
                if setting not in legal:
                    raise WrongUsage(f"{name}: {unknown_name('setting', setting, legal)}")
                if setting in found:
                    raise WrongUsage(f"{name}: `{setting}` stands there twice; once is enough")
            found |= section
        return found

    @classmethod
    def read(cls, path: str | Path) -> dict[str, Any]:
        """What a TOML file sets, as `flattened` gives it; the values are not yet checked.

        Raises:
            WrongUsage: where it can't be read, is no TOML, or sets what there isn't.
        """
        with usage_errors():
            settings = toml_file(Path(path), "the config file", regular=False)
        return cls.flattened(settings, str(path))

    @classmethod
    def _check_needs(cls, settings: Mapping[str, Any]) -> None:
        for name, field in cls.declared().items():
            needed, _, value = about(field).needs.partition(" ")
            missing = needed and (settings.get(needed) != value if value else needed not in settings)
            if name in settings and missing:
                needs = f"{option_name(needed)} {value}".strip()
                raise WrongUsage(f"{option_name(name)} needs {needs}, which it is an option of")

    @classmethod
    def _one_line(cls, error: ValidationError, options: Mapping[str, Any], name: str) -> str:
        first, fields = error.errors(include_url=False)[0], cls.declared()
        cause = first.get("ctx", {}).get("error")
        key = next((str(part) for part in first["loc"] if part in fields), None)
        if key is None:
            return str(cause or first["msg"])
        where = option_name(key, fields[key]) if key in options else f"{name}: `{key}`"
        if cause:
            return f"{where} {cause}"
        reason = first["msg"].replace("Input should be", "must be").replace("String should", "must")
        return f"{where} {reason}, got {str(first['input'])[:_LONGEST]!r}"


def about(field: FieldInfo) -> About:
    """What is known of a setting beside its type; of a group, its docstring's first line."""
    extra = field.json_schema_extra
    if isinstance(extra, dict):
        return cast(About, extra[_ABOUT])
    return About(str(field.annotation.__doc__ or "").partition("\n")[0])


def option_name(name: str, field: FieldInfo | None = None) -> str:
    """A setting as it is typed: `--max-parameters`."""
    typed = "" if field is None else about(field).option
    return f"--{typed or name.replace('_', '-')}"
