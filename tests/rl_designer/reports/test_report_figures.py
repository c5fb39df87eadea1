"""What stands behind the report's page: curves, fronts, differences, the policy's choices, what matters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.agents.policy import Policy
from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.problem import Design
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.cell_space import CellSpace
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import make_space, make_trained_space, space_definition
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.catalogue import load_table
from rl_designer.quantities import show_figure, show_share
from rl_designer.reports.designs import differences, draw, told
from rl_designer.reports.explanations import importance, legal_rows, steps_of
from rl_designer.reports.front import front_of
from rl_designer.reports.learning import best_of_draws
from rl_designer.reports.page import part
from rl_designer.reports.plots import SIZES, Axis, Plot, Point, Series, layout, number, thinned
from rl_designer.reports.run_page import failures
from rl_designer.runs.verdict import expected_best, median_best
from rl_designer.store.store import StoredDesign
from rl_designer.text import short_design
from tests.helpers.policies import random_weights

numbers = st.floats(-1e9, 1e9, allow_nan=False)


@pytest.fixture(scope="module")
def signals() -> LayerSpace:
    return LayerSpace(space_definition("convnet1d"), (1, 40), 10, max_parameters=20_000)


@pytest.fixture(scope="module")
def cells() -> CellSpace:
    return make_space("cell1d", (1, 40), 10, max_parameters=20_000)


@pytest.fixture(scope="module")
def table() -> TableSpace:
    return TableSpace(load_table("mnist1d-convnet1d"))


def policy_for(space: SearchSpace, seed: int = 0) -> Policy:
    return Policy(random_weights(space, seed=seed), space.name, {})


def found(
    index: int, accuracy: float | None = 0.5, parameters: int = 10, failure: str | None = None
) -> StoredDesign:
    evaluation = Evaluation(val_accuracy=accuracy, parameters=parameters, failure=failure)
    architecture = Architecture("s", (Layer.of("dense", width=index),), True)
    return StoredDesign(Design(architecture, evaluation, accuracy or 0.0, index), "agent", 1.0)


# -- curves -----------------------------------------------------------------------------------------


@given(st.lists(numbers, min_size=1, max_size=30), st.integers(1, 40))
def test_without_replacement_the_median_is_the_exact_one(values: list[float], draws: int) -> None:
    course = best_of_draws(values, draws, (0.5,), replace=False)[0]
    assert course.shape == (draws,) and (np.diff(course) >= 0).all()
    assert course[-1] == median_best(values, draws)


def test_quantiles_of_draws_agree_with_a_simulation() -> None:
    draws = np.random.default_rng(0)
    values = draws.normal(size=16)
    best = draws.choice(values, size=(20_000, 5)).max(axis=1)
    course = best_of_draws(values, 5, (0.1, 0.5, 0.9), replace=True)[:, -1]
    for quantile, value in zip((0.1, 0.5, 0.9), course, strict=True):
        assert (best <= value).mean() >= quantile - 0.01
        assert (best < value).mean() <= quantile + 0.01
    assert expected_best(values, 16) == values.max()


def test_the_front_is_what_none_beats_in_both() -> None:
    designs = [
        found(i, a, p) for i, (a, p) in enumerate([(0.5, 10), (0.4, 20), (0.7, 30), (0.7, 40), (0.6, 5)])
    ]
    assert [d.design.index for d in front_of(designs, "parameters")] == [4, 2]


# -- plots ------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.floats(1e-3, 1e9), numbers), min_size=1, max_size=20),
    st.booleans(),
    st.sampled_from(sorted(SIZES)),
)
def test_everything_lies_within_the_frame(points: list[tuple[float, float]], log: bool, size: str) -> None:
    series = Series("a", "points", [Point(x, y) for x, y in points], "agent")
    band = Series("b", "band", series.points, "control", lows=[y for _, y in points])
    plot = Plot("p", "title", "", Axis("x", logarithmic=log), Axis("y"), [series, band])
    laid = layout(plot, *SIZES[size])
    frame = laid["frame"]
    for x, y, *_ in laid["series"][0]["marks"]:
        assert frame["left"] <= x <= frame["right"] and frame["top"] <= y <= frame["bottom"]
    assert len(laid["y_ticks"]) <= 6 and laid["series"][1]["path"].endswith("Z")


def test_a_figure_has_every_point_its_table_and_names_as_they_are() -> None:
    name = "<a href='http://evil'>run</a> & \x1b"
    series = [
        Series("band", "band", [Point(1, 3.0), Point(2, 4.0)], "control", lows=[1.0, 2.0]),
        Series(name, "steps", [Point(1, 1.0), Point(2, 2.0)], "agent"),
        Series("dashed", "line", [Point(1, 1.0)], "run-7", dashed=True, legend=False),
        Series("marks", "points", [Point(1, 1.0, "told <b>", "d1g3st"), Point(2, 1.0)], "failed", "cross"),
    ]
    axes = Axis("x", whole=True, low=0), Axis("y", logarithmic=True)
    html = part("figure", Plot("p", name, "summary", *axes, series, ("what",), [(name,)]), ("half", "narrow"))
    assert html.count('<svg class="plot ') == 2 and html.count('class="mark failed cross"') == 2 * 2 + 1
    assert html.count('data-tip="told &lt;b&gt;" data-design="d1g3st"') == 2
    assert html.count("&lt;a href=&#39;http://evil&#39;&gt;run&lt;/a&gt; &amp; \\x1b") >= 3
    assert "<a" not in html and "<b>" not in html and "\x1b" not in html
    assert "The same as a table" in html and html.count("<li>") == 3


def test_steps_hold_until_the_next_value() -> None:
    plot = Plot(
        "p", "", "", Axis("x"), Axis("y"), [Series("a", "steps", [Point(0, 0), Point(1, 1)], "agent")]
    )
    corners = layout(plot, 760, 360)["series"][0]["path"].removeprefix("M").split("L")
    (_, start), (corner_x, corner_y), (end_x, _) = (pair.split(",") for pair in corners)
    assert corner_y == start and corner_x == end_x


@given(st.integers(0, 3_000), st.integers(2, 600))
def test_thinning_keeps_the_ends(count: int, most: int) -> None:
    kept = thinned(range(count), most)
    assert len(kept) == min(count, most) and kept[:1] == [0][:count]
    assert not kept or kept[-1] == count - 1


def test_figures_are_told_as_people_write_them() -> None:
    assert [number(v) for v in (0.85, 20_000, 1.5e6, 0)] == ["0.85", "20k", "1.5M", "0"]
    assert [show_share(s) for s in (0, 0.0004, 0.034, 0.27, 1)] == [
        "0 %",
        "< 0.1 %",
        "3.4 %",
        "27 %",
        "100 %",
    ]
    assert (show_figure(None), show_figure(0.5)) == ("–", "0.5000")


# -- designs ----------------------------------------------------------------------------------------


def chain(*widths: int) -> Architecture:
    return Architecture("s", tuple(Layer.of("dense", width=width) for width in widths), True)


def test_differences_say_what_changed_what_came_and_what_went() -> None:
    states = [(part.text, part.state) for part in differences(chain(1, 5, 3), chain(1, 2, 3, 4))]
    assert states == [
        ("dense width 1", "same"),
        ("dense width 5", "changed"),
        ("dense width 3", "same"),
        ("dense width 4", "missing"),
    ]
    assert differences(chain(1, 2), chain(1))[1].state == "added"
    assert told(differences(chain(1), chain(1))) == "the same layers"
    assert told(differences(chain(1), chain(2))) == "1 layer differs"
    assert told(differences(chain(1), chain(2, 3))) == "2 layers differ"


def test_designs_that_are_trained_otherwise_differ_in_settings() -> None:
    one, other = (trained_chain(rate, 1, 2) for rate in (0.01, 0.03))
    parts = differences(one, other)
    assert [(part.text, part.state, part.of_training) for part in parts[:3]] == [
        ("training optimizer muon", "same", True),
        ("training learning rate 0.01", "changed", True),
        ("dense width 1", "same", False),
    ]
    assert told(parts) == "1 setting differs"
    assert told(differences(one, trained_chain(0.03, 3))) == "2 layers differ, 1 setting differs"
    assert told(differences(one, one)) == "the same layers"
    assert short_design(one) == "training(muon,0.01) → dense(1) → dense(2)"
    lines = draw(one, {"input_shape": [4], "num_classes": 2}).lines
    assert lines[0].text == "training(learning_rate=0.01, optimizer=muon)" and lines[1].kind == "input"


def trained_chain(rate: float, *widths: int) -> Architecture:
    training = (Layer.of("training", optimizer="muon"), Layer.of("training", learning_rate=rate))
    return Architecture("s", (*training, *chain(*widths).layers), True)


def test_a_drawing_s_shares_add_up(signals: LayerSpace) -> None:
    actions = signals.random_actions(20, np.random.default_rng(0))
    for architecture in signals.architectures(actions):
        drawing = draw(architecture, {"input_shape": [1, 40], "num_classes": 10})
        assert sum(line.parameters_share for line in drawing.lines) == pytest.approx(1)
        assert all(line.box and max(line.box) <= 64 for line in drawing.lines)
    assert draw(architecture, {}).lines[0].box is None


def test_a_cell_is_drawn_with_its_live_edges_alone() -> None:
    macro = Layer.of("macro", cells=1, stages=2, width=4)
    edges = [
        Layer.of("conv", edge="0->1", kernel=3),
        Layer.of("skip", edge="0->2"),
        Layer.of("none", edge="1->2"),
        Layer.of("none", edge="0->3"),
        Layer.of("inverted-residual", edge="1->3", expansion=2, kernel=3, squeeze_excitation=True),
        Layer.of("none", edge="2->3"),  # so that node 2 leads nowhere
    ]
    design = Architecture("cell1d", (macro, *edges), complete=True)
    drawing = draw(design, {"input_shape": [1, 40], "num_classes": 10})
    graph = drawing.graph
    assert graph is not None and [line.kind for line in drawing.lines][2:4] == ["cell", "residual"]
    assert [text for _, _, text in graph.nodes] == ["in", "1", "out"]
    assert [edge.text for edge in graph.edges] == ["conv 3", "inverted-residual 2 3 squeeze-excitation"]
    assert graph.words == "1 = conv 3 of 0; 3 = inverted-residual 2 3 squeeze-excitation of 1"
    assert all(0 < edge.x < graph.width and 0 < edge.y < graph.height for edge in graph.edges)
    assert short_design(design) == ("macro(1,2,4): 0->1 conv(3), 0->2 skip, 1->3 inverted-residual(2,3,True)")
    assert draw(design, {}).graph is None


def test_failures_are_grouped_by_what_stands_before_the_colon() -> None:
    texts = ["out of memory: more than 2 GB", "time limit: not done after 60 s", "out of memory: 3 GB", None]
    reasons = failures([found(i, None, failure=text) for i, text in enumerate(texts)])
    assert [(reason.text, reason.count, reason.share) for reason in reasons] == [
        ("out of memory", 2, 0.5),
        ("time limit", 1, 0.25),
    ]
    assert reasons[0].example == texts[0]


# -- why, and what matters --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["signals", "cells", "table"])
def test_the_steps_are_the_policy_s_own_probabilities(name: str, request: pytest.FixtureRequest) -> None:
    space: SearchSpace = request.getfixturevalue(name)
    policy = policy_for(space)
    actions, logs = policy.sample(space, 8, np.random.default_rng(1))
    for row, log in zip(actions, logs, strict=True):
        if (space.canonical(row[None])[0] != row).any():
            continue
        steps = steps_of(policy, None, space, space.architecture(row[row >= 0].tolist()))
        # The network computes in single precision, which rounds otherwise for eight designs than for one.
        assert np.log([step.chosen.probability for step in steps]).sum() == pytest.approx(log, rel=1e-5)
        for step in steps:
            together = sum(choice.probability for choice in step.choices) + step.other_probability
            assert together == pytest.approx(1) and 1 <= step.options <= step.legal + 1e-6
            assert len(step.choices) + step.others == step.legal
            assert sum(choice.chosen for choice in step.choices) == 1


def test_legal_rows_are_those_that_a_policy_can_make(signals: LayerSpace) -> None:
    draws = np.random.default_rng(0)
    actions = signals.random_actions(200, draws)
    steps = draws.integers(signals.max_steps, size=200)
    actions[np.arange(200), steps] = draws.integers(-1, signals.num_actions, size=200)
    possible = np.isfinite(policy_for(signals).log_probability_of(signals, actions))
    legal = legal_rows(signals, actions)
    assert (legal == possible).all() and 0 < legal.sum() < 200


def test_the_decision_that_rewards_hang_on_is_the_most_important(
    table: TableSpace, signals: LayerSpace
) -> None:
    from rl_designer.agents.reward_model import RewardModel

    actions = table.random_actions(60, np.random.default_rng(0))
    belief = RewardModel(table).fit(actions, actions[:, 1].astype(np.float64))
    decisions = importance(belief, table)
    assert decisions[0].name == "layer 2" and decisions[0].kind == "position"
    assert decisions[0].effect > 2 * max((d.effect for d in decisions[1:]), default=0)

    actions = signals.random_actions(60, np.random.default_rng(0))
    depth = (actions >= 0).sum(axis=1).astype(np.float64)
    decisions = importance(RewardModel(signals).fit(actions, depth), signals)
    options = {d.name for d in decisions if d.kind == "layer option"}
    assert {"kernel", "width", "stride"} <= options
    kernel = next(d for d in decisions if d.name == "kernel")
    assert [gain for _, gain in kernel.options] == sorted((g for _, g in kernel.options), reverse=True)


def test_of_cells_the_skeleton_its_options_and_the_edges_matter() -> None:
    from rl_designer.agents.reward_model import RewardModel

    space = make_space("cell1d", (1, 40), 10)
    actions = space.canonical(space.random_actions(40, np.random.default_rng(0)))
    decisions = importance(RewardModel(space).fit(actions, np.log(space.costs(actions)["macs"])), space)
    edges = [f"edge {name}" for name in ("0->1", "0->2", "1->2", "0->3", "1->3", "2->3")]
    assert {d.name for d in decisions if d.kind == "position"} <= {"macro", *edges}
    assert {d.name for d in decisions if d.kind == "layer option"} >= {"width", "stages"}
    assert max(decisions, key=lambda decision: decision.effect).name in ("macro", "width", "stages")


def test_of_trainings_the_settings_matter() -> None:
    from rl_designer.agents.reward_model import RewardModel

    space = make_trained_space("mlp", (4,), 2)
    actions = space.random_actions(40, np.random.default_rng(0))
    decisions = importance(RewardModel(space).fit(actions, actions[:, 1].astype(np.float64)), space)
    positions, options = ([d for d in decisions if d.kind == kind] for kind in ("position", "layer option"))
    assert max(positions, key=lambda d: d.effect).name == "training learning_rate"
    best = max(options, key=lambda d: d.effect)
    assert best.name == "learning_rate" and best.options[0][0] == "0.04"
    assert "layer 1" in {d.name for d in positions}


def test_the_expected_reward_of_the_choice_taken_is_that_of_the_design(table: TableSpace) -> None:
    from rl_designer.agents.reward_model import RewardModel

    actions = table.random_actions(30, np.random.default_rng(0))
    belief = RewardModel(table).fit(actions, actions.sum(axis=1).astype(np.float64))
    row = table.canonical(actions[:1])
    steps = steps_of(policy_for(table), belief, table, table.architectures(row)[0])
    expected = belief.expected_rewards(table, row)[0]
    assert all(step.chosen.expected == pytest.approx(expected) for step in steps)
