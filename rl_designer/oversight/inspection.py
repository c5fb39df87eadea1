"""A run's log and what it names, looked through: lines, files, designs."""

from dataclasses import replace

from rl_designer.oversight.audit import FINISHED, Verified, files_changed, verify
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import designs_digest
from rl_designer.store.store import Store, StoreError


def inspected(folder: RunFolder, store: str | None = None) -> Verified:
    """Whether a run's log is what was written, and whether the files, the designs and the winner that its
    last lines name are still what they were.

    Args:
        store: where the run's store is now; None for where it was.
    """
    found = verify(folder.path, folder.summary)
    if found.problems:
        return found
    changed = list(files_changed(folder.path, found.entries))
    problems = [what for what, inside in changed if inside]
    notes = [f"{what}: it may have been moved" for what, inside in changed if not inside]
    ended = next((e.facts for e in reversed(found.entries) if e.action == FINISHED), None)
    if ended is not None:
        best = folder.summary.get("best")
        if (best.get("digest") if isinstance(best, dict) else None) != ended.get("best"):
            problems.append("the summary's best design is not the one that the search ended with")
        try:
            with Store(store or folder.store_location, create=False) as opened:
                designs = opened.designs(folder.id)
        except StoreError as error:
            notes.append(f"whether the designs are what they were can't be told: {error}")
        else:
            if designs_digest(designs) != ended.get("designs"):
                problems.append("the designs in the store are not those that the search ended with")
    return replace(found, problems=problems, notes=[*found.notes, *notes])
