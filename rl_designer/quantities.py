"""Counts, durations and amounts of memory as people write them: `100k`, `1.5M`, `90s`, `2h`, `2G`."""

import re
from collections.abc import Mapping
from decimal import Decimal

from rl_designer.errors import Error

_COUNT: Mapping[str, int | Decimal] = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
_SECONDS: Mapping[str, int | Decimal] = {
    "": 1,
    "us": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86400,
}
_BYTES: Mapping[str, int | Decimal] = {"": 1, "b": 1} | {
    f"{unit}{ending}": base**power
    for power, unit in enumerate("kmgt", start=1)
    for endings, base in ((("", "b"), 1000), (("i", "ib"), 1024))
    for ending in endings
}
_DIGITS = r"([0-9][0-9_]*(?:\.[0-9]+)?|\.[0-9]+)"
_NUMBER = re.compile(rf"{_DIGITS}\s*([a-zA-Z]*)")
_TERM = re.compile(rf"{_DIGITS}\s*([a-zA-Z]+)")
_SUM = re.compile(rf"(?:{_TERM.pattern}\s*)+|{_NUMBER.pattern}")
_MOST = 10**15
_LONGEST = 60  # characters of what was typed that are shown


def parse_count(value: object) -> int:
    """`20000`, `20_000`, `100k`, `1.5M` or an int as an int ≥ 1.

    Raises:
        ValueError: for anything else.
    """
    number = _typed(value, _COUNT)
    if number is None or not 1 <= number <= _MOST or number != round(number):
        raise Error(f"must be a whole number of at least 1, such as 20000, 100k or 1.5M, got {_shown(value)}")
    return round(number)


def parse_seconds(value: object) -> float:
    """`90`, `90s`, `30m`, `1.5h`, `1h30m` or a number as seconds > 0.

    Raises:
        ValueError: for anything else.
    """
    seconds = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if isinstance(value, str) and _SUM.fullmatch(value.strip()):
        # `1h30m` is a sum; `m` means minutes here and millions in a count.
        parts = [_amount(number, unit, _SECONDS) for number, unit in _NUMBER.findall(value)]
        seconds = None if None in parts else float(sum(part for part in parts if part is not None))
    if seconds is None or not 0 < seconds <= _MOST:
        raise Error(f"must be a duration of more than 0 seconds, such as 90s, 30m or 2h, got {_shown(value)}")
    return seconds


def parse_bytes(value: object) -> int:
    """`2G`, `1.5GB`, `500M` or an int as bytes ≥ 1; a G is 10^9, a Gi or GiB 2^30.

    Raises:
        ValueError: for anything else.
    """
    number = _typed(value, _BYTES)
    if number is None or not 1 <= number <= _MOST:
        raise Error(f"must be an amount of memory, such as 500M, 2G or 1.5GiB, got {_shown(value)}")
    return round(number)


def show_count(count: float | None) -> str:
    """A count for people, with thousands separators; `–` for None."""
    return "–" if count is None else f"{count:,.0f}"


def show_figure(value: float | None) -> str:
    """A reward, an accuracy or another fraction for people, with four digits; `–` for None."""
    return "–" if value is None else f"{value:.4f}"


def show_share(share: float) -> str:
    """A share for people: `37 %`, `0.4 %`, `< 0.1 %`."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.0f} %" if share >= 0.0995 or share == 0 else f"{100 * share:.1f} %"


def show_seconds(seconds: float, *, fine: bool = False) -> str:
    """A duration for people: `4.2 s`, `3:07 min`, `2:05 h`; `fine`: below ten seconds `4.21 s`."""
    if fine and seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def _typed(value: object, units: Mapping[str, int | Decimal]) -> float | Decimal | None:
    """A number as it is, or as it was typed; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := _NUMBER.fullmatch(value.strip())):
        return _amount(match[1], match[2], units)
    return None


def _amount(number: str, unit: str, units: Mapping[str, int | Decimal]) -> Decimal | None:
    factor = units.get(unit.lower())
    return None if factor is None else Decimal(number.replace("_", "")) * factor


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
