"""One policy for all preferences: what it is at each, and its file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.agents.front_policy import FILE, FrontPolicy, shown
from rl_designer.agents.policy import Policy
from rl_designer.envs.files.archives import write_described
from rl_designer.envs.search_spaces.table import TableSpace
from tests.helpers.policies import random_weights
from tests.helpers.tables import synthetic_table

SPACE = TableSpace(synthetic_table((3, 4, 3)))
TEXTS = ("val_accuracy", "parameters")


def seeing() -> Policy:
    """A policy that sees preferences behind its observations."""
    weights = random_weights(SPACE, seed=1)
    more = random_weights(SPACE, seed=2)["hidden.weight"][:, :2]
    weights["hidden.weight"] = np.concatenate([weights["hidden.weight"], more], axis=1)
    return Policy(weights, SPACE.name, {"agent": "ppo"})


@pytest.mark.parametrize("preference", [[1, 0], [0.5, 0.5], [0.2, 0.8]])
def test_a_fixed_preference_gives_a_plain_policy_that_samples_the_same(preference: list[float]) -> None:
    plain = FrontPolicy.of(seeing(), TEXTS).at(preference)
    plain.check(SPACE)
    told = np.tile(shown(np.array(preference)), (50, 1))
    theirs, logs = seeing().sample(SPACE, 50, np.random.default_rng(0), seen=told)
    ours, own = plain.sample(SPACE, 50, np.random.default_rng(0))
    assert np.array_equal(ours, theirs) and np.allclose(own, logs, atol=1e-4)
    assert plain.facts["preference"] == preference


def test_a_preference_that_is_none_is_refused() -> None:
    front = FrontPolicy.of(seeing(), TEXTS)
    for preference in ([1.0], [0.5, 0.6], [2, -1]):
        with pytest.raises(ValueError, match="2 weights of 0 or more that sum to 1"):
            front.at(preference)


def test_todays_readers_get_the_policy_by_which_all_are_wanted_alike(tmp_path: Path) -> None:
    front = FrontPolicy.of(seeing(), TEXTS)
    front.equal.save(tmp_path)
    front.save(tmp_path)
    plain = Policy.load(tmp_path)
    again = FrontPolicy.load(tmp_path, plain)
    assert again is not None and again.objectives == TEXTS
    for preference in ([0.5, 0.5], [0, 1]):
        for name, array in front.at(preference).weights.items():
            assert np.allclose(again.at(preference).weights[name], array), name
    equal = front.at([0.5, 0.5]).weights
    assert all(np.allclose(plain.weights[name], equal[name]) for name in equal)
    (tmp_path / FILE).unlink()
    assert FrontPolicy.load(tmp_path, plain) is None


GOOD = {"format": "rl-designer-front/1", "objectives": list(TEXTS)}
WEIGHT = np.zeros((8, 2), dtype=np.float32)


@pytest.mark.parametrize(
    ("meta", "arrays", "message"),
    [
        ({**GOOD, "format": "other"}, {"preference.weight": WEIGHT}, "must be of format"),
        ({**GOOD, "objectives": ["macs"]}, {"preference.weight": WEIGHT}, "must name 2 or 3 objectives"),
        ({**GOOD, "objectives": [1, 2]}, {"preference.weight": WEIGHT}, "must be texts"),
        (GOOD, {"preference.weight": WEIGHT[:5]}, "of the shape \\(8, 2\\)"),
        (GOOD, {}, "of the shape \\(8, 2\\)"),
        (GOOD, {"preference.weight": WEIGHT, "more": WEIGHT}, "and nothing else"),
        (GOOD, {"preference.weight": WEIGHT.astype(np.float64)}, "float32 numbers"),
        (GOOD, {"preference.weight": WEIGHT + np.float32(np.nan)}, "float32 numbers"),
        ([], {"preference.weight": WEIGHT}, "must be of format"),
    ],
)
def test_a_file_that_is_none_says_why(tmp_path: Path, meta: Any, arrays: Any, message: str) -> None:
    write_described(tmp_path / FILE, meta, arrays)
    with pytest.raises(ValueError, match=message):
        FrontPolicy.load(tmp_path, Policy(random_weights(SPACE), SPACE.name, {}))


def test_what_is_no_archive_is_damaged(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(GOOD))
    with pytest.raises(ValueError, match=r"front\.npz is no policy of a front, or damaged"):
        FrontPolicy.load(tmp_path, Policy(random_weights(SPACE), SPACE.name, {}))
