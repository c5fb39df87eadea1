"""Networks designed by hand as a search's first designs: which, how they are told, how they are kept."""

from collections.abc import Iterator
from typing import Any

from rl_designer.config import SearchConfig
from rl_designer.envs.references.nearest import NearestReferences, nearest_references
from rl_designer.errors import usage_errors
from rl_designer.setting import Setting

ALL = "all"


def first_references(config: SearchConfig, setting: Setting) -> NearestReferences:
    """The references that a search begins with, as its space has them; none where none are asked for.

    Raises:
        WrongUsage: for a name that is unknown, or isn't for such data.
    """
    if not config.references:
        return NearestReferences()
    names = () if ALL in config.references else config.references
    with usage_errors():
        return nearest_references(setting.space, setting.facts["input_shape"], names)


def told(references: NearestReferences) -> Iterator[str]:
    """What people should know of them as a search starts: one line, where any were asked for."""
    reasons = dict[str, list[str]]()
    for name, reason in references.left_out:
        reasons.setdefault(reason, []).append(name)
    left_out = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
    found = ", ".join(map(str, references.found))
    if found:
        begins = f"begins with networks designed by hand, the nearest that the space has: {found}"
        yield f"{begins}. Left out: {left_out}" if left_out else begins
    elif left_out:
        yield f"begins without networks designed by hand, of which the space has none here: {left_out}"


def to_dict(references: NearestReferences) -> dict[str, Any]:
    """As `summary.json` keeps them."""
    return {
        "found": [
            {
                "name": near.reference,
                "digest": near.architecture.digest,
                "parameters": near.parameters,
                "differences": list(near.differences),
            }
            for near in references.found
        ],
        "left_out": [{"name": name, "reason": reason} for name, reason in references.left_out],
    }
