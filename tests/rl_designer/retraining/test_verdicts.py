"""Better, worse or level: by what each scored example got, over seeds and examples together."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.envs.datasets import Dataset
from rl_designer.envs.datasets.targets import TargetScale
from rl_designer.retraining import answers
from rl_designer.retraining.answers import ANSWERS, answers_of, part_digest, read_answers, values_of
from rl_designer.retraining.folder import RetrainedFolder
from rl_designer.retraining.output import retrained_to_dict
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.scores import score, spread
from rl_designer.retraining.verdicts import against_rivals, compared, judged, with_rivals
from tests.helpers.retraining import PLAN, data, winner

GENERATOR = np.random.default_rng(3)


def classified(right: Any) -> tuple[Any, Any]:
    """Outputs [n, 2] and targets that are right where `right` says."""
    y = np.arange(len(right)) % 2
    return np.eye(2)[np.where(right, y, 1 - y)], y


def line(name: str, *trainings: tuple[Any, Any], metric: str = "accuracy", part: str = "test") -> Any:
    """A rival's or a design's results of trainings, each of outputs and targets."""
    scale = TargetScale(5.0, 10.0) if trainings[0][1].dtype.kind == "f" else None
    figures = [dict(score(*each, metric, scale).figures) for each in trainings]
    seeds = [
        {"seed": seed, "failure": None, "figures": figures[seed], ANSWERS: answers_of(*each, part)}
        for seed, each in enumerate(trainings)
    ]
    told = {name: spread([each[name] for each in figures]) for name in figures[0]}
    return {"name": name, "metric": metric, "test_figures": told, "seeds": seeds}


def drawn(share: float, seeds: int = 2, n: int = 1000) -> list[tuple[Any, Any]]:
    """Trainings of one network, which are right on nearly the same examples."""
    hard = np.random.default_rng(0).random(n)
    return [classified(hard + 0.05 * GENERATOR.normal(size=n) < share) for _ in range(seeds)]


# -- kept ------------------------------------------------------------------------------------------


def test_networks_and_rivals_keep_what_each_example_got_of_the_same_part(tmp_path: Path) -> None:
    dataset, sealed = data()
    [result] = retrain([winner(tmp_path, 8)], dataset, replace(PLAN, rivals=None))
    kept = RetrainedFolder(Path(result["folder"])).results()
    assert kept is not None
    for seed in [*kept["seeds"], *(seed for rival in kept["rivals"] for seed in rival["seeds"])]:
        part, right = read_answers(seed) or ("", np.zeros(0))
        assert part == part_digest(dataset, *sealed.open()) and len(right) == 40
        assert right.mean() == seed["figures"]["accuracy"]
    printed = retrained_to_dict([result], "blobs", {})
    assert '"answers"' not in json.dumps(printed) and printed["designs"][0]["rivals_difference"]


def test_a_part_is_known_by_its_targets_and_the_data_s_content_or_inputs() -> None:
    dataset, sealed = data()
    x, y = sealed.open()

    def digest(dataset: Dataset, x: Any = x, y: Any = y) -> str:
        return part_digest(dataset, x, y)

    assert digest(dataset) == digest(dataset, x.reshape(len(x), 2, 2)) != digest(dataset, x + 1)
    assert digest(dataset) != digest(dataset, y=1 - y)
    known, other = (replace(dataset, content=content) for content in ("1:a", "1:b"))
    assert digest(known) == digest(known, x + 1) != digest(other)


@pytest.mark.parametrize("metric", ["r2", "rmse", "mae"])
def test_values_by_example_have_the_figure_as_their_mean_and_tell_what_other_examples_make_of_it(
    metric: str,
) -> None:
    y = GENERATOR.normal(size=4000).astype(np.float32)
    outputs = (y + GENERATOR.normal(size=4000) * 0.3)[:, None]
    whole = line("a", (outputs, y), metric=metric)
    part, values = values_of(whole["seeds"][0], metric) or ("", np.zeros(0))
    assert part == "test" and values.mean() == pytest.approx(whole["seeds"][0]["figures"][metric])
    half = line("a", (outputs[:2000], y[:2000]), metric=metric)["seeds"][0]["figures"][metric]
    scale = 1 - 0.09 if metric == "r2" else half
    assert values[:2000].mean() == pytest.approx(half, abs=0.01 * scale)
    exact = line("b", (y[:, None].astype(np.float64), y), metric=metric)
    assert values_of(exact["seeds"][0], metric)[1].mean() == exact["seeds"][0]["figures"][metric]  # type: ignore[index]


def test_nothing_is_kept_of_too_many_examples_and_of_errors_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    y = np.zeros(3, dtype=np.float32)
    assert answers_of(np.full((3, 1), 1e300), y, "p") is None
    monkeypatch.setattr(answers, "_MOST", {"right": 8, "errors": 2})
    assert answers_of(np.zeros((3, 1)), y, "p") is None
    assert answers_of(*classified(np.ones(9)), "p") is None
    assert answers_of(*classified(np.ones(8)), "p") is not None


def test_a_file_holds_no_more_of_them_than_can_be_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    design, rival = line("ours", *drawn(0.9)), line("forest", *drawn(0.8))
    monkeypatch.setattr(answers, "_MOST_TEXT", 600)
    found = with_rivals(design, [rival], [])
    kept = [seed[ANSWERS] is not None for seed in [*found["seeds"], *found["rivals"][0]["seeds"]]]
    assert kept == [True, True, True, False]
    assert found["rivals_difference"] is None and "over seeds alone" in found["rivals_verdict"]


# -- judged ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "better", "words"), [(0.9, True, "better than"), (0.8, None, "level"), (0.7, False, "worse")]
)
def test_better_and_worse_are_said_where_the_interval_is_clear_of_zero(
    share: float, better: bool | None, words: str
) -> None:
    ours, theirs = line("ours", *drawn(share)), [line("weak", *drawn(0.3)), line("forest", *drawn(0.8))]
    found = against_rivals(ours, theirs)
    difference = found["rivals_difference"]
    assert found["better_than_rivals"] is better and f"is {words}" in found["rivals_verdict"]
    assert difference["mean"] == pytest.approx(share - 0.8, abs=0.02)
    low, high = difference["interval"]
    assert low < difference["mean"] < high and (better is None) == (low <= 0 <= high)
    assert difference["examples"] == 1000 and difference["seeds"] == [2, 2]
    told = f"{difference['mean']:+.4f} (95 % interval {low:+.4f} to {high:+.4f}, over seeds and 1,000 scored"
    assert told in found["rivals_verdict"]
    same = judged([ours, line("worse", *drawn(0.2))], theirs)
    assert same["better_than_references"] is better and same["references_difference"] == difference


def test_seeds_that_agree_do_not_hide_that_few_examples_were_scored() -> None:
    ours, theirs = (classified(np.arange(40) < count) for count in (36, 34))
    found = against_rivals(line("ours", ours, ours), [line("forest", theirs, theirs)])
    assert found["better_than_rivals"] is None
    without = [line(name, *each) for name, each in (("ours", [ours] * 2), ("forest", [theirs] * 2))]
    for each in without:
        each["seeds"] = []
    assert against_rivals(without[0], without[1:])["better_than_rivals"] is True


def test_of_one_seed_the_interval_is_over_examples_and_says_so() -> None:
    found = against_rivals(line("ours", *drawn(0.9, seeds=1)), [line("forest", *drawn(0.8))])
    assert found["better_than_rivals"] is True and found["rivals_difference"]["seeds"] == [1, 2]
    assert (
        "over 1,000 scored examples, and not over the seeds of what was trained once"
        in (found["rivals_verdict"])
    )


def test_a_rival_that_is_the_same_with_every_seed_needs_one_training_only() -> None:
    fixed = line("linear", *drawn(0.8, seeds=1))
    fixed["test_figures"]["accuracy"] = spread([fixed["seeds"][0]["figures"]["accuracy"]] * 2)
    found = against_rivals(line("ours", *drawn(0.9)), [fixed])
    assert found["rivals_difference"]["seeds"] == [2, 2] and "over seeds and" in found["rivals_verdict"]


def test_less_is_better_of_an_error() -> None:
    y = GENERATOR.normal(size=500).astype(np.float32)

    def noisy(deviation: float) -> Sequence[tuple[Any, Any]]:
        return [((y + deviation * GENERATOR.normal(size=500))[:, None], y) for _ in range(2)]

    for metric in ("r2", "rmse"):
        found = against_rivals(
            line("ours", *noisy(0.1), metric=metric), [line("f", *noisy(0.5), metric=metric)]
        )
        assert found["better_than_rivals"] is True and found["rivals_difference"]["mean"] > 0.2
    assert found["rivals_difference"]["mean"] == pytest.approx(4, rel=0.1)  # rmse in the target's unit, 10


@pytest.mark.parametrize("lack", ["another metric", "an older line", "another part"])
def test_without_pairs_the_seeds_alone_judge_and_that_is_said(lack: str) -> None:
    metric = "balanced-accuracy" if lack == "another metric" else "accuracy"
    ours = line("ours", *drawn(0.9), metric=metric)
    theirs = line("forest", *drawn(0.8), metric=metric, part="other" if lack == "another part" else "test")
    if lack == "an older line":
        del theirs["seeds"][1][ANSWERS]
    found = against_rivals(ours, [theirs])
    assert found["better_than_rivals"] is True and found["rivals_difference"] is None
    assert "standard error over seeds alone" in found["rivals_verdict"]


# -- two folders -----------------------------------------------------------------------------------


def test_two_folders_are_compared_on_the_same_examples(tmp_path: Path) -> None:
    dataset, _ = data()
    whole, small = (
        retrain([winner(tmp_path / str(examples), 8)], dataset, replace(PLAN, examples=examples))[0]
        for examples in (None, 20)
    )
    difference = compared(whole["folder"], small["folder"])
    means = [each["test_accuracy"]["mean"] for each in (whole, small)]
    assert difference.mean == pytest.approx(means[0] - means[1]) and difference.metric == "accuracy"
    assert difference.interval[0] <= difference.mean <= difference.interval[1]
    assert (difference.examples, difference.seeds) == (40, (2, 2))
    turned = compared(small["folder"], whole["folder"])
    assert turned.interval == pytest.approx((-difference.interval[1], -difference.interval[0]))
    assert compared(small["folder"], small["folder"]).better is None


def test_folders_that_have_no_pairs_are_refused(tmp_path: Path) -> None:
    dataset, _ = data()
    [result] = retrain([winner(tmp_path, 8)], dataset, PLAN)
    [on_val] = retrain([winner(tmp_path, 8)], dataset, replace(PLAN, on_validation=True))
    [auroc] = retrain([winner(tmp_path / "auroc", 8)], dataset, replace(PLAN, metric="auroc"))
    folder = Path(result["folder"])
    for other, message in (
        (on_val["folder"], "must have been scored on the same examples"),
        (auroc["folder"], "is judged by accuracy, .* by auroc"),
        (tmp_path, "has no results"),
    ):
        with pytest.raises(ValueError, match=message):
            compared(folder, other)
    with pytest.raises(ValueError, match="doesn't know what each example got by auroc"):
        compared(auroc["folder"], auroc["folder"])
    kept = RetrainedFolder(folder).results()
    assert kept is not None
    for seed in kept["seeds"]:
        del seed[ANSWERS]
    RetrainedFolder(folder).write_results(kept)
    with pytest.raises(ValueError, match="doesn't know what each example got by accuracy: older versions"):
        compared(folder, folder)


@pytest.mark.parametrize(
    "damage",
    [
        {"examples": 41},
        {"examples": 2**60},
        {"examples": True},
        {"right": "****"},
        {"right": None},
        {"part": 3},
        {"errors": "AAAA"},
    ],
)
def test_damaged_answers_are_refused(damage: dict[str, Any]) -> None:
    known = {"part": "p", "examples": 10, "right": "qoA="}
    assert read_answers({ANSWERS: known}) is not None
    with pytest.raises(ValueError, match="are no answers to examples"):
        read_answers({ANSWERS: {**known, **damage}})
    with pytest.raises(ValueError, match="are no answers to examples"):
        read_answers({ANSWERS: {"part": "p", "examples": 1, "errors": "AACAfw=="}})  # infinity
