"""A search's settings: numbers as people write them, one-line errors, a TOML file that says it all."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.config import LARGEST_SEED, SearchConfig, make_config
from rl_designer.declared import about
from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.errors import WrongUsage
from rl_designer.quantities import parse_bytes, parse_count, parse_seconds, show_count, show_seconds
from rl_designer.text import printable, short_design, shortened
from tests.helpers.command_line import runner


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("20000", 20_000),
        ("20_000", 20_000),
        ("100k", 100_000),
        ("1.5M", 1_500_000),
        ("1.005k", 1005),
        ("2G", 2 * 10**9),
        (" 7 ", 7),
        (64, 64),
        (64.0, 64),
    ],
)
def test_counts_are_read_as_people_write_them(text: object, count: int) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize(
    "text", ["", "many", "0", "-5", "1.5", "1,000", "10 000", "1e3", "5x", "٣", True, None, float("nan")]
)
def test_what_is_no_count_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match=r"at least 1, such as 20000, 100k or 1.5M, got"):
        parse_count(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("30m", 1800),
        ("2h", 7200),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("1d", 86400),
        ("2ms", 0.002),
        ("150 us", 0.00015),
        (0.5, 0.5),
    ],
)
def test_durations_are_read_as_people_write_them(text: object, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "0", "-5s", "5x", "1h30x", "h", "1.2.3", False, float("inf"), float("nan")]
)
def test_what_is_no_duration_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="such as 90s, 30m or 2h, got"):
        parse_seconds(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2G", 2 * 10**9),
        ("1.5gb", 15 * 10**8),
        ("500 M", 5 * 10**8),
        ("2GiB", 2**31),
        ("64k", 64000),
        ("500B", 500),
        (1000, 1000),
    ],
)
def test_amounts_of_memory_are_read_as_people_write_them(text: object, number: int) -> None:
    assert parse_bytes(text) == number
    assert make_config({"candidate_memory_limit": text}).training.candidate_memory_limit == number


@pytest.mark.parametrize("text", ["", "lots", "0", "-1G", "0.5", "2X", True, None, float("nan")])
def test_what_is_no_amount_of_memory_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match=r"an amount of memory, such as 500M, 2G or 1.5GiB, got"):
        parse_bytes(text)


@pytest.mark.parametrize(
    "command",
    [("train",), ("benchmark", "agents"), ("benchmark", "rewards"), ("table", "build")],
    ids=" ".join,
)
def test_every_command_that_trains_designs_takes_a_memory_limit(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    ended = runner(capsys)(*command, "--candidate-memory-limit", "lots")
    assert ended.status == 2
    assert "--candidate-memory-limit must be an amount of memory, such as 500M" in ended.err


def test_numbers_are_shown_as_people_read_them() -> None:
    assert [show_count(n) for n in (None, 5, 12345)] == ["–", "5", "12,345"]
    assert [show_seconds(s) for s in (4.23, 187, 7500)] == ["4.2 s", "3:07 min", "2:05 h"]


@given(st.text())
def test_shown_text_has_no_control_characters_and_one_line(text: str) -> None:
    assert printable(text).isprintable()


def test_plain_text_is_shown_as_it_is() -> None:
    assert printable("größer → 1") == "größer → 1"
    assert printable("\x1b[31m\n") == "\\x1b[31m\\n"
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("abcd", 4) == "abcd"


def test_a_design_is_shown_in_a_short_line() -> None:
    layers = (Layer.of("conv", width=8, kernel=3), Layer.of("pool"))
    assert short_design(Architecture("x", layers, True)) == "conv(3,8) → pool"
    assert short_design(Architecture("x", (Layer.of("edge 0->1", option="none"),), True)) == "none"
    assert short_design(Architecture("x")) == "(empty)"


def test_without_anything_it_is_ppo_on_mnist1d_with_64_evaluations() -> None:
    config = make_config({})
    assert (config.subject.data, config.agent, config.budget.evaluations, config.reward) == (
        "mnist1d",
        "ppo",
        64,
        "accuracy",
    )


def test_a_time_limit_alone_sets_no_number_of_evaluations() -> None:
    assert make_config({"time_limit": "30m"}).budget.evaluations is None
    assert make_config({"time_limit": "30m", "evaluations": "10"}).budget.evaluations == 10


configs = st.builds(
    lambda **settings: make_config(settings),
    data=st.one_of(st.none(), st.text(min_size=1)),
    evaluations=st.one_of(st.none(), st.integers(1, 10**9)),
    time_limit=st.one_of(st.none(), st.floats(0.1, 1e9)),
    max_parameters=st.one_of(st.none(), st.integers(1, 10**12)),
    seed=st.integers(0, LARGEST_SEED),
    control_share=st.floats(0, 0.9),
    failure_reward=st.floats(allow_nan=False, allow_infinity=False),
    tensorboard=st.booleans(),
    store=st.one_of(st.none(), st.text(min_size=1)),
)


@given(configs)
def test_a_config_comes_back_from_its_file_as_it_was(config: SearchConfig) -> None:
    assert make_config({}, tomllib.loads(config.to_toml())) == config


def test_a_file_may_have_sections_or_none_of_them() -> None:
    flat = {"data": "wine", "epochs": 3, "workers": 2, "evaluations": 5, "seed": 1}
    groups = {"subject": {"data": "wine"}, "training": {"epochs": 3}, "where": {"workers": 2}}
    in_sections = {**groups, "budget": {"evaluations": 5}, "seed": 1}
    assert make_config({}, in_sections) == make_config({}, flat) == make_config(flat)
    assert make_config({"epochs": 4}, in_sections).training.epochs == 4
    assert tomllib.loads(make_config(flat).to_toml())["training"] == {"epochs": 3}


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ({"training": 3}, "c.toml: `training` must be a section, got '3'"),
        ({"training": {"data": "wine"}}, "c.toml: unknown setting 'data'"),
        ({"epochs": 3, "training": {"epochs": 3}}, "c.toml: `epochs` stands there twice"),
        ({"training": {"epochs": 0}}, "c.toml: `epochs` must be a whole number of at least 1"),
    ],
)
def test_a_section_that_is_wrong_is_told(file: dict[str, object], message: str) -> None:
    with pytest.raises(WrongUsage, match=f"^{message}"):
        make_config({}, file, "c.toml")


def test_every_setting_is_documented_by_its_declaration() -> None:
    for group in (SearchConfig, *SearchConfig.groups().values()):
        for name, field in group.model_fields.items():
            assert f"{name}: {about(field).help}" in str(group.__doc__)
    names = [name for group in SearchConfig.groups().values() for name in group.model_fields]
    assert len(set(names)) == len(names) and not set(names) & SearchConfig.model_fields.keys()


def test_options_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "search.toml"
    file.write_text('seed = 7\nagent = "random"\nmax_parameters = "20k"\n')
    config = make_config({"seed": 8, "agent": None}, SearchConfig.read(file))
    assert (config.seed, config.agent, config.subject.max_parameters) == (8, "random", 20_000)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sed": 1}, "run.toml: unknown setting 'sed'. Did you mean 'seed'?"),
        ({"evaluations": "lots"}, "run.toml: `evaluations` must be a whole number of at least 1"),
        ({"time_limit": "-1s"}, "run.toml: `time_limit` must be a duration"),
        ({"seed": -1}, "run.toml: `seed` must be greater than or equal to 0, got '-1'"),
        ({"seed": 1.5}, "run.toml: `seed` must be a valid integer, got '1.5'"),
        ({"seed": "1"}, "run.toml: `seed` must be a valid integer"),
        ({"control_share": 0.95}, "run.toml: `control_share` must be less than or equal to 0.9"),
        ({"failure_reward": float("nan")}, "run.toml: `failure_reward` must be a finite number"),
        ({"agent": ""}, "run.toml: `agent` must have at least 1 character"),
        ({"tensorboard": "no"}, "run.toml: `tensorboard` must be a valid boolean"),
        ({"data": ["a"]}, "run.toml: `data` must be a valid string"),
    ],
)
def test_a_wrong_setting_in_a_file_gets_one_line_with_its_name(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(WrongUsage) as error:
        make_config({}, settings, "run.toml")
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_wrong_option_is_named_as_it_is_typed() -> None:
    with pytest.raises(WrongUsage, match=r"^--control-share must be less than"):
        make_config({"control_share": 2.0})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"table": "a.npz", "data": "digits"}, "--table and --data exclude each other"),
        ({"table": "a.npz", "epochs": 3}, "--table and --epochs exclude each other"),
        ({"table": "a.npz", "space": "mlp"}, "--table and --space exclude each other"),
        ({"table": "a.npz", "workers": 3}, "--table and --workers exclude each other"),
        (
            {"table": "a.npz", "candidate_time_limit": 3},
            "--table and --candidate-time-limit exclude each other",
        ),
        (
            {"table": "a.npz", "candidate_memory_limit": "2G"},
            "--table and --candidate-memory-limit exclude each other",
        ),
        ({"task": "cifar10"}, "--task needs --table"),
        ({"target": "y"}, "--target needs --data"),
    ],
)
def test_settings_that_do_nothing_together_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(WrongUsage, match=message):
        make_config(settings)


def test_a_config_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        make_config({}).seed = 1


def test_a_run_keeps_paths_that_hold_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("own.npz", "space.toml", "mnist1d"):
        (tmp_path / name).touch()
    given = {
        "data": "own.npz",
        "space": "space.toml",
        "reward": "mine.py:score",
        "store": "all.sqlite",
        "data_folder": "f",
    }
    config = make_config(given).to_keep()
    assert config.subject.data == str(tmp_path / "own.npz")
    assert config.subject.space == str(tmp_path / "space.toml")
    assert config.reward == f"{tmp_path / 'mine.py'}:score"
    assert (config.store, config.subject.data_folder) == (str(tmp_path / "all.sqlite"), str(tmp_path / "f"))
    assert make_config({"table": "t.npz"}).to_keep().subject.table == str(tmp_path / "t.npz")


def test_names_stay_names_even_where_a_file_of_that_name_lies_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist1d").touch()
    (tmp_path / "convnet1d").touch()
    config = make_config({"space": "convnet1d"}).to_keep()
    assert (config.subject.data, config.subject.space, config.reward) == ("mnist1d", "convnet1d", "accuracy")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("postgresql://host/x", "postgresql://host/x"),
        ("postgresql+psycopg://me@host:5432/x", "postgresql+psycopg://me@host:5432/x"),
        ("postgresql+psycopg://me:secret@host:5432/x", "postgresql+psycopg://me:***@host:5432/x"),
    ],
)
def test_a_run_keeps_no_password(url: str, kept: str) -> None:
    assert make_config({"store": url}).to_keep().store == kept


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"seed = ", "is no TOML"), (b"\xff", "is no TOML"), (None, "can't read the config file")],
)
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "c.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(WrongUsage, match=message):
        SearchConfig.read(file)
