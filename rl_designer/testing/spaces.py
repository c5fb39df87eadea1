"""What every search space promises, as checks of one; each raises AssertionError where it is broken."""

import numpy as np

from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.seeding import stream

_WALKS = 64


def every_walk_ends_complete(space: SearchSpace) -> None:
    for architecture in space.architectures(_walks(space)):
        assert architecture.complete, f"after {space.max_steps} legal actions {architecture} isn't complete"
        assert architecture.space == space.name, f"{architecture} is of space {architecture.space!r}"


def the_same_walks_come_again(space: SearchSpace) -> None:
    assert np.array_equal(_walks(space), _walks(space)), "masks or states depend on more than the actions"


def batches_and_single_designs_agree(space: SearchSpace) -> None:
    actions = _walks(space)
    states = space.start(len(actions))
    prefixes = [space.initial() for _ in actions]
    for step, column in enumerate(actions.T):
        masks = space.masks(states)
        for row, action in enumerate(column):
            assert np.array_equal(masks[row], space.action_mask(prefixes[row])), (
                f"masks differ at step {step}"
            )
            if action >= 0:
                prefixes[row] = space.extend(prefixes[row], int(action))
        live, before = column >= 0, states.copy()
        states[live] = space.advance(states[live], column[live])
        assert np.array_equal(before[~live], states[~live]), "the state of another design has changed"
    assert not space.masks(states).any(), "a complete design has legal actions"


def what_is_illegal_is_refused(space: SearchSpace) -> None:
    mask = space.action_mask(space.initial())
    for action in [*np.flatnonzero(~mask).tolist(), -1, space.num_actions]:
        try:
            space.extend(space.initial(), action)
        except ValueError:
            continue
        raise AssertionError(f"the illegal action {action} was taken")


def designs_are_spelled_in_one_way(space: SearchSpace) -> None:
    actions = space.canonical(_walks(space))
    assert np.array_equal(space.canonical(actions), actions), (
        "the canonical form of a canonical one is another"
    )
    for row, architecture in zip(actions, space.architectures(actions), strict=True):
        assert space.architecture(space.actions(architecture)) == architecture, (
            f"{architecture} is read as another"
        )
        assert list(space.actions(architecture)) == row[row >= 0].tolist(), (
            f"{architecture} has two spellings"
        )
        space.check(architecture)


def actions_can_be_told_apart(space: SearchSpace) -> None:
    features = space.action_features
    assert features.dtype == np.float32 and np.isfinite(features).all(), "features must be finite float32"
    assert len(features) == space.num_actions, (
        f"{len(features)} rows of features, {space.num_actions} actions"
    )
    assert len(np.unique(features, axis=0)) == len(features), "two actions have the same features"
    observations = space.observations(_walks(space))
    assert observations.shape[1] == space.observation_size, "observations are of another size"


def what_is_known_of_a_design_depends_on_it_alone(space: SearchSpace) -> None:
    actions = _walks(space)
    known, turned = space.structure(actions), space.structure(actions[::-1])
    for some in (turned, space.structure(space.pad([])), space.structure(actions[:1])):
        assert list(some) == list(known), f"structure() has groups {list(some)}, and {list(known)}"
    for group, numbers in known.items():
        assert numbers.ndim == 2 and len(numbers) == len(actions), f"group {group!r} must be [n, numbers]"
        assert numbers.shape[1:] == space.structure(space.pad([]))[group].shape[1:], (
            f"group {group!r} has another size where there are no designs"
        )
        assert np.isfinite(numbers).all(), f"group {group!r} must be finite"
        assert np.allclose(numbers[::-1], turned[group]), f"group {group!r} hangs on the other designs"


CHECKS = (
    every_walk_ends_complete,
    the_same_walks_come_again,
    batches_and_single_designs_agree,
    what_is_illegal_is_refused,
    designs_are_spelled_in_one_way,
    actions_can_be_told_apart,
    what_is_known_of_a_design_depends_on_it_alone,
)


def check_space(space: SearchSpace) -> None:
    """All of `CHECKS`, on random designs: that walks end complete and are the same again, that the batched
    half and the other agree, that a design has one spelling, that actions can be told apart, and that
    `structure` says of a design always the same.
    """
    for check in CHECKS:
        check(space)


def _walks(space: SearchSpace) -> Actions:
    return space.random_actions(_WALKS, stream(0, "walks"))
