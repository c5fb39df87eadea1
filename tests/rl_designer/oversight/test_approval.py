"""A person approves what was there to be seen: the design, the data, and the weights that it had by then."""

from pathlib import Path

import pytest

import rl_designer as rl
from rl_designer.errors import Error, OverLimit, WrongUsage
from rl_designer.oversight.approval import approvals, approve, missing_approval, revoke, said_of, weights_of
from rl_designer.oversight.audit import AUDIT, entries_of
from rl_designer.runs.folder import RunFolder
from tests.rl_designer.oversight.conftest import House

ASKS = 'approval = ["retrain", "export", "predict"]'
GIVE = ("approve", "runs/a", "--by", "Ada Example", "--reason", "small enough")


def opened() -> tuple[RunFolder, str]:
    folder = RunFolder.open(Path("runs/a"))
    return folder, folder.summary["best"]["digest"]


def test_what_is_refused_names_the_command_that_approves_it_and_goes_then(house: House) -> None:
    house.rule(ASKS)
    digest = opened()[1]
    refused = house.command("predict", "runs/a", "new.csv")
    asked = f"rl-designer approve runs/a --design {digest} --by NAME --reason TEXT"
    assert refused.status == 1 and refused.err.strip().endswith(
        f"nobody has approved it; to approve it: {asked}"
    )
    given = house.command(*GIVE, "--design", digest[:8], "--json")
    assert given.status == 0 and given.json["design"] == digest and len(given.json["weights"]) == 1
    assert house.command("predict", "runs/a", "new.csv").status == 0
    with pytest.warns(UserWarning, match="knows no columns by name"):
        assert len(rl.predict("runs/a", "new.csv")) == 178
    assert (
        house.command("export", "runs/a", "--overwrite", "--format", "card", "--format", "python").status == 0
    )
    card = Path("runs/a/exported/MODEL_CARD.md").read_text()
    assert "- Approval: Approved by Ada Example" in card and "small enough" in card
    assert house.command("predict", "runs/a/exported", "new.csv").status == 0
    taken = house.command(*GIVE[:4], "--reason", "a fault was found", "--revoke")
    assert taken.status == 0 and "the approval was revoked by Ada Example" in taken.err
    for source in ("runs/a", "runs/a/exported", next(Path("runs/a/retrained").iterdir())):
        refused = house.command("predict", source, "new.csv")
        assert refused.status == 1 and "revoked by Ada Example" in refused.err and "a fault" in refused.err
    assert [e.action for e in entries_of(Path("runs/a"), opened()[0].summary)][-3:] == [
        "approved",
        "exported",
        "revoked",
    ]


def test_an_approval_before_the_training_lets_train_and_no_more(house: House) -> None:
    folder, digest = opened()
    weights = weights_of(folder, digest)
    [file] = weights
    kept = (folder.path / file).read_bytes()
    (folder.path / file).unlink()
    said = approve(folder, digest, "Ada", "looks sound")
    assert not said.weights and "the design alone, which had no weights yet: looks" in said.told
    (folder.path / file).write_bytes(kept)
    assert missing_approval(folder, digest) == ""
    assert (
        missing_approval(folder, digest, weights[file])
        == "Ada approved the design alone, which had no weights yet"
    )
    house.rule(ASKS)
    done = house.command("retrain", "runs/a", "--seeds", 1, "--epochs", 1, "--no-rivals")
    give = f"rl-designer approve runs/a --design {digest} --by NAME --reason TEXT"
    assert done.status == 0
    assert f"before export and predict a person must approve these weights, too: {give}" in done.err
    with pytest.raises(
        OverLimit, match=r"approval of the weights seed-0.safetensors, and Ada approved the design alone"
    ):
        rl.export("runs/a", "out")


def test_an_approval_of_other_data_is_none(house: House) -> None:
    folder, digest = opened()
    approve(folder, digest, "Ada", "fine")
    folder.update_summary(data_content="2:another")
    assert missing_approval(folder, digest) == "it was approved on other data by Ada"


def test_a_log_that_was_changed_approves_nothing(house: House) -> None:
    folder, digest = opened()
    approve(folder, digest, "Ada", "fine")
    path = folder.path / AUDIT
    path.write_bytes(path.read_bytes().replace(b"Ada", b"Eve"))
    house.rule(ASKS)
    with pytest.raises(Error, match=r"the log of runs/a can't be believed: line 5 was changed"):
        rl.export("runs/a", "out")
    assert "can't be believed" in said_of(folder, digest)


def test_reports_say_who_approved_and_what_waits(house: House) -> None:
    folder, digest = opened()
    assert said_of(folder, digest) == ""
    house.rule('approval = ["export"]')
    assert said_of(folder, digest) == "Not approved, as limits ask for before export"
    approve(folder, digest, "Ada <b>", "fine")
    done = house.command("report", "runs/a")
    assert "Approved by Ada <b>" in done.out
    page = Path("runs/a/report.html").read_text()
    assert "Approved by Ada &lt;b&gt;" in page and "Ada <b>" not in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--design", "zz"), "has no design whose digest begins with 'zz'; the best is"),
        (("--design", ""), "has several designs whose digest begins with ''"),
        (("--by", " "), "by must have from 1 to 1,000 characters, got ' '"),
        (("--revoke",), "isn't approved; there is nothing to revoke"),
    ],
)
def test_what_is_no_approval_is_wrong_usage(options: tuple[str, ...], said: str, house: House) -> None:
    done = house.command(*GIVE, *options)
    assert done.status == 2 and said in done.err
    assert approvals(opened()[0]) == {}


def test_what_is_revoked_can_be_approved_again(house: House) -> None:
    folder, digest = opened()
    approve(folder, digest, "Ada", "fine")
    revoke(folder, digest, "Bob", "not sure")
    with pytest.raises(WrongUsage, match="isn't approved"):
        revoke(folder, digest, "Bob", "again")
    assert not approve(folder, digest, "Ada", "sure now").revoked


def test_python_approves_and_audits_as_the_commands_do(house: House) -> None:
    said = rl.approve("runs/a", by="Ada", reason="fine")
    assert said.by == "Ada" and said.weights and not said.revoked
    assert rl.approve(rl.load_run("runs/a"), by="Bob", reason="not so", revoke=True).revoked
    found = rl.audit("runs/a")
    assert not found.problems and [entry.action for entry in found.entries][-2:] == ["approved", "revoked"]
