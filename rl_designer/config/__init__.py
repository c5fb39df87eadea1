"""Everything that says what a search is, each setting declared once."""

from rl_designer.config.search import (
    DEFAULT_DATA,
    DEFAULT_ENGINE,
    DEFAULT_EPOCHS,
    DEFAULT_EVALUATIONS,
    DEFAULT_FIDELITY,
    HIDDEN,
    LARGEST_SEED,
    Recipe,
    SearchBudget,
    SearchConfig,
    Subject,
    Training,
    Where,
    code_named,
    make_config,
    needs_training,
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
