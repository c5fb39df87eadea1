"""The networks designed by hand: what they are, and that they fit data and budgets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_designer.envs.networks.network import build_network
from rl_designer.envs.references.by_hand import REFERENCES, references_for
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.search_spaces.limits import Limits
from rl_designer.retraining.references import build_reference
from rl_designer.retraining.verdicts import judged
from rl_designer.runs.architecture_files import read_architecture, write_architecture

MNIST, SIGNAL, ROWS = (1, 28, 28), (1, 40), (30,)


def test_each_kind_of_data_has_its_references() -> None:
    assert [reference.name for reference in references_for(ROWS)] == ["linear", "mlp"]
    assert [reference.name for reference in references_for(SIGNAL)] == list(REFERENCES)
    of_signals = {"cnn", "inception-time", "lite"}
    images = [reference.name for reference in references_for(MNIST)]
    assert images == [name for name in REFERENCES if name not in of_signals]
    assert [reference.name for reference in references_for(MNIST, ["resnet-8"])] == ["resnet-8"]
    with pytest.raises(ValueError, match="unknown reference for such data 'cnn'"):
        references_for(MNIST, ["cnn"])


@pytest.mark.parametrize(
    ("name", "shape", "parameters"),
    [
        ("linear", SIGNAL, 410),  # as in the MNIST-1D paper
        ("mlp", SIGNAL, 15_210),  # as there
        ("lenet-5", (1, 32, 32), 61_706),  # LeCun et al. 1998, with a linear classifier
        ("resnet-20", (3, 32, 32), 270_000),  # He et al. 2015, table 6: 0.27M
        ("resnet-8", (3, 32, 32), 78_000),
        ("inception-time", (1, 100), 389_000),
        ("lite", (1, 100), 11_050),  # 9,814 with fixed filters in place of the pooled branch
    ],
)
def test_at_their_own_widths_they_have_about_the_originals_parameters(
    name: str, shape: tuple[int, ...], parameters: int
) -> None:
    built = build_reference(REFERENCES[name], shape, 10)
    assert built.costs.parameters == pytest.approx(parameters, rel=0.015)


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("budget", [10_000, 25_000, 100_000])
def test_within_a_budget_they_are_as_wide_as_fits(name: str, budget: int) -> None:
    reference = REFERENCES[name]
    built = build_reference(reference, SIGNAL, 10, Limits(budget))
    assert built.costs.parameters <= budget
    if reference.scales:
        # Every fourth channel of an inception is one more of its bottleneck, too.
        assert built.costs.parameters > (0.8 if name == "inception-time" else 0.93) * budget
        more = build_reference(reference, SIGNAL, 10, Limits(budget + budget // 5))
        assert more.costs.parameters > built.costs.parameters


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(sorted(REFERENCES)),
    st.one_of(
        st.tuples(st.integers(1, 4), st.integers(3, 64)),
        st.tuples(st.integers(1, 3), st.integers(3, 33), st.integers(3, 33)),
    ),
    st.integers(2, 12),
)
def test_they_fit_data_of_any_shape(name: str, shape: tuple[int, ...], classes: int) -> None:
    if name not in [reference.name for reference in references_for(shape)]:
        return
    built = build_reference(REFERENCES[name], shape, classes, Limits(50_000))
    architecture, taken = built.file.architecture, built.file.input_shape
    assert taken is not None and built.costs == costs(architecture, taken, classes)
    network = build_network(architecture, taken, classes)
    assert sum(parameter.numel() for parameter in network.parameters()) == built.costs.parameters


def test_they_are_files_with_their_source(tmp_path_factory: pytest.TempPathFactory) -> None:
    for name, reference in REFERENCES.items():
        file = build_reference(reference, SIGNAL, 10, Limits(20_000)).file
        path = tmp_path_factory.mktemp("files") / f"{name}.json"
        write_architecture(path, file)
        assert read_architecture(path) == file
        assert file.name == name and file.note and ("arXiv" in str(file.source) or "IEEE" in str(file.source))


def test_what_is_larger_than_the_budget_even_at_its_narrowest_is_refused() -> None:
    with pytest.raises(ValueError, match="linear has 410 parameters, and no widths to narrow"):
        build_reference(REFERENCES["linear"], SIGNAL, 10, Limits(400))
    with pytest.raises(ValueError, match=r"resnet-20 has at least [0-9]+ parameters, more than 50"):
        build_reference(REFERENCES["resnet-20"], SIGNAL, 10, Limits(50))


def line(name: str, mean: float | None, deviation: float | None, seeds: int = 3) -> dict[str, object]:
    spread = {"mean": mean, "standard_deviation": deviation, "per_seed": [mean] * seeds}
    return {"name": name, "test_accuracy": spread, "seeds": []}


@pytest.mark.parametrize(
    ("design", "better", "words"),
    [
        (line("ours", 0.96, 0.01), True, "is better than the best reference, b (0.9000): +0.0600"),
        (line("ours", 0.905, 0.01), None, "+0.0050 (± 0.0082 standard error over seeds alone)"),
        (line("ours", 0.90, 0.01), None, "is level with the best reference"),
        (line("ours", 0.80, 0.01), False, "is worse than the best reference"),
        (line("ours", 0.96, None, seeds=1), None, "is perhaps better than"),
    ],
)
def test_without_what_each_example_got_two_standard_errors_over_seeds_judge_by_the_best_reference(
    design: dict[str, object], better: bool | None, words: str
) -> None:
    references = [line("a", 0.8, 0.1), line("b", 0.9, 0.01), line("failed", None, None)]
    found = judged([line("worse", 0.1, 0.01), design], references)
    assert found["better_than_references"] is better and words in found["verdict"]


def test_without_designs_or_references_there_is_no_verdict() -> None:
    for designs in ([], [line("failed", None, None)]):
        assert judged(designs, [line("b", 0.9, 0.0)]) == {
            "better_than_references": None,
            "verdict": "There is nothing to compare with.",
            "references_difference": None,
        }
