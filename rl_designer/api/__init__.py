"""What the command line does, in Python: `rl_designer.search("mnist1d", max_parameters=20_000)` and the rest.

Settings have the names of a run's `config.toml`: the options of `rl-designer train` with `_` for `-`, and
`sources` for `--from`. What is wrong is an `rl_designer.Error` (a ValueError, too), an OSError or an
ImportError of one line.
"""

from rl_designer.api.comparisons import compare_agents, compare_rewards, loop
from rl_designer.api.networks import export, predict, retrain
from rl_designer.api.oversight import approve, audit
from rl_designer.api.searches import load_run, resume, sample, search
from rl_designer.results import Network, Networks, Run

__all__ = [
    "Network",
    "Networks",
    "Run",
    "approve",
    "audit",
    "compare_agents",
    "compare_rewards",
    "export",
    "load_run",
    "loop",
    "predict",
    "resume",
    "retrain",
    "sample",
    "search",
]
