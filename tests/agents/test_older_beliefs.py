"""Reward models in the formats of earlier versions: read, expecting the same, and refused where damaged."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rl_designer.agents.belief import FILE, JITTER, Belief
from rl_designer.agents.reward_model import RewardModel
from rl_designer.envs.files.archives import write_arrays
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from tests.helpers.beliefs import (
    BELIEFS,
    SPACES,
    TABLE,
    Arrays,
    Values,
    changed,
    numbers_of,
    refusal,
    with_last,
    without,
)
from tests.helpers.strategies import walks


def older(space: SearchSpace, seed: int = 0, size: int = 3) -> Arrays:
    """The arrays of format 2, without its number: learned embeddings of each step's options, [options, size],
    each times a weight; where lengths vary also the summaries and the sum of the embeddings, so, too.
    """
    generator = np.random.default_rng(seed)
    designs = walks(space, 20, seed)
    summaries = space.summaries(designs).shape[1]
    scores = generator.normal(size=20)
    arrays = {
        "options": 0.5 * generator.normal(size=(space.tokens(designs).shape[2], size)),
        "step_weights": generator.uniform(0.1, 0.6, space.max_steps),
        "whole_weights": generator.uniform(0.05, 0.2, summaries + size if summaries else 0),
        "targets": scores,
        "scores": np.sort(scores),
        "rewards": np.sort(generator.normal(size=20)),
        "facts": np.array([1.3, 0.2]),
        "memory_weights": np.zeros(0),
        "actions": designs,
    }
    return {**arrays, "points": older_points(arrays, space, designs)}


def older_points(arrays: Arrays, space: SearchSpace, designs: Actions) -> Values:
    embedded = space.tokens(designs).astype(np.float64) @ arrays["options"]
    points = [embedded[:, step] * weight for step, weight in enumerate(arrays["step_weights"])]
    if len(arrays["whole_weights"]):
        whole = np.concatenate([space.summaries(designs), embedded.sum(axis=1)], axis=1)
        points.append(whole * arrays["whole_weights"])
    return np.concatenate(points, axis=1)


def older_mean(arrays: Arrays, space: SearchSpace, designs: Actions, memory: Values | None = None) -> Values:
    """What earlier versions expected; `memory` [20 + n, …] was the points' and the designs' last columns."""
    scale, noise = arrays["facts"]
    points = older_points(arrays, space, np.concatenate([arrays["actions"], designs]))
    squares = ((points[:, None] - points) ** 2).sum(axis=2)
    kernel = scale * np.exp(-squares) + (0 if memory is None else memory @ memory.T)
    known = kernel[:20, :20] + (noise + 1e-6) * np.eye(20)
    return kernel[20:, :20] @ np.linalg.solve(known, arrays["targets"])


@SPACES
@pytest.mark.parametrize("written", [1, 2])
@pytest.mark.parametrize("size", [1, 3])
def test_a_file_of_an_earlier_format_is_read_and_expects_the_same(
    space: SearchSpace, written: int, size: int, tmp_path: Path
) -> None:
    """The first had no format in it, no actions, and nothing of sources."""
    arrays, designs = older(space, size=size), walks(space, 30, seed=9)
    newer = {"memory_weights", "actions"} if written == 1 else set()
    kept = {name: array for name, array in arrays.items() if name not in newer}
    write_arrays(tmp_path / FILE, kept if written == 1 else {"format": np.array([2]), **kept})
    belief = Belief.load(tmp_path, space)
    assert belief is not None and belief.sources == ()
    assert belief.actions.shape == (0 if written == 1 else 20, space.max_steps)
    expected = older_mean(arrays, space, designs)
    np.testing.assert_allclose(belief.mean(space, designs), expected, atol=1e-9)
    assert expected.std() > 0.05
    belief.save(tmp_path)  # as the source of a later search is
    back = Belief.load(tmp_path, space)
    assert back is not None and back.mean(space, designs).tolist() == belief.mean(space, designs).tolist()


@pytest.mark.parametrize("written", [3, 4])
@SPACES
def test_a_file_of_squared_exponentials_is_read_and_expects_the_same(
    space: SearchSpace, written: int, tmp_path: Path
) -> None:
    """Formats 3 and 4 knew of no trend, and 3 of no noise but the learned one."""
    belief = RewardModel(space).fit(walks(space, 20), np.random.default_rng(0).normal(size=20))
    missing = {3: ("trend", "known"), 4: ("trend",)}[written]
    arrays = {name: array for name, array in numbers_of(belief).items() if name not in missing}
    write_arrays(tmp_path / FILE, {"format": np.array([written]), **arrays, "actions": belief.actions})
    read, asked = Belief.load(tmp_path, space), walks(space, 9, 1)
    assert read is not None
    points, places = belief.points, read.embed(space, asked)
    same, cross = (np.exp(-((p[:, None] - points) ** 2).sum(axis=2)) for p in (points, places))
    inverse = np.linalg.inv(belief.scale * same + (belief.noise + JITTER) * np.eye(20))
    mean = belief.scale * cross @ inverse @ belief.targets
    np.testing.assert_allclose(read.mean(space, asked), mean, atol=1e-9)


@SPACES
def test_a_file_of_an_earlier_format_with_a_source_expects_the_same(
    space: SearchSpace, tmp_path: Path
) -> None:
    arrays, source, designs = older(space), older(space, seed=1), walks(space, 30, seed=9)
    weights = np.array([0.5, 0.7])
    both = np.concatenate([arrays["actions"], designs])
    memory = weights * np.stack([np.ones(len(both)), older_mean(source, space, both)], axis=1)
    arrays |= {
        "points": np.concatenate([arrays["points"], memory[:20]], axis=1),
        "memory_weights": weights,
    }
    nested = {f"source-0.{name}": array for name, array in source.items()}
    write_arrays(tmp_path / FILE, {"format": np.array([2]), **arrays, **nested})
    belief = Belief.load(tmp_path, space)
    assert belief is not None and belief.depth == 2
    np.testing.assert_allclose(
        belief.mean(space, designs), older_mean(arrays, space, designs, memory), atol=1e-9
    )


@SPACES
def test_a_search_may_start_from_what_an_earlier_version_learned(space: SearchSpace, tmp_path: Path) -> None:
    write_arrays(tmp_path / FILE, {"format": np.array([2]), **older(space)})
    source, designs = Belief.load(tmp_path, space), walks(space, 20)
    assert source is not None
    belief = RewardModel(space, sources=[source]).fit(designs, source.mean(space, designs))
    assert belief.structured == [space is not TABLE] and belief.slopes[0] > 0.3
    belief.save(tmp_path)
    back = Belief.load(tmp_path, space)
    assert back is not None and back.mean(space, designs).tolist() == belief.mean(space, designs).tolist()


OLD_DAMAGE: dict[str, tuple[Callable[[Arrays], None], str]] = {
    **{
        f"no {name}": (without(name), "must hold options, step_weights, whole_weights, points")
        for name in sorted(older(TABLE))
    },
    "arrays of the newest format": (
        lambda arrays: arrays.update(numbers_of(BELIEFS[TABLE.name])),
        "must hold options, step_weights",
    ),
    **{
        f"{name} of float32": (
            changed(name, lambda array: array.astype(np.float32)),
            "finite float64 numbers only",
        )
        for name in ("options", "step_weights", "whole_weights")
    },
    **{
        f"{value} in {name}": (changed(name, with_last(value)), "finite float64 numbers only")
        for name in ("options", "step_weights")
        for value in (np.nan, np.inf, -np.inf)
    },
    **{
        f"{name} of one number too few": (changed(name, lambda array: array[:-1]), "must have the shape")
        for name in ("options", "step_weights", "points", "scores", "rewards", "facts")
    },
    **{
        f"{name} of another rank": (
            changed(name, lambda array: array[None]),
            "these shapes don't go together",
        )
        for name in ("options", "step_weights", "whole_weights")
    },
    "options as a lone number": (
        changed("options", lambda _: np.array(1.0)),
        "these shapes don't go together",
    ),
    "one weight for all steps": (changed("step_weights", lambda _: np.array(1.0)), "must have the shape"),
    "weights for less than a whole": (
        changed("whole_weights", lambda _: np.ones(2)),
        "these shapes don't go together",
    ),
    "weights for a whole that isn't": (changed("whole_weights", lambda _: np.ones(4)), "must have the shape"),
    "embeddings that would fill the memory": (
        changed("options", lambda _: np.zeros((4_000, 1_000))),
        "is too large: its designs would have 16,000 times 4,000 weights",
    ),
    "steps that would fill the memory": (
        changed("step_weights", lambda _: np.zeros(1_000_000)),
        "is too large",
    ),
    "numbers whose squares overflow": (changed("options", with_last(1e300)), "is damaged"),
}


@pytest.mark.parametrize("case", OLD_DAMAGE)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_damaged_file_of_an_earlier_format_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    damage, reason = OLD_DAMAGE[case]
    arrays = {"format": np.array([2]), **older(TABLE)}
    damage(arrays)
    write_arrays(tmp_path / FILE, arrays)
    assert reason in refusal(tmp_path)
