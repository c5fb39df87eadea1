"""`Error`: the root of all errors of this package (`rl_designer.errors` shows the tree), and what is said of
names that people mistype.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class Error(ValueError):
    """What can't be done, in one line: the rule, the value received, the remedy or the legal names."""


class OverLimit(Error):
    """More than an organisation's rules allow; the text names the file and the key. See `limits`."""


_LONGEST = 200  # characters of a name that are shown


def unknown_name(what: str, name: str, legal: Iterable[str]) -> str:
    """One line: the rule, the value, the nearest legal name, all the legal names."""
    legal = sorted(legal)
    near = get_close_matches(name, legal, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    return f"unknown {what} {shown!r}.{hint} Legal: {', '.join(legal) or '(none)'}."
