"""`Finalist`: a design that was trained longer, on all examples, before a run's winner was chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import ConfigDict, Field

from rl_designer.quantities import show_figure

if TYPE_CHECKING:
    from rl_designer.envs.metrics import Objective

FINALISTS = "finalists"  # in the summary, and the folder of their weights in the run's


@dataclass(frozen=True)
class Finalist:
    """One of the best designs of a search.

    Attributes:
        digest: of its architecture.
        place: in the search, by reward, from 1.
        epochs, examples: of its longer training, both counts; of several folds, of each of these.
        val_score: after it, as `Evaluation.score`, the mean over the folds; None before, and where it failed.
        reward: what the search would have been paid for that; None where the reward can't tell.
        failure: why there is no score, or None.
        seconds: that the trainings took; None where they haven't ended.
        folders: of the weights, in the run's folder, one a fold.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")  # as a run's summary is checked

    digest: str
    place: Annotated[int, Field(ge=1)]
    epochs: int
    examples: int
    val_score: float | None = None
    reward: float | None = None
    failure: str | None = None
    seconds: float | None = None
    folders: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "folders": list(self.folders)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**data, "folders": tuple(data["folders"])})


def finalists_of(summary: Mapping[str, Any]) -> list[Finalist]:
    """Those of a run by its summary: the best first once they are trained, before in the search's order."""
    return [Finalist.from_dict(line) for line in summary.get(FINALISTS, ())]


def told(finalists: Sequence[Finalist], asked: int, objective: "Objective") -> str:
    """What came of finalists, the best first, in a sentence or two.

    Args:
        asked: how many there should have been.
    """
    trained = [finalist for finalist in finalists if finalist.val_score is not None]
    failed = sum(finalist.failure is not None for finalist in finalists)
    late = len(finalists) - len(trained) - failed
    few = f"Only {_designs(len(finalists))} trained in full, so there are fewer than {asked} finalists. "
    parts = [few] * (len(finalists) < asked)
    if trained:
        parts.append(_winner(trained, objective))
    elif finalists:
        parts.append("No finalist could be trained, so the search's best stays the winner. ")
    parts += [f"{failed:,} of the {len(finalists):,} failed. "] * (failed > 0)
    parts += [f"{late:,} of the {len(finalists):,} had not been trained when the time was over. "] * (
        late > 0
    )
    return "".join(parts).strip()


def _winner(trained: Sequence[Finalist], objective: "Objective") -> str:
    first = trained[0]
    how = f"trained for {first.epochs:,} epochs on {first.examples:,} examples"
    if len(trained) == 1:
        return f"The winner is the one finalist that was {how}: {_figure(first, objective)}. "
    best = f"The best of {len(trained):,} finalists, {how} each, was number {first.place} of the search"
    sentence = f"{best}: {_figure(first, objective)}"
    leader = min(trained, key=lambda finalist: finalist.place)
    if leader is first:
        return f"{sentence}. "
    return f"{sentence}, where number {leader.place} has {_value(leader, objective)}. "


def _figure(finalist: Finalist, objective: "Objective") -> str:
    return f"validation {objective.metric} {_value(finalist, objective)}"


def _value(finalist: Finalist, objective: "Objective") -> str:
    score = finalist.val_score
    return show_figure(None if score is None else objective.value_of(score))


def _designs(count: int) -> str:
    return "1 design was" if count == 1 else f"{count:,} designs were"
