"""Texts become numbers of symbols, characters or words, that are learned from the training part alone."""

from rl_designer.envs.datasets.texts.texts import Texts
from rl_designer.envs.datasets.texts.tokeniser import Tokeniser

__all__ = ["Texts", "Tokeniser"]
