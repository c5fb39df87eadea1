"""A run's log and what it names, looked through: lines, files, designs; and which of these is meant."""

from dataclasses import replace

from rl_designer.errors import WrongUsage
from rl_designer.oversight.audit import FINISHED, Verified, files_changed, verify
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import RunReport, designs_digest
from rl_designer.store.store import Store, StoreError
from rl_designer.text import command


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


def chosen(report: RunReport, design: str | None) -> str:
    """The digest of the design whose digest begins so, of the best for None. Raises WrongUsage where that is
    none or several.
    """
    path = report.folder.path
    if design is None:
        if not report.winners:
            raise WrongUsage(
                f"{path} has no design that was trained yet; go on with: {command('resume', path)}"
            )
        return report.winners[0].design.architecture.digest
    digests = sorted({found.design.architecture.digest for found in report.designs})
    found = [digest for digest in digests if digest.startswith(design)]
    if len(found) != 1:
        what = "several designs" if found else "no design"
        best = report.winners[0].design.architecture.digest if report.winners else "none yet"
        raise WrongUsage(f"{path} has {what} whose digest begins with {design[:60]!r}; the best is {best}")
    return found[0]
