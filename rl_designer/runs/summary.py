"""`Summary`: what a run's `summary.json` holds, as far as other code relies on it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rl_designer.runs.finalists import Finalist
from rl_designer.runs.fronts import Entry, Facts


class _Plan(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    known: list[str]
    paid: int | None


class _Setting(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")

    table: str | None = None
    name: str | None = None
    space: dict[str, Any] | None = None
    input_shape: list[int] | None = Field(default=None, min_length=1, max_length=3)
    num_classes: int | None = None


class _Objective(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    metric: str
    guess: float
    is_error: bool = False


class _SourceFacts(BaseModel):
    run: str
    kept: bool | None
    reason: str


class _Reference(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")

    name: str
    digest: str
    differences: list[str] = []


class _References(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")

    found: list[_Reference] = []


class Summary(BaseModel):
    """What other code relies on in a summary, where it is there."""

    model_config = ConfigDict(strict=True, extra="allow")

    id: str
    state: Literal["running", "interrupted", "finished"]
    title: str = ""
    seconds: float = Field(default=0.0, ge=0)
    verdict: str = ""
    setting: _Setting = _Setting()
    objective: _Objective | None = None
    about: list[str] = []
    data_content: str | None = None
    control_plan: _Plan | None = None
    sources: list[_SourceFacts] = []
    finalists: list[Finalist] = []
    finalists_seconds: float = Field(default=0.0, ge=0)
    finalists_verdict: str = ""
    references: _References = _References()
    objectives: list[Facts] = Field(default=[], max_length=3)
    front: list[Entry] = []
