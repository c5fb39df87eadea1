"""Whether a run that goes on is still the same search: the config and the code that it began with."""

import json
import platform
from collections.abc import Collection, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rl_designer.config import SearchConfig
from rl_designer.declared import about
from rl_designer.envs.source import source_digest
from rl_designer.version import __version__

BEGAN = "began"
_LIBRARIES = ("gpytorch", "numpy", "optuna", "sb3-contrib", "scipy", "stable-baselines3", "torch")
_SOURCE = (
    "rl_designer.agents",
    "rl_designer.envs",
    "rl_designer.searches.control",
    "rl_designer.searches.fidelity",
    "rl_designer.searches.replay",
    "rl_designer.searches.search",
    "rl_designer.setting",
)

_SETTINGS = SearchConfig.declared()
# Where things lie, and how fast it goes. What lies there is checked by its content.
_OF_NO_ACCOUNT = {name for name, field in _SETTINGS.items() if not about(field).changes_result}
_MAY_CHANGE = _OF_NO_ACCOUNT | {name for name, field in _SETTINGS.items() if about(field).by_content}

# For what an earlier version had no setting for.
_DEFAULTS: dict[str, Any] = json.loads(json.dumps({name: field.default for name, field in _SETTINGS.items()}))


def began(config: SearchConfig, asked: SearchConfig) -> dict[str, Any]:
    """What a run folder keeps of its beginning.

    Args:
        config: of the run.
        asked: as it was given, without what the setting added.
    """
    return {
        "config": settings_of(config.to_keep()),
        "asked": settings_of(asked.to_keep()),
        "code": code_version(),
    }


def settings_of(config: SearchConfig) -> dict[str, Any]:
    """A config as it comes back from JSON."""
    found: dict[str, Any] = json.loads(json.dumps(config.flat()))
    return found


def code_version() -> dict[str, str]:
    """Whatever of the software a search's results may depend on, each with its version."""
    source = source_digest(*_SOURCE)
    found = {"rl-designer": __version__, "its source": source, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def changed_settings(run_summary: Mapping[str, Any], config: SearchConfig) -> list[str]:
    """How a run's config differs from what it began with, each as `seed: 0, now 1`; empty for a run that was
    made before this was kept.
    """
    before = _kept(run_summary, "config")
    return _differences(_DEFAULTS | before, settings_of(config), _MAY_CHANGE) if before else []


def changed_code(run_summary: Mapping[str, Any]) -> list[str]:
    """How the software differs from what a run began with, each as `torch: 2.12.0, now 2.13.0`."""
    before = _kept(run_summary, "code")
    return _differences(before, code_version()) if before else []


def other_than_asked(run_summary: Mapping[str, Any], config: SearchConfig, run: SearchConfig) -> list[str]:
    """How a run differs from a search that is asked for, each as `seed: 0, now 1`."""
    theirs = _DEFAULTS | (_kept(run_summary, "asked") or settings_of(run))
    return _differences(theirs, settings_of(config.to_keep()), _OF_NO_ACCOUNT)


def _kept(run_summary: Mapping[str, Any], part: str) -> dict[str, Any]:
    kept = run_summary.get(BEGAN)
    found = kept.get(part) if isinstance(kept, dict) else None
    return found if isinstance(found, dict) else {}


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], besides: Collection[str] = ()
) -> list[str]:
    names = [name for name in {**before, **now} if name not in besides]
    return [
        f"{name}: {before.get(name)}, now {now.get(name)}"
        for name in names
        if before.get(name) != now.get(name)
    ]
