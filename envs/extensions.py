"""What is given from outside, of a user's file or of a package: rewards, agents, spaces, data sets, metrics.

A `file.py:name` is code, run with the rights of whoever loads it. So only what the user names is loaded;
`names_code` tells such a text, for what comes from a file or from elsewhere.
"""

import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from rl_designer.envs.errors import Error, unknown_name

_RUNNING: set[Path] = set()  # files that are being loaded
# The first `.py` that ends the text or stands before a colon, so that `C:\folder\file.py:mine` is one file.
_FILE = re.compile(r"(.+?\.py)(?::([^:]*)(?::(.*))?)?", re.DOTALL)


def names_code(text: object) -> bool:
    """Whether a text names something in a Python file."""
    return isinstance(text, str) and _FILE.fullmatch(text) is not None


def file_of(text: str) -> Path | None:
    """The Python file that a text names something in; None for other text."""
    file = _FILE.fullmatch(text)
    return None if file is None else Path(file[1])


def split_options(text: str) -> tuple[str, str]:
    """`name` and `options` of `name:options`, where the name may be a `file.py:name`; "" for no options."""
    file = _FILE.fullmatch(text)
    if file is None:
        name, _, options = text.partition(":")
        return name, options
    return (file[1] if file[2] is None else f"{file[1]}:{file[2]}"), file[3] or ""


def short_name(text: str) -> str:
    """What people call it: `ppo` of `ppo:batch=4`, `Mine` of `file.py:Mine:batch=4`."""
    file = _FILE.fullmatch(text)
    return text.partition(":")[0] if file is None else file[2] or Path(file[1]).stem


def with_whole_path(text: str) -> str:
    """The same code, named so that it is found from every working directory; other text as it is."""
    file = _FILE.fullmatch(text)
    return text if file is None else f"{Path(file[1]).absolute()}{text[file.end(1) :]}"


@dataclass(frozen=True)
class Extensions:
    """What may be given from outside, of one kind.

    Attributes:
        kind: what one is called, such as `reward`.
        group: of the entry points by which installed packages give theirs; the name is the entry point's.
        what: what is named in a file, `function` or `class`.
    """

    kind: str
    group: str
    what: str = "function"

    def installed(self, built_in: Collection[str]) -> dict[str, EntryPoint]:
        """Those of installed packages by name; none is loaded. A built-in one's name can't be taken."""
        return {point.name: point for point in points_of(self.group) if point.name not in built_in}

    def load(self, name: str, built_in: Collection[str]) -> Any:
        """What a `file.py:name`, whose file is run, or the name of an installed one stands for.

        Raises:
            ValueError: for what isn't there or doesn't work; one line.
        """
        file = _FILE.fullmatch(name)
        if file is not None:
            return self._of_file(Path(file[1]), file[2] or "")
        installed = self.installed(built_in)
        if name not in installed:
            legal = unknown_name(self.kind, name, [*built_in, *installed])
            raise Error(f"{legal} Your own: file.py:{self.what}.")
        called = f"the installed {self.kind} {name!r} ({installed[name].value})"
        try:
            found = installed[name].load()
        except Exception as error:
            raise Error(f"{called} can't be loaded: {_one_line(error)}") from error
        if not self._is_one(found):
            raise Error(f"{called} must be a {self.what}, got {type(found).__name__}")
        return found

    def text_of(self, function: Callable[..., Any], name: str) -> str:
        """The text that a function is loaded by in every process: `file.py:function`.

        Args:
            name: what it is called where it can't be.

        Raises:
            ValueError: for one that isn't at the top level of a file.
        """
        try:
            path, inside = inspect.getsourcefile(function), getattr(function, "__qualname__", ".")
        except TypeError:  # of an object with `__call__`
            path, inside = None, "."
        if path is None or not path.endswith(".py") or not inside.isidentifier():
            raise Error(
                f"the {self.kind} {name} must be a function at the top level of a .py file, "
                "which every process loads"
            )
        return f"{path}:{inside}"

    def made(self, name: str, built_in: Collection[str]) -> Any:
        """What a function that `load` finds gives. Raises as `load`, and where the function fails."""
        function = self.load(name, built_in)
        try:
            return function()
        except Exception as error:
            raise Error(f"the {self.kind} {name!r} failed: {_one_line(error)}") from error

    def _of_file(self, path: Path, name: str) -> Any:
        if not path.is_file():
            raise Error(f"no such {self.kind} file: {path}")
        if not name:
            raise Error(f"name the {self.what} in the {self.kind} file: {path}:{self.what}")
        module = self._run(path)
        found = module.get(name)
        if not self._is_one(found):
            is_ours = inspect.isclass if self.what == "class" else inspect.isfunction
            legal = [n for n, value in module.items() if is_ours(value) and not n.startswith("_")]
            raise Error(unknown_name(f"{self.kind} {self.what} in {path}", name, legal))
        return found

    def _run(self, path: Path) -> Mapping[str, Any]:
        if path.resolve() in _RUNNING:
            raise Error(
                f"the {self.kind} file {path} calls what loads it again, while it runs; put its calls under "
                'if __name__ == "__main__":'
            )
        word = self.kind.replace(" ", "_")
        spec = importlib.util.spec_from_file_location(f"rl_designer_user_{word}_{path.stem}", path)
        assert spec is not None and spec.loader is not None  # the name ends in .py
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # as an import would: a dataclass in the file looks itself up there
        _RUNNING.add(path.resolve())
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise Error(f"the {self.kind} file {path} failed: {_one_line(error)}") from error
        finally:
            _RUNNING.discard(path.resolve())
        return vars(module)

    def _is_one(self, found: Any) -> bool:
        return inspect.isclass(found) if self.what == "class" else callable(found)


REWARD = Extensions("reward", "rl_designer.rewards")
AGENT = Extensions("agent", "rl_designer.agents", "class")
SPACE = Extensions("space", "rl_designer.spaces")
DATA_SET = Extensions("data set", "rl_designer.datasets")
METRIC = Extensions("metric", "rl_designer.metrics")


def points_of(group: str) -> Sequence[EntryPoint]:
    """The entry points of the installed packages; looked up again where packages have come or gone."""
    return _looked_up(group, tuple((folder, _changed(folder)) for folder in sys.path))


@lru_cache(maxsize=32)
def _looked_up(group: str, folders: tuple[tuple[str, float], ...]) -> Sequence[EntryPoint]:
    return tuple(entry_points(group=group))  # reads a file or two of every package


def _changed(folder: str) -> float:
    """When, in seconds since 1970; 0 where it isn't there."""
    try:
        return Path(folder).stat().st_mtime
    except (OSError, ValueError):
        return 0.0


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
