"""Everything that says what a search is, each setting declared once."""

from rl_designer.config.kept import HIDDEN
from rl_designer.config.search import (
    DEFAULT_EVALUATIONS,
    LARGEST_SEED,
    SearchBudget,
    SearchConfig,
    code_named,
    make_config,
    needs_training,
)
from rl_designer.config.subject import DEFAULT_DATA, Subject
from rl_designer.config.training import (
    DEFAULT_ENGINE,
    DEFAULT_EPOCHS,
    DEFAULT_FIDELITY,
    Recipe,
    Training,
    Where,
)

__all__ = [
    "DEFAULT_DATA",
    "DEFAULT_ENGINE",
    "DEFAULT_EPOCHS",
    "DEFAULT_EVALUATIONS",
    "DEFAULT_FIDELITY",
    "HIDDEN",
    "LARGEST_SEED",
    "Recipe",
    "SearchBudget",
    "SearchConfig",
    "Subject",
    "Training",
    "Where",
    "code_named",
    "make_config",
    "needs_training",
]
