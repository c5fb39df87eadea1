"""`approve` and `audit`: a person decides, and what was done is looked through."""

from pathlib import Path
from typing import TYPE_CHECKING

from rl_designer.api.given import folder_of
from rl_designer.results import Run
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import read_run

if TYPE_CHECKING:
    from rl_designer.oversight.approval import Approval
    from rl_designer.oversight.audit import Verified


def approve(
    run: Run | str | Path,
    *,
    by: str,
    reason: str,
    design: str | None = None,
    revoke: bool = False,
    store: str | None = None,
) -> "Approval":
    """Approves a design of a run, on its data, with the weights that it has now; as `rl-designer approve`.

    Args:
        by: the person who decides.
        design: its digest, or how that begins; None for the best.
        revoke: whether to take the approval back.
        store: where the run's store is now; None for where it was.
    """
    from rl_designer.oversight.approval import approve as give
    from rl_designer.oversight.approval import revoke as take
    from rl_designer.oversight.inspection import chosen

    report = read_run(folder_of(run), store)
    return (take if revoke else give)(report.folder, chosen(report, design), by, reason)


def audit(run: Run | str | Path, *, store: str | None = None) -> "Verified":
    """Whether a run's log, the files that it names and its designs are what they were; `problems` is empty
    where they are. `store`: where the run's store is now.
    """
    from rl_designer.oversight.inspection import inspected

    return inspected(RunFolder.open(folder_of(run)), store)
