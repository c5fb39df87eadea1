"""Error texts for names that people type."""

from collections.abc import Iterable
from difflib import get_close_matches


def unknown_name(what: str, name: str, legal: Iterable[str]) -> str:
    """One line: the rule, the value, the nearest legal name, all the legal names."""
    legal = sorted(legal)
    near = get_close_matches(name, legal, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {name!r}.{hint} Legal: {', '.join(legal) or '(none)'}."
