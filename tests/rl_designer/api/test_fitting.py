"""What `fit` does with a data set at hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rl_designer.api.fitting import trained_in_full
from rl_designer.retraining import recipes
from rl_designer.retraining.recipes import RECIPES
from tests.helpers.training_candidates import dense
from tests.rl_designer.retraining.test_recipes import noisy


def test_a_noisy_table_is_not_learned_by_heart_unless_it_is_said_how_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R² on the test, of which a third can be known."""
    monkeypatch.setattr(recipes, "RECIPES", (RECIPES[0], RECIPES[3]))
    dataset = noisy()
    assert dataset.sealed_test is not None
    x, y = dataset.sealed_test.open()
    scores = []
    for epochs in (None, 100):  # 100 is usual for so few rows
        how = {"device": "cpu", "metric": None, "asker": "fit"}
        network = trained_in_full(dense(64, 64), dataset, {"epochs": epochs}, tmp_path / f"{epochs}", **how)
        with torch.no_grad():
            outputs = network(torch.from_numpy(x))[:, 0].numpy()
        scores.append(1 - np.square(outputs - y).mean() / np.var(y))
    chosen, usual = scores
    assert chosen > usual + 0.02
