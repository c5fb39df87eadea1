"""A user's own space, from TOML: what is read, and what each mistake is told."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rl_designer.envs.architecture import Layer
from rl_designer.envs.search_spaces.choices import BUILT_IN_NAMES
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_rules import family_of
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import SPACES, make_space, space_definition

GOOD = """
name = "tiny-signals"
family = "convnet1d"
max_layers = 5

[layers.conv]
kernel = [3, 5]
width = [8, 16]
stride = [1, 2]

[layers.dropout]
rate = [0.2]

[layers.global-pool]
operation = ["average", "max"]
"""
Write = Callable[[str], Path]
END = '[layers.global-pool]\noperation = ["average", "max"]'


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "space.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_file_becomes_a_space(write: Write) -> None:
    space = make_space(str(write(GOOD)), (2, 30), 4, max_parameters=2_000)
    assert (space.name, space.num_actions, space.max_steps) == ("tiny-signals", 2 * 2 * 2 + 1 + 2 + 1, 6)
    for architecture in space.architectures(space.random_actions(20, np.random.default_rng(0))):
        assert architecture.space == "tiny-signals"
        space.check(architecture)


def test_actions_follow_the_file_s_order(write: Write) -> None:
    layers = SpaceDefinition.from_toml(write(GOOD)).enumerate()
    assert layers[:3] == [
        Layer.of("conv", kernel=3, width=8, stride=1),
        Layer.of("conv", kernel=3, width=8, stride=2),
        Layer.of("conv", kernel=3, width=16, stride=1),
    ]
    assert [layer.kind for layer in layers[8:]] == ["dropout", "global-pool", "global-pool"]


def test_a_definition_is_hashable_and_survives_a_round_trip(write: Write) -> None:
    definition = SpaceDefinition.from_toml(write(GOOD))
    again = SpaceDefinition.from_dict(definition.to_dict())
    assert again == definition
    assert hash(again) == hash(definition)
    assert again.digest == definition.digest


def test_the_digest_changes_with_everything(write: Write) -> None:
    changes = [
        ("[3, 5]", "[5, 3]"),
        ("[8, 16]", "[8, 12]"),
        ("= 5\n", "= 6\n"),
        ("tiny", "other"),
        ("0.2", "0.3"),
        ("= 5\n", '= 5\nwidths = "non-decreasing"\n'),
        ("= 5\n", "= 5\nlargest_map = {conv = 10}\n"),
        ("= 5\n", "= 5\nlargest_map = {conv = 11}\n"),
        ("= 5\n", '= 5\nstem = ["conv"]\n'),
    ]
    texts = [GOOD, *(GOOD.replace(*change) for change in changes)]
    assert len({SpaceDefinition.from_toml(write(text)).digest for text in texts}) == len(texts)


def test_widths_in_any_order_are_the_default_and_leave_the_digest_as_it_is_without_them(write: Write) -> None:
    said = SpaceDefinition.from_toml(write(GOOD.replace("= 5\n", '= 5\nwidths = "any"\n')))
    assert said == SpaceDefinition.from_toml(write(GOOD))
    assert "widths" not in said.to_dict()
    ordered = SpaceDefinition.from_toml(write(GOOD.replace("= 5\n", '= 5\nwidths = "non-decreasing"\n')))
    assert SpaceDefinition.from_dict(ordered.to_dict()) == ordered != said


def test_a_largest_map_survives_a_round_trip_and_is_not_written_where_there_is_none(write: Write) -> None:
    limited = SpaceDefinition.from_toml(write(GOOD.replace("= 5\n", "= 5\nlargest_map = {conv = 10}\n")))
    assert limited.largest_map == (("conv", 10),)
    assert SpaceDefinition.from_dict(limited.to_dict()) == limited
    none = SpaceDefinition.from_toml(write(GOOD.replace("= 5\n", "= 5\nlargest_map = {}\n")))
    assert none == SpaceDefinition.from_toml(write(GOOD))
    assert "largest_map" not in none.to_dict()


def test_a_stem_survives_a_round_trip_and_is_not_written_where_there_is_none(write: Write) -> None:
    stemmed = SpaceDefinition.from_toml(write(GOOD.replace("= 5\n", '= 5\nstem = ["conv"]\n')))
    assert stemmed.stem == ("conv",)
    assert SpaceDefinition.from_dict(stemmed.to_dict()) == stemmed
    none = SpaceDefinition.from_toml(write(GOOD.replace("= 5\n", "= 5\nstem = []\n")))
    assert none == SpaceDefinition.from_toml(write(GOOD))
    assert "stem" not in none.to_dict()


def test_where_no_layer_of_the_stem_fits_there_is_no_first_one() -> None:
    layers = {
        "conv": {"kernel": [9], "width": [4]},
        "residual": {"kernel": [3], "width": [4]},
        "global-pool": {"operation": ["max"]},
    }
    definition = SpaceDefinition.of("a", "convnet", 3, layers, stem=["conv"])
    with pytest.raises(ValueError, match=r"no first layer .* \(1, 8, 8\): .* or its `stem` leaves out"):
        LayerSpace(definition, (1, 8, 8), 3)


def test_features_have_no_maps_to_limit() -> None:
    with pytest.raises(ValueError, match=r"largest_map: unknown layer on maps 'dense'.* Legal: \(none\)"):
        SpaceDefinition.of("a", "mlp", 2, {"dense": {"width": [4]}}, largest_map={"dense": 3})


def test_where_every_layer_waits_for_a_smaller_map_there_is_no_first_one() -> None:
    layers = {"conv": {"kernel": [3], "width": [4]}, "global-pool": {"operation": ["max"]}}
    definition = SpaceDefinition.of("a", "convnet", 3, layers, largest_map={"conv": 7})
    with pytest.raises(
        ValueError, match=r"no first layer .* \(1, 8, 8\): .* or the data larger than its `largest_map`"
    ):
        LayerSpace(definition, (1, 8, 8), 3)


def test_features_have_no_widths_to_order() -> None:
    with pytest.raises(
        ValueError, match="widths = 'non-decreasing' is about convolutions, and 'mlp' has none"
    ):
        SpaceDefinition.of("a", "mlp", 2, {"dense": {"width": [4]}}, "non-decreasing")


def test_built_in_definitions_are_their_names() -> None:
    assert set(BUILT_IN_NAMES) == set(SPACES)
    for name in ("convnet", "convnet1d", "mlp"):
        definition = space_definition(name)
        assert definition.name == name == family_of(definition.rank)
        assert SpaceDefinition.from_dict(definition.to_dict()) == definition


def test_a_wide_space_has_all_designs_of_the_other() -> None:
    narrow, wide = make_space("mlp", (9,), 3, max_parameters=5_000), make_space("mlp-wide", (9,), 3)
    assert wide.definition.rank == 0
    for design in narrow.architectures(narrow.random_actions(20, np.random.default_rng(0))):
        wide.check(replace(design, space="mlp-wide"))


def test_an_option_with_a_default_may_be_left_out(write: Write) -> None:
    space = make_space(write(GOOD.replace("stride = [1, 2]\n", "")), (1, 20), 3)
    assert space.layer(0, 0) == Layer.of("conv", kernel=3, width=8)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name = ", "nam = ", "unknown key 'nam'. Did you mean 'name'"),
        ('name = "tiny-signals"\n', "", "needs the key 'name'"),
        ("tiny-signals", "convnet", "the name 'convnet' is a built-in space's"),
        ("tiny-signals", "table", "the name 'table' is a built-in space's"),
        ("tiny-signals", "Tiny Signals", "lower-case letters, digits, '-' or '_', got 'Tiny Signals'"),
        ('"tiny-signals"', "3", "lower-case letters"),
        ("convnet1d", "convnet1", "unknown family 'convnet1'. Did you mean 'convnet1d'"),
        ('"convnet1d"', "1", "unknown family '1'"),
        ("max_layers = 5", "max_layers = 0", "max_layers must be an integer from 2 to 64, got 0"),
        ("max_layers = 5", "max_layers = 65", "max_layers must be an integer from 2 to 64, got 65"),
        ("max_layers = 5", "max_layers = true", "max_layers must be an integer from 2 to 64, got True"),
        ("max_layers = 5", "max_layers = 5.0", "max_layers must be an integer"),
        (
            "max_layers = 5",
            'max_layers = 5\nwidths = "non-decresing"',
            "unknown order of widths 'non-decresing'. Did you mean 'non-decreasing'",
        ),
        ("max_layers = 5", "max_layers = 5\nlargest_map = 7", "`largest_map` must be a table of .*, got '7'"),
        (
            "max_layers = 5",
            "max_layers = 5\nlargest_map = {conf = 7}",
            "largest_map: unknown layer on maps 'conf'. Did you mean 'conv'",
        ),
        (
            "max_layers = 5",
            "max_layers = 5\nlargest_map = {global-pool = 7}",
            "unknown layer on maps 'global-pool'",
        ),
        ("max_layers = 5", "max_layers = 5\nlargest_map = {conv = 0}", "largest_map.conv must be .*, got 0"),
        ("max_layers = 5", "max_layers = 5\nlargest_map = {conv = true}", "must be a positive .*, got True"),
        ("max_layers = 5", "max_layers = 5\nlargest_map = {conv = 7.5}", "must be a positive .*, got 7.5"),
        ("max_layers = 5", 'max_layers = 5\nstem = "conv"', r"`stem` must be a list of .*, got 'conv'"),
        (
            "max_layers = 5",
            'max_layers = 5\nstem = ["conf"]',
            "stem: unknown first layer 'conf'. Did you mean 'conv'",
        ),
        ("max_layers = 5", 'max_layers = 5\nstem = ["dropout"]', "stem: unknown first layer 'dropout'"),
        ("max_layers = 5", "max_layers = 5\nstem = [7]", "stem: unknown first layer '7'"),
        (
            "max_layers = 5",
            'max_layers = 5\nstem = ["conv", "conv"]',
            "stem names the layer 'conv' more than",
        ),
        ("max_layers = 5", "max_layers = 5\nwidths = [8]", r"unknown order of widths '\[8\]'"),
        ("layers.conv]", "layers.convv]", "unknown convnet1d layer 'convv'. Did you mean 'conv'"),
        ("layers.conv]", "layers.residual-dense]", "unknown convnet1d layer 'residual-dense'"),
        ("kernel = [3, 5]", "kernels = [3, 5]", "unknown option 'kernels'. Did you mean 'kernel'"),
        ("kernel = [3, 5]\n", "", "needs the option 'kernel': an odd integer from 1 to 31"),
        (
            "kernel = [3, 5]",
            "kernel = 3",
            r"layers.conv.kernel must be a list of choices such as \[3\], got 3",
        ),
        ("kernel = [3, 5]", "kernel = []", "layers.conv.kernel must have 1 to 64 choices, got 0"),
        ("kernel = [3, 5]", "kernel = [3, 4]", "must be an odd integer from 1 to 31, got 4"),
        ("kernel = [3, 5]", "kernel = [33]", "must be an odd integer from 1 to 31, got 33"),
        ("kernel = [3, 5]", "kernel = [true]", "must be an odd integer from 1 to 31, got True"),
        ("kernel = [3, 5]", 'kernel = ["3"]', "must be an odd integer from 1 to 31, got '3'"),
        ("kernel = [3, 5]", "kernel = [[3]]", r"must be an odd integer from 1 to 31, got \[3\]"),
        ("kernel = [3, 5]", "kernel = [3, 5, 3]", "names the choice 3 more than once"),
        ("width = [8, 16]", "width = [0]", "must be an integer from 1 to 4096, got 0"),
        ("width = [8, 16]", "width = [5000]", "must be an integer from 1 to 4096, got 5000"),
        ("width = [8, 16]", "width = [8.0]", "must be an integer from 1 to 4096, got 8.0"),
        ("stride = [1, 2]", "stride = [5]", "must be an integer from 1 to 4, got 5"),
        ("rate = [0.2]", "rate = [0.0]", "a fraction above 0 and at most 0.9, got 0.0"),
        ("rate = [0.2]", "rate = [1.0]", "a fraction above 0 and at most 0.9, got 1.0"),
        ("rate = [0.2]", "rate = [nan]", "a fraction above 0 and at most 0.9, got nan"),
        ('"max"]', '"mean"]', "unknown choice 'mean'"),
        ('"max"]', "1]", "one of average, max, got 1"),
        (END, "", "no network could end without a global-pool; add"),
        ("layers.conv]\nkernel = [3, 5]", "layers.dense]", "at least one of the layers conv, separable"),
        ("[layers.dropout]\nrate = [0.2]", "[layers]\ndropout = 0.2", "layers.dropout must be a table"),
        (
            f"{END}",
            '[layers.global-pool]\noperation = ["max"]\n[layers.pool]\noperation = ["max"]',
            "as well",
        ),
        ("max_layers = 5", "max_layers =", "is no TOML"),
    ],
)
def test_each_mistake_is_told_in_one_line_with_the_file(
    write: Write, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new)
    if "layers.dense" in new:
        text = text.replace("stride = [1, 2]\n", "")
    path = write(text)
    with pytest.raises(ValueError, match=message) as caught:
        make_space(str(path), (1, 20), 3)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_layers_must_be_tables(write: Write) -> None:
    with pytest.raises(ValueError, match="`layers` must hold a table a kind"):
        SpaceDefinition.from_toml(write('name = "a"\nfamily = "mlp"\nmax_layers = 3\nlayers = 3'))
    with pytest.raises(ValueError, match="a space must be a table, got list"):
        SpaceDefinition.from_dict([])


def test_too_many_actions_are_refused() -> None:
    wide = {"kernel": [1, 3, 5, 7, 9, 11, 13, 15], "width": list(range(1, 65)), "stride": [1, 2, 3, 4]}
    layers = {"conv": wide, "global-pool": {"operation": ["max"]}}
    with pytest.raises(ValueError, match=r"at most 2,000 actions, its choices make 2,050"):
        SpaceDefinition.of("wide", "convnet", 4, layers)


def test_a_file_that_can_t_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"can't read the space file .*none.toml: No such file"):
        make_space(str(tmp_path / "none.toml"), (1, 20), 3)
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ValueError, match="can't read the space file"):
        make_space(tmp_path / "folder.toml", (1, 20), 3)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is no TOML"):
        make_space(tmp_path / "binary.toml", (1, 20), 3)
