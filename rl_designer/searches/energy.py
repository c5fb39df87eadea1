"""The energy of searches and their emissions, as codecarbon estimates them, offline."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rl_designer.errors import Error

if TYPE_CHECKING:
    from rl_designer.runs.folder import RunFolder

# Where none is named: it matters for emissions alone.
_COUNTRY = "USA"
# A worker that ends in between takes its processor time since the last look with it.
_SECONDS_BETWEEN_LOOKS = 5


@dataclass
class Energy:
    """What was used.

    Attributes:
        kwh: kilowatt hours of this process and its workers: their share of processor and memory, and the
            GPUs; None before the end of the measurement.
        co2_kg: what the country's mix of power emits for it, kilograms of CO₂ equivalents.
        so_far: kilowatt hours until the last look at them, some seconds ago.
    """

    kwh: float | None = None
    co2_kg: float | None = None
    so_far: Callable[[], float] = float


def check_energy(country: str | None = None) -> None:
    """Raises ValueError where codecarbon isn't installed, or doesn't know a country."""
    try:
        import codecarbon  # noqa: F401
        from codecarbon.input import DataSource
    except ImportError as error:
        raise Error(
            "--energy needs codecarbon, which isn't installed: pip install 'rl-designer[energy]'"
        ) from error
    if country is not None and country not in DataSource().get_global_energy_mix_data():
        raise Error(f"energy needs a country in the three letters of ISO 3166, such as DEU, got {country!r}")


@contextmanager
def measured_energy(country: str = _COUNTRY) -> Iterator[Energy]:
    """Measures what this process and its workers do within. Nothing is sent or asked for over a network, and
    no file is written. The first measurement of a process begins with two seconds of looking at the machine.
    """
    from codecarbon import OfflineEmissionsTracker

    logging.getLogger("codecarbon").disabled = True  # it speaks before it has read its `log_level`
    tracker = OfflineEmissionsTracker(
        country_iso_code=country,
        tracking_mode="process",
        measure_power_secs=_SECONDS_BETWEEN_LOOKS,
        save_to_file=False,
        allow_multiple_runs=True,
        log_level="critical",
    )
    energy = Energy(so_far=lambda: float(tracker._total_energy.kWh))  # it has no public word for that
    tracker.start()
    try:
        yield energy
    finally:
        tracker.stop()
        used = tracker.final_emissions_data
        energy.kwh, energy.co2_kg = float(used.energy_consumed), float(used.emissions)


@contextmanager
def kept_energy(run: "RunFolder", country: str | None) -> Iterator[None]:
    """Adds what happens within to the run's summary, `energy_kwh` and `co2_kg`; nothing without a country."""
    if country is None:
        yield
        return
    before = [float(run.summary.get(name) or 0) for name in ("energy_kwh", "co2_kg")]
    energy = Energy()
    try:
        with measured_energy(country) as energy:
            yield
    finally:
        run.update_summary(energy_kwh=before[0] + (energy.kwh or 0), co2_kg=before[1] + (energy.co2_kg or 0))
