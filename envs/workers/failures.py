"""What the text of a failed evaluation begins with, and which failures another try might not have."""

from rl_designer.envs.errors import Error
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.workers.memory_limit import show_bytes

TIME_LIMIT = "time limit"
OUT_OF_MEMORY = "out of memory"
WORKER_DIED = "worker process died"
DIVERGED = "diverged"
ERROR = "error"

_TRANSIENT = (TIME_LIMIT, OUT_OF_MEMORY, WORKER_DIED)
_MOST_CHARACTERS = 300
_NO_MEMORY_LEFT = ("out of memory", "can't allocate memory", "bad_alloc")


def is_transient(evaluation: Evaluation) -> bool:
    """Whether a failure depends on the machine and the moment, not on the architecture alone."""
    return evaluation.failure is not None and evaluation.failure.startswith(_TRANSIENT)


def failure_text(kind: str, detail: str, most: int = _MOST_CHARACTERS) -> str:
    """One line, at most about so many characters."""
    line = " ".join(detail.split())
    return f"{kind}: {line[:most]}"


def out_of_time(time_limit: float) -> str:
    """The failure of a training that took longer than `time_limit` seconds."""
    return failure_text(TIME_LIMIT, f"not done after {time_limit:g} s")


def out_of_memory(limit: int) -> str:
    """The failure of a training whose process took more than `limit` bytes."""
    return failure_text(OUT_OF_MEMORY, f"more than {show_bytes(limit)}")


def failure_of(error: BaseException, most: int = _MOST_CHARACTERS) -> str:
    """What an exception of a candidate says, in one line: its kind, and its type and text; of our own errors
    the text alone, which is all that there is to know.
    """
    text = str(error) if isinstance(error, Error) else f"{type(error).__name__}: {error}"
    # PyTorch has no common type for "no memory left": on the CPU it is a RuntimeError like any other.
    memory = isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in text for words in _NO_MEMORY_LEFT)
    )
    return failure_text(OUT_OF_MEMORY if memory else ERROR, text, most)
