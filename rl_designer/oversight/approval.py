"""Who approved which network. An approval is a line of the run's log, and holds for what was there to be
seen: the design, the data, and the weights that it had by then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.envs.limits import Rules, Verb, in_force, kept_rules
from rl_designer.errors import Error, OverLimit, WrongUsage
from rl_designer.oversight.audit import (
    APPROVED,
    EXPORTED,
    REVOKED,
    Entry,
    digests_of,
    entries_of,
    file_digest,
)
from rl_designer.retraining.folder import DEFAULT_PARENT, RetrainedFolder
from rl_designer.runs.folder import CONFIG, DATA_CONTENT, LIMITS, RunFolder
from rl_designer.text import command, printable

_OF_WEIGHTS: tuple[Verb, ...] = ("export", "predict")
_IN_NAME = 12  # characters of a digest in the name of a retrained folder
_LONGEST = 1_000  # characters of a name or a reason


@dataclass(frozen=True)
class Approval:
    """What was last said of a design.

    Attributes:
        design: its digest.
        by: the person, as given; `account` is the machine's word for who wrote it.
        data: the content of the run's data.
        weights: by file, their SHA-256; none where it wasn't trained in full yet.
        revoked: whether it was taken back.
    """

    design: str
    by: str
    reason: str
    time: str
    account: str
    data: str | None
    weights: Mapping[str, str]
    revoked: bool

    @classmethod
    def of(cls, entry: Entry) -> "Approval":
        facts, account = entry.facts, f"{entry.who}@{entry.host}"
        said = (facts["design"], facts["by"], facts["reason"], entry.time, account, facts.get("data"))
        return cls(*said, facts.get("weights") or {}, entry.action == REVOKED)

    @property
    def told(self) -> str:
        """In a sentence."""
        what = "the approval was revoked" if self.revoked else "approved"
        weights = "" if self.revoked or self.weights else ", the design alone, which had no weights yet"
        told = f"{what} by {self.by} ({self.account}) at {self.time}{weights}: {self.reason}"
        return printable(told)


def approvals(folder: RunFolder) -> dict[str, Approval]:
    """By design, what was last said of it. Raises ValueError where the log was changed."""
    entries = entries_of(folder.path, folder.summary)
    said = [Approval.of(entry) for entry in entries if entry.action in (APPROVED, REVOKED)]
    return {approval.design: approval for approval in said}


def approve(folder: RunFolder, design: str, by: str, reason: str) -> Approval:
    """Approves a design of a run, and the weights that it has.

    Raises:
        WrongUsage: for an empty name or reason.
        ValueError, OSError: where the log was changed, or can't be written.
    """
    return _say(folder, APPROVED, design, by, reason)


def revoke(folder: RunFolder, design: str, by: str, reason: str) -> Approval:
    """Takes an approval back. Raises WrongUsage where there is none, and as `approve`."""
    before = approvals(folder).get(design)
    if before is None or before.revoked:
        raise WrongUsage(f"design {design} of {folder.path} isn't approved; there is nothing to revoke")
    return _say(folder, REVOKED, design, by, reason)


def _say(folder: RunFolder, action: str, design: str, by: str, reason: str) -> Approval:
    for name, value in (("by", by), ("reason", reason)):
        if not value.strip() or len(value) > _LONGEST:
            raise WrongUsage(f"{name} must have from 1 to {_LONGEST:,} characters, got {value[:60]!r}")
    approvals(folder)  # a changed log is told before anything is added
    facts: dict[str, Any] = {"design": design, "by": by.strip(), "reason": reason.strip()}
    facts |= {"data": folder.summary.get(DATA_CONTENT), "weights": weights_of(folder, design)}
    folder.log(action, **facts)
    return approvals(folder)[design]


def weights_of(folder: RunFolder, design: str) -> dict[str, str]:
    """The weights of a run's design that `retrain` has left in its folder: file → SHA-256."""
    parent = folder.path / DEFAULT_PARENT
    places = [RetrainedFolder(parent / f"{design[:_IN_NAME]}{kind}") for kind in ("", "-validation")]
    return digests_of(folder.path, [place.weights(n) for place in places for n in place.seeds()])


