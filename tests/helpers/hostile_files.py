"""Valid files of every kind that the project reads, and what reads each: for tests and for the fuzzer."""

from collections.abc import Mapping

from tests.helpers.hostile_data import DATA
from tests.helpers.hostile_networks import NETWORKS
from tests.helpers.hostile_runs import RUNS
from tests.helpers.loader import Loader

LOADERS: Mapping[str, Loader] = dict(sorted({**DATA, **NETWORKS, **RUNS}.items()))
