"""What a `limits.toml` says, and that of several the strictest wins."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rl_designer.envs import limits
from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.design_env import DesignEnv
from rl_designer.envs.errors import Error, OverLimit
from rl_designer.envs.limits import FILE, VARIABLE, Rules, holding, in_force, kept_rules, rules_of


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes the machine's file; the user's own lies in a folder of the test."""
    monkeypatch.setattr(limits, "MACHINE", tmp_path / "etc")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(VARIABLE, raising=False)
    return lambda text: write(tmp_path / "etc" / FILE, text)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_a_file_there_is_no_rule(machine: Callable[[str], Path]) -> None:
    assert in_force() == Rules()


def test_of_machine_user_variable_and_caller_the_strictest_wins_and_says_whose_it_is(
    machine: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = machine("trainings = 64\nhours = 3\n")
    write(tmp_path / "config" / FILE, "hours = 2.5\n")
    variable = write(tmp_path / "narrow.toml", "trainings = 8\nmax_parameters = 1_000\n")
    monkeypatch.setenv(VARIABLE, str(variable))
    wide = rules_of([write(tmp_path / "wide.toml", "trainings = 1_000\nmax_parameters = 9_000\n")])
    with holding(wide):
        rules = in_force()
    found = {key: rules.strictest(key) for key in ("trainings", "hours", "max_parameters", "energy_kwh")}
    assert {key: rule and rule.value for key, rule in found.items()} == {
        "trainings": 8,
        "hours": 2.5,
        "max_parameters": 1_000,
        "energy_kwh": None,
    }
    assert str(found["trainings"]) == f"{variable} (trainings)"
    assert rules.files[0][0] == str(first) and len(in_force().files) == 3
    with pytest.raises(
        OverLimit, match=rf"designs: {variable} \(trainings\) allows at most 8, asked for .* 9"
    ):
        rules.check("trainings", 9, "designs")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trainngs = 3", "unknown limit 'trainngs'. Did you mean 'trainings'? Legal: approval, data_folders"),
        ("hours = -1", "`hours` must be greater than or equal to 0, got '-1'"),
        ("hours = nan", "`hours` must be a finite number"),
        ('trainings = "3"', "`trainings` must be a valid integer"),
        ('approval = ["train"]', "`approval` must be 'retrain', 'export' or 'predict', got 'train'"),
        ("trainings =", "is no TOML"),
    ],
)
def test_what_is_no_rule_is_refused_and_nothing_goes(
    text: str, said: str, machine: Callable[[str], Path]
) -> None:
    file = machine(text)
    with pytest.raises(Error) as refused:
        load_dataset("wine")
    assert str(file) in str(refused.value) and said in str(refused.value)


def test_a_file_that_is_named_and_not_there_stops_everything(
    machine: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "gone.toml")
    with pytest.raises(Error, match=r"can't read the limits file gone.toml: No such file"):
        load_dataset("wine")


def test_data_lie_in_an_allowed_folder_wherever_links_lead_or_are_an_allowed_set(
    machine: Callable[[str], Path], tmp_path: Path
) -> None:
    allowed, elsewhere = tmp_path / "etc" / "rl-designer" / "data", tmp_path / "elsewhere"
    machine('data_folders = ["data"]\ndatasets = ["wine", "task:"]\n')
    inside = write(allowed / "mine.csv", "")
    outside = write(elsewhere / "theirs.csv", "")
    rules = in_force()
    rules.check_data(str(inside), [inside])
    rules.check_data("wine", known=True)
    rules.check_data("task:motifs", known=True)
    (tmp_path / "link").symlink_to(allowed)
    rules.check_data("link", [tmp_path / "link" / "mine.csv"])
    (allowed / "link.csv").symlink_to(outside)
    for path in (outside, allowed / "link.csv", allowed, allowed / ".." / ".." / ".." / "elsewhere"):
        with pytest.raises(OverLimit, match=r"\(data_folders, datasets\) allows"):
            rules.check_data("mine", [path])
    for name in ("digits", "memory"):
        with pytest.raises(OverLimit, match=f"data '{name}'"):
            rules.check_data(name, known=True)
    with pytest.raises(OverLimit, match=f"which is {elsewhere}"):
        rules.check_data("wine", [elsewhere], known=True)


def test_the_environment_trains_no_more_and_no_larger_designs(machine: Callable[[str], Path]) -> None:
    machine("trainings = 1\nmax_parameters = 500")
    with pytest.raises(OverLimit, match=r"parameters of \w+: .*\(max_parameters\) allows at most 500"):
        designed(DesignEnv(data="wine", epochs=1), largest=True)
    env = DesignEnv(data="wine", epochs=1, max_parameters=500)
    designed(env)
    with pytest.raises(OverLimit, match=r"\(trainings\) allows at most 1, asked for were 2"):
        designed(env, largest=True)


def designed(env: DesignEnv, largest: bool = False) -> None:
    env.reset()
    over = False
    while not over:
        legal = env.action_masks().nonzero()[0]
        _, _, over, _, _ = env.step(legal[-1 if largest else 0])


def test_rules_that_work_began_under_are_as_their_file_says_now_and_stay_where_it_is_gone(
    tmp_path: Path,
) -> None:
    file = write(tmp_path / "limits.toml", "trainings = 4")
    kept = rules_of([file]).to_list()
    file.write_text("trainings = 2")
    assert (rule := kept_rules(kept).strictest("trainings")) is not None and rule.value == 2
    file.unlink()
    assert (rule := kept_rules(kept).strictest("trainings")) is not None and rule.value == 4
    with pytest.raises(Error, match="damaged"):
        kept_rules([3])
