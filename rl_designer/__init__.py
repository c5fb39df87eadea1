"""rl-designer: a controller that learns, by reinforcement, to design neural networks."""

from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

# In a checkout `envs/` and `agents/` lie beside this folder; an install puts them inside it.
_here = Path(__file__).resolve().parent
if not (_here / "envs").is_dir():
    __path__.append(str(_here.parent))

# The verbs first.
_PUBLIC = {
    "search": "rl_designer.api",
    "resume": "rl_designer.api",
    "load_run": "rl_designer.api",
    "sample": "rl_designer.api",
    "retrain": "rl_designer.api",
    "export": "rl_designer.api",
    "predict": "rl_designer.api",
    "approve": "rl_designer.api",
    "audit": "rl_designer.api",
    "compare_agents": "rl_designer.api",
    "compare_rewards": "rl_designer.api",
    "loop": "rl_designer.api",
    "Architecture": "rl_designer.envs.architecture",
    "ArchitectureTable": "rl_designer.envs.tables.table",
    "Budget": "rl_designer.envs.problem",
    "Design": "rl_designer.envs.problem",
    "DesignEnv": "rl_designer.envs.design_env",
    "DesignVecEnv": "rl_designer.envs.design_vec_env",
    "Error": "rl_designer.envs.errors",
    "Evaluation": "rl_designer.envs.evaluation",
    "NetworkClassifier": "rl_designer.estimator",
    "NetworkRegressor": "rl_designer.estimator",
    "Layer": "rl_designer.envs.architecture",
    "Observer": "rl_designer.searches.observers",
    "Problem": "rl_designer.envs.problem",
    "Run": "rl_designer.api",
    "SearchSpace": "rl_designer.envs.search_spaces.base",
}

__all__ = [*_PUBLIC, "__version__"]


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
