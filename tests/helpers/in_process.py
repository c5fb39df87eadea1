"""Workers in this process, which stays as it is, for tests of what they are given."""

from typing import Any

import pytest

from rl_designer.envs.workers.local import InProcess, LocalEngine
from rl_designer.jobs import jobs


def _here(engine: LocalEngine, workload: Any) -> InProcess:
    return InProcess(workload)


def work_in_process(patch: pytest.MonkeyPatch) -> None:
    """Searches of the local engine run here, and leave the number of threads alone."""
    patch.setattr(LocalEngine, "pool", _here)
    patch.setattr(jobs, "_prepare_trial", lambda *given: None)
