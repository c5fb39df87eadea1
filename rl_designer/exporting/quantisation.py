"""`int8`: what is asked of a quantised network, and what came of it. No torch here."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rl_designer.declared import Count, Settings, setting
from rl_designer.errors import Error
from rl_designer.quantities import show_count, show_figure

INT8 = "int8"  # the format's name
INT8_FILE = "network-int8.onnx"


class Lossy(Error):
    """An int8 network that loses more than it may; nothing is left of it."""


class Quantisation(Settings):
    """How the int8 ONNX file is made."""

    int8: bool | None = setting(
        "Write an int8 ONNX file beside the others, calibrated on training examples; needs the extra `onnx`, "
        "trained weights and their data.",
        shown="no",
    )
    int8_examples: Count = setting("Training examples that it is calibrated on.", default=512, needs=INT8)
    int8_loss: float = setting(
        "Most that it may lose: of the accuracy, of R², of another metric's score; else nothing is written.",
        default=0.01,
        limits={"ge": 0, "le": 1},
        needs=INT8,
    )


@dataclass(frozen=True)
class Quantised:
    """A network in 8 bits beside the one in float32.

    Attributes:
        metric: by which both were scored.
        part: `test` where `retrain` has opened it, else `validation`.
        examples: of that part.
        before, after: the metric's values, in the target's unit where it is in one.
        loss: how much lower the score is afterwards; of an error as a share of guessing's.
        bytes_before, bytes_after: of the two ONNX files.
        calibrated_on: training examples.
        in_float: operators that still compute in float32.
        checked_on: examples on which ONNX Runtime was compared with ONNX's reference.
        equal: share of these whose outputs are the same within 1e-5.
        largest_difference: of an output, as a share of the largest.
    """

    metric: str
    part: str
    examples: int
    before: float
    after: float
    loss: float
    bytes_before: int
    bytes_after: int
    calibrated_on: int
    in_float: tuple[str, ...]
    checked_on: int
    equal: float
    largest_difference: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "in_float": list(self.in_float)}

    @property
    def words(self) -> str:
        """The figures in one line, for people."""
        figures = f"{self.metric} {show_figure(self.before)} -> {show_figure(self.after)}"
        where = f"on {show_count(self.examples)} {self.part} examples"
        sealed = "" if self.part == "test" else ", since no test is open"
        size = f"{show_count(self.bytes_before)} -> {show_count(self.bytes_after)} bytes"
        return f"{figures} {where}{sealed}; {size}"

    @property
    def left(self) -> str:
        """What stays in float32, for people."""
        return ", ".join(self.in_float) or "nothing"

    def check(self, most: float) -> None:
        """Raises Lossy where more is lost than it may."""
        if not self.loss <= most:
            raise Lossy(
                f"in 8 bits the network loses {self.loss:.4f} of its score, more than {most:g} "
                f"({self.words}), so nothing was written; allow more with --int8-loss, or leave --int8 away"
            )


def asked(given: Mapping[str, Any], formats: Sequence[str] | None) -> Quantisation:
    """The settings of what was given, None where not; to name the format asks for it, too.

    Raises:
        WrongUsage: for values out of range, and settings without what they are settings of.
    """
    named = {INT8: True} if INT8 in (formats or ()) else {}
    return Quantisation.of({**given, **named})
