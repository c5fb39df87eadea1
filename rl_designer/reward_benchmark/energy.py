"""The energy of a search, as codecarbon estimates it, offline."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


class Energy:
    """What was used.

    Attributes:
        kwh: kilowatt hours of this process: its share of processor and memory, and the GPUs; None before the
            end of the measurement.
    """

    kwh: float | None = None


def check_energy() -> None:
    """Raises ValueError where codecarbon isn't installed."""
    try:
        import codecarbon  # noqa: F401
    except ImportError as error:
        raise ValueError(
            "--energy needs codecarbon, which isn't installed: pip install 'rl-designer[energy]'"
        ) from error


@contextmanager
def measured_energy() -> Iterator[Energy]:
    """Measures what happens within. Nothing is sent or asked for over a network, and no file is written."""
    tracker, energy = _tracker(), Energy()
    tracker.start_task()
    try:
        yield energy
    finally:
        energy.kwh = float(tracker.stop_task().energy_consumed)


@lru_cache(maxsize=1)
def _tracker() -> Any:
    """One a process: it needs two seconds to look at the machine."""
    from codecarbon import OfflineEmissionsTracker

    logging.getLogger("codecarbon").disabled = True  # it speaks before it has read its `log_level`

    return OfflineEmissionsTracker(
        country_iso_code="USA",  # must be named; it matters for emissions, which aren't reported
        tracking_mode="process",
        save_to_file=False,
        allow_multiple_runs=True,
        log_level="critical",
    )