def missing_approval(folder: RunFolder, design: str, weights: str | None = None) -> str:
    """Why a network can't be taken for approved; "" where it is.

    Args:
        weights: SHA-256 of their file; None where none are used.
    """
    approval = approvals(folder).get(design)
    if approval is None:
        return "nobody has approved it"
    if approval.revoked:
        return approval.told
    if approval.data != folder.summary.get(DATA_CONTENT):
        return f"it was approved on other data by {approval.by}"
    if weights is not None and weights not in approval.weights.values():
        what = "other weights of it" if approval.weights else "the design alone, which had no weights yet"
        return f"{approval.by} approved {what}"
    return ""


def rules_of_run(folder: RunFolder) -> Rules:
    """Those in force, and those that it was begun under."""
    return in_force() | kept_rules(folder.summary.get(LIMITS))


def check_approved(verb: Verb, folder: RunFolder, design: str, weights: Path | None = None) -> None:
    """Raises OverLimit where rules ask for an approval that isn't there; its text says how to give it.

    Args:
        weights: the file of those that are used; None where none are.
    """
    rule = rules_of_run(folder).approval_for(verb)
    if rule is None:
        return
    problem = missing_approval(folder, design, None if weights is None else file_digest(weights))
    if problem:
        what = "the design" if weights is None else f"the weights {weights.name}"
        raise OverLimit(
            f"can't {verb} the design {design} of {folder.path}: {rule} asks for a person's approval of "
            f"{what}, and {problem}; to approve it: {_how_to(folder, design)}"
        )


def _how_to(folder: RunFolder, design: str) -> str:
    return command("approve", folder.path, "--design", design, "--by", "NAME", "--reason", "TEXT")


def waiting(folder: RunFolder, design: str) -> str:
    """What a person must still approve before weights that `retrain` has left may be used, with the command;
    "" for nothing.
    """
    asked = [verb for verb in _OF_WEIGHTS if rules_of_run(folder).approval_for(verb)]
    weights = weights_of(folder, design).values()
    if not asked or not any(missing_approval(folder, design, one) for one in weights):
        return ""
    return f"before {' and '.join(asked)} a person must approve these weights, too: {_how_to(folder, design)}"


def check_folder_approved(verb: Verb, path: Path, design: str, weights: Path | None = None) -> None:
    """The same of a retrained network's or an exported one's folder, or an architecture's file: the run is
    the one that it lies in.
    """
    whole = path.resolve()
    for parent in (whole.parent, whole.parent.parent):
        if (parent / CONFIG).is_file():
            folder = RunFolder.open(parent)
            if weights is not None and _is_export(folder, design, file_digest(weights)):
                weights = None  # it left the run when it was approved: its design must still be
            check_approved(verb, folder, design, weights)
            return
    if (rule := in_force().approval_for(verb)) is not None:
        raise OverLimit(
            f"can't {verb} {path}: {rule} asks for a person's approval, which stands in a run, and it lies "
            f"in none; {verb} a run, which `{command('approve', 'RUN')}` approves"
        )


def _is_export(folder: RunFolder, design: str, weights: str) -> bool:
    """Whether weights are those of a file that `export` wrote of a design, from weights that are approved."""
    approval = approvals(folder).get(design)
    if approval is None:
        return False
    entries = entries_of(folder.path, folder.summary)
    exports = [e.facts for e in entries if e.action == EXPORTED and e.facts["design"] == design]
    approved = [facts for facts in exports if facts.get("weights") in approval.weights.values()]
    return any(weights in facts["files"].values() for facts in approved)


def said_of(folder: RunFolder, design: str) -> str:
    """For reports: what was said of a design, or that it waits; "" where nobody needs to say anything."""
    try:
        approval = approvals(folder).get(design)
        asked = [verb for verb in ("retrain", "export", "predict") if rules_of_run(folder).approval_for(verb)]
    except Error as error:
        return printable(str(error))
    if approval is not None:
        return f"{approval.told[:1].upper()}{approval.told[1:]}"
    return f"Not approved, as limits ask for before {', '.join(asked)}" if asked else ""
