"""Embeddings of features: what the modules compute, and how their weights are drawn."""

import math

import pytest
import torch

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.layers import KINDS, Shape
from rl_designer.envs.layers.modules import Periodic, Piecewise
from rl_designer.envs.layers.numeric_embeddings import edges_of
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.costs import costs


def periodic(features: int, frequencies: int, sigma: float, width: int) -> Periodic:
    layer = Layer.of("periodic", frequencies=frequencies, sigma=sigma, width=width)
    module = build_network(Architecture("any", (layer,), complete=True), (features,), 2)[0]
    assert isinstance(module, Periodic)
    return module


# -- piecewise -------------------------------------------------------------------------------------


def test_bins_begin_and_end_at_the_quantiles_of_standardised_values() -> None:
    assert edges_of(2) == pytest.approx((-0.9674, 0.0, 0.9674), abs=1e-4)  # of 1/6, 1/2 and 5/6
    for edges in (edges_of(5), edges_of(8)):
        assert edges == tuple(sorted(edges)) == pytest.approx([-edge for edge in reversed(edges)])


def test_a_value_is_kept_and_fills_the_bins_below_it() -> None:
    module = Piecewise((-1.0, 0.0, 2.0))
    given = torch.tensor([[-3.0, -1.0], [-0.5, 0.0], [1.0, 6.0]])
    made = [[-3, -1, -1, -1, -1, -1], [-0.5, 0, 0, -1, 1, -1], [1, 6, 1, 0, 1, 1]]
    torch.testing.assert_close(module(given), torch.tensor(made, dtype=torch.float32))


# -- periodic --------------------------------------------------------------------------------------


def test_each_feature_is_kept_and_has_waves_of_its_own() -> None:
    module = periodic(2, 1, 1.0, 2)
    with torch.no_grad():
        module.frequencies.copy_(torch.tensor([0.25, 1.0]))
        module.weight.copy_(torch.tensor([[[1.0], [0.0]], [[0.0], [1.0]]]))  # a sine, a cosine
        module.bias.copy_(torch.tensor([0.0, 0.5]))
        made = module(torch.tensor([[1.0, 1.0], [-1.0, 0.25], [0.5, 0.5]]))
    expected = [[1.0, 1.0, 1.0, 1.5], [-1.0, 0.25, -1.0, 0.5], [0.5, 0.5, math.sqrt(0.5), -0.5]]
    torch.testing.assert_close(made, torch.tensor(expected))


def test_frequencies_are_drawn_with_the_given_deviation_and_the_rest_keeps_the_scale() -> None:
    module = periodic(300, 8, 0.25, 4)
    assert module.frequencies.std().item() == pytest.approx(0.25, rel=0.05)
    assert not module.bias.any()
    with torch.no_grad():
        made = module(torch.randn(50, 300, generator=torch.Generator().manual_seed(1)))
    assert (made[:, 300:] ** 2).mean().item() == pytest.approx(1.0, rel=0.1)  # as its inputs'


def test_weight_decay_doesn_t_pull_at_frequencies() -> None:
    # `optimizers_of` decays what has more than one dimension.
    assert {name for name, weights in periodic(3, 2, 0.1, 4).named_parameters() if weights.ndim > 1} == {
        "weight"
    }


# -- what doesn't fit ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Layer.of("periodic", frequencies=4, sigma=1, width=4), "sigma must be a number above 0 and at most"),
        (Layer.of("periodic", frequencies=4, sigma=0.0, width=4), "sigma must be a number above 0"),
        (Layer.of("periodic", frequencies=4, width=4), "needs the option 'sigma'"),
        (Layer.of("piecewise", bins=1), "bins must be an integer from 2 to 256, got 1"),
        (Layer.of("periodic", frequencies=4, sigma=0.1, width=1), "width must be an integer from 2 to 4096"),
        (Layer.of("periodic", frequencies=4, sigma=0.1, width=400), r"does not fit the shape \(3000,\)"),
    ],
)
def test_what_is_out_of_range_is_refused(layer: Layer, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        costs(Architecture("any", (layer,), complete=True), (3_000,), 2)


def test_an_embedding_needs_features() -> None:
    layer = Layer.of("piecewise", bins=4)
    assert KINDS["piecewise"].effect(Shape(3), bins=4).outputs == Shape(15)
    with pytest.raises(ValueError, match="needs a vector: put a global-pool before it"):
        costs(Architecture("any", (layer,), complete=True), (1, 40), 2)
